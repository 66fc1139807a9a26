# SPDX-License-Identifier: Apache-2.0
"""DeepChip's kernel: two accumulations and a constant scaling of each, once per output.

``(positive * P - negative * N) << shift`` with P the sum of the inputs whose weight is positive and N of those whose weight is
negative. The scales are one pair a layer, known at build time: shifts and adds, or wires where they are powers of two.
Schindler et al., Towards Efficient Forward Propagation on Resource-Constrained Systems, ECML PKDD 2018.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from dietcnn_hls.integers import bits_for, exact_matmul
from dietcnn_hls.lowered import Constants, DecodingKernel, HlsArray, HlsKernel, Operations, RtlKernel, checks
from dietcnn_hls.methods.deepchip.huffman import LENGTH_BITS, Compressed, compress
from dietcnn_hls.methods.deepchip.scales import adders

CODE_BITS = 2
"""A stored weight: bit 0 says that it is not zero, bit 1 that it is negative."""


@dataclass(frozen=True, eq=False)
class TernaryKernel(DecodingKernel):
    """``(positive * sum of integers at +1 - negative * sum of integers at -1) << shifts[output]``.

    Attributes:
        weights: (outputs, taps) int8 in {-1, 0, 1}.
        positive: scale of the positive weights, an integer > 0.
        negative: scale of the negative weights, an integer > 0.
        shifts: (outputs,) left shift of each output, >= 0: a batch-norm whose gains are powers of two.
        fraction: grid of the results.
        integers: grid integers of the input codes lo..hi, in order.
        lo: the first input code.
    """

    method: ClassVar[str] = "deepchip"
    weights: np.ndarray
    positive: int
    negative: int
    shifts: np.ndarray
    fraction: int
    integers: np.ndarray
    lo: int

    def check(self) -> None:
        super().check()
        self.check_weights(-1, 1)
        for scale in (self.positive, self.negative):
            checks.integer("a ternary scale", scale, low=1)
        checks.array("shifts of ternary outputs", self.shifts, (self.outputs,), 0, checks.MAX_SHIFT)
        scale = max(self.positive, self.negative) << int(self.shifts.max())
        checks.reach("scaled ternary sums", scale, checks.largest(self.integers), self.taps)

    @property
    def scaled_weights(self) -> np.ndarray:
        """(outputs, taps) integers: what an ordinary layer would multiply with."""
        scale = np.where(self.weights > 0, self.positive, self.negative)
        return (self.weights.astype(np.int64) * scale) << self.shifts.astype(np.int64)[:, None]

    def constants(self) -> Constants:
        return self.constant_matrix(self.scaled_weights)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.products(self.scaled_weights)
        return low.sum(axis=1), high.sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        weights, values = self.weights[rows], self.decode(windows)
        plus = exact_matmul(values, (weights > 0).T)
        minus = exact_matmul(values, (weights < 0).T)
        return (self.positive * plus - self.negative * minus) << self.shifts[rows].astype(np.int64)

    def scaled(self, exponents: np.ndarray, lowest: int) -> TernaryKernel:
        shifts = self.shifts + np.asarray(exponents, dtype=np.int64) - lowest
        return replace(self, shifts=shifts, fraction=self.fraction - lowest)

    @property
    def scalings(self) -> int:
        """Constant scalings per output: the scales that are no powers of two (their shift-adds are in `operations`)."""
        return sum(bool(adders(scale)) for scale in (self.positive, self.negative))

    @property
    def zeros(self) -> int:
        """Weights that are zero."""
        return int((self.weights == 0).sum())

    def operations(self) -> Operations:
        """The adds of nonzero weights, a subtraction and the scalings' adds per output, a shift where channels differ."""
        per_side = np.stack([(self.weights > 0).sum(axis=1), (self.weights < 0).sum(axis=1)])
        accumulated = int(np.maximum(per_side - 1, 0).sum())
        joined = int((per_side > 0).all(axis=0).sum())
        return Operations(
            additions=accumulated + joined + self.outputs * (adders(self.positive) + adders(self.negative)),
            shifts=self.outputs if self._shifted else 0,
            lookups=self.decodings,
        )

    @property
    def _shifted(self) -> bool:
        """True where outputs shift by different amounts, which hardware that shares lanes does at run time."""
        return bool((self.shifts != self.shifts[0]).any())

    @property
    def _sum_range(self) -> tuple[int, int]:
        """Range of P and of N over all input codes."""
        taps = int(max((self.weights > 0).sum(axis=1).max(), (self.weights < 0).sum(axis=1).max()))
        return min(0, taps * int(self.integers.min())), max(0, taps * int(self.integers.max()))

    @property
    def table_bits(self) -> int:
        shifts = self.outputs * bits_for(0, int(self.shifts.max())) if self._shifted else 0
        return shifts + super().table_bits

    @property
    def weight_bits(self) -> int:
        return self.weights.size * CODE_BITS

    @cached_property
    def compressed(self) -> Compressed:
        """The weights as a Huffman-coded stream."""
        return compress(self.weights)

    @property
    def codes(self) -> np.ndarray:
        """(outputs, taps) uint8 stored weights: 0, 1 (plus) or 3 (minus)."""
        return np.where(self.weights < 0, 3, self.weights).astype(np.uint8)

    def hls(self) -> HlsKernel:
        low, high = self._sum_range
        arrays = {
            "weights": HlsArray(self.codes, CODE_BITS, False, lanes=True),
            "shifts": HlsArray(self.shifts, bits_for(0, int(self.shifts.max())), False, "lutrom"),
            "lengths": HlsArray(self.compressed.lengths, LENGTH_BITS, False),
            "stream": HlsArray(self.compressed.stream, 8, False),
            **self.hls_tables(),
        }
        return HlsKernel(
            header="nnet_kernel_ternary.h",
            struct="ternary_kernel",
            constants={
                "positive": self.positive,
                "negative": self.negative,
                "sum_bits": bits_for(low, high),
                "sum_signed": low < 0,
                "runs": self.compressed.dictionary.kind == "run",
                "string_size": self.compressed.dictionary.size,
                "n_symbols": len(self.compressed.lengths),
                "n_bytes": len(self.compressed.stream),
                **self.hls_constants(),
            },
            arrays=arrays,
        )

    def rtl(self) -> RtlKernel:
        """Scales are applied to every input, once for all outputs, which leaves one accumulation (see the module)."""
        negative = self.weights < 0
        low, high = self.products(np.where(negative, -self.negative, self.positive * (self.weights > 0)))
        return RtlKernel(
            module="kernel_ternary",
            parameters={"POSITIVE": self.positive, "NEGATIVE": self.negative, **self.rtl_parameters()},
            tables=self.rtl_tables(),
            weights=self.codes,
            weight_bits=CODE_BITS,
            lane_bounds=(low - negative, high - negative),
            offsets=negative.sum(axis=1),
            shifts=self.shifts if self.shifts.any() else None,
            logic=1 + self.decodes + 2 * max(adders(self.positive), adders(self.negative)),
        )
