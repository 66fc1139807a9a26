# SPDX-License-Identifier: Apache-2.0
"""Functions of one value, of two, and of all channels of a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dietcnn_hls.lowered import Combine, Divide, Reduce, Stream, ValueMap
from dietcnn_hls.reference.registry import EVALUATORS


@EVALUATORS.register(ValueMap)
def value_map(op: ValueMap, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """One look-up a code."""
    channels = np.arange(inputs[0].shape[-1]) if len(op.table) > 1 else 0
    return op.table[channels, inputs[0] - op.lo].astype(np.int64)


@EVALUATORS.register(Divide)
def divide(op: Divide, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The quotient's magnitude, with the sign."""
    return np.sign(inputs[0]) * (np.abs(inputs[0]) // op.divisor)  # type: ignore[no-any-return]


_FUNCTIONS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


@EVALUATORS.register(Combine)
def combine(op: Combine, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Decoded integers on one grid, combined."""
    left, right = (s.decode(x) << shift for s, x, shift in zip(streams, inputs, op.shifts, strict=True))
    return _FUNCTIONS[op.function](left, right)


@EVALUATORS.register(Reduce)
def reduce(op: Reduce, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Over the last axis."""
    if op.function == "sum":
        return inputs[0].sum(axis=-1)
    return inputs[0].argmax(axis=-1) if op.function == "argmax" else inputs[0].max(axis=-1)


__all__ = ["combine", "divide", "reduce", "value_map"]
