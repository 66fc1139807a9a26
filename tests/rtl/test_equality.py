# SPDX-License-Identifier: Apache-2.0
"""RTL equals the reference, with and without stalls: random networks at random folds, and each shape that tells folds apart.

Several networks share one program, because Verilator and the C++ compiler take seconds each.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, MaxPool, Reshape, Source, Stream, SumPool, Window, node
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.latency import latency
from dietcnn_hls.rtl.simulation import SimResult, Stalls, lint, simulate_many
from tests import graphs
from tests.arithmetic_graphs import arithmetic_graph
from tests.cases import spread
from tests.graphs import one_conv
from tests.kernels import examples, with_hardware
from tests.methods.dietcnn.examples import symbolic_kernel, table_kernel
from tests.rtl.random_designs import STALLS, random_design

SMALL = graphs.Shape(side=9, channels=5, symbols=8)


def drawn(seed: int) -> set[str]:
    """Examples of kernels in a random network."""
    return set(graphs.random_graph(seed, with_hardware(), SMALL).metadata["examples"])  # type: ignore[call-overload]


def shows(example: str) -> Callable[[int], bool]:
    return lambda seed: example in drawn(seed)


SEEDS = spread(range(30), 6, *map(shows, with_hardware()))
PROGRAM = 10
"""Networks in one program."""
BRANCHING = spread(range(6), 2)
ARITHMETIC = spread(range(24), 6)


def check(
    designs: Sequence[RtlDesign],
    programs: Path,
    *,
    images: int = 4,
    stalls: Sequence[Stalls | None] = STALLS,
    waits: bool = False,
) -> list[SimResult]:
    """All outputs equal the reference under all stalls; returns the results without stalls.

    The latency is the one that the design's instances tell; or more, where arrays may stall, or branches wait for each other's
    room (`waits`).
    """
    codes = [graphs.random_codes(design.graph, images, seed) for seed, design in enumerate(designs)]
    expected = [predict(design.graph, array) for design, array in zip(designs, codes, strict=True)]
    results = {}
    for rate in stalls:
        results[rate] = simulate_many(designs, codes, stalls=rate, cache_dir=programs, optimize="-O0")
        for design, result, wanted in zip(designs, results[rate], expected, strict=True):
            wrong = int((result.outputs != wanted).sum())
            assert wrong == 0, f"{design.name} at {design.folding} under {rate}: {wrong} of {wanted.size} outputs differ"
    for design, result in zip(designs, results[None], strict=True):
        told = latency(design)
        assert told is not None and result.latency is not None
        more = waits or not design.options.pipelining.short
        assert told == result.latency or (more and told < result.latency), f"{design.name} at {design.folding}: {told} cycles"
    return results[None]


@pytest.mark.parametrize("first", range(0, len(SEEDS), PROGRAM))
def test_random_networks(first: int, programs: Path) -> None:
    """Shapes, strides, paddings, symbols, kernels, folds, memory placements, stalls."""
    seeds = SEEDS[first : first + PROGRAM]
    designs = [random_design(graphs.random_graph(seed, with_hardware(), SMALL), seed) for seed in seeds]
    assert not any(lint(design) for design in designs[::4])
    check(designs, programs)


def test_every_kernel_with_hardware_is_simulated() -> None:
    assert set().union(*map(drawn, SEEDS)) == set(with_hardware())


def test_random_branching_networks(programs: Path) -> None:
    """Forks, residual adds, groups."""
    shape = graphs.Shape(side=5, channels=4, symbols=8)
    designs = [random_design(graphs.branching_graph(seed, with_hardware(), shape), seed) for seed in BRANCHING]
    assert lint(designs[0]) == ""
    check(designs, programs)


@pytest.mark.parametrize("first", range(0, len(ARITHMETIC), 12))
def test_random_arithmetic_networks(first: int, programs: Path) -> None:
    """All roundings and overflows, tables of values, merges of branches, reductions, re-arrangements."""
    designs = [random_design(arithmetic_graph(seed), seed) for seed in ARITHMETIC[first : first + 12]]
    assert not any(lint(design) for design in designs[::4])
    check(designs, programs, waits=True)


def test_strides_beyond_the_window(programs: Path) -> None:
    """Words that no window reads are left behind; the way to the next row may then be the longest."""
    rng, designs = np.random.default_rng(0), []
    for size, stride in itertools.product([(1, 1), (2, 1), (1, 2)], [(2, 2), (3, 2), (2, 3), (1, 3), (4, 1)]):
        image = node("image", Source(), [], Stream((5, 6, 2), 0, 15, 4))
        kernel = examples()["multiply"].draw(rng, image.stream, 2, size[0] * size[1] * 2, 4)
        graph = LoweredGraph("far", (image, node("conv", Linear(kernel, None, Window(size, stride)), [image])), {})
        designs.append(random_design(graph, len(designs)))
    check(designs, programs, images=2, stalls=STALLS[:2])


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
    """One convolution at the folds that it can have: same outputs, and the interval that the folding promises."""
    graph = one_conv("conv_net", window, (5, 6), channels, outputs)
    folds = spread(legal_folds(graph, graph["conv"]), 3, lambda fold: fold.pe, lambda fold: fold.simd)
    names = [f"conv_{fold.pe}_{fold.simd}" for fold in folds]
    designs = [generate(dataclasses.replace(graph, name=n), {"conv": f}) for n, f in zip(names, folds, strict=True)]
    for design, result in zip(designs, check(designs, programs, images=10, stalls=(None, Stalls())), strict=True):
        assert result.interval == max(design.layer_cycles().values()), design.folding


def test_a_clock_changes_the_latency_alone(programs: Path) -> None:
    """Registers for a clock that few parts reach: the same outputs, the same interval, more cycles."""
    designs = []
    for seed in spread((3, 13, 24, 34), 2):
        made = random_design(graphs.random_graph(seed, with_hardware(), SMALL), seed)
        for name, period in (("slow", None), ("fast", 3.0)):
            clock = Pipelining() if period is None else Pipelining.of(DEFAULT_PART, period)
            options = dataclasses.replace(made.options, chain=None, pipelining=clock)
            designs.append(generate(dataclasses.replace(made.graph, name=f"{name}_{seed}"), made.folding, options))
    assert [lint(design) for design in designs[1::4]] == [""] * len(designs[1::4])
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
