# SPDX-License-Identifier: Apache-2.0
"""Compiling and running: threads, large arrays from files, libraries side by side, and what is said when it fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.errors import DatasetError, LoweringError, ToolError
from dietcnn_hls.hls import cpp
from dietcnn_hls.lowered import Combine, Encode, LoweredGraph, Requantize, Reshape, Source, Stream, node
from tests.graphs import random_codes, random_graph
from tests.hls.builds import Case, ap_flags, build_all
from tests.kernels import every


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> hls.CSim:
    folder = tmp_path_factory.mktemp("project")
    hls.generate(random_graph(2, every()), folder)
    return hls.compile(folder)


def test_any_number_of_threads_and_samples_gives_the_same_codes(simulation: hls.CSim) -> None:
    codes = random_codes(simulation.graph, 23, 0)
    expected = reference.predict(simulation.graph, codes)
    for threads in (None, 1, 2, 5, 64):
        assert np.array_equal(simulation.predict(codes, threads), expected)
    assert simulation.predict(codes[:0]).shape == (0, *simulation.graph.output.stream.shape)
    assert simulation.predict(codes[:1].astype(np.uint8)).tolist() == expected[:1].tolist()


def test_unchanged_sources_are_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(0)
    hls.generate(graph, tmp_path)
    first = hls.compile(tmp_path).library
    with monkeypatch.context() as patch:
        patch.setattr("dietcnn_hls.tools.compiler.shared_library", lambda *_: pytest.fail("compiled again"))
        assert hls.compile(tmp_path).library == first
    hls.generate(random_graph(1), tmp_path)
    assert hls.compile(tmp_path).library != first
    assert list((tmp_path / "firmware").glob("*.so")) == [hls.compile(tmp_path).library]


def test_two_designs_of_one_name_live_side_by_side(tmp_path: Path) -> None:
    """Functions and tables of templates must not be shared between libraries that are loaded together."""
    graphs = [random_graph(seed, ("table",)) for seed in (5, 6, 7)]
    loaded = []
    for number, graph in enumerate(graphs):
        hls.generate(graph, tmp_path / str(number))
        loaded.append(hls.compile(tmp_path / str(number)))
    for simulation, graph in zip(loaded, graphs, strict=True):
        codes = random_codes(graph, 6, 0)
        assert np.array_equal(simulation.predict(codes), reference.predict(graph, codes))


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_operands_of_one_size_meet_value_by_value(tmp_path: Path, io_type: str) -> None:
    """An array stands in the shape that it was made in: a reshape of it is no operand to be shared among channels."""
    nodes = [node("x", Source(), [], Stream((1, 1, 3), -8, 7, 0))]
    nodes += [node("flat", Reshape((3,)), nodes[:1]), node("half", Requantize(1, "floor", -4, 3, -1), nodes[:1])]
    nodes += [node("halves", Reshape((3,)), nodes[2:])]
    nodes += [node("y", Combine("subtract", (1, 0)), [nodes[3], nodes[1]])]
    hls.generate(LoweredGraph("net", tuple(nodes)), tmp_path, io_type=io_type)
    simulation = hls.compile(tmp_path)
    codes = random_codes(simulation.graph, 8, 0)
    assert np.array_equal(simulation.predict(codes), reference.predict(simulation.graph, codes))


@pytest.mark.parametrize("flags", ["native", "ap"])
def test_large_arrays_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    monkeypatch.setattr(cpp, "INLINE_LIMIT", 4)
    graph = random_graph(2, every())
    built = build_all(tmp_path, [Case(graph, "io_stream", {})], *([ap_flags()] if flags == "ap" else []))
    assert len(list((tmp_path / "net0" / "firmware" / "weights").glob("*.bin"))) > 3
    simulation = next(built)
    codes = random_codes(graph, 6, 0)
    assert np.array_equal(simulation.predict(codes), reference.predict(graph, codes))


def test_the_spread_and_the_gathered_product_rows_agree(tmp_path: Path) -> None:
    """Tables too large to spread are gathered entry by entry; here both ways run on the same network."""
    graph = random_graph(4, ("table",))
    codes = random_codes(graph, 9, 0)
    for name, old, new in (("spread", "1 << 23", "1 << 23"), ("gathered", "<= 1 << 23", "< 0")):
        hls.generate(graph, tmp_path / name)
        header = tmp_path / name / "firmware" / "nnet_utils" / "nnet_kernel_table.h"
        assert old in header.read_text()
        header.write_text(header.read_text().replace(old, new))
        assert np.array_equal(hls.compile(tmp_path / name).predict(codes), reference.predict(graph, codes)), name


def test_a_lost_weight_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpp, "INLINE_LIMIT", 4)
    hls.generate(random_graph(2, every()), tmp_path)
    hls.compile(tmp_path)
    next((tmp_path / "firmware" / "weights").glob("*.bin")).unlink()
    with pytest.raises(ToolError, match=r"cannot read its weights from .*weights; generate the project again"):
        hls.compile(tmp_path)


def test_a_missing_compiler_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hls.generate(random_graph(0), tmp_path)
    monkeypatch.setenv("CXX", "no-such-compiler")
    text = r"C-simulation needs g\+\+, which was not found \(CXX names 'no-such-compiler'\): install g\+\+"
    with pytest.raises(ToolError, match=text):
        hls.compile(tmp_path)


def test_a_failing_compiler_is_quoted(tmp_path: Path) -> None:
    hls.generate(random_graph(0), tmp_path)
    source = tmp_path / "firmware" / "random_net.cpp"
    source.write_text(source.read_text() + "\nthis is no C++\n")
    with pytest.raises(ToolError, match=r"failed: .*random_net\.cpp:\d+:\d+: error: "):
        hls.compile(tmp_path)
    assert not [p for p in (tmp_path / "firmware").iterdir() if p.suffix in (".so", ".partial")]


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match=r"lowered_graph\.npz is not a saved lowered graph"):
        hls.compile(tmp_path)


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda c: c[..., :0], "codes of shape .* for a design of input shape"),
        (lambda c: c / 256, "takes integer codes, got float64; use reference.quantize_input"),
        (lambda c: c + 1, r"input codes must lie in \[0, 255\]"),
        (lambda c: c - 1, r"input codes must lie in \[0, 255\]"),
    ],
)
def test_bad_codes_are_refused(simulation: hls.CSim, change: object, text: str) -> None:
    with pytest.raises(DatasetError, match=text):
        simulation.predict(change(random_codes(simulation.graph, 3, 0)))  # type: ignore[operator]


def test_the_design_name_is_the_top_function(tmp_path: Path) -> None:
    hls.generate(replace(random_graph(0), name="tiny"), tmp_path)
    assert hls.compile(tmp_path).library.name.startswith("tiny-")


def test_thresholds_out_of_reach_are_never_or_always_crossed(tmp_path: Path) -> None:
    """Native C++ compares integers of 32 bits with a negative threshold as unsigned, unless that is kept from it."""
    cases = []
    for lo, hi in ((0, 2**31), (-(2**31), 2**31 - 1), (0, 2**40), (5, 300)):
        image = node("image", Source(), [], Stream((4,), lo, hi, 0))
        thresholds = np.sort([[-(2**45), -5, lo, (lo + hi) // 2, hi, hi + 1, 2**45]])
        encode = Encode(thresholds, np.array([False]), tuple(range(8)), 0)
        cases.append(Case(LoweredGraph("net", (image, node("encode", encode, [image]))), "io_stream", {}))
    for case, simulation in zip(cases, build_all(tmp_path, cases), strict=True):
        lo, hi = case.graph.input.stream.range
        codes = np.array([[lo, lo + 1, (lo + hi) // 2, hi]])
        thresholds = case.graph["encode"].op.thresholds.ravel().tolist()
        expected = [[sum(code >= threshold for threshold in thresholds) for code in codes[0].tolist()]]
        assert simulation.predict(codes).tolist() == reference.predict(case.graph, codes).tolist() == expected
