# SPDX-License-Identifier: Apache-2.0
"""Samples as callers of hls4ml's ModelGraph give them and want them back: one or many, one array or a list of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.reference import Arrays


def as_batches(graph: LoweredGraph, x: Arrays) -> tuple[list[np.ndarray], bool]:
    """Arrays (N, *input shape), as many as were given, and whether `x` is a single sample, without N."""
    listed = len(graph.inputs) > 1 or (isinstance(x, list | tuple) and len(x) == 1 and isinstance(x[0], np.ndarray))
    arrays = [np.asarray(array) for array in x] if listed else [np.asarray(x)]
    shapes = [node.stream.shape for node in graph.inputs]
    if [array.shape for array in arrays] == shapes:
        return [array[None] for array in arrays], True
    return [array.reshape(-1, 1) if array.ndim == 1 and (1,) in shapes else array for array in arrays], False


def as_given(values: Any, kind: np.dtype[Any], single: bool) -> Any:
    """Results, an array or a list of them, in the type of what was given; without N where one sample was."""
    if isinstance(values, list):
        return [as_given(value, kind, single) for value in values]
    found = values.astype(kind if np.issubdtype(kind, np.floating) else np.float64)
    return found[0] if single else found


__all__ = ["as_batches", "as_given"]
