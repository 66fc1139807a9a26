# SPDX-License-Identifier: Apache-2.0
"""Signed-digit weights, as a front end tells them."""

from __future__ import annotations

from dataclasses import dataclass

from dietcnn_hls.methods.base import Scheme


@dataclass(frozen=True)
class SignedDigitScheme(Scheme):
    """A weight stands for its nearest sum of signed powers of two.

    Attributes:
        positions: for each digit the shifts that it may have.
        fraction: grid of the weights.
    """

    positions: tuple[tuple[int, ...], ...]
    fraction: int
