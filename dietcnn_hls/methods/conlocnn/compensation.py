# SPDX-License-Identifier: Apache-2.0
"""Correlation-based rounding: cancel the output error of rounded weights without any run-time cost.

Activations of one input channel are correlated, so filter f errs by about ``sum_c mean_c * E[f, c]``, where E[f, c] is the
sum of its rounding errors in channel c. Four steps: (1) round to nearest; (2) per filter and channel, move the cheapest
weights to their other neighbour until ``|E[f, c]|`` is minimal; (3) pass what remains across channels, weighted by the
channels' means; (4) fold the rest into the bias. After ConLoCNN (Hanif et al., arXiv 2208.00331), our reconstruction; ours
is also the guard: a filter keeps the moves only where they lower its output error on the calibration data.

Works on any sorted set of levels, so uniform grids can be compensated in the same way and compared fairly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """What calibration images say about the inputs of one layer.

    Attributes:
        mean: (taps,) mean of every tap, taps in (position, channel) order.
        second: (taps, taps) mean of the products of taps.
        channels: input channels; taps % channels == 0.
    """

    mean: np.ndarray
    second: np.ndarray
    channels: int

    @classmethod
    def of(cls, windows: np.ndarray, channels: int) -> Moments:
        """From (N, taps) input windows of real values."""
        x = np.asarray(windows, dtype=np.float64)
        return cls(x.mean(axis=0), x.T @ x / len(x), channels)

    @property
    def channel_mean(self) -> np.ndarray:
        """(channels,) mean over the positions of a channel."""
        return self.mean.reshape(-1, self.channels).mean(axis=0)

    def output_mse(self, errors: np.ndarray) -> np.ndarray:
        """Mean squared output error of each filter with weight errors (outputs, taps)."""
        return np.einsum("ot,ot->o", errors @ self.second, errors)

    def corrected_mse(self, errors: np.ndarray) -> np.ndarray:
        """The same after the bias has taken the mean of the error."""
        return self.output_mse(errors) - (errors @ self.mean) ** 2


@dataclass(frozen=True)
class Rounded:
    """A rounded layer.

    Attributes:
        weights: (outputs, taps) levels.
        bias_shift: (outputs,) what step (4) adds to the bias; zeros when it did not run.
        moves: weights that are not at their nearest level.
    """

    weights: np.ndarray
    bias_shift: np.ndarray
    moves: int


def nearest(weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Step (1): indices of the nearest sorted levels; a midpoint takes the upper one, compared in float32 as Keras does."""
    levels = levels.astype(np.float32)
    return np.searchsorted(levels[:-1] + levels[1:], 2 * weights.astype(np.float32), side="right")


def other_neighbour(weights: np.ndarray, levels: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Indices of the levels on the other side of the weights; the same index where there is none."""
    other = np.where(levels[index] > weights, index - 1, index + 1)
    return np.clip(other, 0, len(levels) - 1)


def flip_cheapest(residual: np.ndarray, change: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Greedy cancellation: flips, cheapest for what they cancel first, as long as each shrinks ``|residual|``.

    Args:
        residual: (groups,) sums to be brought to zero.
        change: (groups, members) what flipping a member adds to its group's residual.
        cost: (groups, members) what flipping it costs.

    Returns:
        (groups, members) bool, the members to flip.
    """
    useful = change * residual[:, None] < 0
    rate = np.where(useful, cost / np.where(useful, np.abs(change), 1.0), np.inf)
    order = np.argsort(rate, axis=1, kind="stable")
    flips = np.zeros(change.shape, dtype=bool)
    left, groups = residual.copy(), np.arange(len(residual))
    for member in order.T:
        step = change[groups, member]
        taken = useful[groups, member] & (np.abs(left + step) < np.abs(left))
        left = np.where(taken, left + step, left)
        flips[groups, member] = taken
    return flips


def within_channels(weights: np.ndarray, levels: np.ndarray, index: np.ndarray, channels: int) -> np.ndarray:
    """Step (2): new indices with minimal ``|E[f, c]|``."""
    error = levels[index] - weights
    other = other_neighbour(weights, levels, index)
    change = levels[other] - levels[index]
    cost = (error + change) ** 2 - error**2
    grouped = [a.reshape(len(a), -1, channels).swapaxes(1, 2).reshape(len(a) * channels, -1) for a in (error, change, cost)]
    flips = flip_cheapest(grouped[0].sum(axis=1), grouped[1], grouped[2])
    return np.where(flips.reshape(len(index), channels, -1).swapaxes(1, 2).reshape(index.shape), other, index)


def across_channels(weights: np.ndarray, levels: np.ndarray, index: np.ndarray, moments: Moments) -> np.ndarray:
    """Step (3): new indices with minimal ``|sum_c mean_c * E[f, c]|``."""
    mean = np.tile(moments.channel_mean, weights.shape[1] // moments.channels)
    error = levels[index] - weights
    other = other_neighbour(weights, levels, index)
    change = levels[other] - levels[index]
    cost = (error + change) ** 2 - error**2
    return np.where(flip_cheapest(error @ mean, change * mean, cost), other, index)


def compensate(weights: np.ndarray, levels: np.ndarray, moments: Moments) -> Rounded:
    """All four steps.

    Args:
        weights: (outputs, taps) floats, taps in (position, channel) order.
        levels: (L,) sorted real values, exact in float32.
        moments: of the layer's inputs.
    """
    levels = levels.astype(np.float64)
    start = nearest(weights, levels)
    second = within_channels(weights, levels, start, moments.channels)
    stages = np.stack([start, second, across_channels(weights, levels, second, moments)])
    scores = np.stack([moments.corrected_mse(levels[index] - weights) for index in stages])
    index = np.take_along_axis(stages, scores.argmin(axis=0)[None, :, None], axis=0)[0]
    error = levels[index] - weights
    return Rounded(levels[index], -error @ moments.mean, int((index != start).sum()))


def round_nearest(weights: np.ndarray, levels: np.ndarray) -> Rounded:
    """Step (1) alone, the baseline that compensation is measured against."""
    return Rounded(levels.astype(np.float64)[nearest(weights, levels)], np.zeros(len(weights)), 0)
