# SPDX-License-Identifier: Apache-2.0
"""The baseline's kernel: ordinary integer multiply-accumulate, so that designs differ in the kernel and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.integers import bits_for, exact_matmul
from dietcnn_hls.methods.base import HlsArray, HlsKernel, RtlKernel
from dietcnn_hls.methods.decoding import DecodingKernel
from dietcnn_hls.operations import Operations


@dataclass(frozen=True, eq=False)
class MultiplyKernel(DecodingKernel):
    """sum over taps of ``integer(code) * weight``.

    Attributes:
        weights: (outputs, taps) signed integers.
        fraction: grid of the products (input fraction + weight fraction).
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
    """

    method: ClassVar[str] = "fixed_point"
    weights: np.ndarray
    fraction: int
    integers: np.ndarray
    lo: int

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
        width = self._weight_width
        return RtlKernel(
            module="kernel_multiply",
            parameters={**self.rtl_parameters(), "USE_DSP": 0},
            tables=self.rtl_tables(),
            weights=self.weights.astype(np.int64) & ((1 << width) - 1),
            weight_bits=width,
            lane_bounds=self.products(self.weights),
        )
