# SPDX-License-Identifier: Apache-2.0
"""Codebook fits: optimal, sorted, on the grid, with a zero; and what they refuse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError
from dietcnn_hls.training.codebooks import fit_levels, fit_scale, fit_scaled, midpoints, quantisation_error


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), symbols=st.integers(2, 5), zero=st.booleans(), signed=st.booleans())
def test_no_other_choice_of_grid_points_is_better(seed: int, symbols: int, zero: bool, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    grid = (-4, 4) if signed else (0, 8)
    # integers in quarters: errors are exact in float64, so the optimum can be compared for equality
    samples = rng.integers(4 * grid[0] - 8, 4 * grid[1] + 8, rng.integers(1, 60)) / 4
    found = fit_levels(samples, symbols, grid, zero)
    assert (np.diff(found) > 0).all() and len(found) == symbols
    assert grid[0] <= found[0] and found[-1] <= grid[1]
    assert 0 in found or not zero
    points = range(grid[0], grid[1] + 1)
    choices = (c for c in itertools.combinations(points, symbols) if not zero or 0 in c)
    best = min(total_error(samples, np.array(c)) for c in choices)
    assert total_error(samples, found) == best


def total_error(samples: np.ndarray, levels: np.ndarray) -> float:
    return float((np.abs(samples[:, None] - levels[None, :]).min(axis=1) ** 2).sum())


def test_the_fit_does_not_depend_on_the_order_of_samples() -> None:
    samples = np.random.default_rng(2).normal(size=5000) * 6
    first = fit_levels(samples, 8, (-32, 31))
    np.testing.assert_array_equal(first, fit_levels(samples[::-1], 8, (-32, 31)))


def test_all_points_of_a_grid_can_be_asked_for() -> None:
    assert fit_levels(np.zeros(3), 16, (-8, 7)).tolist() == list(range(-8, 8))


def test_the_scale_makes_the_most_of_a_coarse_grid() -> None:
    rng = np.random.default_rng(0)
    samples = np.maximum(rng.normal(size=20000), 0) * 13.7
    fit = fit_scaled(samples, 8, (0, 31), 5)
    naive = fit_levels(samples / samples.max() * 31, 8, (0, 31)) * samples.max() / 31
    assert quantisation_error(samples, fit.levels * fit.scale / 32) <= quantisation_error(samples, naive)
    assert fit.levels[0] == 0


def test_a_dead_activation_still_gets_a_codebook() -> None:
    fit = fit_scaled(np.zeros(100), 4, (0, 31), 5)
    assert fit.levels[0] == 0 and fit.scale > 0


def test_fit_scale_finds_the_scale_of_given_levels() -> None:
    levels = np.array([0.0, 1.0, 3.0])
    samples = np.repeat(levels, 10) * 2.5
    found = fit_scale(samples, levels, 2.3)
    assert quantisation_error(samples, levels * found) < quantisation_error(samples, levels * 2.3)


def test_midpoints_are_exact_in_float32() -> None:
    assert midpoints(np.array([0, 0.25, 1.0])).tolist() == [0.125, 0.625]
    assert midpoints(np.array([0, 0.25, 1.0]), 2.0).tolist() == [0.25, 1.25]


def test_errors_say_what_to_do() -> None:
    with pytest.raises(DatasetError, match="no samples; pass calibration images"):
        fit_levels(np.zeros(0), 4, (0, 31))
    with pytest.raises(LoweringError, match="NaN or Inf"):
        fit_levels(np.array([1.0, np.nan]), 4, (0, 31))
    with pytest.raises(ConfigError, match="codebook of 64 symbols on a grid of 32 points: use 2 to 32"):
        fit_levels(np.ones(3), 64, (0, 31))
    with pytest.raises(ConfigError, match="codebook of 1 symbols"):
        fit_levels(np.ones(3), 1, (0, 31))
    with pytest.raises(ConfigError, match=r"grid 1\.\.9 has no zero"):
        fit_levels(np.ones(3), 2, (1, 9))
