# SPDX-License-Identifier: Apache-2.0
"""The baseline's kernel: ordinary integer multiply-accumulate, so that designs differ in the kernel and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dietcnn_hls.integers import bits_for, exact_matmul
from dietcnn_hls.methods.base import HlsArray, HlsKernel, Kernel, KernelOutput, RtlKernel
from dietcnn_hls.operations import Operations


@dataclass(frozen=True, eq=False)
class MultiplyKernel(Kernel):
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

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def taps(self) -> int:
        return self.weights.shape[1]

    @property
    def output(self) -> KernelOutput:
        lows, highs = self.bounds()
        return KernelOutput(int(lows.min()), int(highs.max()), self.fraction)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        weights = self.weights.astype(np.int64)
        ends = np.stack([weights * int(self.integers.min()), weights * int(self.integers.max())])
        return ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        return exact_matmul(self.integers[windows - self.lo], self.weights[rows].T)

    def operations(self) -> Operations:
        return Operations(
            multiplications=self.outputs * self.taps,
            additions=self.outputs * (self.taps - 1),
            lookups=0 if self._identity else self.taps,
        )

    @property
    def _identity(self) -> bool:
        """True where the codes are the integers themselves and need no decoding table."""
        return bool(np.array_equal(self.integers, np.arange(self.lo, self.lo + len(self.integers))))

    @property
    def _integer_bits(self) -> int:
        return bits_for(int(self.integers.min()), int(self.integers.max()))

    @property
    def _weight_width(self) -> int:
        return bits_for(min(-1, int(self.weights.min())), int(self.weights.max()))

    @property
    def table_bits(self) -> int:
        return 0 if self._identity else len(self.integers) * self._integer_bits

    @property
    def weight_bits(self) -> int:
        return self.weights.size * self._weight_width

    def hls(self) -> HlsKernel:
        arrays = {"weights": HlsArray(self.weights, self._weight_width, True, lanes=True)}
        if not self._identity:
            arrays["integers"] = HlsArray(self.integers, self._integer_bits, bool(self.integers.min() < 0), "lutrom")
        return HlsKernel(
            header="nnet_kernel_multiply.h",
            struct="multiply_kernel",
            constants={"decode": not self._identity, "first_code": self.lo},
            arrays=arrays,
        )

    def rtl(self) -> RtlKernel:
        width = self._weight_width
        weights = self.weights.astype(np.int64)
        ends = np.stack([weights * int(self.integers.min()), weights * int(self.integers.max())])
        return RtlKernel(
            module="kernel_multiply",
            parameters={
                "INTEGER_BITS": self._integer_bits,
                "INTEGER_SIGNED": int(self.integers.min() < 0),
                "DECODE": int(not self._identity),
                "USE_DSP": 0,
            },
            tables={} if self._identity else {"INTEGERS": (self.integers, self._integer_bits)},
            weights=weights & ((1 << width) - 1),
            weight_bits=width,
            lane_bounds=(ends.min(axis=0), ends.max(axis=0)),
        )
