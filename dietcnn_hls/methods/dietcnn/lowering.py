# SPDX-License-Identifier: Apache-2.0
"""Trained codebook layers to kernels: nearest weight symbols, product tables and, for `symbolic`, add tables."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.dietcnn.kernel import SymbolicKernel, TableKernel
from dietcnn_hls.methods.dietcnn.scheme import CodebookScheme, SymbolicSums


def nearest(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Index of the nearest sorted level; a value on a midpoint takes the upper one, as hardware encoders do (>=).

    Integers or floats that are exact: the midpoint is compared as ``2 * value >= level[j] + level[j + 1]``.
    """
    return np.searchsorted(levels[:-1] + levels[1:], 2 * np.asarray(values), side="right")


def lower(spec: LinearSpec) -> TableKernel | SymbolicKernel:
    """A layer of `CodebookScheme` -> kernel.

    Raises:
        LoweringError: weights with NaN or Inf, or inputs that index no table.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    if spec.inputs.lo < 0:
        raise LoweringError(
            f"layer '{spec.name}' reads signed integers, which index no table; put a CodebookActivation before it"
        )
    scheme = spec.scheme
    assert isinstance(scheme, CodebookScheme)
    centroids = np.array(scheme.levels, np.int64)
    # compared as float32, the type in which Keras holds and compares them
    weights = nearest(spec.weights.astype(np.float32), (centroids * 2.0**-scheme.fraction).astype(np.float32))
    weights = weights.astype(np.uint8 if len(centroids) <= 256 else np.uint16)
    product = np.multiply.outer(spec.inputs.integers, centroids)
    fraction = spec.inputs.fraction + scheme.fraction
    if scheme.sums is None:
        return TableKernel(product.astype(np.int32), weights, fraction)
    return _symbolic(scheme.sums, product, weights, fraction)


def _symbolic(sums: SymbolicSums, product: np.ndarray, weights: np.ndarray, fraction: int) -> SymbolicKernel:
    levels = np.array(sums.levels, np.int64)
    common = max(fraction, sums.fraction)
    on_common = levels << (common - sums.fraction)
    return SymbolicKernel(
        product=nearest(product << (common - fraction), on_common).astype(np.uint16),
        add=nearest(np.add.outer(levels, levels), levels).astype(np.uint16),
        weights=weights,
        levels=sums.levels,
        fraction=sums.fraction,
        order=sums.order,
    )
