# SPDX-License-Identifier: Apache-2.0
"""Codes in another order, and streams one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dietcnn_hls.lowered import Gather, Join, Stream
from dietcnn_hls.reference.registry import EVALUATORS


@EVALUATORS.register(Gather)
def gather(op: Gather, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """By index; the code of zero where that is -1."""
    flat = inputs[0].reshape(len(inputs[0]), -1)
    return np.where(op.indices < 0, streams[0].zero_code if op.pads else 0, flat[:, op.indices])


@EVALUATORS.register(Join)
def join(op: Join, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Along the axis, on one grid."""
    return np.concatenate([x << shift for x, shift in zip(inputs, op.shifts, strict=True)], axis=op.axis + 1)


__all__ = ["gather", "join"]
