# SPDX-License-Identifier: Apache-2.0
"""Convolutions and dense layers: the kernel's own arithmetic on every window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dietcnn_hls.integers import im2col
from dietcnn_hls.lowered import Linear, Stream, Window
from dietcnn_hls.reference.registry import EVALUATORS


@EVALUATORS.register(Linear)
def linear(op: Linear, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Kernel over taps, plus bias."""
    if op.window is None:
        result = op.kernel.accumulate(inputs[0].reshape(len(inputs[0]), -1))
    else:
        result = _convolve(op, op.window, streams[0], inputs[0])
    return result if op.bias is None else result + op.bias


def _convolve(op: Linear, window: Window, stream: Stream, codes: np.ndarray) -> np.ndarray:
    fill = stream.zero_code if any(window.padding) else 0
    columns = im2col(codes, window.size, window.stride, window.padding, fill)
    groups = np.split(columns, window.groups, axis=-1)
    rows = op.kernel.outputs // window.groups
    parts = [op.kernel.accumulate(g.reshape(-1, op.kernel.taps), slice(i * rows, (i + 1) * rows)) for i, g in enumerate(groups)]
    return np.concatenate(parts, axis=-1)


__all__ = ["linear"]
