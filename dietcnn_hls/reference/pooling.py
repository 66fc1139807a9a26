# SPDX-License-Identifier: Apache-2.0
"""Maxima and sums over windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dietcnn_hls.integers import im2col
from dietcnn_hls.lowered import MaxPool, Stream, SumPool
from dietcnn_hls.reference.registry import EVALUATORS


@EVALUATORS.register(MaxPool)
def max_pool(op: MaxPool, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Maximum of codes; padding holds the smallest."""
    w = op.window
    return im2col(inputs[0], w.size, w.stride, w.padding, streams[0].lo).max(axis=(3, 4))


@EVALUATORS.register(SumPool)
def sum_pool(op: SumPool, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Sum of decoded integers."""
    w = op.window
    return im2col(streams[0].decode(inputs[0]), w.size, w.stride, w.padding, 0).sum(axis=(3, 4))


__all__ = ["max_pool", "sum_pool"]
