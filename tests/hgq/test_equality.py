# SPDX-License-Identifier: Apache-2.0
"""HGQ2's models: Keras' own prediction = the reference = C++ = RTL; what has no lowering is refused by its name."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hgq.layers import QDense, QDenseT, QSoftmax

from dietcnn_hls import convert, hls, reference
from dietcnn_hls.backend.readers.hgq import HGQ, PLAIN, is_keras3
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.hgq.models import data, random_model, scopes, settled

SEEDS = tuple(range(20))


@functools.cache
def pair(seed: int) -> tuple[Any, LoweredGraph]:
    model = random_model(seed)
    return model, convert(model)


def codes_of(graph: LoweredGraph, x: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values beyond the input's range wrap around, as in the model
        return reference.quantize_input(graph, x)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_computes_what_keras_predicts(seed: int) -> None:
    model, graph = pair(seed)
    x = data(model, 300, seed)
    theirs = np.asarray(model.predict(x, batch_size=300, verbose=0)).reshape(len(x), -1)
    ours = reference.output_values(graph, reference.predict(graph, codes_of(graph, x))).reshape(len(x), -1)
    assert np.array_equal(ours, theirs), f"{int((ours != theirs).sum())} of {theirs.size} outputs differ"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cpp_computes_the_same(seed: int, tmp_path: Path) -> None:
    model, graph = pair(seed)
    codes = codes_of(graph, data(model, 20, seed))
    hls.generate(graph, tmp_path)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))


def test_the_rtl_computes_the_same() -> None:
    graphs = [pair(seed)[1] for seed in SEEDS]
    codes = [codes_of(graph, data(pair(seed)[0], 2, seed)) for seed, graph in enumerate(graphs)]
    designs = [generate(graph, {node.name: legal_folds(graph, node)[-1] for node in graph.linear_nodes}) for graph in graphs]
    for design, given, result in zip(designs, codes, simulate_many(designs, codes, optimize="-O0"), strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, given)), design.name


def model_with(layer: Any, shape: tuple[int, ...] = (4,), overflow: str = "WRAP") -> Any:
    first, second, third = scopes(overflow)
    with first, second, third:
        entry = keras.Input(shape, name="x")
        at = layer()(entry)
        at = keras.layers.Flatten(name="flat")(at) if len(at.shape) > 2 else at
        return settled(keras.Model(entry, QDense(3, name="logits")(at), name="net"), 1)


REFUSED = {
    "softmax": (lambda: QSoftmax(name="s"), r"layer 's' \(hgq's QSoftmax\): it has no lowering. Use HGQ2's QDense"),
    "a table layer": (lambda: QDenseT(3, name="t"), r"layer 't' \(hgq's QDenseT\): it has no lowering"),
    "Keras' own floats": (lambda: keras.layers.Dense(3, name="d"), r"layer 'd' \(keras's Dense\): it has no lowering"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_by_name(kind: str) -> None:
    layer, words = REFUSED[kind]
    with pytest.raises(UnsupportedLayerError, match=words):
        convert(model_with(layer))


def test_saturation_by_element_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"bits by element with the overflow 'SAT' have no lowering; use WRAP"):
        convert(model_with(lambda: QDense(3, name="d"), overflow="SAT"))


def test_a_model_without_hgq_is_refused() -> None:
    entry = keras.Input((4,))
    with pytest.raises(UnsupportedLayerError, match="without layers of HGQ2: nothing says its number formats"):
        convert(keras.Model(entry, keras.layers.ReLU()(entry), name="plain"))


def test_a_saved_model_converts_alike(tmp_path: Path) -> None:
    model, graph = pair(0)
    model.save(tmp_path / "model.keras")
    assert is_keras3(model) and {*HGQ} & {*PLAIN} == set()
    again = convert(tmp_path / "model.keras")
    x = codes_of(graph, data(model, 50, 3))
    assert np.array_equal(reference.predict(again, x), reference.predict(graph, x))
