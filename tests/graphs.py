# SPDX-License-Identifier: Apache-2.0
"""Random lowered graphs: one generator that every equality suite (reference, C-sim, RTL, Keras) draws from.

Seeds come from hypothesis; everything else follows from the seed, so a failure is reproduced by its seed alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.lowered import (
    Add,
    Encode,
    Kernel,
    Linear,
    LoweredGraph,
    MaxPool,
    Node,
    Requantize,
    Reshape,
    Source,
    Stream,
    SumPool,
    SymbolMap,
    Window,
    node,
)
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.conlocnn.search import formats
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.dietcnn.kernel import SymbolicKernel, TableKernel
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel


@dataclass(frozen=True)
class Shape:
    """Limits of the random networks; the hardware suites use small ones."""

    side: int = 9
    channels: int = 5
    symbols: int = 16
    layers: int = 3


def levels(rng: np.random.Generator, count: int, bits: int, signed: bool) -> tuple[int, ...]:
    """`count` sorted distinct grid integers with an exact zero."""
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    others = rng.choice(np.setdiff1d(np.arange(low, high), [0]), count - 1, replace=False)
    return tuple(sorted([0, *(int(v) for v in others)]))


def table_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> TableKernel:
    """Either products of two codebooks or an arbitrary table: the hardware must not care."""
    weight_levels = np.array(levels(rng, symbols, max(3, symbols.bit_length() + 1), True))
    if rng.random() < 0.5:
        table = np.multiply.outer(source.integers, weight_levels)
    else:
        table = rng.integers(-100, 100, (len(source.integers), symbols))
    weights = rng.integers(0, symbols, (outputs, taps)).astype(np.uint16)
    return TableKernel(table.astype(np.int32), weights, source.fraction + 4)


def symbolic_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> SymbolicKernel:
    """Arbitrary product and add tables: order matters, as it must for the test to mean something."""
    count = int(rng.integers(3, 33))
    sums = levels(rng, count, 7, True)
    return SymbolicKernel(
        product=rng.integers(0, count, (len(source.integers), symbols)).astype(np.uint16),
        add=rng.integers(0, count, (count, count)).astype(np.uint16),
        weights=rng.integers(0, symbols, (outputs, taps)).astype(np.uint16),
        levels=sums,
        fraction=4,
        order=str(rng.choice(["tree", "ripple"])),
    )


def multiply_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> MultiplyKernel:
    weights = rng.integers(-128, 128, (outputs, taps))
    return MultiplyKernel(weights, source.fraction + 7, source.integers, source.lo)


def signed_digit_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> SignedDigitKernel:
    """Any words of any format of 2 to 8 bits."""
    choices = formats(int(rng.integers(2, 9)))
    digits = choices[int(rng.integers(len(choices)))]
    words = rng.choice(np.flatnonzero(digits.meaningful), (outputs, taps)).astype(np.uint16)
    return SignedDigitKernel(words, digits.positions, source.fraction + 5, source.integers, source.lo)


def ternary_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> TernaryKernel:
    """Sparse or dense, one scale or two, with and without shifts."""
    zeros = rng.random()
    weights = rng.choice([0, 1, -1], (outputs, taps), p=[zeros, (1 - zeros) * 0.6, (1 - zeros) * 0.4]).astype(np.int8)
    shifts = rng.integers(0, 4, outputs) if rng.random() < 0.5 else np.zeros(outputs, np.int64)
    positive, negative = (int(v) for v in rng.integers(1, 16, 2))
    return TernaryKernel(weights, positive, negative, shifts, source.fraction + 4, source.integers, source.lo)


def netlist_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> Kernel:
    """Random gates, some of them dead, bits that are operand bits or equal; inputs beyond 8 bits get multipliers instead."""
    if source.integers.min() < -128 or source.integers.max() > 127:
        return multiply_kernel(rng, source, outputs, taps, symbols)
    count, bits = int(rng.integers(1, 25)), int(rng.integers(1, 13))
    gates = [(int(rng.integers(7)), *(int(v) for v in rng.integers(0, 16 + g, 2))) for g in range(count)]
    return NetlistKernel(
        gates=np.array(gates, np.int32),
        positions=rng.choice([*(1 << np.arange(15)), *rng.integers(-(2**15) + 1, 2**15, 15)], bits).astype(np.int32),
        bits=rng.integers(0, 16 + count, bits).astype(np.int32),
        constant=int(rng.integers(-300, 300)),
        weights=rng.integers(-127, 128, (outputs, taps)).astype(np.int8),
        fraction=source.fraction + 7,
        integers=source.integers,
        lo=source.lo,
    )


def pq_kernel(
    rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int, encoder: str = "tree"
) -> ProductQuantKernel:
    """Any trees over subspaces that the engine serves, thresholds out of reach included; or prototypes, some of them equal."""
    sizes = [s for s in range(1, source.channels + 1) if source.channels % s == 0 and taps % source.channels == 0]
    tree, size = encoder == "tree", int(rng.choice(sizes or [1]))
    count, leaves = taps // size, 1 << int(rng.integers(1, 5)) if tree else symbols
    return ProductQuantKernel(
        encoder=encoder,  # type: ignore[arg-type]
        members=np.arange(taps).reshape(count, size),
        elements=rng.integers(0, size, (count, leaves - 1 if tree else 0)).astype(np.uint16),
        thresholds=rng.integers(source.lo, source.hi + 2, (count, leaves - 1 if tree else 0)),
        prototypes=rng.choice(source.integers, (count, leaves, 0 if tree else size)),
        table=rng.integers(-128, 128, (outputs, count, leaves)),
        shifts=rng.integers(0, 4, outputs),
        table_width=8,
        fraction=source.fraction + 4,
        integers=source.integers,
        lo=source.lo,
    )


KERNELS: dict[str, Callable[..., Kernel]] = {
    "table": table_kernel,
    "symbolic": symbolic_kernel,
    "multiply": multiply_kernel,
    "signed_digit": signed_digit_kernel,
    "ternary": ternary_kernel,
    "netlist": netlist_kernel,
    "pq": pq_kernel,
    "pq_exact": functools.partial(pq_kernel, encoder="exact"),
}
SIGNED = ("multiply", "signed_digit", "ternary", "netlist", "pq", "pq_exact")
"""Kernels that take negative codes; the others index tables by the code."""


def encode(rng: np.random.Generator, name: str, source: Node, symbols: int) -> Node:
    """Per-channel thresholds spread over the reachable range, with flips and unreachable ones."""
    channels = source.stream.channels if rng.random() < 0.8 else 1
    low, high = source.stream.lo, source.stream.hi
    middle, reach = (low + high) / 2, max(2.0, (high - low) / 6)
    thresholds = np.sort(rng.normal(middle, reach, (channels, symbols - 1)).round().astype(np.int64), axis=1)
    thresholds = np.clip(thresholds, low, high + 1)
    flip = rng.random(channels) < 0.3
    return node(name, Encode(thresholds, flip, levels(rng, symbols, max(6, symbols.bit_length()), False), 5), [source])


def activation(rng: np.random.Generator, name: str, source: Node, symbols: int, signed: bool = True) -> Node:
    """Whatever may follow a linear operation; negative codes only where `signed` (tables are indexed by code)."""
    stream = source.stream
    if stream.levels is not None:
        rows = stream.channels if rng.random() < 0.8 else 1
        table = rng.integers(0, symbols, (rows, stream.hi + 1)).astype(np.uint16)
        return node(name, SymbolMap(table, levels(rng, symbols, max(6, symbols.bit_length()), False), 5), [source])
    if rng.random() < 0.3:
        shift = max(0, stream.bits - int(rng.integers(3, 9)))
        rounding = str(rng.choice(["half_up", "half_even", "floor"]))
        low, high = (0, 7) if rng.random() < 0.5 or not signed else (-8, 7)
        return node(name, Requantize(shift, rounding, low, high, stream.fraction - shift), [source])
    return encode(rng, name, source, symbols)


def window(rng: np.random.Generator, height: int, width: int) -> Window:
    size = (int(rng.integers(1, min(5, height) + 1)), int(rng.integers(1, min(5, width) + 1)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    return Window(size, stride) if rng.random() < 0.5 else Window.same(size, stride, height, width)


def random_graph(seed: int, kernels: tuple[str, ...] = ("table",), limits: Shape | None = None) -> LoweredGraph:
    """A small CNN: encoder, convolutions with activations and pools, flatten, dense layers."""
    rng, limits = np.random.default_rng(seed), limits or Shape()
    side = (int(rng.integers(1, limits.side + 1)), int(rng.integers(1, limits.side + 1)))
    channels = int(rng.integers(1, limits.channels + 1))
    nodes = [node("image", Source(), [], Stream((*side, channels), 0, 255, 8))]

    def symbols() -> int:
        return int(rng.integers(2, limits.symbols + 1))

    def linear(name: str, kernel_name: str, win: Window | None) -> None:
        source = nodes[-1].stream
        if source.lo < 0 and kernel_name not in SIGNED:
            kernel_name = next(k for k in kernels if k in SIGNED)
        outputs = int(rng.integers(1, limits.channels + 2))
        taps = source.size if win is None else win.size[0] * win.size[1] * source.channels
        kernel: Kernel = KERNELS[kernel_name](rng, source, outputs, taps, symbols())
        biased = kernel.output.levels is None and rng.random() < 0.6
        bias = rng.integers(-200, 200, outputs) if biased else None
        nodes.append(node(name, Linear(kernel, bias, win), [nodes[-1]]))

    nodes.append(encode(rng, "encoder", nodes[-1], symbols()))
    for i in range(int(rng.integers(0, limits.layers))):
        height, width, _ = nodes[-1].stream.shape
        linear(f"conv{i}", str(rng.choice(kernels)), window(rng, height, width))
        nodes.append(activation(rng, f"act{i}", nodes[-1], symbols(), bool(set(kernels) & set(SIGNED))))
        height, width, _ = nodes[-1].stream.shape
        if rng.random() < 0.5 and min(height, width) >= 2:
            size = int(rng.integers(2, min(3, height, width) + 1))
            pool = Window((size, size), (size, size)) if rng.random() < 0.7 else Window((size, size), (1, 2))
            nodes.append(node(f"pool{i}", MaxPool(pool), [nodes[-1]]))
    nodes.append(node("flatten", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    for i in range(int(rng.integers(0, 2))):
        linear(f"dense{i}", str(rng.choice(kernels)), None)
        nodes.append(activation(rng, f"dense{i}_act", nodes[-1], symbols(), bool(set(kernels) & set(SIGNED))))
    linear("logits", str(rng.choice([k for k in kernels if k != "symbolic"] or ["table"])), None)
    return LoweredGraph("random_net", tuple(nodes), {"seed": seed})


def branching_graph(seed: int, kernels: tuple[str, ...] = ("table",), limits: Shape | None = None) -> LoweredGraph:
    """A residual block: grouped convolutions, one edge read by up to four nodes, adds of symbols and of integers, reshapes."""
    rng, limits = np.random.default_rng(seed), limits or Shape()
    groups, per_group = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    channels = groups * per_group
    side = (int(rng.integers(2, limits.side + 1)), int(rng.integers(2, limits.side + 1)))
    nodes = [node("image", Source(), [], Stream((*side, channels), 0, 255, 8))]

    def symbols() -> int:
        return int(rng.integers(2, limits.symbols + 1))

    def conv(name: str, source: Node, grouped: bool) -> Node:
        """A convolution that keeps height and width."""
        size = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        win = Window.same(size, (1, 1), *side, groups=groups if grouped else 1)
        taps = size[0] * size[1] * channels // win.groups
        kernel = KERNELS[str(rng.choice(kernels))](rng, source.stream, channels, taps, symbols())
        biased = kernel.output.levels is None and rng.random() < 0.5
        nodes.append(node(name, Linear(kernel, rng.integers(-200, 200, channels) if biased else None, win), [source]))
        return nodes[-1]

    def act(name: str, source: Node) -> Node:
        nodes.append(activation(rng, name, source, symbols(), signed=False))
        return nodes[-1]

    def add(name: str, left: Node, right: Node) -> Node:
        gap = left.stream.fraction - right.stream.fraction
        extra = int(rng.integers(0, 2))
        nodes.append(node(name, Add((max(-gap, 0) + extra, max(gap, 0) + extra)), [left, right]))
        return nodes[-1]

    nodes.append(encode(rng, "encoder", nodes[-1], symbols()))
    trunk = act("trunk_act", conv("trunk", nodes[-1], grouped=True))
    left = act("left_act", conv("left", trunk, grouped=True))
    joined = add("join", left, trunk if rng.random() < 0.5 else act("right_act", conv("right", trunk, grouped=False)))
    joined = add("join_again", encode_node(nodes, rng, "joined_act", joined, symbols()), trunk)
    joined = encode_node(nodes, rng, "final_act", joined, symbols())
    flat = node("flatten", Reshape((joined.stream.size,)), [joined])
    nodes.append(flat)
    if rng.random() < 0.5:  # back to an image of other proportions, and flat again
        nodes.append(node("tall", Reshape((joined.stream.size, 1, 1)), [nodes[-1]]))
        nodes.append(node("tall_pool", MaxPool(Window((2, 1), (2, 1))), [nodes[-1]]))
        nodes.append(node("flat_again", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    for name in ("dense_a", "dense_b"):
        taps = nodes[-1].stream.size if name == "dense_a" else flat.stream.size
        source = nodes[-1] if name == "dense_a" else flat
        kernel = KERNELS[str(rng.choice([k for k in kernels if k != "symbolic"] or ["table"]))](
            rng, source.stream, 3, taps, symbols()
        )
        nodes.append(node(name, Linear(kernel), [source]))
    add("logits", nodes[-2], nodes[-1])
    return LoweredGraph("branching_net", tuple(nodes), {"seed": seed})


def pooling_graph(seed: int, kernels: tuple[str, ...] = ("table",), limits: Shape | None = None) -> LoweredGraph:
    """A convolution, sums over windows that overlap, lie apart or leave pixels out, of symbols or integers, a dense layer."""
    rng, limits = np.random.default_rng(seed), limits or Shape()
    side = (int(rng.integers(2, limits.side + 1)), int(rng.integers(2, limits.side + 1)))
    channels = int(rng.integers(1, limits.channels + 1))
    image = node("image", Source(), [], Stream((*side, channels), 0, 255, 8))
    nodes = [image, encode(rng, "encoder", image, int(rng.integers(2, limits.symbols + 1)))]

    def linear(name: str, outputs: int, win: Window | None) -> None:
        source = nodes[-1]
        taps = source.stream.size if win is None else win.size[0] * win.size[1] * source.stream.channels
        kernel = KERNELS[str(rng.choice([k for k in kernels if k != "symbolic"] or ["table"]))](
            rng, source.stream, outputs, taps, int(rng.integers(2, limits.symbols + 1))
        )
        nodes.append(node(name, Linear(kernel, None, win), [source]))

    linear("conv", channels, Window.same((3, 3), (1, 1), *side))
    if rng.random() < 0.7:
        encode_node(nodes, rng, "act", nodes[-1], int(rng.integers(2, limits.symbols + 1)))
    whole = rng.random() < 0.4
    size = side if whole else (int(rng.integers(1, side[0] + 1)), int(rng.integers(1, side[1] + 1)))
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    nodes.append(node("mean", SumPool(Window(size, size if rng.random() < 0.5 else stride)), [nodes[-1]]))
    nodes.append(node("flatten", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    encode_node(nodes, rng, "mean_act", nodes[-1], int(rng.integers(2, limits.symbols + 1)))
    linear("logits", 3, None)
    return LoweredGraph("pooling_net", tuple(nodes), {"seed": seed})


SIDE, CHANNELS = 8, 4
"""Width and channels of `residual`."""


def residual(name: str = "residual", stride: int = 1, blocks: int = 2, height: int = SIDE) -> LoweredGraph:
    """Blocks of two 3 x 3 convolutions beside the identity, or beside a strided 1 x 1 convolution in the first."""
    rng = np.random.default_rng(4)
    nodes = [node("image", Source(), [], Stream((height, SIDE, CHANNELS), 0, 255, 8))]

    def conv(name: str, source: Node, size: int, stride: int) -> Node:
        height, width, channels = source.stream.shape
        window = Window.same((size, size), (stride, stride), height, width)
        kernel = table_kernel(rng, source.stream, CHANNELS, size * size * channels, 4)
        nodes.append(node(name, Linear(kernel, None, window), [source]))
        return encode_node(nodes, rng, f"{name}_act", nodes[-1], 8)

    last = encode_node(nodes, rng, "encoder", nodes[-1], 8)
    for i in range(blocks):
        first = stride if i == 0 else 1
        branch = conv(f"b{i}_conv2", conv(f"b{i}_conv1", last, 3, first), 3, 1)
        nodes.append(node(f"b{i}_add", Add((0, 0)), [branch, last if first == 1 else conv(f"b{i}_side", last, 1, first)]))
        last = encode_node(nodes, rng, f"b{i}_relu", nodes[-1], 8)
    return LoweredGraph(name, tuple(nodes))


def encode_node(nodes: list[Node], rng: np.random.Generator, name: str, source: Node, symbols: int) -> Node:
    """Append an encoder behind `source` and return it."""
    nodes.append(encode(rng, name, source, symbols))
    return nodes[-1]


def random_codes(graph: LoweredGraph, count: int, seed: int) -> np.ndarray:
    """(count, *input shape) input codes; the first two samples are all-lowest and all-highest, which forces overflow."""
    stream = graph.input.stream
    codes = np.random.default_rng(seed).integers(stream.lo, stream.hi + 1, (count, *stream.shape))
    codes[0], codes[1] = stream.lo, stream.hi
    return codes
