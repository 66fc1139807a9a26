# SPDX-License-Identifier: Apache-2.0
"""Keras = reference = C simulation, in all outputs, on random models of every layer that the backend converts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.hls import CSim
from dietcnn_hls.lowered import LoweredGraph
from tests.backend.keras_models import RandomModel, images, shift_norm_model
from tests.cases import spread
from tests.hls.builds import Case, build_all, random_folding

EXACT, SYMBOLIC, SHIFTS = 60, 8, 4
NUMBERS = spread(range(EXACT + SYMBOLIC + SHIFTS), 24)
IO_TYPES = ("io_parallel", "io_stream")


@dataclass
class Converted:
    model: Any
    graph: LoweredGraph
    simulation: CSim


def build_model(number: int) -> Any:
    if number < EXACT:
        return RandomModel(number).build()
    if number < EXACT + SYMBOLIC:
        return RandomModel(number, symbolic=True).build()
    return shift_norm_model(number)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Converted]:
    models = [build_model(n) for n in NUMBERS]
    graphs = [lower_keras(model, "net") for model in models]
    cases = [Case(graph, IO_TYPES[n % 2], random_folding(graph, n)) for n, graph in zip(NUMBERS, graphs, strict=True)]
    simulations = build_all(tmp_path_factory.mktemp("keras"), cases)
    return {n: Converted(*parts) for n, *parts in zip(NUMBERS, models, graphs, simulations, strict=True)}


@pytest.mark.parametrize("number", NUMBERS)
def test_keras_equals_reference_equals_csim(converted: dict[int, Converted], number: int) -> None:
    case = converted[number]
    x = images(case.model, 12, number)
    keras = np.asarray(case.model(x, training=False))
    codes = reference.quantize_input(case.graph, x)
    outputs = reference.predict(case.graph, codes)
    values = reference.output_values(case.graph, outputs)
    wrong = np.flatnonzero((values != keras).reshape(len(x), -1).any(axis=1))
    assert np.array_equal(values, keras), f"seed {number}: reference and Keras differ in samples {wrong.tolist()} of {len(x)}"
    assert np.array_equal(case.simulation.predict(codes), outputs), f"seed {number}: C simulation differs from the reference"


def test_the_models_cover_what_they_claim(converted: dict[int, Converted]) -> None:
    kinds = {type(layer).__name__ for case in converted.values() for layer in case.model.layers}
    assert kinds >= {
        *("LookupConv2D", "LookupDepthwiseConv2D", "LookupDense", "CodebookActivation", "ExactBatchNormalization"),
        *("QConv2D", "QDepthwiseConv2D", "QActivation", "UniformActivation", "ShiftBatchNormalization"),
        *("MaxPooling2D", "Flatten", "Reshape", "Dropout", "Add"),
    }
    operations = {node.op.kind for case in converted.values() for node in case.graph.nodes}
    assert operations == {"input", "linear", "encode", "requantize", "symbol_map", "max_pool", "reshape", "add"}
    flips = [node.op.flip.any() for case in converted.values() for node in case.graph.nodes if node.op.kind == "encode"]
    assert any(flips) and not all(flips)


def test_outputs_vary(converted: dict[int, Converted]) -> None:
    """A suite of constant networks would prove nothing."""
    varied = 0
    for number, case in converted.items():
        keras = np.asarray(case.model(images(case.model, 12, number), training=False))
        varied += len(np.unique(keras.reshape(12, -1), axis=0)) > 3
    assert varied > 0.6 * len(converted)
