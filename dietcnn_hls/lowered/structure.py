# SPDX-License-Identifier: Apache-2.0
"""How codes enter a network, change their shape and meet."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import DatasetError, LoweringError, SaturationWarning
from dietcnn_hls.integers import round_floats, wrapped
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.elementwise import OVERFLOWS, ROUNDINGS
from dietcnn_hls.lowered.operation import Operation, register_operation
from dietcnn_hls.lowered.pooling import decoded_sum_widths
from dietcnn_hls.lowered.stream import Grid, Stream


@register_operation
@dataclass(frozen=True, eq=False)
class Source(Operation):
    """The network's input: codes as its node's stream declares them.

    Attributes:
        rounding: how values between codes enter, one of `elementwise.ROUNDINGS`; None: they are refused.
        overflow: what becomes of values beyond the codes where a rounding is given, 'saturate' or 'wrap'.
    """

    rounding: str | None = None
    overflow: str = "saturate"
    kind: ClassVar[str] = "input"
    arity: ClassVar[int] = 0

    def check(self) -> None:
        if self.rounding is not None:
            checks.choice("rounding", self.rounding, ROUNDINGS)
        checks.choice("overflow", self.overflow, OVERFLOWS)

    def result(self, *inputs: Stream) -> Stream:
        raise LoweringError("the input needs a declared stream")

    def codes(self, stream: Stream, values: np.ndarray) -> np.ndarray:
        """Real values to the input's codes, int64, of the same shape.

        Args:
            stream: what the input's node declares.
            values: numbers.

        Raises:
            DatasetError: NaN or Inf; without a rounding also values that no code stands for. Says what cannot enter and the
                remedy.

        Warns:
            SaturationWarning: with a rounding, values beyond the codes; says how many.
        """
        if self.rounding is not None:
            return self._rounded(stream, np.asarray(values, np.float64))
        if stream.levels is None:
            return Grid(stream.lo, stream.hi, stream.fraction).codes(values)
        integers = Grid(min(stream.levels[0], 0), max(stream.levels[-1], 0), stream.fraction).codes(values)
        codes = np.searchsorted(stream.levels, integers).clip(max=stream.hi)
        if (stream.integers[codes] != integers).any():
            raise DatasetError(f"inputs must be values of the codebook {list(stream.levels)} / 2^{stream.fraction}")
        return codes

    def _rounded(self, stream: Stream, values: np.ndarray) -> np.ndarray:
        if not np.isfinite(values).all():
            raise DatasetError(f"inputs hold NaN or Inf: {int(np.count_nonzero(~np.isfinite(values)))} of {values.size} values")
        assert self.rounding is not None
        least, most = stream.lo * 2.0**-stream.fraction, stream.hi * 2.0**-stream.fraction
        beyond = int(np.count_nonzero((values < least) | (values >= most + 2.0**-stream.fraction)))
        if beyond:
            word = "wrap around" if self.overflow == "wrap" else "saturate"
            warnings.warn(
                f"{beyond} of {values.size} input values lie beyond {least:g} to {most:g} and {word}; give the input more "
                "integer bits, or scale the data",
                SaturationWarning,
                stacklevel=4,
            )
        codes = round_floats(values, stream.fraction, self.rounding)
        return wrapped(codes, stream.lo, stream.hi) if self.overflow == "wrap" else np.clip(codes, stream.lo, stream.hi)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations()


@register_operation
@dataclass(frozen=True, eq=False)
class Reshape(Operation):
    """Same codes in the same memory order, new shape (flatten)."""

    shape: tuple[int, ...]
    kind: ClassVar[str] = "reshape"
    pointwise: ClassVar[bool] = True
    keeps_codes: ClassVar[bool] = True

    def check(self) -> None:
        checks.integers("a shape", self.shape, low=1)

    def result(self, *inputs: Stream) -> Stream:
        if math.prod(self.shape) != inputs[0].size:
            raise LoweringError(f"{inputs[0].shape} cannot become {self.shape}")
        return inputs[0].reshaped(*self.shape)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations()


@register_operation
@dataclass(frozen=True, eq=False)
class Add(Operation):
    """Residual add of two streams of equal shape: decoded integers, aligned by left shifts, summed exactly."""

    shifts: tuple[int, int]
    kind: ClassVar[str] = "add"
    arity: ClassVar[int] = 2
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        checks.integers("the shifts of an add", self.shifts, 2, 0, checks.MAX_SHIFT)

    def result(self, *inputs: Stream) -> Stream:
        left, right = inputs
        fractions = {source.fraction + shift for source, shift in zip(inputs, self.shifts, strict=True)}
        if len(fractions) != 1 or left.shape != right.shape:
            raise LoweringError("the operands of an add must have one shape and, after shifts, one grid")
        lo, hi = ((a << self.shifts[0]) + (b << self.shifts[1]) for a, b in zip(left.range, right.range, strict=True))
        return Stream(left.shape, lo, hi, fractions.pop())

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        decoded = sum(source.levels is not None for source in inputs)
        return Operations(additions=result.size, lookups=decoded * result.size)

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return sum(source.decoding_bits for source in inputs)

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        return decoded_sum_widths(inputs, result)


__all__ = ["Add", "Reshape", "Source"]
