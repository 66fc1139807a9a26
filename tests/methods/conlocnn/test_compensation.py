# SPDX-License-Identifier: Apache-2.0
"""Error compensation: exact properties of each step, and a lower output error on the data it was calibrated with."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.conlocnn.compensation import (
    Moments,
    across_channels,
    compensate,
    flip_cheapest,
    nearest,
    round_nearest,
    within_channels,
)
from dietcnn_hls.methods.conlocnn.search import choose, formats

FIFTEEN = np.sort(np.concatenate([-(2.0 ** np.arange(-7, 0)), [0.0], 2.0 ** np.arange(-7, 0)]))
seeds = st.integers(0, 2**32 - 1)


def correlated_windows(rng: np.random.Generator, count: int, positions: int, channels: int, correlation: float) -> np.ndarray:
    """ReLU activations whose taps of one channel share a part of their variance; (count, positions * channels)."""
    common = rng.normal(0, 1, (count, 1, channels)) * np.sqrt(correlation)
    own = rng.normal(0, 1, (count, positions, channels)) * np.sqrt(1 - correlation)
    return np.maximum(common + own + 0.3, 0).reshape(count, -1)


def layer(seed: int, correlation: float = 0.5) -> tuple[np.ndarray, np.ndarray, Moments]:
    rng = np.random.default_rng(seed)
    windows = correlated_windows(rng, 600, 9, 8, correlation)
    return rng.normal(0, 0.12, (6, 72)), windows, Moments.of(windows, 8)


def test_the_worked_example_of_one_channel() -> None:
    levels, weights = np.array([0.0, 1.0, 2.0]), np.array([[0.6, 0.7, 1.6, 0.1]])
    index = nearest(weights, levels)
    assert index.tolist() == [[1, 1, 2, 0]]  # errors .4 .3 .4 -.1 sum to 1.0: one flip brings them to zero
    assert within_channels(weights, levels, index, 1).tolist() == [[0, 1, 2, 0]]


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_greedy_flips_never_worsen_and_leave_nothing_undone_on_even_steps(seed: int) -> None:
    """With equal steps the greedy result is the best over all subsets of flips."""
    rng = np.random.default_rng(seed)
    change = rng.choice([-1.0, 1.0], (3, 6))
    residual, cost = rng.integers(-80, 81, 3) / 32, rng.random((3, 6))
    flips = flip_cheapest(residual, change, cost)
    for r, row, flipped in zip(residual, change, flips, strict=True):
        reached = abs(r + row[flipped].sum())
        best = min(abs(r + sum(pick)) for n in range(7) for pick in itertools.combinations(row, n))
        assert reached <= best and reached <= abs(r)


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_moves_go_to_the_other_neighbour_and_shrink_the_channel_sums(seed: int) -> None:
    weights, _, moments = layer(seed)
    start = nearest(weights, FIFTEEN)
    moved = within_channels(weights, FIFTEEN, start, moments.channels)
    low = np.clip(np.searchsorted(FIFTEEN, weights, side="right") - 1, 0, len(FIFTEEN) - 1)
    assert np.isin(moved - low, [0, 1]).all()
    sums = [np.abs((FIFTEEN[i] - weights).reshape(6, 9, 8).sum(axis=1)) for i in (start, moved)]
    assert (sums[1] <= sums[0]).all()
    assert (moved != start).any()
    final = across_channels(weights, FIFTEEN, moved, moments)
    mean = np.tile(moments.channel_mean, 9)
    assert (np.abs((FIFTEEN[final] - weights) @ mean) <= np.abs((FIFTEEN[moved] - weights) @ mean)).all()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_compensated_outputs_err_less_on_calibration_data(seed: int) -> None:
    """Measured on the windows themselves, so that the formulas of `Moments` are checked as well."""
    weights, windows, moments = layer(seed)
    for bits in (3, 4, 5):
        levels = formats(bits)[0].levels / 2.0 ** (formats(bits)[0].levels[-1].item().bit_length() + 1)
        plain, better = round_nearest(weights, levels), compensate(weights, levels, moments)
        mse = [((windows @ (r.weights - weights).T + r.bias_shift) ** 2).mean(axis=0) for r in (plain, better)]
        assert (mse[1] < mse[0]).all()
        assert better.moves > 0 and plain.moves == 0


def test_moments_give_the_measured_error() -> None:
    """Integers, and a power of two of them, so that float64 is exact and equality means equality."""
    rng = np.random.default_rng(5)
    windows, errors = rng.integers(0, 16, (64, 12)), rng.integers(-8, 9, (4, 12))
    moments, outputs = Moments.of(windows, 3), windows @ errors.T
    assert np.array_equal(moments.output_mse(errors), (outputs**2).mean(axis=0))
    assert np.array_equal(moments.corrected_mse(errors) * 64**2, 64 * (outputs**2).sum(axis=0) - outputs.sum(axis=0) ** 2)
    assert np.array_equal(moments.channel_mean * 256, windows.reshape(64, 4, 3).sum(axis=(0, 1)))


@pytest.mark.parametrize("correlation, gain", [(0.0, 1.0), (0.5, 1.4), (0.9, 2.4)])
def test_the_gain_grows_with_correlation(correlation: float, gain: float) -> None:
    """Uncorrelated taps leave nothing to cancel but the mean; strongly correlated ones nearly everything."""
    weights, windows, moments = layer(11, correlation)
    rounded = round_nearest(weights, FIFTEEN), compensate(weights, FIFTEEN, moments)
    rms = [np.sqrt(((windows @ (r.weights - weights).T + r.bias_shift) ** 2).mean()) for r in rounded]
    assert rms[0] >= gain * rms[1]


def test_signed_means_and_dead_channels_are_compensated_too() -> None:
    rng = np.random.default_rng(2)
    windows = -correlated_windows(rng, 500, 9, 4, 0.8)
    windows[:, 3::4] = 0
    moments = Moments.of(windows, 4)
    weights = rng.normal(0, 0.2, (5, 36))
    plain, better = round_nearest(weights, FIFTEEN), compensate(weights, FIFTEEN, moments)
    scores = [moments.corrected_mse(r.weights - weights).sum() for r in (plain, better)]
    assert scores[1] < scores[0] and better.moves > 0 and np.isfinite(better.bias_shift).all()


def test_the_chosen_format_has_the_least_error_of_its_width() -> None:
    weights, _, moments = layer(8)
    errors = []
    for bits in range(2, 9):
        choice = choose(weights, moments, bits)
        assert choice.format.bits == bits
        rounded = choice.rounded
        integers = rounded.weights * 2.0**choice.fraction
        assert np.array_equal(choice.format.decode(choice.format.encode(integers.astype(int))), integers)
        assert choice.error <= choose(weights, moments, bits, compensated=False).error
        errors.append(choice.error)
    assert errors == sorted(errors, reverse=True)


def test_limited_positions_are_respected_and_cost_accuracy() -> None:
    weights, _, moments = layer(3)
    errors = []
    for limit in (1, 2, 7):
        choice = choose(weights, moments, 4 if limit == 1 else 6, limit=limit)
        assert max(len(shifts) for shifts in choice.format.positions) <= limit
        errors.append(choice.error)
    assert errors == sorted(errors, reverse=True)
    with pytest.raises(LoweringError, match="no signed-digit format of 7 bits has at most 2 positions"):
        choose(weights, moments, 7, limit=2)


def test_budgets_outside_two_to_eight_are_refused() -> None:
    with pytest.raises(LoweringError, match="budget of 9 bits"):
        formats(9)
