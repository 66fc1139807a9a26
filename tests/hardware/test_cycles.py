# SPDX-License-Identifier: Apache-2.0
"""The cycle rule is the engine's: simulated intervals of single layers equal it, whatever they do."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.hardware import estimate
from dietcnn_hls.hardware.cycles import layer_cycles, linear_cycles
from dietcnn_hls.hardware.folding import choices
from dietcnn_hls.hardware.geometry import Geometry
from dietcnn_hls.lowered import (
    Add,
    Encode,
    Fold,
    Linear,
    LoweredGraph,
    MaxPool,
    Node,
    Operation,
    Requantize,
    Reshape,
    Source,
    Stream,
    SumPool,
    SymbolMap,
    Window,
    node,
)
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests import graphs
from tests.methods.dietcnn.examples import table_kernel

SYMBOLS = tuple(range(4))


def intervals(designs: Sequence[RtlDesign], programs: Path) -> list[int | None]:
    codes = [graphs.random_codes(design.graph, 10, seed) for seed, design in enumerate(designs)]
    return [result.interval for result in simulate_many(designs, codes, cache_dir=programs, optimize="-O0")]


def image(side: tuple[int, int] = (5, 6), channels: int = 4) -> Node:
    return node("image", Source(), [], Stream((*side, channels), 0, 3, 0, SYMBOLS))


def table(source: Node, outputs: int, taps: int) -> Linear:
    return Linear(table_kernel(np.random.default_rng(3), source.stream, outputs, taps, 4))


def single(name: str, source: Node, op: Operation, options: RtlOptions | None = None) -> RtlDesign:
    """A design of one stage, called 'stage'."""
    return generate(LoweredGraph(f"a_{name}", (source, node("stage", op, [source]))), {}, options)


def unequal_branches() -> RtlDesign:
    """Three codes of one operand and two of the other: their sums come one by one."""
    nodes = [image((2, 2), 6)]
    for name in ("left", "right"):
        nodes.append(node(name, dataclasses.replace(table(nodes[0], 6, 6), window=Window((1, 1))), nodes[:1]))
    nodes.append(node("stage", Add((0, 0)), nodes[-2:]))
    return generate(LoweredGraph("an_add", tuple(nodes)), {"left": Fold(3, 6), "right": Fold(2, 6)})


class TestSingleLayers:
    def test_windows_that_take_several_pixels_of_the_input(self, programs: Path) -> None:
        """All folds with single pixels: `tests.rtl.test_equality.test_every_legal_fold`."""
        source, designs = image((5, 6), 2), []
        for number, window in enumerate((Window((2, 2), (1, 3)), Window((3, 2), (2, 2)))):
            taps = 2 * window.size[0] * window.size[1]
            conv = node("conv", dataclasses.replace(table(source, 4, taps), window=window), [source])
            for pixels in (2, 3):
                for fold in (Fold(4, taps), Fold(2, taps)):
                    name = f"window{number}_{pixels}_{fold.pe}_{fold.simd}"
                    options = RtlOptions(input_codes=2 * pixels)
                    designs.append(generate(LoweredGraph(name, (source, conv)), {"conv": fold}, options))
        assert intervals(designs, programs) == [max(design.layer_cycles().values()) for design in designs]

    def test_stages_without_a_fold(self, programs: Path) -> None:
        """Each is the bottleneck of its design: padding, a greatest common divisor, a narrow input, other pixels."""
        ops = {
            "max_pool": MaxPool(Window((3, 3), (1, 1), (1, 1, 1, 1))),
            "sum_pool": SumPool(Window((2, 2), (2, 2))),
            "map": SymbolMap(np.array([SYMBOLS], np.uint16), SYMBOLS, 0),
            "encode": Encode(np.array([[1, 2, 3]]), np.array([False]), SYMBOLS, 0),
            "tall": Reshape((10, 4, 3)),
        }
        made = {name: single(name, image(), op) for name, op in ops.items()}
        made["narrow"] = single("narrow", image(), ops["encode"], RtlOptions(input_codes=1))
        values = node("image", Source(), [], Stream((5, 6, 4), 0, 63, 0))
        made["requantize"] = single("requantize", values, Requantize(2, "half_up", 0, 7, -2))
        made["add"] = unequal_branches()
        busy = {name: design.layer_cycles()["stage"] for name, design in made.items()}
        assert busy == {
            "max_pool": 7 * 8,
            "sum_pool": 5 * 6,
            "map": 5 * 6,
            "encode": 5 * 6,
            "tall": 4 * 5 * 6,
            "narrow": 4 * 5 * 6,
            "requantize": 5 * 6,
            "add": 24,
        }
        assert intervals(list(made.values()), programs) == list(busy.values())


class TestFormula:
    def convolution(self, window: Window, side: int = 5, outputs: int = 6) -> Geometry:
        return Geometry(4, side, side, window, outputs, False)

    def test_the_filling_of_the_window_counts(self) -> None:
        shape = self.convolution(Window((3, 3), (3, 3)))
        assert linear_cycles(shape, Fold(2, 4)) == 27  # one position, 3 passes of 9 beats; 25 pixels
        assert linear_cycles(shape, Fold(6, 4)) == 25
        assert linear_cycles(shape, Fold(6, 2)) == 50

    def test_padding_counts(self) -> None:
        shape = self.convolution(Window.same((3, 3), (1, 1), 64, 64), side=64)
        assert linear_cycles(shape, Fold(6, 36)) == 66 * 66
        padded = self.convolution(Window.same((5, 5), (1, 1), 64, 64), side=64)
        assert linear_cycles(padded, Fold(6, 4 * 25)) == 68 * 68 == 4624

    def test_replayed_whole_windows_wait_for_columns(self) -> None:
        shape = self.convolution(Window((3, 3)))
        assert linear_cycles(shape, Fold(6, 36)) == 25  # pixels
        assert linear_cycles(shape, Fold(3, 36)) == 25  # 9 windows twice and 3 waits make 21
        assert linear_cycles(shape, Fold(2, 36)) == 9 * 3
        assert linear_cycles(dataclasses.replace(shape, height=20, width=20), Fold(3, 36)) == 18 * 18 * 2 + 18

    def test_pixels_count_only_where_the_window_takes_them(self) -> None:
        shape = self.convolution(Window((3, 3)), side=6)
        assert [linear_cycles(shape, Fold(6, 36), pixels) for pixels in (1, 2, 3)] == [36, 24, 24]
        assert linear_cycles(shape, Fold(6, 12), 2) == 16 * 3 > linear_cycles(shape, Fold(6, 36), 2)
        assert linear_cycles(self.convolution(Window((3, 3), (3, 3)), side=6), Fold(6, 4), 2) == 36
        assert linear_cycles(self.convolution(Window.same((3, 3), (1, 1), 6, 6), side=6), Fold(6, 36), 2) == 64

    def test_a_fold_that_only_the_hls_project_has_reads_whole_pixels(self) -> None:
        shape = self.convolution(Window((3, 3), (2, 2)))
        assert linear_cycles(shape, Fold(3, 18)) == 25  # 4 windows of 2 passes of 2 beats
        assert linear_cycles(shape, Fold(1, 9)) == 4 * 6 * 4


@pytest.mark.parametrize("seed", range(20))
def test_estimate_solver_and_design_say_the_same(seed: int) -> None:
    graph = graphs.branching_graph(seed)
    layers = choices(graph)
    folding = {name: layer.folds[seed % len(layer.folds)] for name, layer in layers.items()}
    busy = layer_cycles(graph, folding)
    assert set(busy) == {n.name for n in graph.nodes}
    assert busy == generate(graph, folding).layer_cycles()
    assert {name: busy[name] for name in layers} == {name: layer.cycles(folding[name]) for name, layer in layers.items()}
    assert estimate.latency(graph, folding, "io_stream")[1] == max(busy.values())


def test_every_layer_of_a_report_has_its_cycles(tmp_path: Path) -> None:
    source = image((6, 6), 1)
    window = Window.same((3, 3), (1, 1), 6, 6)
    conv = node("conv", dataclasses.replace(table(source, 2, 9), window=window), [source])
    flat = node("flatten", Reshape((72,)), [conv])
    graph = LoweredGraph("padded", (source, conv, flat))
    report = convert_and_build(graph, tmp_path, folding={"layers": {"conv": {"pe": 2, "simd": 9}}}, synthesis="none")
    found = {layer.name: layer.latency.interval for layer in report.layers or () if layer.latency}
    assert found == {"image": 36, "conv": 64, "flatten": 36}
    assert report.latency is not None and report.latency.interval == 64
