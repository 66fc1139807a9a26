# SPDX-License-Identifier: Apache-2.0
"""QONNX models: what qonnx executes = the reference = C++ = RTL, all integers equal."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many

pytest.importorskip("qonnx", reason="the extra onnx is not installed: pip install 'dietcnn_hls[onnx]'")

from dietcnn_hls.backend.readers.onnx import lower_onnx
from tests.backend.onnx.models import execute, random_model
from tests.cases import spread

SEEDS = tuple(range(24))
COMPILED = spread(SEEDS, 6)


def draw(model: Any, count: int, seed: int) -> np.ndarray:
    """(count, ...) floats as ONNX takes them, channels first."""
    shape = [one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim][1:]
    return np.random.default_rng(seed).normal(0, 1.5, (count, *shape)).astype(np.float32)


def codes_of(graph: LoweredGraph, x: np.ndarray) -> np.ndarray:
    """Input codes, channels last."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values beyond the input's range saturate, as in the model
        return reference.quantize_input(graph, x if x.ndim == 2 else x.transpose(0, 2, 3, 1))


@functools.cache
def converted(seed: int) -> LoweredGraph:
    return lower_onnx(random_model(seed), f"net{seed}").graph


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_computes_what_qonnx_executes(seed: int) -> None:
    model, graph = random_model(seed), converted(seed)
    x = draw(model, 12, seed)
    theirs = execute(model, x).reshape(len(x), -1)
    ours = reference.output_values(graph, reference.predict(graph, codes_of(graph, x))).reshape(len(x), -1)
    assert np.array_equal(ours, theirs), f"{int((ours != theirs).sum())} of {theirs.size} outputs differ"


@pytest.mark.parametrize("seed", COMPILED)
def test_the_cpp_computes_the_same(seed: int, tmp_path: Path) -> None:
    graph = converted(seed)
    codes = codes_of(graph, draw(random_model(seed), 20, seed))
    hls.generate(graph, tmp_path)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))


def test_the_rtl_computes_the_same() -> None:
    seeds = spread(COMPILED, 3)
    graphs = [converted(seed) for seed in seeds]
    codes = [codes_of(graph, draw(random_model(seed), 2, seed)) for graph, seed in zip(graphs, seeds, strict=True)]
    designs = [generate(graph, {node.name: legal_folds(graph, node)[-1] for node in graph.linear_nodes}) for graph in graphs]
    for design, given, result in zip(designs, codes, simulate_many(designs, codes, optimize="-O0"), strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, given)), design.name
