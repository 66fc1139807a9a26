# SPDX-License-Identifier: Apache-2.0
"""The product table of an encoder as an exact sum of few products: ``table[x, w] = x * w + sum_r left[x, r] * right[w, r]``.

Every Boolean function is an integer polynomial in its input bits, so each encoder's error is a sum of (product of bits of x)
times (function of w). One convolution a term replaces one table look-up a multiply-accumulate: training and the reference
then run on matrix products, and stay exact because every factor is an integer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.methods.encodingnet.netlist import OPERAND_BITS, exact_products, operand_values


@dataclass(frozen=True, eq=False)
class LowRank:
    """Factors of a product table.

    Attributes:
        left: (256, 1 + R) int64 functions of x by code; column 0 is the value of x.
        right: (256, 1 + R) int64 functions of w by code; column 0 is the value of w.
    """

    left: np.ndarray
    right: np.ndarray

    @property
    def terms(self) -> int:
        """1 + R, matrix products a layer."""
        return self.left.shape[1]

    @classmethod
    def of(cls, table: np.ndarray) -> LowRank:
        """Exact factors of a (256, 256) table indexed by the codes of x and w."""
        error = table.astype(np.int64) - exact_products()
        by_x, by_w = _factor(error), _factor(error.T)
        small, other = by_x if by_x[0].shape[1] <= by_w[0].shape[1] else by_w[::-1]
        values = operand_values()[:, None]
        return cls(np.hstack([values, small]), np.hstack([values, other]))


def _factor(error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products of row bits (0/1) and their coefficients: ``error == monomials @ coefficients.T``, rows that are zero left out."""
    coefficients = error.copy()
    for bit in range(OPERAND_BITS):  # Moebius transform over the subsets of row bits
        pairs = coefficients.reshape(-1, 2, 1 << bit, error.shape[1])
        pairs[:, 1] -= pairs[:, 0]
    codes = np.arange(1 << OPERAND_BITS)
    used = np.flatnonzero(coefficients.any(axis=1))
    monomials = ((codes[:, None] & used[None, :]) == used[None, :]).astype(np.int64)
    return monomials, coefficients[used].T
