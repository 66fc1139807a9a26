# SPDX-License-Identifier: Apache-2.0
"""Keras = reference = C simulation on small random branching networks, converted by codebooks and by fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dietcnn_hls import methods, reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.hardware.folding import solve
from dietcnn_hls.hls import CSim
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate
from dietcnn_hls.training import ExactBatchNormalization, SumPooling2D, fit_codebooks, logits
from tests.cases import spread
from tests.hls.builds import Case, build_all, random_folding

from . import nets

SEEDS = (0, 5, 2, 10, 4, 12, 8, 13)
"""Networks whose untrained logits differ from image to image."""
OPTIONS: tuple[dict[str, Any] | None, ...] = (
    {},
    None,  # fixed point
    {"activation_symbols": 4, "weight_symbols": 4, "encoder_symbols": 16},
    {"codebooks": "shared", "encoder_symbols": 12},
)
NUMBERS = spread(range(len(SEEDS)), 5, lambda number: number % len(OPTIONS))
Branching = dict[int, tuple[Any, Any, CSim]]


def images(model: Any, count: int, seed: int) -> np.ndarray:
    """Noise of different brightness, so that means differ too."""
    rng = np.random.RandomState(seed)
    bright = rng.randint(1, 257, (count, 1, 1, 1))
    return (rng.randint(0, 256, (count, *model.input_shape[1:])) * bright // 256 / 256).astype(np.float32)


def converted(number: int) -> tuple[Any, Any]:
    """A float network and what a method makes of it."""
    model, options = nets.branching(SEEDS[number]), OPTIONS[number % len(OPTIONS)]
    x = images(model, 60, number)
    if options is not None:
        return model, fit_codebooks(model, x, **options)
    method = methods.get("fixed_point")
    return model, method.quantize(model, x, method.options())


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Branching:
    pairs = [converted(n) for n in NUMBERS]
    graphs = {n: lower_keras(model, "net") for n, (_, model) in zip(NUMBERS, pairs, strict=True)}
    builds = [Case(g, ("io_parallel", "io_stream")[n % 2], random_folding(g, n)) for n, g in graphs.items()]
    simulations = build_all(tmp_path_factory.mktemp("branching"), builds)
    return {n: (*pair, simulation) for n, pair, simulation in zip(NUMBERS, pairs, simulations, strict=True)}


@pytest.mark.parametrize("number", NUMBERS)
def test_keras_equals_reference_equals_csim(cases: Branching, number: int) -> None:
    _, model, simulation = cases[number]
    x = images(model, 24, number + 100)
    x[0], x[1] = 0, 255 / 256
    codes = reference.quantize_input(simulation.graph, x)
    outputs = reference.predict(simulation.graph, codes)
    wrong = (reference.output_values(simulation.graph, outputs) != logits(model, x)).any(axis=1)
    assert not wrong.any(), f"seed {number}: reference and Keras differ in {wrong.sum()} of {len(x)} samples"
    assert len(np.unique(outputs)) > 8
    np.testing.assert_array_equal(simulation.predict(codes), outputs)


@pytest.mark.parametrize("number", [n for n in NUMBERS if OPTIONS[n % len(OPTIONS)] is None])
def test_eight_bits_follow_the_float_network(cases: Branching, number: int) -> None:
    """Scales, means and batch-norms are right: with 256 levels the logits are nearly those of the float network."""
    model, quantised, _ = cases[number]
    x = images(model, 60, number)
    assert np.corrcoef(logits(model, x).ravel(), logits(quantised, x).ravel())[0, 1] > 0.98


def test_codebooks_of_many_symbols_follow_the_float_network() -> None:
    fine = {"activation_symbols": 48, "weight_symbols": 48, "activation_bits": 6, "weight_bits": 7}
    model = nets.branching(12)
    x = images(model, 60, 12)
    assert np.corrcoef(logits(model, x).ravel(), logits(fit_codebooks(model, x, **fine), x).ravel())[0, 1] > 0.98


def test_the_networks_cover_what_they_claim(cases: Branching) -> None:
    layers = [layer for _, model, _ in cases.values() for layer in model.layers]
    kinds = {node.op.kind for *_, simulation in cases.values() for node in simulation.graph.nodes}
    assert kinds >= {"input", "linear", "encode", "requantize", "symbol_map", "max_pool", "sum_pool", "add", "reshape"}
    assert any(layer.name.endswith("_gain") for layer in layers)  # a mean over a number of values that is no power of two
    assert any(isinstance(x, ExactBatchNormalization) and x.name.endswith("sum_bn") for x in layers)
    assert any(isinstance(x, SumPooling2D) and x.strides != x.pool_size for x in layers)
    assert any(node.op.window.groups > 1 for *_, s in cases.values() for node in s.graph.linear_nodes if node.op.window)


@pytest.mark.parametrize("number", [0, 1])
def test_rtl_computes_the_same(cases: Branching, number: int) -> None:
    graph = cases[number][2].graph
    codes = reference.quantize_input(graph, images(cases[number][1], 3, 7))
    design = generate(graph, solve(graph))
    np.testing.assert_array_equal(simulate(design, codes).outputs, reference.predict(graph, codes))
