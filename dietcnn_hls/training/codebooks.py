# SPDX-License-Identifier: Apache-2.0
"""Codebook fitting: k-means in one dimension with centroids on a fixed-point grid, solved exactly.

Centroids restricted to a grid of a few hundred points make one-dimensional k-means a shortest path over grid points. The
result is the global optimum, already sorted, distinct and on the grid, and the same on every machine: no random start, no
snapping afterwards. numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError


def fit_levels(samples: np.ndarray, symbols: int, grid: tuple[int, int], zero: bool = True) -> np.ndarray:
    """The `symbols` integers of a grid that quantise `samples` with the least squared error.

    Args:
        samples: floats of any shape, in units of the grid's step.
        symbols: K >= 2.
        grid: smallest and largest allowed integer.
        zero: 0 must be among the centroids.

    Returns:
        (K,) int64, strictly increasing.

    Raises:
        DatasetError: no samples.
        LoweringError: NaN or Inf among them.
        ConfigError: K < 2, or a grid of fewer than K points.
    """
    values = _checked(samples)
    points = np.arange(grid[0], grid[1] + 1, dtype=np.int64)
    if not 2 <= symbols <= len(points):
        raise ConfigError(f"a codebook of {symbols} symbols on a grid of {len(points)} points: use 2 to {len(points)} symbols")
    if zero and not grid[0] <= 0 <= grid[1]:
        raise ConfigError(f"the grid {grid[0]}..{grid[1]} has no zero")
    first, between, last = _costs(values, points, zero)
    arriving = np.ascontiguousarray(between.T)
    best, came_from = first, []
    for _ in range(symbols - 1):
        total = arriving + best
        step = total.argmin(axis=1)
        came_from.append(step)
        best = total[np.arange(len(points)), step]
    chosen = [int((best + last).argmin())]
    for step in reversed(came_from):
        chosen.append(int(step[chosen[-1]]))
    return points[chosen[::-1]]


def _checked(samples: np.ndarray) -> np.ndarray:
    values = np.asarray(samples, np.float64).ravel()
    if not values.size:
        raise DatasetError("a codebook cannot be fitted to no samples; pass calibration images")
    if not np.isfinite(values).all():
        raise LoweringError("a codebook cannot be fitted to NaN or Inf; the training diverged, or the calibration data is bad")
    return values


def _costs(values: np.ndarray, points: np.ndarray, zero: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared error of everything below the first centroid, between two neighbours, and above the last one.

    The values between neighbours i < j go to the nearer one, so that the error depends on that pair alone.
    """
    values = np.sort(values)
    count = np.arange(len(values) + 1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(values * values)])

    def moments(edges: np.ndarray) -> tuple[np.ndarray, ...]:
        index = np.searchsorted(values, edges)
        return count[index], sums[index], squares[index]

    def error(lower: tuple[np.ndarray, ...], upper: tuple[np.ndarray, ...], centre: np.ndarray) -> np.ndarray:
        n, s, q = (u - w for u, w in zip(upper, lower, strict=True))
        return q - 2 * centre * s + centre * centre * n

    p = points.astype(np.float64)
    at = moments(p)
    middle = moments((p[:, None] + p[None, :]) / 2)
    left, right = tuple(a[:, None] for a in at), tuple(a[None, :] for a in at)
    between = error(left, middle, p[:, None]) + error(middle, right, p[None, :])
    between[np.tril_indices(len(p))] = np.inf
    first = error(tuple(np.zeros_like(a) for a in at), at, p)
    last = error(at, tuple(np.full_like(a, t) for a, t in zip(at, (count[-1], sums[-1], squares[-1]), strict=True)), p)
    if zero:
        between[np.ix_(points < 0, points > 0)] = np.inf
        first = np.where(points > 0, np.inf, first)
        last = np.where(points < 0, np.inf, last)
    return first, between, last


@dataclass(frozen=True, eq=False)
class ScaledLevels:
    """A codebook for values of any range: about ``scale * levels * 2**-fraction``.

    Attributes:
        levels: (K,) int64, strictly increasing.
        scale: what the values are divided by before they meet the grid.
    """

    levels: np.ndarray
    scale: float


def fit_scaled(samples: np.ndarray, symbols: int, grid: tuple[int, int], fraction: int) -> ScaledLevels:
    """Levels with an exact zero, and the scale at which the grid serves `samples` best; arguments as `fit_levels`.

    The scale is searched between the 98th percentile and the maximum of the magnitudes: what lies above saturates.
    """
    values = _checked(samples)
    peak = float(np.abs(values).max())
    if peak == 0:
        peak = 1.0
    low = max(float(np.quantile(np.abs(values), 0.98)), peak / 64)
    top = grid[1] * 2.0**-fraction
    best, found = np.inf, None
    for candidate in np.geomspace(low, peak, 12) / top:
        levels = fit_levels(values / candidate * 2.0**fraction, symbols, grid)
        error = quantisation_error(values, levels * (2.0**-fraction * candidate))
        if error < best:
            best, found = error, ScaledLevels(levels, float(candidate))
    assert found is not None
    return found


def fit_scale(samples: np.ndarray, levels: np.ndarray, start: float) -> float:
    """The scale near `start` at which ``scale * levels`` quantise `samples` with the least squared error."""
    return float(min(start * np.geomspace(0.6, 1.6, 33), key=lambda scale: quantisation_error(samples, levels * scale)))


def midpoints(levels: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Thresholds (K-1,) float32 halfway between neighbouring levels (K,), times `scale`."""
    levels = np.asarray(levels, np.float64)
    return ((levels[:-1] + levels[1:]) / 2 * scale).astype(np.float32)


def quantisation_error(samples: np.ndarray, levels: np.ndarray) -> float:
    """Mean squared error of rounding `samples` to the nearest of the sorted `levels`."""
    values = np.asarray(samples, np.float64).ravel()
    levels = np.asarray(levels, np.float64)
    nearest = levels[np.searchsorted((levels[:-1] + levels[1:]) / 2, values, side="right")]
    return float(np.mean((values - nearest) ** 2))


_UNIFORM_GRIDS = 5
"""Grids tried, each half the range of the one before; the first covers all calibration values."""


def activation_fraction(values: np.ndarray, bits: int, signed: bool) -> int:
    """Fractional bits of the power-of-two grid that rounds and clips `values` to `bits` bits with the least squared error.

    Args:
        values: calibration values of any shape; below zero they count only where `signed`.
        bits: width of a code, sign included.
        signed: codes in [-2**(bits-1), 2**(bits-1) - 1] instead of [0, 2**bits - 1].
    """
    x = np.asarray(values, np.float64).ravel()
    x = x if signed else np.maximum(x, 0)
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    largest = float(np.abs(x).max(initial=0.0)) or 1.0
    covering = math.floor(math.log2(hi / largest))

    def error(fraction: int) -> float:
        return float(np.square(np.clip(np.rint(x * 2.0**fraction), lo, hi) * 2.0**-fraction - x).sum())

    return min(range(covering, covering + _UNIFORM_GRIDS), key=error)
