# SPDX-License-Identifier: Apache-2.0
"""Several inputs and outputs: reference, C++ of both io types, RTL, saved graphs; streams are named after the layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.errors import DatasetError, LoweringError
from dietcnn_hls.lowered import Add, LoweredGraph, Requantize, Reshape, Source, Stream, node
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import Stalls, lint, simulate
from tests.several import several


def drawn(graph: LoweredGraph, count: int = 7) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(n.stream.lo, n.stream.hi + 1, (count, *n.stream.shape)) for n in graph.inputs]


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_cpp_equals_the_reference(tmp_path: Path, io_type: str) -> None:
    graph = several()
    codes = drawn(graph)
    hls.generate(graph, tmp_path, io_type=io_type)
    for found, wanted in zip(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes), strict=True):
        assert np.array_equal(found, wanted)
    header = (tmp_path / "firmware" / "several.h").read_text(encoding="utf-8")
    assert all(f"{node.name}" in header for node in (*graph.inputs, *graph.outputs))


def test_rtl_equals_the_reference_with_and_without_stalls() -> None:
    graph = several()
    design, codes = generate(graph, {}), drawn(graph)
    assert lint(design) == ""
    assert [port.prefix for port in (*design.inputs, *design.outputs)] == [
        *("in_image", "in_other", "in_late", "out_joined", "out_same", "out_least")
    ]
    for stalls in (None, Stalls(5, 0.4, 0.4)):
        result = simulate(design, codes, stalls=stalls)
        assert result.images == 7
        for found, wanted in zip(result.outputs, reference.predict(graph, codes), strict=True):
            assert np.array_equal(found, wanted)


def test_saved_graphs_keep_them(tmp_path: Path) -> None:
    graph = several()
    save_graph(graph, tmp_path / "graph.npz")
    loaded = load_graph(tmp_path / "graph.npz")
    assert loaded.results == graph.results and [n.name for n in loaded.inputs] == ["image", "other", "late"]


def test_arrays_that_do_not_fit_are_refused() -> None:
    graph = several()
    codes = drawn(graph)
    with pytest.raises(DatasetError, match="2 arrays for 3 inputs: image, other, late"):
        reference.predict(graph, codes[:2])
    with pytest.raises(DatasetError, match="inputs of 7, 7, 6 samples"):
        reference.predict(graph, [*codes[:2], codes[2][:6]])


def test_results_are_operations_that_nothing_reads() -> None:
    source = node("x", Source(), [], Stream((3,), 0, 7, 0))
    first = node("a", Requantize(0, "floor", 0, 3, 0), [source])
    second = node("b", Requantize(0, "floor", 0, 1, 0), [first])
    for results in (("a", "b"), ("x",), ("b", "b"), ("c",)):
        with pytest.raises(LoweringError, match="result"):
            LoweredGraph("net", (source, first, second), results=results)


def test_streams_of_other_packing_meet(tmp_path: Path) -> None:
    """The first of two streams is packed like the second, and so is their sum."""
    image = node("image", Source(), [], Stream((2, 4), 0, 7, 0))
    row = node("row", Source(), [], Stream((8,), -4, 3, 0))
    flat = node("flat", Reshape((8,)), [image])
    graph = LoweredGraph("meet", (image, row, flat, node("sum", Add((0, 0)), [flat, row])))
    codes = drawn(graph)
    hls.generate(graph, tmp_path, io_type="io_stream")
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))
