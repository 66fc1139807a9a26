# SPDX-License-Identifier: Apache-2.0
"""RTL simulation: random networks at random folds equal the reference, with and without stalls; cycles, activity, failures.

Several networks share one program, because Verilator and the C++ compiler take seconds each.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import DatasetError, ToolError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, MaxPool, Reshape, Source, Stream, SumPool, Window, node
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import (
    SimResult,
    SimulationError,
    Stalls,
    gate_level,
    lint,
    pack,
    simulate,
    simulate_many,
    unpack,
)
from dietcnn_hls.tools.yosys.synthesis import synthesise
from tests import graphs
from tests.arithmetic_graphs import arithmetic_graph
from tests.kernels import examples, with_hardware
from tests.methods.dietcnn.examples import symbolic_kernel, table_kernel
from tests.rtl.random_designs import STALLS, random_design

SMALL = graphs.Shape(side=9, channels=5, symbols=8)


def random_networks(first: int) -> dict[int, LoweredGraph]:
    """Ten networks by seed."""
    return {seed: graphs.random_graph(seed, with_hardware(), SMALL) for seed in range(first, first + 10)}


def check(
    designs: Sequence[RtlDesign], programs: Path, *, images: int = 4, stalls: Sequence[Stalls | None] = STALLS
) -> list[SimResult]:
    """All outputs equal the reference under all stalls; returns the results without stalls."""
    codes = [graphs.random_codes(design.graph, images, seed) for seed, design in enumerate(designs)]
    expected = [predict(design.graph, array) for design, array in zip(designs, codes, strict=True)]
    results = {}
    for rate in stalls:
        results[rate] = simulate_many(designs, codes, stalls=rate, cache_dir=programs, optimize="-O0")
        for design, result, wanted in zip(designs, results[rate], expected, strict=True):
            wrong = int((result.outputs != wanted).sum())
            assert wrong == 0, f"{design.name} at {design.folding} under {rate}: {wrong} of {wanted.size} outputs differ"
    return results[None]


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_random_networks(first: int, programs: Path) -> None:
    """Shapes, strides, paddings, symbols, kernels, folds, memory placements, stalls."""
    designs = [random_design(graph, seed) for seed, graph in random_networks(first).items()]
    assert [lint(design) for design in designs[::4]] == ["", "", ""]
    check(designs, programs)


def test_every_kernel_with_hardware_is_simulated() -> None:
    drawn = [graph.metadata["examples"] for first in range(0, 30, 10) for graph in random_networks(first).values()]
    assert set().union(*drawn) == set(with_hardware())  # type: ignore[arg-type]


def test_random_branching_networks(programs: Path) -> None:
    """Forks, residual adds, groups."""
    shape = graphs.Shape(side=5, channels=4, symbols=8)
    designs = [random_design(graphs.branching_graph(seed, with_hardware(), shape), seed) for seed in range(6)]
    assert lint(designs[0]) == ""
    check(designs, programs)


@pytest.mark.parametrize("first", (0, 12))
def test_random_arithmetic_networks(first: int, programs: Path) -> None:
    """All roundings and overflows, tables of values, merges of branches, reductions, re-arrangements."""
    designs = [random_design(arithmetic_graph(seed), seed) for seed in range(first, first + 12)]
    assert [lint(design) for design in designs[::4]] == ["", "", ""]
    check(designs, programs)


def test_strides_beyond_the_window(programs: Path) -> None:
    """Words that no window reads are left behind; the way to the next row may then be the longest."""
    rng, designs = np.random.default_rng(0), []
    for size, stride in itertools.product([(1, 1), (2, 1), (1, 2)], [(2, 2), (3, 2), (2, 3), (1, 3), (4, 1)]):
        image = node("image", Source(), [], Stream((5, 6, 2), 0, 15, 4))
        kernel = examples()["multiply"].draw(rng, image.stream, 2, size[0] * size[1] * 2, 4)
        graph = LoweredGraph("far", (image, node("conv", Linear(kernel, None, Window(size, stride)), [image])), {})
        designs.append(random_design(graph, len(designs)))
    check(designs, programs, images=2, stalls=STALLS[:2])


def one_conv(
    name: str, window: Window, side: tuple[int, int], channels: int, outputs: int, kernel: str = "table"
) -> LoweredGraph:
    rng = np.random.default_rng(11)
    nodes = [node("image", Source(), [], Stream((*side, channels), 0, 255, 8))]
    nodes.append(graphs.encode(rng, "encoder", nodes[-1], 8))
    taps = window.size[0] * window.size[1] * channels // window.groups
    made = examples()[kernel].draw(rng, nodes[-1].stream, outputs, taps, 4)
    nodes.append(node("conv", Linear(made, None, window), [nodes[-1]]))
    nodes.append(graphs.activation(rng, "act", nodes[-1], 8))
    return LoweredGraph(name, tuple(nodes))


@pytest.mark.parametrize(
    ("window", "channels", "outputs"),
    [
        (Window.same((3, 3), (1, 1), 5, 6), 4, 4),
        (Window((2, 3), (2, 1)), 2, 4),
        (Window((3, 3), (1, 2), (1, 0, 2, 1), groups=2), 4, 4),
    ],
    ids=["same", "strided", "grouped"],
)
def test_every_legal_fold(window: Window, channels: int, outputs: int, programs: Path) -> None:
    """One convolution at all folds that it can have: same outputs, and the interval that the folding promises."""
    graph = one_conv("conv_net", window, (5, 6), channels, outputs)
    folds = legal_folds(graph, graph["conv"])
    names = [f"conv_{fold.pe}_{fold.simd}" for fold in folds]
    designs = [generate(dataclasses.replace(graph, name=n), {"conv": f}) for n, f in zip(names, folds, strict=True)]
    for design, result in zip(designs, check(designs, programs, images=10, stalls=(None, Stalls())), strict=True):
        assert result.interval == max(design.layer_cycles().values()), design.folding


def test_a_clock_changes_the_latency_alone(programs: Path) -> None:
    """Registers for a clock that few parts reach: the same outputs, the same interval, more cycles."""
    designs = []
    for seed in (3, 13, 24, 34):
        made = random_design(graphs.random_graph(seed, with_hardware(), SMALL), seed)
        for name, period in (("slow", None), ("fast", 3.0)):
            clock = Pipelining() if period is None else Pipelining.of(DEFAULT_PART, period)
            options = dataclasses.replace(made.options, chain=None, pipelining=clock)
            designs.append(generate(dataclasses.replace(made.graph, name=f"{name}_{seed}"), made.folding, options))
    assert [lint(design) for design in designs[1::4]] == [""] * 2
    results = check(designs, programs, images=8, stalls=(None,))
    for slow, fast in zip(results[::2], results[1::2], strict=True):
        assert fast.interval == slow.interval
        assert fast.latency is not None and slow.latency is not None and fast.latency > slow.latency


def test_lenet_like_network(programs: Path) -> None:
    """Convolution, pool, convolution, pool, two dense layers, at an unequal fold."""
    rng = np.random.default_rng(3)
    nodes = [node("image", Source(), [], Stream((12, 12, 1), 0, 255, 8))]

    def linear(name: str, outputs: int, window: Window | None) -> None:
        source = nodes[-1].stream
        taps = source.size if window is None else 9 * source.channels
        nodes.append(node(name, Linear(table_kernel(rng, source, outputs, taps, 4), None, window), [nodes[-1]]))

    nodes.append(graphs.encode(rng, "encoder", nodes[-1], 8))
    for i, outputs in enumerate((4, 6)):
        linear(f"conv{i}", outputs, Window((3, 3)))
        nodes.append(graphs.encode(rng, f"act{i}", nodes[-1], 8))
        nodes.append(node(f"pool{i}", MaxPool(Window((2, 2), (2, 2))), [nodes[-1]]))
    nodes.append(node("flatten", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    linear("dense", 8, None)
    nodes.append(graphs.encode(rng, "dense_act", nodes[-1], 8))
    linear("logits", 10, None)
    graph = LoweredGraph("lenet_like", tuple(nodes))
    folding = {"conv0": Fold(4, 9), "conv1": Fold(6, 6), "dense": Fold(2, 1), "logits": Fold(1, 2)}
    two_pixels = generate(dataclasses.replace(graph, name="two_pixels"), folding, RtlOptions(input_codes=2))
    results = check([generate(graph, folding), two_pixels], programs, images=12)
    # 144 pixels are the bottleneck, or 10 rows of 12 columns: no bubble between images
    assert [result.interval for result in results] == [144, 120]
    assert two_pixels.layer_cycles()["conv0"] == 120


def test_sum_pool_and_unread_rows(programs: Path) -> None:
    """Average pooling over symbols and over integers; a stride that leaves rows and columns unread."""
    rng = np.random.default_rng(8)
    designs = []
    for i, symbols in enumerate((True, False)):
        low = 0 if symbols else -128
        image = node("image", Source(), [], Stream((7, 8, 2), low, low + 255, 8))
        first = [image, graphs.encode(rng, "encoder", image, 6)] if symbols else [image]
        pool = node("pool", SumPool(Window((2, 3), (2, 2))), [first[-1]])
        act = graphs.encode(rng, "act", pool, 5)
        designs.append(generate(LoweredGraph(f"sums{i}", (*first, pool, act)), {}))
    check(designs, programs)


def test_pools_over_one_row(programs: Path) -> None:
    """Windows of one row or one column keep no rows, or no pixels: the pools of one-dimensional data."""
    designs = []
    for i, window in enumerate((Window((1, 2), (1, 2)), Window((2, 1), (1, 1)), Window((1, 1), (2, 2)))):
        for kind in (MaxPool, SumPool):
            image = node("image", Source(), [], Stream((4, 6, 2), 0, 255, 8))
            designs.append(generate(LoweredGraph(f"row_{kind.kind}{i}", (image, node("pool", kind(window), [image]))), {}))
    check(designs, programs)


def test_symbolic_trees(programs: Path) -> None:
    """Beats combine like a binary counter: all numbers of beats from 1 to 9, and odd leaves."""
    rng = np.random.default_rng(21)
    designs = []
    for taps, simd in [(4, 4), (5, 5), (3, 1), (6, 2), (7, 1), (8, 2), (9, 1), (20, 4), (36, 4), (11, 11)]:
        image = node("image", Source(), [], Stream((taps,), 0, 7, 3))
        kernel = symbolic_kernel(rng, image.stream, 2, taps, 4)
        graph = LoweredGraph(f"tree_{taps}_{simd}", (image, node("fc", Linear(kernel), [image])))
        designs.append(generate(graph, {"fc": Fold(1, simd)}))
    check(designs, programs, images=20, stalls=(None, Stalls()))


def tiny(name: str = "tiny") -> RtlDesign:
    graph = one_conv(name, Window((2, 2)), (4, 4), 1, 2)
    return generate(graph, {"conv": Fold(1, 2)})


def test_latency_and_interval_are_counted_exactly(programs: Path) -> None:
    """9 windows of 2 passes and 2 beats make 36 cycles; the first output word waits for two rows of pixels."""
    design = tiny()
    result = simulate(design, graphs.random_codes(design.graph, 12, 0), workers=1, cache_dir=programs)
    assert result.interval == 36
    one = simulate(design, graphs.random_codes(design.graph, 2, 0)[:1], workers=1, cache_dir=programs)
    assert one.latency == result.latency and one.interval is None
    assert result.latency is not None and 36 < result.latency <= 36 + 8 + 10
    stalled = simulate(design, graphs.random_codes(design.graph, 12, 0), stalls=Stalls(), workers=1, cache_dir=programs)
    assert (stalled.latency, stalled.interval) == (None, None)
    assert stalled.cycles > result.cycles


def test_stalls_repeat_with_their_seed(programs: Path) -> None:
    design, codes = tiny(), graphs.random_codes(tiny().graph, 6, 0)
    runs = [simulate(design, codes, stalls=Stalls(seed=s), workers=1, cache_dir=programs).cycles for s in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


def test_workers_share_the_images_in_order(programs: Path) -> None:
    design, codes = tiny(), graphs.random_codes(tiny().graph, 9, 0)
    seen: list[tuple[int, int]] = []
    result = simulate(design, codes, workers=2, cache_dir=programs, progress=lambda done, total: seen.append((done, total)))
    assert np.array_equal(result.outputs, predict(design.graph, codes))
    assert seen == [(4, 9), (9, 9)]
    assert simulate(design, codes[:3], workers=2, cache_dir=programs).interval == 36, "three images stay together"


def test_streams_tell_the_bottleneck(programs: Path) -> None:
    """The convolution takes 36 cycles an image for 16 pixels: words wait in front of its window, none behind it."""
    design = tiny()
    streams = simulate(design, graphs.random_codes(design.graph, 12, 0), workers=1, cache_dir=programs).streams
    assert streams["conv_window"] == (12 * 36, 0)
    assert streams["image_pixels"][0] == 12 * 16 and streams["image_pixels"][1] > 12 * 10


def test_activity_grows_with_what_changes(programs: Path) -> None:
    """Equal images toggle less than random ones; a design that is fed zeros still counts, clock apart."""
    design = tiny()
    codes = graphs.random_codes(design.graph, 8, 0)
    still = simulate(design, np.zeros_like(codes), activity=True, cache_dir=programs)
    noisy = simulate(design, codes, activity=True, cache_dir=programs)
    assert np.array_equal(noisy.outputs, predict(design.graph, codes))
    assert still.toggles is not None and noisy.toggles is not None
    assert 0 < still.toggles < noisy.toggles
    assert simulate(design, codes, cache_dir=programs).toggles is None


def test_mapped_netlist_runs_in_the_designs_place(programs: Path, tmp_path: Path) -> None:
    """What Yosys made of the design yields the same outputs in the same cycles, under stalls too; its nets toggle."""
    design = tiny("mapped")
    codes = graphs.random_codes(design.graph, 6, 0)
    files = design.write(tmp_path)
    memories = design.memories_in(tmp_path)
    made = synthesise(files, design.name, include_files=memories, dsp=False, engine="yowasp", cache_dir=programs)
    gates = gate_level(design, made)
    free = simulate(design, codes, workers=1, cache_dir=programs)
    mapped = simulate(gates, codes, activity=True, cache_dir=programs)
    assert np.array_equal(mapped.outputs, free.outputs)
    assert (mapped.latency, mapped.interval) == (free.latency, free.interval)
    assert mapped.toggles is not None and mapped.toggles > 0 and mapped.streams == {}
    stalled = simulate(gates, codes, stalls=Stalls(), workers=1, cache_dir=programs)
    assert np.array_equal(stalled.outputs, free.outputs)


def test_dead_lock_names_the_stalled_stream(programs: Path) -> None:
    """A top in which the stream between encoder and window is cut."""
    design = tiny("locked")
    text = design.files["locked.sv"]
    broken = text.replace(".in_ready(encoder_codes_ready)", ".in_ready()").replace(
        ".in_valid(encoder_codes_valid)", ".in_valid(1'b0)"
    )
    broken = broken.replace("endmodule", "  assign encoder_codes_ready = 1'b0;\nendmodule")
    design = dataclasses.replace(design, files=dict(design.files) | {"locked.sv": broken})
    with pytest.raises(SimulationError) as error:
        simulate(design, graphs.random_codes(design.graph, 2, 0), timeout=50, workers=1, cache_dir=programs)
    message = str(error.value)
    assert "design 'locked' is dead-locked at cycle" in message and "after 1 input and 0 output words" in message
    assert "Stalled streams, a word waits: image_pixels (layer 'image'), encoder_codes (layer 'encoder')" in message
    assert "Starved streams, nobody sends: conv_window" in message


def test_codes_are_checked() -> None:
    design = tiny()
    with pytest.raises(DatasetError, match=r"shape \(4, 3, 1\) for design 'tiny' of input shape \(4, 4, 1\)"):
        simulate(design, np.zeros((1, 4, 3, 1), np.int64))
    with pytest.raises(DatasetError, match=r"input codes of design 'tiny' must lie in \[0, 255\]"):
        simulate(design, np.full((1, 4, 4, 1), 256))


def test_designs_that_do_not_compile_show_the_tools_words(programs: Path) -> None:
    design = tiny("wrong")
    design = dataclasses.replace(design, files=dict(design.files) | {"wrong.sv": design.files["wrong.sv"] + "module"})
    with pytest.raises(ToolError, match=r"verilator failed: .*wrong\.sv"):
        simulate(design, graphs.random_codes(design.graph, 2, 0), cache_dir=programs)


@pytest.mark.parametrize("seed", range(5))
def test_pack_and_unpack_are_inverse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    from dietcnn_hls.rtl.design import Port

    port = Port(int(rng.integers(1, 9)), int(rng.integers(2, 24)), bool(seed % 2), 3)
    low = -(1 << (port.bits - 1)) if port.signed else 0
    codes = rng.integers(low, low + (1 << port.bits), (4, 3 * port.codes))
    codes[0, :2] = low, low + (1 << port.bits) - 1
    words = pack(port, codes)
    assert words.shape == (12, -(-port.width // 32))
    assert np.array_equal(unpack(port, words, codes.shape[1:]), codes)
