# SPDX-License-Identifier: Apache-2.0
"""Functions of one value, of two, and of all channels of a pixel: activations, merges, and what a softmax is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.operation import ChannelTable, Operation, register_operation
from dietcnn_hls.lowered.pooling import decoded_sum_widths
from dietcnn_hls.lowered.stream import Stream


@register_operation
@dataclass(frozen=True, eq=False)
class ValueMap(Operation):
    """Table from code to integer, ``result = table[c, x - lo]``: any function of one value, such as a sigmoid.

    Attributes:
        table: (C or 1, K) grid integers, one for each of the input's K codes in order.
        lo: the first of these codes.
        fraction: output grid.
    """

    table: np.ndarray
    lo: int
    fraction: int
    kind: ClassVar[str] = "value_map"
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        checks.array("a table of values", self.table, (None, None))
        checks.integer("the first code of a table of values", self.lo)
        checks.integer("a table's fraction", self.fraction)

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        if self.table.shape[1] != source.hi - source.lo + 1 or self.lo != source.lo:
            last = self.lo + self.table.shape[1] - 1
            raise LoweringError(f"a table of codes {self.lo} to {last} does not fit codes {source.lo} to {source.hi}")
        if len(self.table) not in (1, source.channels):
            raise LoweringError(f"tables of {len(self.table)} channels for a stream of {source.channels}")
        return Stream(source.shape, int(self.table.min()), int(self.table.max()), self.fraction)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations(lookups=result.size)

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return self.table.size * result.bits

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        return Widths(lookup=result.bits, table=self.table.shape[1] * result.bits)

    def channel_table(self, inputs: Sequence[Stream]) -> ChannelTable | None:
        bits = bits_for(int(self.table.min()), int(self.table.max()))
        return ChannelTable("table", self.table.size, bits)  # a word is one value


@register_operation
@dataclass(frozen=True, eq=False)
class Divide(Operation):
    """Division by a constant, towards zero, as integers of C++ divide: what an average lacks beyond a power of two.

    Attributes:
        divisor: 2 or more, below 2**31.
    """

    divisor: int
    kind: ClassVar[str] = "divide"
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        checks.integer("a divisor", self.divisor, 2, 2**31 - 1)

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        if source.levels is not None:
            raise LoweringError("a division takes integers, not symbols")
        lo, hi = (abs(end) // self.divisor * (-1 if end < 0 else 1) for end in (source.lo, source.hi))
        return Stream(source.shape, lo, hi, source.fraction)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations(multiplications=result.size)

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        return Widths(multiply=(inputs[0].bits, bits_for(0, self.divisor)))


Bounds = tuple[int, int]


def _products(a: Bounds, b: Bounds) -> Bounds:
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


FUNCTIONS: Mapping[str, Callable[[Bounds, Bounds], Bounds]] = {
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "multiply": _products,
    "maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
}
"""What `Combine` computes, and the range of its results from those of its operands."""


@register_operation
@dataclass(frozen=True, eq=False)
class Combine(Operation):
    """Difference, product, maximum or minimum of two streams, code by code: decoded integers, aligned by left shifts, exact.

    The second operand may have one channel where the first has several; it then serves all channels of its pixel.

    Attributes:
        function: one of `FUNCTIONS`.
        shifts: left shifts of the operands; but for 'multiply', which needs none, they lead to one grid.
    """

    function: str
    shifts: tuple[int, int] = (0, 0)
    kind: ClassVar[str] = "combine"
    arity: ClassVar[int] = 2
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        checks.choice("the function of two streams", self.function, tuple(FUNCTIONS))
        checks.integers("the shifts of two operands", self.shifts, 2, 0, checks.MAX_SHIFT)
        if self.function == "multiply" and any(self.shifts):
            raise LoweringError("a product needs no aligned operands; its shifts are zero")

    def result(self, *inputs: Stream) -> Stream:
        left, right = inputs
        if right.shape not in (left.shape, (*left.shape[:-1], 1)):
            raise LoweringError(f"streams of shapes {left.shape} and {right.shape} cannot be combined")
        grids = [source.fraction + shift for source, shift in zip(inputs, self.shifts, strict=True)]
        if self.function != "multiply" and grids[0] != grids[1]:
            raise LoweringError("the operands of a combination must have, after shifts, one grid")
        a, b = ((s.range[0] << shift, s.range[1] << shift) for s, shift in zip(inputs, self.shifts, strict=True))
        fraction = sum(grids) if self.function == "multiply" else grids[0]
        return Stream(left.shape, *FUNCTIONS[self.function](a, b), fraction)

    def last_reads(self, inputs: Sequence[Stream], result: Stream) -> tuple[np.ndarray, ...]:
        own = np.arange(result.size)
        return own, own // (result.channels if inputs[1].shape != result.shape else 1)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        lookups = sum(source.size for source in inputs if source.levels is not None)
        if self.function == "multiply":
            return Operations(multiplications=result.size, lookups=lookups)
        if self.function == "subtract":
            return Operations(additions=result.size, lookups=lookups)
        return Operations(comparisons=result.size, lookups=lookups)

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return sum(source.decoding_bits for source in inputs)

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        bits = [bits_for(*source.range) for source in inputs]
        return replace(decoded_sum_widths(inputs, result), multiply=(bits[0], bits[1]), compare=max(bits))


REDUCTIONS = ("sum", "maximum", "argmax")
"""What `Reduce` computes."""


@register_operation
@dataclass(frozen=True, eq=False)
class Reduce(Operation):
    """One value a pixel from all its channels: their sum, their greatest, or the number of the first greatest.

    Codes are integers: symbols are decoded before.

    Attributes:
        function: one of `REDUCTIONS`.
    """

    function: str
    kind: ClassVar[str] = "reduce"

    def check(self) -> None:
        checks.choice("the function of all channels", self.function, REDUCTIONS)

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        if source.levels is not None:
            raise LoweringError(f"the {self.function} over channels takes integers, not symbols")
        shape, (lo, hi) = (*source.shape[:-1], 1), source.range
        if self.function == "argmax":
            return Stream(shape, 0, max(1, source.channels - 1), 0)
        count = source.channels if self.function == "sum" else 1
        return Stream(shape, count * lo, count * hi, source.fraction)

    def last_reads(self, inputs: Sequence[Stream], result: Stream) -> tuple[np.ndarray, ...]:
        return ((np.arange(result.size) + 1) * inputs[0].channels - 1,)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        steps = inputs[0].size - result.size
        return Operations(additions=steps) if self.function == "sum" else Operations(comparisons=steps)


__all__ = ["FUNCTIONS", "REDUCTIONS", "Combine", "Divide", "Reduce", "ValueMap"]
