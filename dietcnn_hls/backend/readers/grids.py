# SPDX-License-Identifier: Apache-2.0
"""Floats of a model as integers on one fixed-point grid."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError

FINEST = 64
"""Finest and coarsest grid that is looked for."""


def shared_grid(values: np.ndarray, what: str, bits: int, remedy: str = "") -> tuple[np.ndarray, int]:
    """Floats as integers on the coarsest grid that holds all of them: int64 of the same shape, and its fraction.

    Args:
        values: of any shape.
        what: they are, for messages.
        bits: of magnitude that they may take on the grid.
        remedy: what to do where they take more.

    Raises:
        LoweringError: no numbers, or none that share such a grid.
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise LoweringError(f"{what} hold NaN or Inf")
    if not values.any():
        return np.zeros(values.shape, np.int64), 0
    mantissas, exponents = np.frexp(values[values != 0])
    integers = np.abs(mantissas * 2.0**53).astype(np.int64)
    lowest = np.log2((integers & -integers).astype(np.float64)).astype(int) - 53 + exponents
    fraction = -int(lowest.min())
    scaled = values * 2.0**fraction
    if abs(fraction) > FINEST or np.abs(scaled).max() >= 2.0**bits:
        ends = f"{values.min():g} to {values.max():g}"
        raise LoweringError(f"{what} share no fixed-point grid of {bits} bits (they range from {ends}){remedy}")
    return scaled.astype(np.int64), fraction


__all__ = ["FINEST", "shared_grid"]
