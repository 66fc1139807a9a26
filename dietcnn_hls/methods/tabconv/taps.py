# SPDX-License-Identifier: Apache-2.0
"""TabConv's sum of table entries with subspaces of one tap, whose symbol is a part of the input code's bits: no encoder at all.

``result[m] = sum_t table[m, t, k]`` with ``k`` the low bits of ``round(code_t * 2**-shifts[m, t])``: every pair of input and
output has a table of its own, and may look at other bits of the input than its neighbour. HGQ2 has such layers (QDenseT, QConvT).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for, round_shift
from dietcnn_hls.lowered import HlsArray, HlsKernel, Kernel, Operations, RtlKernel, Stream, checks

MAX_INDEX_BITS = 12
"""Widest index of a table."""

ROUNDINGS = ("floor", "half_up")
"""How bits below an index are dropped."""


@dataclass(frozen=True, eq=False)
class TapTableKernel(Kernel):
    """Sum of one table entry a tap.

    Attributes:
        table: (outputs, taps, K) integers, K a power of two; a pair that looks at fewer bits repeats its entries.
        shifts: (outputs, taps) bits of the input code below each pair's index.
        rounding: one of `ROUNDINGS`.
        fraction: grid of the results.
        lo: the first input code.
        hi: the last one.
    """

    method: ClassVar[str] = "tabconv"
    table: np.ndarray
    shifts: np.ndarray
    rounding: str
    fraction: int
    lo: int
    hi: int

    def check(self) -> None:
        checks.choice("the rounding of a table's index", self.rounding, ROUNDINGS)
        checks.integer("the first input code", self.lo, -(1 << 30))
        checks.integer("the last input code", self.hi, self.lo, (1 << 30) - 1)
        checks.array("the tables of taps", self.table, (None, None, None))
        entries = self.table.shape[2]
        if entries & (entries - 1) or not 1 <= entries <= 1 << MAX_INDEX_BITS:
            raise LoweringError(f"a table of a tap has 1, 2, 4, ... {1 << MAX_INDEX_BITS} entries, not {entries}")
        checks.array("the shifts of table indices", self.shifts, self.table.shape[:2], 0, 30)
        checks.reach("sums of table entries", checks.largest(self.table), self.table.shape[1])

    def check_input(self, stream: Stream) -> None:
        if (stream.lo, stream.hi) != (self.lo, self.hi):
            raise LoweringError(
                f"tables of the codes {self.lo} to {self.hi} cannot be read with codes {stream.lo} to {stream.hi}"
            )

    @property
    def outputs(self) -> int:
        return self.table.shape[0]

    @property
    def taps(self) -> int:
        return self.table.shape[1]

    @property
    def entries(self) -> int:
        """K."""
        return self.table.shape[2]

    @cached_property
    def choices(self) -> np.ndarray:
        """The different shifts, ascending."""
        return np.unique(self.shifts)

    @cached_property
    def _reached(self) -> tuple[np.ndarray, np.ndarray]:
        """(lowest, highest) entry of every pair among those that some code picks, each (outputs, taps) int64."""
        codes, table = np.arange(self.lo, self.hi + 1, dtype=np.int64), self.table.astype(np.int64)
        low, high = np.empty(self.shifts.shape, np.int64), np.empty(self.shifts.shape, np.int64)
        for shift in self.choices.tolist():
            found, pairs = np.unique(self._index(codes, shift)), self.shifts == shift
            seen = table[pairs][:, found]
            low[pairs], high[pairs] = seen.min(axis=1), seen.max(axis=1)
        return low, high

    @cached_property
    def index_bits(self) -> np.ndarray:
        """(outputs, taps) bits of the index on which each pair's entry depends; 0: its entry is a constant."""
        bits = np.full(self.shifts.shape, self.entries.bit_length() - 1)
        for width in range(self.entries.bit_length() - 2, -1, -1):
            halves = self.table[..., : 2 << width].reshape(*self.shifts.shape, 2, 1 << width)
            bits = np.where((bits == width + 1) & (halves[..., 0, :] == halves[..., 1, :]).all(axis=-1), width, bits)
        return np.where(np.equal(*self._reached), 0, bits)

    def _index(self, codes: np.ndarray, shift: int) -> np.ndarray:
        return round_shift(codes.astype(np.int64), shift, self.rounding) & (self.entries - 1)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self._reached
        return low.sum(axis=1), high.sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        table, place = self.table[rows].astype(np.int64), np.searchsorted(self.choices, self.shifts[rows])
        sums = np.zeros((len(table), len(windows)), np.int64)
        for tap in range(self.taps):
            found = np.stack([self._index(windows[:, tap], int(shift)) for shift in self.choices])
            sums += np.take_along_axis(table[:, tap], found[place[:, tap]], axis=1)
        return sums.T

    def operations(self) -> Operations:
        """A look-up and an addition a pair that is no constant; a rounding is an addition too, for each way of one tap."""
        alive = self.index_bits > 0
        rounded = 0
        if self.rounding != "floor":
            rounded = sum(int(((self.shifts == s) & alive).any(axis=0).sum()) for s in self.choices.tolist() if s)
        return Operations(lookups=int(alive.sum()), additions=int(np.maximum(alive.sum(axis=1) - 1, 0).sum()) + rounded)

    @property
    def entry_bits(self) -> int:
        """Width of a stored entry: what it exceeds its table's least by."""
        low, high = self._reached
        return bits_for(0, int((high - low).max(initial=0)))

    @property
    def table_bits(self) -> int:
        """Of tables as far as they differ, and one constant an output."""
        alive, constants = self.index_bits > 0, self._reached[0].sum(axis=1)
        offsets = self.outputs * bits_for(int(constants.min()), int(constants.max()))
        return int((1 << self.index_bits[alive]).sum()) * self.entry_bits + offsets

    @property
    def weight_bits(self) -> int:
        return 0

    @property
    def lookup_bits(self) -> tuple[int, int]:
        return self.entry_bits, max(1, self.entry_bits << int(self.index_bits.max(initial=0)))

    def hls(self) -> HlsKernel:
        low, high = int(self.table.min()), int(self.table.max())
        shifts = HlsArray(self.shifts, bits_for(0, int(self.shifts.max())), False, "lutrom", lanes=True)
        return HlsKernel(
            header="nnet_kernel_taps.h",
            struct="taps_kernel",
            constants={"n_entries": self.entries, "half_up": self.rounding == "half_up"},
            arrays={"table": HlsArray(self.table.transpose(1, 2, 0), bits_for(low, high), low < 0), "shifts": shifts},
        )

    def rtl(self) -> RtlKernel:
        low, high = self._reached
        words, weight_bits = self._weight_words
        index_bits = max(1, self.entries.bit_length() - 1)
        return RtlKernel(
            module="kernel_taps",
            parameters={
                "ENTRY_BITS": self.entry_bits,
                "INDEX_BITS": index_bits,
                "CHOICES": len(self.choices),
                "HALF_UP": int(self.rounding == "half_up"),
            },
            tables={"SHIFTS": (self.choices, 8)},
            weights=words,
            weight_bits=weight_bits,
            lane_bounds=(np.zeros_like(low), high - low),
            offsets=low.sum(axis=1),
            # a rounding, the choice of the shift, and a multiplexer of four entries a LUT
            logic=int(self.rounding == "half_up" and self.choices[-1] > 0) + int(len(self.choices) > 1) + -(-index_bits // 2),
        )

    @cached_property
    def _weight_words(self) -> tuple[np.ndarray, int]:
        """Every pair's table, bit by bit of all entries, above the number of its shift: (outputs, taps) objects, and their bits.

        Entries that no code picks are zero, so that a constant takes nothing.
        """
        low, _ = self._reached
        stored = self.table.astype(np.int64) - low[..., None]
        for shift in self.choices.tolist():
            void = np.ones(self.entries, bool)
            void[self._index(np.arange(self.lo, self.hi + 1), shift)] = False
            stored[(self.shifts == shift)[..., None] & void] = 0
        size = 2 ** max(1, self.entries.bit_length() - 1)
        stored = np.concatenate([stored] * (size // self.entries), axis=2)
        planes = (stored[..., None, :] >> np.arange(self.entry_bits)[:, None] & 1).astype(np.uint8)
        packed = np.packbits(planes.reshape(*self.shifts.shape, -1), axis=-1, bitorder="little")
        number, place = np.searchsorted(self.choices, self.shifts), bits_for(0, len(self.choices) - 1)
        words = np.zeros(self.shifts.shape, dtype=object)
        for pair in np.ndindex(self.shifts.shape):
            words[pair] = int.from_bytes(packed[pair].tobytes(), "little") << place | int(number[pair])
        return words, self.entry_bits * size + place


__all__ = ["MAX_INDEX_BITS", "TapTableKernel"]
