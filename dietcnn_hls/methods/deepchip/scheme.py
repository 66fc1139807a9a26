# SPDX-License-Identifier: Apache-2.0
"""Ternary weights, as a front end tells them."""

from __future__ import annotations

from dataclasses import dataclass

from dietcnn_hls.methods.base import Scheme


@dataclass(frozen=True)
class TernaryScheme(Scheme):
    """A weight stands for ``positive``, 0 or ``-negative``, as `scales.ternarise` decides.

    Attributes:
        threshold: weights up to this fraction of the layer's largest are zero.
        positive: scale of positive weights, a grid integer.
        negative: scale of negative weights, likewise.
        fraction: grid of the scales.
    """

    threshold: float
    positive: int
    negative: int
    fraction: int
