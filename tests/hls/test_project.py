# SPDX-License-Identifier: Apache-2.0
"""The generated project: names, bytes, test bench, Vitis script, and refusals before anything is written."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.errors import ConfigError, DatasetError, DietError, LoweringError, OutputError
from dietcnn_hls.hls.cpp import IntType
from dietcnn_hls.lowered import Fold, HlsKernel, Linear, LoweredGraph, Node, Reshape, Source, Stream, node
from dietcnn_hls.lowered.storage import load_graph
from tests.graphs import branching_graph, random_codes, random_graph, residual
from tests.methods.dietcnn.examples import table_kernel


def renamed(graph: LoweredGraph, names: dict[str, str]) -> LoweredGraph:
    nodes = tuple(
        replace(n, name=names.get(n.name, n.name), inputs=tuple(names.get(i, i) for i in n.inputs)) for n in graph.nodes
    )
    return LoweredGraph(graph.name, nodes, graph.metadata)


def test_same_graph_same_bytes(tmp_path: Path) -> None:
    graph = branching_graph(3, ("table", "symbolic"))
    for name in "ab":
        hls.generate(graph, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(tmp_path / "b") for p in (tmp_path / "b").rglob("*") if p.is_file())
    assert len(files) > 20
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_regenerating_drops_constants_of_layers_that_are_gone(tmp_path: Path) -> None:
    hls.generate(branching_graph(3), tmp_path)
    hls.generate(random_graph(0), tmp_path)
    assert not list((tmp_path / "firmware" / "weights").glob("trunk*"))
    assert load_graph(tmp_path / hls.GRAPH_FILE).name == "random_net"


def test_code_does_not_grow_with_weights(tmp_path: Path) -> None:
    """A hundred times the weights: the compiler sees a declaration, C simulation reads a file, synthesis includes another."""
    sizes = []
    for taps, outputs in ((40, 30), (400, 300)):
        image = node("image", Source(), [], Stream((taps,), 0, 7, 0, tuple(range(8))))
        kernel = table_kernel(np.random.default_rng(0), image.stream, outputs, taps, 8)
        folder = tmp_path / str(taps)
        hls.generate(LoweredGraph("wide", (image, node("fc", Linear(kernel), [image]))), folder)
        sizes.append(
            sum(path.stat().st_size for path in folder.rglob("*") if path.suffix in (".cpp", ".h") and "_table" not in path.name)
        )
    weights = tmp_path / "400" / "firmware" / "weights"
    assert (weights / "fc_weights.bin").stat().st_size == 120_000
    assert '#include "fc_weights.inc"' in (weights / "fc_weights.h").read_text()
    assert sizes[1] < sizes[0]


def test_any_layer_name_gives_a_design_that_compiles(tmp_path: Path) -> None:
    graph = random_graph(10, ("table",))
    assert len(graph.nodes) >= 6
    odd = ["int", "1st conv/bn:0", "Dense", "dense", "größe", "nnet"]
    graph = renamed(graph, dict(zip([n.name for n in graph.nodes], odd, strict=False)))
    hls.generate(graph, tmp_path, io_type="io_stream")
    codes = random_codes(graph, 5, 0)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))


@pytest.mark.parametrize(
    "lo, hi, cpp, dtype", [(0, 255, "8, false", "u1"), (-129, 0, "9, true", "<i2"), (0, 2**40, "41, false", "<u8")]
)
def test_integer_types_are_the_narrowest(lo: int, hi: int, cpp: str, dtype: str) -> None:
    kind = IntType.holding(lo, hi)
    assert kind.cpp == f"nnet::integer<{cpp}>" and kind.dtype == np.dtype(dtype)
    assert kind.fits(np.array([lo, hi])) and not kind.fits(np.array([lo, (1 << kind.bits)]))


def test_make_csim_passes_and_names_a_changed_sample(tmp_path: Path) -> None:
    graph = random_graph(4, ("table", "multiply"))
    hls.generate(graph, tmp_path)
    codes = random_codes(graph, 12, 4)
    expected = reference.predict(graph, codes)
    hls.write_testbench(tmp_path, codes, expected)
    make = ["make", "-s", "-C", str(tmp_path), "csim"]
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "0 of 12 samples differ" in done.stdout, done.stderr
    wrong = expected.copy()
    wrong[7].flat[0] += 1
    hls.write_testbench(tmp_path, codes, wrong)
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"first mismatch at sample 7, output 0: expected {wrong[7].flat[0]}, got {expected[7].flat[0]}" in done.stderr
    bench = subprocess.run(["./random_net_test"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bench.returncode == 1 and "1 of 12 samples differ" in bench.stdout
    (tmp_path / "tb_data" / "expected.txt").write_text("")
    bench = subprocess.run(["./random_net_test"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bench.returncode == 2 and "ends at sample 0" in bench.stderr


def test_the_sources_say_what_made_them_and_for_what(tmp_path: Path) -> None:
    graph = random_graph(2, ("table", "symbolic", "multiply"))
    hls.generate(graph, tmp_path, part="xc7a35tcpg236-1", clock_period=2.5, io_type="io_parallel")
    for file in (
        tmp_path / "build_prj.tcl",
        tmp_path / "Makefile",
        *tmp_path.rglob("*.cpp"),
        tmp_path / "firmware" / "parameters.h",
    ):
        first, second = file.read_text().splitlines()[:2]
        assert "SPDX-License-Identifier: Apache-2.0" in first
        assert "Generated by dietcnn_hls" in second and "random_net" in second
    script = (tmp_path / "build_prj.tcl").read_text()
    assert "set_part xc7a35tcpg236-1" in script and "create_clock -period 2.5" in script and "DIETCNN_AP_TYPES" in script


def test_pragmas_place_tables_and_follow_the_fold(tmp_path: Path) -> None:
    graph = next(g for g in map(random_graph, range(50)) if g.linear_nodes[0].op.kernel.outputs % 2 == 0)
    layer = graph.linear_nodes[0]
    taps = layer.op.kernel.taps
    hls.generate(graph, tmp_path, folding={layer.name: Fold(2, taps)}, io_type="io_stream")
    top = (tmp_path / "firmware" / "random_net.cpp").read_text()
    assert "#pragma HLS DATAFLOW" in top and "#pragma HLS INTERFACE axis port=image,logits" in top
    assert f"#pragma HLS BIND_STORAGE variable={layer.name}_table type=rom_1p impl=lutram" in top
    assert f"#pragma HLS ARRAY_RESHAPE variable={layer.name}_weights cyclic factor=2 dim=3" in top
    config = (tmp_path / "firmware" / "parameters.h").read_text().split(f"struct {layer.name}_config")[1]
    for line in ("pe = 2;", f"simd = {taps};", f"reuse_factor = {layer.op.kernel.outputs // 2};"):
        assert line in config


def flat(name: str, *nodes: Node) -> LoweredGraph:
    return LoweredGraph(name, nodes)


SOURCE = node("x", Source(), [], Stream((4,), 0, 3, 0))


@pytest.mark.parametrize(
    "graph, options, kind, text",
    [
        (random_graph(0), {"io_type": "io_serial"}, ConfigError, "unknown io_type 'io_serial'. Did you mean"),
        (random_graph(0), {"folding": {"logitz": Fold(1, 1)}}, ConfigError, "no linear layer 'logitz'. Did you mean 'logits'"),
        (
            random_graph(0),
            {"folding": {"logits": Fold(97, 1)}},
            ConfigError,
            "layer 'logits' has .* PE 97 and SIMD 1 must divide",
        ),
        (replace(random_graph(0), name="reg"), {}, ConfigError, "'reg' cannot name a design"),
        (replace(random_graph(0), name="while"), {}, ConfigError, "'while' cannot name a design"),
        (flat("g", SOURCE), {}, LoweringError, "network 'g' has no layers"),
        (
            flat("g", SOURCE, node("dead", Reshape((2, 2, 1)), [SOURCE]), node("y", Reshape((1, 2, 2)), [SOURCE])),
            {},
            LoweringError,
            "nothing reads the result of 'dead'",
        ),
    ],
)
def test_bad_requests_are_refused_before_anything_is_written(
    tmp_path: Path, graph: LoweredGraph, options: dict, kind: type[DietError], text: str
) -> None:
    with pytest.raises(kind, match=text):
        hls.generate(graph, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_kernel_that_misstates_its_widths_is_refused(tmp_path: Path) -> None:
    graph = next(g for g in map(random_graph, range(50)) if g.linear_nodes[0].op.kernel.table.shape[1] > 2)
    layer = graph.linear_nodes[0]
    kernel = layer.op.kernel

    class Lying(type(kernel)):  # type: ignore[misc]
        def hls(self) -> HlsKernel:
            told = super().hls()
            return replace(told, arrays={**told.arrays, "weights": replace(told.arrays["weights"], bits=1)})

    op = Linear(Lying(kernel.table, kernel.weights, kernel.fraction), layer.op.bias, layer.op.window)
    nodes = tuple(replace(n, op=op) if n is layer else n for n in graph.nodes)
    with pytest.raises(LoweringError, match="array 'weights' does not fit"):
        hls.generate(LoweredGraph("g", nodes), tmp_path)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot write the HLS project into .*taken.*choose another folder"):
        hls.generate(random_graph(0), tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_test_bench_needs_matching_samples(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="as many inputs as outputs, got 2 and 3"):
        hls.write_testbench(tmp_path, np.zeros((2, 1), int), np.zeros((3, 1), int))


def test_streams_that_wait_for_a_branch_are_as_deep_as_it_looks_ahead(tmp_path: Path) -> None:
    """Two 3 x 3 windows beside the identity, on 16 rows of 8 pixels: two rows and four pixels, and three rows to run ahead."""
    graph = residual("two_blocks", height=16)
    hls.generate(graph, tmp_path, io_type="io_stream")
    text = (tmp_path / "firmware" / "two_blocks.cpp").read_text()
    depths = dict(re.findall(r"#pragma HLS STREAM variable=(\w+) depth=(\d+)", text))
    waiting = {name: int(depth) for name, depth in depths.items() if depth != "2"}
    assert waiting == {"encoder_rest1": 5 * 8 + 4, "b0_relu_rest1": 5 * 8 + 4}
    codes = random_codes(graph, 3, 0)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))
