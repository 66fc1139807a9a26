# SPDX-License-Identifier: Apache-2.0
"""Codes in another order, and streams one behind the other: permuting, cropping, padding, repeating, concatenating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations
from dietcnn_hls.lowered.operation import Operation, register_operation
from dietcnn_hls.lowered.stream import Stream


@register_operation
@dataclass(frozen=True, eq=False)
class Gather(Operation):
    """Each code of the result is one of the input's, or the code of zero.

    Attributes:
        indices: (size,) numbers of the input's codes in memory order, -1 for zero.
        shape: of the result.
    """

    indices: np.ndarray
    shape: tuple[int, ...]
    kind: ClassVar[str] = "gather"

    def check(self) -> None:
        checks.integers("a shape", self.shape, low=1)
        checks.array("indices", self.indices, (math.prod(self.shape),), -1)

    @property
    def pads(self) -> bool:
        """Whether some codes are none of the input's."""
        return bool((self.indices < 0).any())

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        if int(self.indices.max()) >= source.size:
            raise LoweringError(f"an index of {int(self.indices.max())} into {source.size} codes")
        if self.pads:
            source.zero_code  # noqa: B018  # raises where there is none
        return source.reshaped(*self.shape)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations()

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return self.indices.size * inputs[0].size.bit_length()


@register_operation
@dataclass(frozen=True, eq=False)
class Join(Operation):
    """Two streams of integers one behind the other along an axis, on the finer of their grids.

    Attributes:
        axis: of the shapes, which are equal along all others.
        shifts: left shifts that lead to one grid.
    """

    axis: int
    shifts: tuple[int, int] = (0, 0)
    kind: ClassVar[str] = "join"
    arity: ClassVar[int] = 2

    def check(self) -> None:
        checks.integer("the axis of a join", self.axis, 0, 2)
        checks.integers("the shifts of two operands", self.shifts, 2, 0, checks.MAX_SHIFT)

    def result(self, *inputs: Stream) -> Stream:
        left, right = inputs
        if any(source.levels is not None for source in inputs):
            raise LoweringError("streams of symbols cannot be joined; decode them first")
        rest = [source.shape[: self.axis] + source.shape[self.axis + 1 :] for source in inputs]
        if self.axis >= len(left.shape) or len(left.shape) != len(right.shape) or rest[0] != rest[1]:
            raise LoweringError(f"streams of shapes {left.shape} and {right.shape} cannot be joined along axis {self.axis}")
        grids = {source.fraction + shift for source, shift in zip(inputs, self.shifts, strict=True)}
        if len(grids) != 1:
            raise LoweringError("the operands of a join must have, after shifts, one grid")
        a, b = ((s.lo << shift, s.hi << shift) for s, shift in zip(inputs, self.shifts, strict=True))
        shape = list(left.shape)
        shape[self.axis] += right.shape[self.axis]
        return Stream(tuple(shape), min(a[0], b[0]), max(a[1], b[1]), grids.pop())

    def pieces(self, inputs: Sequence[Stream]) -> tuple[int, int, int]:
        """How many pieces each operand has, and the codes of one of the first and of the second."""
        count = math.prod(inputs[0].shape[: self.axis])
        return count, inputs[0].size // count, inputs[1].size // count

    def whole_reads(self, inputs: Sequence[Stream]) -> tuple[int | None, ...]:
        return self.pieces(inputs)[1:]

    def last_reads(self, inputs: Sequence[Stream], result: Stream) -> tuple[np.ndarray, ...]:
        _, left, right = self.pieces(inputs)
        piece, place = np.divmod(np.arange(result.size), left + right)
        seconds = piece * right + np.clip(place - left, -1, right - 1)
        return piece * left + np.minimum(place, left - 1), np.maximum(seconds, 0)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations()


__all__ = ["Gather", "Join"]
