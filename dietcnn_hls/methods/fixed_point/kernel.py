# SPDX-License-Identifier: Apache-2.0
"""The baseline's kernel: ordinary integer multiply-accumulate, so that designs differ in the kernel and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from dietcnn_hls.integers import bits_for, exact_matmul
from dietcnn_hls.lowered import Constants, DecodingKernel, HlsArray, HlsKernel, Operations, RtlKernel, checks


@dataclass(frozen=True, eq=False)
class MultiplyKernel(DecodingKernel):
    """sum over taps of ``integer(code) * weight``.

    Attributes:
        weights: (outputs, taps) signed integers.
        fraction: grid of the products (input fraction + weight fraction).
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
        ends_only: see `DecodingKernel`.
    """

    method: ClassVar[str] = "fixed_point"
    weights: np.ndarray
    fraction: int
    integers: np.ndarray
    lo: int
    ends_only: bool = False

    def check(self) -> None:
        super().check()
        self.check_weights(-checks.REACH, checks.REACH - 1)
        heaviest = int(np.abs(self.weights.astype(np.float64)).sum(axis=1).max())
        checks.reach("sums of products", heaviest, checks.largest(self.integers))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.products(self.weights)
        return low.sum(axis=1), high.sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        return exact_matmul(self.decode(windows), self.weights[rows].T)

    def operations(self) -> Operations:
        return Operations(
            multiplications=self.outputs * self.taps,
            additions=self.outputs * (self.taps - 1),
            lookups=self.decodings,
        )

    @property
    def _weight_width(self) -> int:
        return bits_for(min(-1, int(self.weights.min())), int(self.weights.max()))

    @property
    def weight_bits(self) -> int:
        return self.weights.size * self._weight_width

    def hls(self) -> HlsKernel:
        return HlsKernel(
            header="nnet_kernel_multiply.h",
            struct="multiply_kernel",
            constants=self.hls_constants(),
            arrays={"weights": HlsArray(self.weights, self._weight_width, True, lanes=True), **self.hls_tables()},
        )

    def rtl(self) -> RtlKernel:
        """Radix-4 Booth rows, summed over the lanes without ever making a product."""
        rows = booth_rows(self.weights, self._weight_width, self.integers)
        offsets = rows.offsets.sum(axis=(1, 2))
        bounds = rows.low, rows.high
        return self._array("kernel_multiply", lane_bounds=bounds, by_addend=True, offsets=offsets, logic=1 + self.decodes)

    def constants(self) -> Constants:
        return self.constant_matrix(self.weights)

    def rtl_with_dsp(self) -> RtlKernel:
        return self._array("kernel_multiply_dsp", lane_bounds=self.products(self.weights), logic=0, stages=1)

    def _array(self, module: str, **sums: Any) -> RtlKernel:
        """A kernel array; `sums` are the fields of `RtlKernel` that say what its lanes add."""
        return RtlKernel(
            module=module,
            parameters=self.rtl_parameters(),
            tables=self.rtl_tables(),
            weights=self.weights.astype(np.int64) & ((1 << self._weight_width) - 1),
            weight_bits=self._weight_width,
            **sums,
        )


class BoothRows(NamedTuple):
    """What the rows of ``booth_rows.sv`` hold: lowest and highest value, and what each lacks of its part of the product."""

    low: np.ndarray
    high: np.ndarray
    offsets: np.ndarray


def booth_rows(weights: np.ndarray, width: int, integers: np.ndarray) -> BoothRows:
    """Radix-4 Booth rows of products with `integers`; A. D. Booth 1951 in O. L. MacSorley's form, Proc. IRE 49, 1961.

    Args:
        weights: (outputs, taps) integers of `width` bits in two's complement.
        width: see `weights`.
        integers: what the inputs can be.

    Returns:
        Arrays (outputs, taps, rows), int64: row i is unsigned and holds ``4**i * digit * input - offsets``.
    """
    places = np.arange(0, width, 2)
    padded = (weights.astype(np.int64) << 1)[..., None] >> places  # the digit's bits are the lowest three
    digits = (padded & 1) + (padded >> 1 & 1) - 2 * (padded >> 2 & 1)
    lo, hi = int(integers.min()), int(integers.max())
    middle = 1 << (bits_for(lo, hi) - 1) if lo < 0 else 0
    size = np.abs(digits)
    ones = (size << bits_for(lo, hi)) - 1
    negative = digits < 0
    offsets = np.where(negative, size * middle - ones, -size * middle) * (size > 0)
    ends = np.stack([digits * end - offsets for end in (lo, hi)]) << places
    return BoothRows(ends.min(axis=0), ends.max(axis=0), offsets << places)
