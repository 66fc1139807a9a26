# SPDX-License-Identifier: Apache-2.0
"""ConLoCNN's kernel: a multiply-accumulate whose weight fields drive shifters and add/sub directly.

Per tap and digit: one shift of the input by a position from a small set (a multiplexer), one conditional negation, one add.
Hanif et al., ConLoCNN, IJCNN 2022, arXiv 2208.00331.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import ClassVar

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.integers import bits_for, exact_matmul
from dietcnn_hls.lowered import Constants, DecodingKernel, HlsArray, HlsKernel, Operations, RtlKernel, checks
from dietcnn_hls.methods.conlocnn.format import DigitFormat


@cache
def _format(positions: tuple[tuple[int, ...], ...]) -> DigitFormat:
    """One object a format, so that its tables are computed once."""
    return DigitFormat(positions)


@dataclass(frozen=True, eq=False)
class SignedDigitKernel(DecodingKernel):
    """sum over taps and digits of ``sign * (integer(code) << position)``.

    Attributes:
        words: (outputs, taps) uint16 encoded weights, see `DigitFormat`.
        positions: shifts that each digit may take.
        fraction: grid of the sums (input fraction + weight fraction).
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
    """

    method: ClassVar[str] = "conlocnn"
    words: np.ndarray
    positions: tuple[tuple[int, ...], ...]
    fraction: int
    integers: np.ndarray
    lo: int

    def check(self) -> None:
        super().check()
        checks.instance("the positions of a signed-digit kernel", self.positions, tuple)
        for shifts in self.positions:
            checks.integers("the positions of a digit", shifts)
        checks.array("words of weights", self.words, (None, None), 0, (1 << self.format.bits) - 1)
        if not self.format.meaningful[self.words].all():
            raise LoweringError(f"a weight's word names a position beyond {self.positions}")
        checks.reach("sums of shifted inputs", checks.largest(self.weights), checks.largest(self.integers), self.taps)

    @property
    def format(self) -> DigitFormat:
        return _format(self.positions)

    @cached_property
    def weights(self) -> np.ndarray:  # type: ignore[override]  # what the words say; no field of its own
        """(outputs, taps) decoded integers."""
        return self.format.decode(self.words)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.products(self.weights)
        return low.sum(axis=1), high.sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        return exact_matmul(self.decode(windows), self.weights[rows].T)

    def operations(self) -> Operations:
        """A shift and an add/sub for every digit of every tap, present or not: the folded hardware's work."""
        digits = self.format.digits
        return Operations(
            shifts=self.outputs * self.taps * digits,
            additions=self.outputs * (self.taps * digits - 1),
            lookups=self.decodings,
        )

    @property
    def weight_bits(self) -> int:
        return self.words.size * self.format.bits

    @property
    def _position_table(self) -> np.ndarray:
        """(digits, widest position set) shifts; short rows repeat their last shift, which no valid word addresses."""
        width = max(len(shifts) for shifts in self.positions)
        return np.array([(*shifts, *(shifts[-1],) * (width - len(shifts))) for shifts in self.positions], dtype=np.int64)

    def hls(self) -> HlsKernel:
        arrays = {
            "positions": HlsArray(self._position_table, bits_for(0, int(self._position_table.max())), False, "lutrom"),
            "code_bits": HlsArray(np.array(self.format.code_bits), 4, False, "lutrom"),
            "weights": HlsArray(self.words, self.format.bits, False, lanes=True),
            **self.hls_tables(),
        }
        return HlsKernel(
            header="nnet_kernel_signed_digit.h",
            struct="signed_digit_kernel",
            constants={
                "n_digits": self.format.digits,
                "n_positions": self._position_table.shape[1],
                **self.hls_constants(),
            },
            arrays=arrays,
        )

    def rtl(self) -> RtlKernel:
        counts = np.array([len(shifts) for shifts in self.positions])
        low, high, inverted = self._addends
        return RtlKernel(
            module="kernel_signed_digit",
            parameters={
                "DIGITS": self.format.digits,
                "MAX_POSITIONS": int(counts.max()),
                "MAX_SHIFT": int(self._position_table.max()),
                **self.rtl_parameters(),
            },
            tables={"POSITIONS": (self._position_table, 4), "COUNTS": (counts, 4), **self.rtl_tables()},
            weights=self.words,
            weight_bits=self.format.bits,
            lane_bounds=(low, high),
            offsets=inverted.sum(axis=(1, 2)),
            logic=2 + int(counts.max() > 3) + self.decodes,  # a choice of shifts, and its sign
        )

    def constants(self) -> Constants:
        return self.constant_matrix(self.weights)

    @property
    def _addends(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lowest and highest addend of every digit, (outputs, taps, digits), and 1 where it is negated by inversion.

        An inverted addend is one less than the negative one.
        """
        parts = []
        for shifts, (code, sign) in zip(self.positions, self.format.fields(self.words), strict=True):
            magnitude = np.array([0, *(1 << s for s in shifts)], dtype=np.int64)[code]
            ends = [np.where(sign, -1, 1) * magnitude * int(v) - sign for v in (self.integers.min(), self.integers.max())]
            parts.append((np.minimum(*ends), np.maximum(*ends), sign))
        low, high, inverted = (np.stack(arrays, axis=2) for arrays in zip(*parts, strict=True))
        return low, high, inverted
