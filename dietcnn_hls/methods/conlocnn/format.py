# SPDX-License-Identifier: Apache-2.0
"""Signed-digit weight formats: a weight is a sum of signed powers of two from restricted position sets.

The word of a weight is the concatenation of its digits' fields, digit 0 in the lowest bits. A field holds, from its lowest
bit, a k-bit position code and one sign bit. Code 0 means that the digit is absent, code i + 1 means ``positions[i]``; the
fields drive shifter and add/sub directly. After ELP_BSD of ConLoCNN (Hanif et al., arXiv 2208.00331); this field layout is
our reconstruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from dietcnn_hls.errors import LoweringError

MAX_WORD_BITS = 12
"""Widest word: beyond it a shifter for every digit costs more than the multiplier it replaces."""

MAX_POSITION = 15
"""Largest shift."""


@dataclass(frozen=True)
class DigitFormat:
    """``weight = sum over digits of sign * 2**position``, an integer on the layer's weight grid.

    Attributes:
        positions: for each digit, the shifts it may take, strictly increasing and not negative.
    """

    positions: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.positions or not all(self.positions):
            raise LoweringError("a signed-digit format needs at least one digit, and each digit at least one position")
        for shifts in self.positions:
            if shifts[0] < 0 or shifts[-1] > MAX_POSITION or any(a >= b for a, b in pairwise(shifts)):
                raise LoweringError(f"positions of a digit must increase from 0 or more to {MAX_POSITION} or less, got {shifts}")
        if self.bits > MAX_WORD_BITS:
            raise LoweringError(f"words of {self.bits} bits: a signed-digit format has at most {MAX_WORD_BITS}")

    @property
    def digits(self) -> int:
        return len(self.positions)

    @property
    def code_bits(self) -> tuple[int, ...]:
        """k of each digit: the width of its position code."""
        return tuple(len(shifts).bit_length() for shifts in self.positions)

    @property
    def bits(self) -> int:
        """Width of an encoded weight."""
        return sum(k + 1 for k in self.code_bits)

    def fields(self, words: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """(position code, sign) arrays of each digit, of the shape of `words`."""
        result, offset = [], 0
        for k in self.code_bits:
            field = np.asarray(words, dtype=np.int64) >> offset
            result.append((field & ((1 << k) - 1), (field >> k) & 1))
            offset += k + 1
        return result

    @cached_property
    def meaningful(self) -> np.ndarray:
        """(2**bits,) bool: False for words with a position code beyond the position set."""
        codes = [code for code, _ in self.fields(np.arange(1 << self.bits))]
        return np.all([code <= len(p) for code, p in zip(codes, self.positions, strict=True)], axis=0)

    @cached_property
    def values(self) -> np.ndarray:
        """The weight of every word, int64 (2**bits,); 0 for words without meaning."""
        total = np.zeros(1 << self.bits, dtype=np.int64)
        for shifts, k, (code, sign) in zip(self.positions, self.code_bits, self.fields(np.arange(1 << self.bits)), strict=True):
            magnitude = np.zeros(1 << k, dtype=np.int64)
            magnitude[1 : len(shifts) + 1] = 1 << np.array(shifts)
            total += np.where(sign, -1, 1) * magnitude[code]
        return np.where(self.meaningful, total, 0)

    @cached_property
    def levels(self) -> np.ndarray:
        """The distinct weights, increasing, int64."""
        return np.unique(self.values)

    @cached_property
    def _canonical(self) -> np.ndarray:
        """The word of each level: fewest digits present, no sign on an absent digit, then the lowest."""
        words = np.arange(1 << self.bits)
        fields = self.fields(words)
        present = np.sum([code > 0 for code, _ in fields], axis=0)
        idle_sign = np.any([(code == 0) & (sign == 1) for code, sign in fields], axis=0)
        order = np.lexsort((words, idle_sign, present, ~self.meaningful))
        _, first = np.unique(self.values[order], return_index=True)
        return order[first].astype(np.uint16)

    def encode(self, weights: np.ndarray) -> np.ndarray:
        """Integers of any shape to words, uint16; LoweringError names a weight that the format cannot express."""
        index = np.clip(np.searchsorted(self.levels, weights), 0, len(self.levels) - 1)
        wrong = np.asarray(weights)[self.levels[index] != weights]
        if wrong.size:
            raise LoweringError(f"weight {wrong.flat[0]} is no sum of signed powers of two at positions {self.positions}")
        return self._canonical[index]

    def decode(self, words: np.ndarray) -> np.ndarray:
        """Words of any shape to integers, int64."""
        return self.values[words]
