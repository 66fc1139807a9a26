# SPDX-License-Identifier: Apache-2.0
"""Trained codebook layers to kernels: nearest weight symbols, product tables and, for `symbolic`, add tables."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.dietcnn.kernel import SymbolicKernel, TableKernel


def nearest(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Index of the nearest sorted level; a value on a midpoint takes the upper one, as hardware encoders do (>=).

    Integers or floats that are exact: the midpoint is compared as ``2 * value >= level[j] + level[j + 1]``.
    """
    return np.searchsorted(levels[:-1] + levels[1:], 2 * np.asarray(values), side="right")


def grid_integers(values: np.ndarray, fraction: int, layer: str) -> np.ndarray:
    """Floats on the grid ``2**-fraction`` to int64; LoweringError when one is off the grid or not finite."""
    scaled = np.asarray(values, dtype=np.float64) * 2.0**fraction
    if not np.isfinite(scaled).all() or (scaled != np.rint(scaled)).any():
        raise LoweringError(
            f"layer '{layer}': codebook {np.asarray(values).tolist()} is not on the grid 2^-{fraction}; refit the codebooks"
        )
    return scaled.astype(np.int64)


def lower(spec: LinearSpec) -> TableKernel | SymbolicKernel:
    """LinearSpec with quantiser `Codebook` -> kernel.

    The quantiser's config holds ``fraction`` (grid of the weight centroids), ``accumulate``, ``order`` and, when symbolic,
    ``sum_fraction``; its state holds ``codebook`` (Kw,) and, when symbolic, ``sum_codebook`` (Ks,), floats on their grids.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    if spec.inputs.lo < 0:
        raise LoweringError(
            f"layer '{spec.name}' reads signed integers, which index no table; put a CodebookActivation before it"
        )
    config = spec.quantizer["config"]
    fraction = int(config["fraction"])
    centroids = grid_integers(spec.state["codebook"], fraction, spec.name)
    # compared as float32, the type in which Keras holds and compares them
    weights = nearest(spec.weights.astype(np.float32), spec.state["codebook"].astype(np.float32))
    weights = weights.astype(np.uint8 if len(centroids) <= 256 else np.uint16)
    product = np.multiply.outer(spec.inputs.integers, centroids)
    if config["accumulate"] == "exact":
        return TableKernel(product.astype(np.int32), weights, spec.inputs.fraction + fraction)
    return _symbolic(spec, product, weights, spec.inputs.fraction + fraction)


def _symbolic(spec: LinearSpec, product: np.ndarray, weights: np.ndarray, fraction: int) -> SymbolicKernel:
    config = spec.quantizer["config"]
    sum_fraction = int(config["sum_fraction"])
    levels = grid_integers(spec.state["sum_codebook"], sum_fraction, spec.name)
    common = max(fraction, sum_fraction)
    on_common = levels << (common - sum_fraction)
    return SymbolicKernel(
        product=nearest(product << (common - fraction), on_common).astype(np.uint16),
        add=nearest(np.add.outer(levels, levels), levels).astype(np.uint16),
        weights=weights,
        levels=tuple(int(v) for v in levels),
        fraction=sum_fraction,
        order=config["order"],
    )
