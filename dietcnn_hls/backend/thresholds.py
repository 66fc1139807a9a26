# SPDX-License-Identifier: Apache-2.0
"""Folds affine maps (batch-norm) and activation thresholds into per-channel integer thresholds on the accumulator.

Our Keras batch-norm computes, at inference, ``y = float32(float64(x) * float64(scale) + float64(shift))`` with float32
x, scale and shift. The product of two 24-bit significands is exact in float64, so y is the same on every machine, with
or without fused multiply-add, and it is monotone in x. The integer thresholds found here by bisection over that very
function are therefore exact, not approximations.
"""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Encode, Stream


def batch_norm(y: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Our Keras batch-norm at inference: float32 values (channels last or broadcast) -> float32."""
    return (y.astype(np.float64) * scale.astype(np.float64) + shift.astype(np.float64)).astype(np.float32)


def affine(acc: np.ndarray, fraction: int, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What the Keras layers make of accumulator integers: float32 values after batch-norm (channels last)."""
    return batch_norm((acc.astype(np.float64) * 2.0**-fraction).astype(np.float32), scale, shift)


def fold_thresholds(
    source: Stream,
    thresholds: np.ndarray,
    levels: tuple[int, ...],
    fraction: int,
    scale: np.ndarray | None = None,
    shift: np.ndarray | None = None,
    bias: np.ndarray | None = None,
) -> Encode:
    """Activation thresholds behind an affine map -> Encode on the accumulator without bias.

    Args:
        source: accumulator stream, before bias.
        thresholds: (K-1,) float32, non-decreasing: symbol = #{j : y >= thresholds[j]}.
        levels: K output centroids, grid integers.
        fraction: output grid.
        scale: (C,) float32 batch-norm scale, or None for identity.
        shift: (C,) float32 batch-norm shift, or None for zero.
        bias: (C,) int64 on the accumulator's grid, added before the affine map.
    """
    channels = 1 if scale is None and bias is None else source.channels
    scale = np.ones(channels, np.float32) if scale is None else scale.astype(np.float32)
    shift = np.zeros(channels, np.float32) if shift is None else shift.astype(np.float32)
    offset = np.zeros(channels, np.int64) if bias is None else bias.astype(np.int64)
    targets = thresholds.astype(np.float32)[None, :]
    flip = scale < 0

    def crossed(acc: np.ndarray) -> np.ndarray:
        """True from the threshold on, in the direction in which the accumulator grows."""
        y = affine(acc + offset[:, None], source.fraction, scale[:, None], shift[:, None])
        return (y >= targets) ^ flip[:, None]

    low = np.full((channels, len(thresholds)), source.lo, np.int64)
    high = np.full_like(low, source.hi + 1)  # hi + 1: never crossed
    while (low < high).any():
        middle = (low + high) >> 1
        hit = crossed(middle)
        high = np.where(hit, middle, high)
        low = np.where(hit | (low >= high), low, middle + 1)
    return Encode(np.sort(high, axis=1), flip, tuple(levels), fraction)
