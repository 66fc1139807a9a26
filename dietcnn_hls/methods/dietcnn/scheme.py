# SPDX-License-Identifier: Apache-2.0
"""Codebook weights, as a front end tells them."""

from __future__ import annotations

from dataclasses import dataclass

from dietcnn_hls.methods.base import Scheme


@dataclass(frozen=True)
class SymbolicSums:
    """Sums as symbols.

    Attributes:
        levels: sorted centroids of the sums, grid integers.
        fraction: their grid.
        order: 'tree' or 'ripple', in which taps are added.
    """

    levels: tuple[int, ...]
    fraction: int
    order: str


@dataclass(frozen=True)
class CodebookScheme(Scheme):
    """A weight stands for its nearest centroid, one on a midpoint for the upper one.

    Attributes:
        levels: sorted centroids, grid integers.
        fraction: their grid.
        sums: None for exact integer sums.
    """

    levels: tuple[int, ...]
    fraction: int
    sums: SymbolicSums | None = None
