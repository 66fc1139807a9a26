# SPDX-License-Identifier: Apache-2.0
"""Operations on each code by itself: thresholds, shifts, tables from symbol to symbol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dietcnn_hls.integers import round_shift, wrapped
from dietcnn_hls.lowered import Encode, Requantize, Stream, SymbolMap
from dietcnn_hls.reference.registry import EVALUATORS


@EVALUATORS.register(Encode)
def encode(op: Encode, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Thresholds passed, counted from the other end where the channel is mirrored."""
    count = np.zeros(inputs[0].shape, dtype=np.int64)
    for column in range(op.thresholds.shape[1]):
        count += inputs[0] >= op.thresholds[:, column]
    return np.where(op.flip, len(op.levels) - 1 - count, count)


@EVALUATORS.register(Requantize)
def requantize(op: Requantize, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Shift, round, clip or wrap."""
    rounded = round_shift(inputs[0], op.shift, op.rounding)
    if op.overflow == "wrap":
        return wrapped(rounded, op.lo, op.hi)
    return np.clip(rounded, op.lo, op.hi)


@EVALUATORS.register(SymbolMap)
def symbol_map(op: SymbolMap, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """One look-up a code."""
    channels = np.arange(inputs[0].shape[-1]) if len(op.table) > 1 else 0
    return op.table[channels, inputs[0]].astype(np.int64)


__all__ = ["encode", "requantize", "symbol_map"]
