# SPDX-License-Identifier: Apache-2.0
"""The lowered graph: a converted network as a list of integer operations on coded streams.

This is the contract between the rooms. Front ends and methods produce it; `reference`, `csim`, `rtl` and `reports`
read it and nothing else. It needs numpy alone, so a saved graph can be converted without hls4ml's front ends or TensorFlow.

Every edge is a `Stream` of integer *codes*. A code is either an integer on a fixed-point grid (``levels is None``) or a
symbol, the index of a codebook entry (``levels`` holds the sorted centroids as integers on the grid). In both cases the
real value is ``integer * 2**-fraction``. Images are channels-last, (H, W, C); dense data is (N,).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.methods.base import Kernel


@dataclass(frozen=True)
class Stream:
    """What travels on an edge: codes in [lo, hi]; the value of a code is ``integer(code) * 2**-fraction``.

    Attributes:
        shape: (H, W, C) or (N,).
        lo: smallest code.
        hi: largest code.
        fraction: fractional bits of the grid.
        levels: sorted centroids as grid integers when codes are symbols, else None (the code is the integer).
    """

    shape: tuple[int, ...]
    lo: int
    hi: int
    fraction: int
    levels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.levels is not None:
            if (self.lo, self.hi) != (0, len(self.levels) - 1):
                raise LoweringError(f"a stream of {len(self.levels)} symbols must range over 0..{len(self.levels) - 1}")
            if any(a >= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
                raise LoweringError(f"codebook levels must increase strictly, got {self.levels}")

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def bits(self) -> int:
        """Width of one code in hardware."""
        return bits_for(self.lo, self.hi)

    @property
    def size(self) -> int:
        """Codes per inference."""
        return int(np.prod(self.shape))

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def integers(self) -> np.ndarray:
        """The grid integers of all codes lo..hi in order, int64."""
        return np.asarray(self.levels if self.levels is not None else np.arange(self.lo, self.hi + 1), dtype=np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes to grid integers (int64)."""
        if self.levels is None:
            return codes.astype(np.int64)
        return np.asarray(self.levels, dtype=np.int64)[codes]

    @property
    def zero_code(self) -> int:
        """The code whose value is exactly zero; LoweringError when there is none."""
        if self.levels is None:
            return 0
        if 0 not in self.levels:
            raise LoweringError(f"the codebook {self.levels} has no exact zero; fit it with zero=True")
        return self.levels.index(0)

    def reshaped(self, *shape: int) -> Stream:
        return dataclasses.replace(self, shape=tuple(shape))


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window over (H, W, C).

    Attributes:
        size: (kh, kw).
        stride: (sh, sw).
        padding: (top, bottom, left, right) in pixels.
        groups: input channels are split into this many groups (depthwise: groups == C).
    """

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1

    def output_hw(self, height: int, width: int) -> tuple[int, int]:
        top, bottom, left, right = self.padding
        return (
            (height + top + bottom - self.size[0]) // self.stride[0] + 1,
            (width + left + right - self.size[1]) // self.stride[1] + 1,
        )

    @staticmethod
    def same(size: tuple[int, int], stride: tuple[int, int], height: int, width: int, groups: int = 1) -> Window:
        """The window of Keras' ``padding='same'``: the odd pixel of padding goes to the bottom and right."""

        def pads(n: int, k: int, s: int) -> tuple[int, int]:
            total = max((-(-n // s) - 1) * s + k - n, 0)
            return total // 2, total - total // 2

        return Window(size, stride, pads(height, size[0], stride[0]) + pads(width, size[1], stride[1]), groups)


@dataclass(frozen=True, eq=False)
class Source:
    """The network's input, codes as given in ``Node.stream``."""

    kind: ClassVar[str] = "input"


@dataclass(frozen=True, eq=False)
class Linear:
    """Convolution (``window`` set) or dense layer: kernel over taps, plus bias.

    One output position sees the codes of its window flattened in (kh, kw, channel) order (the whole input in memory
    order for dense) and yields ``kernel.accumulate(window) + bias``. Padded pixels carry the input's zero code.
    """

    kernel: Kernel
    bias: np.ndarray | None = None  # (out,) int64, on the accumulator's grid
    window: Window | None = None
    kind: ClassVar[str] = "linear"


@dataclass(frozen=True, eq=False)
class Encode:
    """Per-channel thresholds: ``code = #{j : x >= thresholds[c, j]}``, or ``K-1 - #`` in channels where ``flip``.

    Batch-norm, bias and ReLU are already inside the thresholds. x is the input *code* (sorted codebooks keep order).

    Attributes:
        thresholds: (C or 1, K-1) int64, non-decreasing along the last axis.
        flip: (C or 1,) bool.
        levels: the K output centroids, grid integers.
        fraction: output grid.
    """

    thresholds: np.ndarray
    flip: np.ndarray
    levels: tuple[int, ...]
    fraction: int
    kind: ClassVar[str] = "encode"


@dataclass(frozen=True, eq=False)
class Requantize:
    """Uniform re-quantisation by a shift: ``code = clip(round(x * 2**-shift), lo, hi)``; no thresholds needed.

    Attributes:
        shift: right shift (negative: left).
        rounding: 'half_up' | 'half_even' | 'floor'.
        lo: smallest output code.
        hi: largest output code.
        fraction: output grid (input fraction - shift).
    """

    shift: int
    rounding: str
    lo: int
    hi: int
    fraction: int
    kind: ClassVar[str] = "requantize"


@dataclass(frozen=True, eq=False)
class SymbolMap:
    """Table from symbol to symbol, ``code = table[c, x]``: the bias, batch-norm and ReLU of `symbolic` accumulation.

    Attributes:
        table: (C or 1, K_in) output codes.
        levels: output centroids, grid integers.
        fraction: output grid.
    """

    table: np.ndarray
    levels: tuple[int, ...]
    fraction: int
    kind: ClassVar[str] = "symbol_map"


@dataclass(frozen=True, eq=False)
class MaxPool:
    """Maximum over windows, on codes (order is kept by sorted codebooks). Padding never wins."""

    window: Window
    kind: ClassVar[str] = "max_pool"


@dataclass(frozen=True, eq=False)
class Reshape:
    """Same codes in the same memory order, new shape (flatten)."""

    shape: tuple[int, ...]
    kind: ClassVar[str] = "reshape"


@dataclass(frozen=True, eq=False)
class Add:
    """Residual add of two streams of equal shape: decoded integers, aligned by left shifts, summed exactly."""

    shifts: tuple[int, int]
    kind: ClassVar[str] = "add"


@dataclass(frozen=True, eq=False)
class SumPool:
    """Sum of decoded integers over windows without padding: average pooling, whose division is no operation.

    Attributes:
        window: its geometry.
        shift: the sum's grid is that much finer than the input's, which divides by ``2**shift``; what a mean lacks beyond a
            power of two is part of the thresholds behind it.
    """

    window: Window
    shift: int = 0
    kind: ClassVar[str] = "sum_pool"


Op = Source | Linear | Encode | Requantize | SymbolMap | MaxPool | SumPool | Reshape | Add


@dataclass(frozen=True)
class Fold:
    """Parallelism of one layer: `pe` output channels x `simd` taps a cycle (FINN's terms)."""

    pe: int
    simd: int

    @property
    def lanes(self) -> int:
        return self.pe * self.simd

    def reuse_factor(self, outputs: int, taps: int) -> int:
        """hls4ml's reuse factor: multiplications (here: lookups) that share one unit."""
        return outputs * taps // self.lanes


@dataclass(frozen=True)
class Node:
    """One operation: its name (the model's layer), inputs (names of nodes) and the stream it produces."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    stream: Stream


@dataclass(frozen=True)
class LoweredGraph:
    """Nodes in topological order; the first is the Source, the last is the output.

    Attributes:
        name: a C identifier, names the generated design.
        nodes: the operations.
        metadata: JSON data carried along (network, method, dataset, seed, ...).
    """

    name: str
    nodes: tuple[Node, ...]
    metadata: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise LoweringError(f"two operations are named '{node.name}'")
            for name in node.inputs:
                if name not in seen:
                    raise LoweringError(f"'{node.name}' reads '{name}', which does not come before it")
            if infer_stream(node.op, [self[n].stream for n in node.inputs], node.stream) != node.stream:
                raise LoweringError(f"'{node.name}' ({node.op.kind}) cannot produce {node.stream}")
            seen.add(node.name)
        if not self.nodes or not isinstance(self.nodes[0].op, Source):
            raise LoweringError("a lowered graph begins with its input")

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    @property
    def input(self) -> Node:
        return self.nodes[0]

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def linear_nodes(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if isinstance(node.op, Linear))

    def consumers(self, name: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if name in node.inputs)

    def input_streams(self, node: Node) -> list[Stream]:
        return [self[name].stream for name in node.inputs]


def infer_stream(op: Op, inputs: Sequence[Stream], declared: Stream | None = None) -> Stream:
    """The stream that `op` produces from `inputs`; `declared` is only read for a Source."""
    match op:
        case Source():
            if declared is None:
                raise LoweringError("the input needs a declared stream")
            return declared
        case Linear():
            return _linear_stream(op, inputs[0])
        case Encode() | SymbolMap():
            return Stream(inputs[0].shape, 0, len(op.levels) - 1, op.fraction, tuple(op.levels))
        case Requantize():
            return Stream(inputs[0].shape, op.lo, op.hi, inputs[0].fraction - op.shift)
        case MaxPool():
            height, width, channels = inputs[0].shape
            return inputs[0].reshaped(*op.window.output_hw(height, width), channels)
        case SumPool():
            height, width, channels = inputs[0].shape
            if any(op.window.padding):
                raise LoweringError("a sum over windows takes no padding")
            taps = op.window.size[0] * op.window.size[1]
            lo, hi = (taps * int(v) for v in inputs[0].integers[[0, -1]])
            return Stream((*op.window.output_hw(height, width), channels), lo, hi, inputs[0].fraction + op.shift)
        case Reshape():
            return inputs[0].reshaped(*op.shape)
        case Add():
            ranges = [s.integers[[0, -1]] << shift for s, shift in zip(inputs, op.shifts, strict=True)]
            fractions = {s.fraction + shift for s, shift in zip(inputs, op.shifts, strict=True)}
            if len(fractions) != 1 or inputs[0].shape != inputs[1].shape:
                raise LoweringError("the operands of an add must have one shape and, after shifts, one grid")
            lo, hi = (int(ranges[0][i] + ranges[1][i]) for i in (0, 1))
            return Stream(inputs[0].shape, lo, hi, fractions.pop())


def _linear_stream(op: Linear, source: Stream) -> Stream:
    kernel = op.kernel
    if op.window is None:
        shape: tuple[int, ...] = (kernel.outputs,)
        taps = source.size
    else:
        height, width, channels = source.shape
        shape = (*op.window.output_hw(height, width), kernel.outputs)
        taps = op.window.size[0] * op.window.size[1] * channels // op.window.groups
    if taps != kernel.taps:
        raise LoweringError(f"kernel of {kernel.taps} taps on a window of {taps}")
    result = kernel.output
    if op.bias is None:
        return Stream(shape, result.lo, result.hi, result.fraction, result.levels)
    if result.levels is not None:
        raise LoweringError("an accumulator of symbols takes its bias in a SymbolMap")
    lows, highs = kernel.bounds()
    return Stream(shape, int((lows + op.bias).min()), int((highs + op.bias).max()), result.fraction)


def node(name: str, op: Op, inputs: Sequence[Node], stream: Stream | None = None) -> Node:
    """Build a Node, inferring its stream from the nodes it reads."""
    return Node(name, op, tuple(n.name for n in inputs), infer_stream(op, [n.stream for n in inputs], stream))
