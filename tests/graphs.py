# SPDX-License-Identifier: Apache-2.0
"""Random lowered graphs: one generator that every equality suite (reference, C-sim, RTL, Keras) draws from.

Seeds come from hypothesis; everything else follows from the seed, so a failure is reproduced by its seed alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.lowered import (
    Add,
    Encode,
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
from tests.kernels import Example, examples
from tests.streams import levels


@dataclass(frozen=True)
class Shape:
    """Limits of the random networks; the hardware suites use small ones."""

    side: int = 9
    channels: int = 5
    symbols: int = 16
    layers: int = 3


SIGNED = Stream((1,), -8, 7, 0)
"""What `activation` may yield beside codes that are not negative."""


def takes_negative_codes(kernels: tuple[str, ...]) -> bool:
    """Whether one of these examples does; the others index tables by the code."""
    return any(examples()[name].accepts(SIGNED) for name in kernels)


def choose(rng: np.random.Generator, kernels: tuple[str, ...], source: Stream, drawn: list[str]) -> Example:
    """One of these examples, of those whose kernels take `source`; its name joins `drawn`."""
    usable = [name for name in kernels if examples()[name].accepts(source)]
    assert usable, f"none of {kernels} takes codes {source.lo}..{source.hi}"
    drawn.append(str(rng.choice(usable)))
    return examples()[drawn[-1]]


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
    rng, limits, drawn = np.random.default_rng(seed), limits or Shape(), list[str]()
    side = (int(rng.integers(1, limits.side + 1)), int(rng.integers(1, limits.side + 1)))
    channels = int(rng.integers(1, limits.channels + 1))
    nodes = [node("image", Source(), [], Stream((*side, channels), 0, 255, 8))]

    def symbols() -> int:
        return int(rng.integers(2, limits.symbols + 1))

    def linear(name: str, example: Example, win: Window | None) -> None:
        source = nodes[-1].stream
        outputs = int(rng.integers(1, limits.channels + 2))
        taps = source.size if win is None else win.size[0] * win.size[1] * source.channels
        kernel = example.draw(rng, source, outputs, taps, symbols())
        biased = kernel.output.levels is None and rng.random() < 0.6
        bias = rng.integers(-200, 200, outputs) if biased else None
        nodes.append(node(name, Linear(kernel, bias, win), [nodes[-1]]))

    nodes.append(encode(rng, "encoder", nodes[-1], symbols()))
    for i in range(int(rng.integers(0, limits.layers))):
        height, width, _ = nodes[-1].stream.shape
        linear(f"conv{i}", choose(rng, kernels, nodes[-1].stream, drawn), window(rng, height, width))
        nodes.append(activation(rng, f"act{i}", nodes[-1], symbols(), takes_negative_codes(kernels)))
        height, width, _ = nodes[-1].stream.shape
        if rng.random() < 0.5 and min(height, width) >= 2:
            size = int(rng.integers(2, min(3, height, width) + 1))
            pool = Window((size, size), (size, size)) if rng.random() < 0.7 else Window((size, size), (1, 2))
            nodes.append(node(f"pool{i}", MaxPool(pool), [nodes[-1]]))
    nodes.append(node("flatten", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    for i in range(int(rng.integers(0, 2))):
        linear(f"dense{i}", choose(rng, kernels, nodes[-1].stream, drawn), None)
        nodes.append(activation(rng, f"dense{i}_act", nodes[-1], symbols(), takes_negative_codes(kernels)))
    linear("logits", choose(rng, kernels, nodes[-1].stream, drawn), None)
    return LoweredGraph("random_net", tuple(nodes), {"seed": seed, "examples": drawn})


def one_conv(
    name: str, window: Window, side: tuple[int, int], channels: int, outputs: int, kernel: str = "table"
) -> LoweredGraph:
    """An encoder, one convolution and its activation."""
    rng = np.random.default_rng(11)
    nodes = [node("image", Source(), [], Stream((*side, channels), 0, 255, 8))]
    nodes.append(encode(rng, "encoder", nodes[-1], 8))
    taps = window.size[0] * window.size[1] * channels // window.groups
    made = examples()[kernel].draw(rng, nodes[-1].stream, outputs, taps, 4)
    nodes.append(node("conv", Linear(made, None, window), [nodes[-1]]))
    nodes.append(activation(rng, "act", nodes[-1], 8))
    return LoweredGraph(name, tuple(nodes))


def branching_graph(seed: int, kernels: tuple[str, ...] = ("table",), limits: Shape | None = None) -> LoweredGraph:
    """A residual block: grouped convolutions, one edge read by up to four nodes, adds of symbols and of integers, reshapes."""
    rng, limits, drawn = np.random.default_rng(seed), limits or Shape(), list[str]()
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
        kernel = choose(rng, kernels, source.stream, drawn).draw(rng, source.stream, channels, taps, symbols())
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
        kernel = choose(rng, kernels, source.stream, drawn).draw(rng, source.stream, 3, taps, symbols())
        nodes.append(node(name, Linear(kernel), [source]))
    add("logits", nodes[-2], nodes[-1])
    return LoweredGraph("branching_net", tuple(nodes), {"seed": seed, "examples": drawn})


def pooling_graph(seed: int, kernels: tuple[str, ...] = ("table",), limits: Shape | None = None) -> LoweredGraph:
    """A convolution, sums over windows that overlap, lie apart or leave pixels out, of symbols or integers, a dense layer."""
    rng, limits, drawn = np.random.default_rng(seed), limits or Shape(), list[str]()
    side = (int(rng.integers(2, limits.side + 1)), int(rng.integers(2, limits.side + 1)))
    channels = int(rng.integers(1, limits.channels + 1))
    image = node("image", Source(), [], Stream((*side, channels), 0, 255, 8))
    nodes = [image, encode(rng, "encoder", image, int(rng.integers(2, limits.symbols + 1)))]

    def linear(name: str, outputs: int, win: Window | None) -> None:
        source = nodes[-1]
        taps = source.stream.size if win is None else win.size[0] * win.size[1] * source.stream.channels
        symbols = int(rng.integers(2, limits.symbols + 1))
        kernel = choose(rng, kernels, source.stream, drawn).draw(rng, source.stream, outputs, taps, symbols)
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
    return LoweredGraph("pooling_net", tuple(nodes), {"seed": seed, "examples": drawn})


SIDE, CHANNELS = 8, 4
"""Width and channels of `residual`."""


def residual(name: str = "residual", stride: int = 1, blocks: int = 2, height: int = SIDE) -> LoweredGraph:
    """Blocks of two 3 x 3 convolutions beside the identity, or beside a strided 1 x 1 convolution in the first."""
    rng = np.random.default_rng(4)
    nodes = [node("image", Source(), [], Stream((height, SIDE, CHANNELS), 0, 255, 8))]

    def conv(name: str, source: Node, size: int, stride: int) -> Node:
        height, width, channels = source.stream.shape
        window = Window.same((size, size), (stride, stride), height, width)
        kernel = examples()["table"].draw(rng, source.stream, CHANNELS, size * size * channels, 4)
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
