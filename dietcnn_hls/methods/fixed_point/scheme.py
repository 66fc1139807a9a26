# SPDX-License-Identifier: Apache-2.0
"""Weights on a uniform grid, as a front end tells them."""

from __future__ import annotations

from dataclasses import dataclass

from dietcnn_hls.methods.base import Scheme


@dataclass(frozen=True)
class UniformScheme(Scheme):
    """A weight stands for ``clip(round(w * 2**fraction), lo, hi) * 2**-fraction``, ties to even.

    Attributes:
        lo: smallest integer.
        hi: largest integer.
        fraction: the grid.
    """

    lo: int
    hi: int
    fraction: int

    @property
    def weight_range(self) -> tuple[int, int, int]:
        return self.lo, self.hi, self.fraction
