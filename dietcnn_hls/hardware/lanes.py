# SPDX-License-Identifier: Apache-2.0
"""Lanes of a kernel array: which weight each takes in which beat, and what each can contribute to the sums behind it."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.hardware.geometry import Geometry, WindowShape
from dietcnn_hls.lowered import Fold, RtlKernel


def lane_order(geometry: Geometry, shape: WindowShape, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Which weight every lane takes in every word of the weight memory.

    Returns:
        (words, PE, SIMD) output index and tap index; words run over groups, output passes and beats.
    """
    taps = shape.tap(geometry)
    passes = geometry.outputs // fold.pe
    outputs = np.arange(geometry.outputs).reshape(passes, 1, fold.pe, 1)
    full = (passes, len(taps), fold.pe, fold.simd)
    arrays = [np.broadcast_to(a, full).reshape(-1, fold.pe, fold.simd) for a in (outputs, taps[None, :, None, :])]
    return arrays[0], arrays[1]


def addend_bounds(kernel: RtlKernel, order: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(lowest, highest) of every addend in the order in which the module adds them, each (words, PE, addends).

    Args:
        kernel: one whose module sums integers (`lane_bounds` is there).
        order: from `lane_order`, or some of its words.
    """
    assert kernel.lane_bounds is not None

    def ordered(bound: np.ndarray) -> np.ndarray:
        lanes = bound[order]
        if kernel.by_addend and lanes.ndim == 4:
            lanes = np.swapaxes(lanes, 2, 3)
        return lanes.reshape(*lanes.shape[:2], -1)

    low, high = kernel.lane_bounds
    return ordered(low), ordered(high)


__all__ = ["addend_bounds", "lane_order"]
