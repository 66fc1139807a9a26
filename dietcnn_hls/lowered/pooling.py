# SPDX-License-Identifier: Apache-2.0
"""Operations on windows without weights: maxima and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.operation import Operation, register_operation
from dietcnn_hls.lowered.stream import Stream, Window


@register_operation
@dataclass(frozen=True, eq=False)
class MaxPool(Operation):
    """Maximum over windows, on codes (order is kept by sorted codebooks). Padding never wins."""

    window: Window = field()
    kind: ClassVar[str] = "max_pool"

    def check(self) -> None:
        _check_window(self.window)

    def result(self, *inputs: Stream) -> Stream:
        return inputs[0].reshaped(*self.window.over(inputs[0]))

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations(comparisons=result.size * (self.window.area - 1))


@register_operation
@dataclass(frozen=True, eq=False)
class SumPool(Operation):
    """Sum of decoded integers over windows without padding: average pooling, whose division is no operation.

    Attributes:
        window: its geometry.
        shift: the sum's grid is that much finer than the input's, which divides by ``2**shift``; what a mean lacks beyond a
            power of two is part of the thresholds behind it.
    """

    window: Window = field()
    shift: int = 0
    kind: ClassVar[str] = "sum_pool"

    def check(self) -> None:
        _check_window(self.window)
        checks.integer("a mean's shift", self.shift, 0, checks.MAX_SHIFT)
        if any(self.window.padding):
            raise LoweringError("a sum over windows takes no padding")

    def result(self, *inputs: Stream) -> Stream:
        lo, hi = (self.window.area * end for end in inputs[0].range)
        return Stream(self.window.over(inputs[0]), lo, hi, inputs[0].fraction + self.shift)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        taps = self.window.area
        return Operations(additions=result.size * (taps - 1), lookups=result.size * taps if inputs[0].levels else 0)

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return sum(source.decoding_bits for source in inputs)

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        return decoded_sum_widths(inputs, result)


def _check_window(window: object) -> None:
    checks.instance("a pool's window", window, Window)
    assert isinstance(window, Window)
    if window.groups != 1:
        raise LoweringError("a pool has no groups: it takes each channel by itself")


def decoded_sum_widths(inputs: Sequence[Stream], result: Stream) -> Widths:
    """Widths of an operation that decodes symbols, if such they are, and adds."""
    tables = [len(source.levels) * source.bits for source in inputs if source.levels]
    return Widths(add=result.bits, lookup=result.bits, table=max(tables, default=result.bits))


__all__ = ["MaxPool", "SumPool", "decoded_sum_widths"]
