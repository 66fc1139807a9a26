# SPDX-License-Identifier: Apache-2.0
"""The operations of a lowered graph: what each one is, and the stream that it produces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered.kernel import Kernel
from dietcnn_hls.lowered.stream import Stream, Window


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
