# SPDX-License-Identifier: Apache-2.0
"""Operations on each code by itself: thresholds, shifts, tables from symbol to symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.operation import ChannelTable, Operation, register_operation
from dietcnn_hls.lowered.stream import Stream


@register_operation
@dataclass(frozen=True, eq=False)
class Encode(Operation):
    """Per-channel thresholds: ``code = #{j : x >= thresholds[c, j]}``, or ``K-1 - #`` in channels where ``flip``.

    Batch-norm, bias and ReLU are already inside the thresholds. x is the input *code* (sorted codebooks keep order).

    Attributes:
        thresholds: (C or 1, K-1) integers, non-decreasing along the last axis.
        flip: (C or 1,) bool, one for each row of thresholds.
        levels: the K output centroids, grid integers.
        fraction: output grid.
    """

    thresholds: np.ndarray
    flip: np.ndarray
    levels: tuple[int, ...]
    fraction: int
    kind: ClassVar[str] = "encode"
    pointwise: ClassVar[bool] = True
    passes_pixels: ClassVar[bool] = True

    def check(self) -> None:
        count = len(checks.increasing("the levels of an encoder", self.levels))
        if count < 2:
            raise LoweringError("an encoder has two levels or more")
        checks.integer("an encoder's fraction", self.fraction)
        checks.array("an encoder's thresholds", self.thresholds, (None, count - 1))
        if (np.diff(self.thresholds.astype(np.int64), axis=1) < 0).any():
            raise LoweringError("an encoder's thresholds must not decrease along a row")
        checks.booleans("an encoder's flip", self.flip, (len(self.thresholds),))

    def result(self, *inputs: Stream) -> Stream:
        _check_rows("thresholds", self.thresholds, inputs[0])
        return Stream(inputs[0].shape, 0, len(self.levels) - 1, self.fraction, tuple(self.levels))

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations(comparisons=result.size * self.thresholds.shape[1])

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return self.thresholds.size * _threshold_bits(inputs[0])

    @property
    def boundaries(self) -> np.ndarray | None:
        return self.thresholds

    def channel_table(self, inputs: Sequence[Stream]) -> ChannelTable | None:
        channels, count = self.thresholds.shape
        return ChannelTable("thresholds", channels, count * _threshold_bits(inputs[0])) if channels > 1 else None


def _check_rows(what: str, rows: np.ndarray, source: Stream) -> None:
    """That there is one row of constants, or one a channel."""
    if len(rows) not in (1, source.channels):
        raise LoweringError(f"{len(rows)} rows of {what} for {source.channels} channels")


def _threshold_bits(source: Stream) -> int:
    return bits_for(source.lo, source.hi + 1)  # hi + 1 is the threshold that is never reached


ROUNDINGS = ("floor", "toward_zero", "half_up", "half_down", "half_to_zero", "half_from_zero", "half_even")
"""How `Requantize` drops bits, see `integers.round_shift`."""

OVERFLOWS = ("saturate", "wrap")
"""What `Requantize` does beyond its range."""


@register_operation
@dataclass(frozen=True, eq=False)
class Requantize(Operation):
    """Uniform re-quantisation by a shift: ``code = clip(round(x * 2**-shift), lo, hi)``; no thresholds needed.

    Attributes:
        shift: right shift (negative: left).
        rounding: one of `ROUNDINGS`.
        lo: smallest output code.
        hi: largest output code.
        fraction: output grid (input fraction - shift).
        overflow: 'saturate', or 'wrap': modulo the number of codes, which are then all that their bits allow.
    """

    shift: int
    rounding: str
    lo: int
    hi: int
    fraction: int
    overflow: str = "saturate"
    kind: ClassVar[str] = "requantize"
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        checks.integer("a shift", self.shift, -checks.MAX_SHIFT, checks.MAX_SHIFT)
        checks.choice("rounding", self.rounding, ROUNDINGS)
        checks.choice("overflow", self.overflow, OVERFLOWS)
        checks.integer("a re-quantiser's lo", self.lo)
        checks.integer("a re-quantiser's hi", self.hi, low=self.lo)
        checks.integer("a re-quantiser's fraction", self.fraction)
        if self.overflow == "wrap" and self.hi - self.lo + 1 != 1 << bits_for(self.lo, self.hi):
            raise LoweringError(f"codes {self.lo} to {self.hi} cannot wrap around: they are not all that their bits allow")

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        if source.levels is not None:
            raise LoweringError("symbols are no integers to shift; a SymbolMap re-codes them")
        if source.fraction - self.shift != self.fraction:
            raise LoweringError(
                f"a shift by {self.shift} takes the grid 2^-{source.fraction} to 2^-{source.fraction - self.shift}, not to "
                f"2^-{self.fraction}"
            )
        if source.bits + max(-self.shift, 0) > checks.MAX_BITS:
            raise LoweringError(f"codes of {source.bits} bits shifted left by {-self.shift} exceed {checks.MAX_BITS} bits")
        return Stream(source.shape, self.lo, self.hi, self.fraction)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        clipped = 2 * result.size if self.overflow == "saturate" else 0
        return Operations(additions=0 if self.rounding == "floor" else result.size, comparisons=clipped)


@register_operation
@dataclass(frozen=True, eq=False)
class SymbolMap(Operation):
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
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        count = len(checks.increasing("the levels of a symbol map", self.levels))
        checks.integer("a symbol map's fraction", self.fraction)
        checks.array("a symbol map's table", self.table, (None, None), 0, count - 1)

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        _check_rows("a symbol map's table", self.table, source)
        if (source.lo, source.hi) != (0, self.table.shape[1] - 1):
            raise LoweringError(f"a table of {self.table.shape[1]} symbols cannot be read with codes {source.lo}..{source.hi}")
        return Stream(source.shape, 0, len(self.levels) - 1, self.fraction, tuple(self.levels))

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations(lookups=result.size)

    def table_bits(self, inputs: Sequence[Stream], result: Stream) -> int:
        return self.table.size * result.bits

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        return Widths(lookup=result.bits, table=self.table.shape[1] * result.bits)


__all__ = ["Encode", "Requantize", "SymbolMap"]
