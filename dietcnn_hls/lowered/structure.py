# SPDX-License-Identifier: Apache-2.0
"""How codes enter a network, change their shape and meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.operation import Operation, register_operation
from dietcnn_hls.lowered.pooling import decoded_sum_widths
from dietcnn_hls.lowered.stream import Stream


@register_operation
@dataclass(frozen=True, eq=False)
class Source(Operation):
    """The network's input: codes as its node's stream declares them."""

    kind: ClassVar[str] = "input"
    arity: ClassVar[int] = 0

    def result(self, *inputs: Stream) -> Stream:
        raise LoweringError("the input needs a declared stream")

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
