# SPDX-License-Identifier: Apache-2.0
"""The ternary kernel's bounds, its counts against a walk over the weights, and the arithmetic of its scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.deepchip.scales import adders, fitted_scales, scale_integers, ternarise
from tests.methods.deepchip.examples import ternary_kernel
from tests.streams import stream

seeds = st.integers(0, 2**32 - 1)


def random_kernel(seed: int) -> TernaryKernel:
    rng = np.random.default_rng(seed)
    return ternary_kernel(rng, stream(rng), int(rng.integers(1, 6)), int(rng.integers(1, 12)), 0)


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_bounds_are_reached(seed: int) -> None:
    kernel = random_kernel(seed)
    lows, highs = kernel.bounds()
    extreme = [int(kernel.integers.min()), int(kernel.integers.max())]
    for weights, low, high in zip(kernel.scaled_weights.tolist(), lows.tolist(), highs.tolist(), strict=True):
        assert low == sum(min(e * w for e in extreme) for w in weights)
        assert high == sum(max(e * w for e in extreme) for w in weights)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_additions_are_those_of_the_nonzero_weights(seed: int) -> None:
    kernel = random_kernel(seed)
    additions = 0
    for weights in kernel.weights.tolist():
        present = sum(w != 0 for w in weights)
        additions += max(present - 1, 0)  # whatever the split into P and N: joining them is the last of these adds
        additions += adders(kernel.positive) + adders(kernel.negative)
    counts = kernel.operations()
    assert (counts.multiplications, counts.additions) == (0, additions)
    assert counts.shifts == (kernel.outputs if len(set(kernel.shifts.tolist())) > 1 else 0)


@pytest.mark.parametrize("positive, negative, scalings", [(1, 1, 0), (8, 2, 0), (3, 4, 1), (5, 7, 2)])
def test_scalings_count_what_is_no_power_of_two(positive: int, negative: int, scalings: int) -> None:
    kernel = TernaryKernel(np.ones((2, 3), np.int8), positive, negative, np.zeros(2, np.int64), 0, np.arange(4), 0)
    assert kernel.scalings == scalings


def test_exactly_three_values_and_their_codes() -> None:
    kernel = TernaryKernel(np.array([[1, 0, -1]], np.int8), 3, 5, np.array([2]), 0, np.arange(4), 0)
    assert kernel.scaled_weights.tolist() == [[12, 0, -20]]
    assert kernel.codes.tolist() == [[1, 0, 3]]
    assert (kernel.weight_bits, kernel.zeros, kernel.table_bits) == (6, 1, 0)


@pytest.mark.parametrize(
    "change, text",
    [
        ({"weights": np.array([[2]], np.int8)}, "TernaryKernel.weights must be between -1 and 1, got 2"),
        ({"positive": 0}, "scale must be at least 1, got 0"),
        ({"shifts": np.array([-1])}, "shifts of ternary outputs must be between 0 and 60, got -1"),
        ({"shifts": np.array([0, 0])}, "shifts of ternary outputs must be of shape 1, got 2"),
    ],
)
def test_bad_parameters_are_refused(change: dict, text: str) -> None:
    parts = {"weights": np.array([[1]], np.int8), "positive": 1, "negative": 1, "shifts": np.array([0]), "fraction": 0}
    with pytest.raises(LoweringError, match=text):
        TernaryKernel(**{**parts, "integers": np.arange(4), "lo": 0, **change})


def test_adders_of_small_constants() -> None:
    assert [adders(v) for v in (1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 15)] == [0, 0, 1, 0, 1, 1, 1, 0, 2, 2, 1]


def test_zones_split_at_the_threshold_as_float32() -> None:
    weights = np.array([[1.0, 0.05, 0.051, -0.05, -0.06, 0.0]])
    assert ternarise(weights, 0.05).tolist() == [[1, 0, 1, 0, -1, 0]]
    assert ternarise(np.zeros((1, 3)), 0.05).tolist() == [[0, 0, 0]]


def test_fitted_scales_minimise_the_squared_error() -> None:
    weights = np.random.default_rng(4).normal(0, 1, 400)
    zones = ternarise(weights, 0.1)
    positive, negative = fitted_scales(weights, zones)

    def error(p: float, n: float) -> float:
        return float(((weights - np.where(zones > 0, p, np.where(zones < 0, -n, 0))) ** 2).sum())

    best = error(positive, negative)
    assert all(best < error(positive + d, negative + e) for d, e in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)))
    assert fitted_scales(np.ones(3), np.ones(3)) == (1.0, 1.0)  # no negative weight: its scale is never used


def test_scale_grids() -> None:
    assert scale_integers(3, False).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert scale_integers(3, True).tolist() == [1, 2, 4]
    with pytest.raises(ConfigError, match="scales of 9 bits"):
        scale_integers(9, False)
