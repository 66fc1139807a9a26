# SPDX-License-Identifier: Apache-2.0
"""Random lowered graphs without a plan: any operation may follow any other, over streams of any kind.

`tests.graphs` draws networks that look like networks; these need not. An input may be signed, a symbol, or flat; padding may be
unequal; strides may leave pixels out; a sum may feed a sum. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dietcnn_hls.integers import divisors
from dietcnn_hls.lowered import (
    Add,
    Kernel,
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
from tests import graphs, kernels
from tests.streams import levels

WIDEST_CODE = 10
"""Bits of a code that a linear layer may read; wider sums get an activation first."""


@dataclass
class _Growth:
    """A graph under construction."""

    rng: np.random.Generator
    examples: tuple[str, ...]
    limits: graphs.Shape
    nodes: list[Node] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def draw(self, low: int, high: int) -> int:
        """An integer between `low` and `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def grow(self, kind: str, op: Operation, *sources: Node) -> None:
        self.nodes.append(node(f"{kind}{len(self.nodes)}", op, sources))

    def symbols(self) -> int:
        return self.draw(2, self.limits.symbols)


def free_graph(seed: int, examples: tuple[str, ...] | None = None, limits: graphs.Shape | None = None) -> LoweredGraph:
    """Two to nine random operations; what does not lead to the last one is left out."""
    limits = limits or graphs.Shape(side=7, channels=4, symbols=12)
    growth = _Growth(np.random.default_rng(seed), examples or kernels.every(), limits)
    growth.nodes.append(node("image", Source(), [], _input(growth)))
    wanted = growth.draw(2, 9)
    for _ in range(20 * wanted):
        if len(growth.nodes) > wanted:
            break
        source = growth.nodes[-1] if growth.chance(0.75) else growth.nodes[growth.draw(0, len(growth.nodes) - 1)]
        _STEPS[growth.draw(0, len(_STEPS) - 1)](growth, source)
    nodes = _leading_to(growth.nodes)
    return LoweredGraph("free_net", nodes, {"seed": seed})


def _leading_to(nodes: list[Node]) -> tuple[Node, ...]:
    """What the last node depends on, the input included."""
    needed = {nodes[-1].name, nodes[0].name}
    for item in reversed(nodes):
        if item.name in needed:
            needed.update(item.inputs)
    return tuple(item for item in nodes if item.name in needed)


def _input(growth: _Growth) -> Stream:
    """An image or a vector; bytes, other unsigned or signed integers, or symbols."""
    side, channels = growth.limits.side, growth.limits.channels
    shape: tuple[int, ...] = (growth.draw(1, side), growth.draw(1, side), growth.draw(1, channels))
    if growth.chance(0.15):
        shape = (growth.draw(1, 24),)
    kind = growth.draw(0, 3)
    if kind == 0:
        return Stream(shape, 0, 255, 8)
    bits = growth.draw(1, 10)
    if kind == 1:
        return Stream(shape, 0, (1 << bits) - 1, growth.draw(0, 10))
    if kind == 2:
        return Stream(shape, -(1 << (bits - 1)), (1 << (bits - 1)) - 1 if bits > 1 else 0, growth.draw(0, 10))
    codebook = levels(growth.rng, growth.symbols(), 6, growth.chance(0.5))
    return Stream(shape, 0, len(codebook) - 1, growth.draw(0, 8), codebook)


def _window(growth: _Growth, stream: Stream, padded: bool) -> Window:
    """Any window over the stream: strides beyond the window, padding that differs from side to side."""
    size = tuple(growth.draw(1, min(4, n)) for n in stream.shape[:2])
    stride = (growth.draw(1, 3), growth.draw(1, 3))
    pads = [growth.draw(0, size[i // 2] - 1) if padded and growth.chance(0.5) else 0 for i in range(4)]
    return Window((size[0], size[1]), stride, (pads[0], pads[1], pads[2], pads[3]))


def _kernel(growth: _Growth, source: Stream, outputs: int, taps: int) -> Kernel | None:
    """A random kernel that can read these codes, or None."""
    if source.bits > WIDEST_CODE:
        return None
    examples = [kernels.examples()[name] for name in growth.examples]
    usable = [example for example in examples if example.accepts(source)]
    if not usable:
        return None
    return usable[growth.draw(0, len(usable) - 1)].draw(growth.rng, source, outputs, taps, growth.symbols())


def _conv(growth: _Growth, source: Node) -> None:
    stream = source.stream
    if len(stream.shape) != 3:
        return _dense(growth, source)
    plain = _window(growth, stream, padded=stream.lo <= 0)
    groups = int(growth.rng.choice(divisors(stream.channels)))
    window = Window(plain.size, plain.stride, plain.padding, groups)
    outputs = groups * growth.draw(1, 3)
    kernel = _kernel(growth, stream, outputs, plain.size[0] * plain.size[1] * stream.channels // groups)
    if kernel is not None:
        growth.grow("conv", Linear(kernel, _bias(growth, kernel), window), source)


def _dense(growth: _Growth, source: Node) -> None:
    kernel = _kernel(growth, source.stream, growth.draw(1, 6), source.stream.size)
    if kernel is not None and len(source.stream.shape) == 1:
        growth.grow("dense", Linear(kernel, _bias(growth, kernel)), source)


def _bias(growth: _Growth, kernel: Kernel) -> np.ndarray | None:
    if kernel.output.levels is not None or growth.chance(0.4):
        return None
    return growth.rng.integers(-300, 300, kernel.outputs)


def _activation(growth: _Growth, source: Node) -> None:
    """Thresholds, on integers or on symbols; or a shift, to the left at times."""
    if source.stream.levels is not None or growth.chance(0.6):
        growth.nodes.append(graphs.encode(growth.rng, f"encode{len(growth.nodes)}", source, growth.symbols()))
        return
    shift = max(-2, source.stream.bits - growth.draw(2, 10))
    bits = growth.draw(1, 9)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if growth.chance(0.5) and bits > 1 else (0, (1 << bits) - 1)
    rounding = str(growth.rng.choice(["half_up", "half_even", "floor"]))
    growth.grow("requantize", Requantize(shift, rounding, low, high, source.stream.fraction - shift), source)


def _symbol_map(growth: _Growth, source: Node) -> None:
    if source.stream.levels is None:
        return _activation(growth, source)
    symbols = growth.symbols()
    rows = source.stream.channels if growth.chance(0.7) else 1
    table = growth.rng.integers(0, symbols, (rows, source.stream.hi + 1)).astype(np.uint16)
    growth.grow("map", SymbolMap(table, levels(growth.rng, symbols, 6, growth.chance(0.5)), 5), source)


def _max_pool(growth: _Growth, source: Node) -> None:
    if len(source.stream.shape) == 3:
        growth.grow("max", MaxPool(_window(growth, source.stream, padded=True)), source)


def _sum_pool(growth: _Growth, source: Node) -> None:
    if len(source.stream.shape) == 3 and source.stream.bits <= 20:
        growth.grow("sum", SumPool(_window(growth, source.stream, padded=False), growth.draw(0, 3)), source)


def _reshape(growth: _Growth, source: Node) -> None:
    size = source.stream.size
    if growth.chance(0.5):
        growth.grow("flat", Reshape((size,)), source)
        return
    height = int(growth.rng.choice(divisors(size)))
    width = int(growth.rng.choice(divisors(size // height)))
    growth.grow("shape", Reshape((height, width, size // height // width)), source)


def _add(growth: _Growth, source: Node) -> None:
    """With any earlier stream of its shape and a grid near enough, itself included."""
    partners = [n for n in growth.nodes if n.stream.shape == source.stream.shape and _gap(n, source) <= 8 and n.stream.bits <= 20]
    if not partners or source.stream.bits > 20:
        return
    other = partners[growth.draw(0, len(partners) - 1)]
    gap = source.stream.fraction - other.stream.fraction
    extra = growth.draw(0, 2)
    pair = (source, other) if growth.chance(0.5) else (other, source)
    shifts = (max(-gap, 0) + extra, max(gap, 0) + extra)
    growth.grow("add", Add(shifts if pair[0] is source else (shifts[1], shifts[0])), *pair)


def _gap(one: Node, other: Node) -> int:
    return abs(one.stream.fraction - other.stream.fraction)


_STEPS: tuple[Callable[[_Growth, Node], None], ...] = (
    *(_conv, _conv, _dense, _activation, _activation),
    *(_symbol_map, _max_pool, _sum_pool, _reshape, _add),
)


__all__ = ["free_graph"]
