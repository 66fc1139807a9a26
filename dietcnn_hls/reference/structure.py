# SPDX-License-Identifier: Apache-2.0
"""How codes change their shape and meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dietcnn_hls.lowered import Add, Reshape, Stream
from dietcnn_hls.reference.registry import EVALUATORS


@EVALUATORS.register(Reshape)
def reshape(op: Reshape, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The same codes."""
    return inputs[0]


@EVALUATORS.register(Add)
def add(op: Add, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Decoded integers on the finer grid, summed."""
    left, right = (s.decode(x) << shift for s, x, shift in zip(streams, inputs, op.shifts, strict=True))
    return left + right


__all__ = ["add", "reshape"]
