# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulate with an accumulator that is coarser than the products, as hls4ml has it where ``accum_t`` is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.integers import bits_for, round_shift
from dietcnn_hls.lowered import DecodingKernel, HlsArray, HlsKernel, Operations, RtlKernel, checks
from dietcnn_hls.lowered.elementwise import ROUNDINGS


@dataclass(frozen=True, eq=False)
class RoundedMultiplyKernel(DecodingKernel):
    """sum over taps of ``round(integer(code) * weight * 2**-drop)``.

    Attributes:
        weights: (outputs, taps) signed integers.
        fraction: grid of the sums (input fraction + weight fraction - drop).
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
        drop: bits that each product loses before it is added, 1 or more.
        rounding: of each product, see `dietcnn_hls.integers.round_shift`.
        ends_only: see `DecodingKernel`.
    """

    method: ClassVar[str] = "fixed_point"
    weights: np.ndarray
    fraction: int
    integers: np.ndarray
    lo: int
    drop: int
    rounding: str
    ends_only: bool = False

    def check(self) -> None:
        super().check()
        self.check_weights(-checks.REACH, checks.REACH - 1)
        heaviest = int(np.abs(self.weights.astype(np.float64)).sum(axis=1).max())
        checks.reach("sums of products", heaviest, checks.largest(self.integers))
        checks.integer("the bits that a product loses", self.drop, 1, checks.MAX_SHIFT)
        checks.choice("the rounding of products", self.rounding, ROUNDINGS)

    def _rounded(self, products: np.ndarray) -> np.ndarray:
        return round_shift(products, self.drop, self.rounding)

    def rounded_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest rounded product of every weight, (outputs, taps)."""
        low, high = self.products(self.weights)
        return self._rounded(low), self._rounded(high)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.rounded_bounds()
        return low.sum(axis=1), high.sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        values, weights = self.decode(windows), self.weights[rows].astype(np.int64)
        sums = np.zeros((len(windows), len(weights)), np.int64)
        for tap in range(self.taps):
            sums += self._rounded(values[:, tap, None] * weights[:, tap])
        return sums

    def operations(self) -> Operations:
        added = self.outputs * (self.taps - 1) + (self.outputs * self.taps if self.rounding != "floor" else 0)
        return Operations(multiplications=self.outputs * self.taps, additions=added, lookups=self.decodings)

    @property
    def _weight_width(self) -> int:
        return bits_for(min(-1, int(self.weights.min())), int(self.weights.max()))

    @property
    def weight_bits(self) -> int:
        return self.weights.size * self._weight_width

    def hls(self) -> HlsKernel:
        shape = {"drop": self.drop, "rounding": ROUNDINGS.index(self.rounding)}
        width = max(self.integer_bits + self._weight_width, self.drop) + 2
        return HlsKernel(
            header="nnet_kernel_rounded.h",
            struct="rounded_kernel",
            constants={**self.hls_constants(), **shape, "product_bits": width},
            arrays={"weights": HlsArray(self.weights, self._weight_width, True, lanes=True), **self.hls_tables()},
        )

    def rtl(self) -> RtlKernel:
        return RtlKernel(
            module="kernel_multiply_dsp",
            parameters={**self.rtl_parameters(), "DROP": self.drop, "ROUNDING": ROUNDINGS.index(self.rounding)},
            tables=self.rtl_tables(),
            weights=self.weights.astype(np.int64) & ((1 << self._weight_width) - 1),
            weight_bits=self._weight_width,
            lane_bounds=self.rounded_bounds(),
            logic=0,
            stages=1,
        )


__all__ = ["RoundedMultiplyKernel"]
