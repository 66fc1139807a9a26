# SPDX-License-Identifier: Apache-2.0
"""Fitting product quantisers: splits against brute force, trees against a walk, k-means, tables."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError, DatasetError
from dietcnn_hls.methods.tabconv.fit import (
    Trees,
    best_split,
    fit_table,
    kmeans,
    learn_trees,
    means,
    nearest_prototypes,
    nearest_size,
    subspace_sizes,
    subspace_taps,
    table_sums,
)

seeds = st.integers(0, 2**32 - 1)


def walk(trees: Trees, vector: list[int], subspace: int) -> int:
    """The leaf of one vector by plain steps."""
    node = 0
    while node < trees.leaves - 1:
        right = vector[int(trees.elements[subspace, node])] >= int(trees.thresholds[subspace, node])
        node = 2 * node + (2 if right else 1)
    return node - (trees.leaves - 1)


def squared_error(part: np.ndarray) -> Fraction:
    """Of integer rows around their mean, exact."""
    columns = [[int(v) for v in column] for column in part.T]
    return sum((sum(v * v for v in c) - Fraction(sum(c) ** 2, len(c)) for c in columns), Fraction(0))


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_encode_is_the_walk_down_the_tree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    leaves, count, size = int(2 ** rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 6))
    trees = Trees(rng.integers(0, size, (count, leaves - 1)).astype(np.uint16), rng.integers(0, 20, (count, leaves - 1)))
    vectors = rng.integers(0, 20, (10, count, size))
    expected = [[walk(trees, row[c].tolist(), c) for c in range(count)] for row in vectors]
    assert trees.encode(vectors).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_best_split_leaves_the_least_error_of_all_splits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    part = rng.integers(0, 6, (int(rng.integers(2, 14)), 3))
    metric = rng.integers(-20, 21, (len(part), 2))
    found = best_split(part, metric)
    errors = {
        (element, threshold): squared_error(metric[part[:, element] < threshold])
        + squared_error(metric[part[:, element] >= threshold])
        for element in range(3)
        for threshold in range(1, 6)
        if 0 < (part[:, element] >= threshold).sum() < len(part)
    }
    assert (found is None) == (not errors)
    if found is not None:
        assert errors[found] == min(errors.values())


def test_trees_tell_apart_what_a_tree_can() -> None:
    vectors = np.array([[[0, 0]], [[0, 9]], [[9, 0]], [[9, 9]]])
    trees = learn_trees(np.repeat(vectors, 3, axis=0), 4)
    assert len(set(trees.encode(vectors)[:, 0].tolist())) == 4
    assert (trees.leaves, trees.depth) == (4, 2)


def test_nodes_without_data_and_constant_subspaces_are_harmless() -> None:
    trees = learn_trees(np.full((5, 2, 3), 7), 8)
    assert set(trees.encode(np.full((2, 2, 3), 7)).ravel().tolist()) == {0}
    assert np.isfinite(means(np.full((5, 2, 3), 7), trees.encode(np.full((5, 2, 3), 7)), 8)).all()


def test_output_aware_trees_look_where_the_weights_are() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.integers(0, 100, (500, 1, 2))
    vectors[:, 0, 0] *= 2  # the first input varies more, but the layer ignores it
    assert learn_trees(vectors, 2).elements[0, 0] == 0
    assert learn_trees(vectors, 2, np.array([[[0.0, 1.0]]])).elements[0, 0] == 1


@pytest.mark.parametrize("leaves", [0, 1, 3, 12])
def test_unbalanced_trees_are_refused(leaves: int) -> None:
    with pytest.raises(ConfigError, match=f"2, 4, 8, ... leaves, got {leaves}"):
        learn_trees(np.zeros((4, 1, 2), int), leaves)


def test_no_data_is_refused() -> None:
    for fit in (lambda v: learn_trees(v, 2), lambda v: kmeans(v, 2)):
        with pytest.raises(DatasetError, match="fitted to no data"):
            fit(np.zeros((0, 1, 2), int))


def test_kmeans_is_lossless_where_prototypes_suffice() -> None:
    rng = np.random.default_rng(2)
    distinct = rng.integers(0, 50, (6, 3))
    vectors = distinct[rng.integers(0, 6, 200)][:, None]
    prototypes = kmeans(vectors, 8)
    assert np.array_equal(prototypes[0][nearest_prototypes(vectors, prototypes)[:, 0]], vectors[:, 0])


def test_kmeans_finds_separated_clusters_whatever_the_seed() -> None:
    centres = np.array([[0, 0], [100, 0], [0, 100], [100, 100]])
    rng = np.random.default_rng(3)
    vectors = (centres[rng.integers(0, 4, 400)] + rng.integers(-2, 3, (400, 2)))[:, None]
    for seed in range(4):
        assert sorted(map(tuple, np.round(kmeans(vectors, 4, seed)[0] / 100).astype(int).tolist())) == [
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
        ]
    assert np.array_equal(kmeans(vectors, 4, 1), kmeans(vectors, 4, 1))


def test_table_of_lossless_symbols_is_the_layer() -> None:
    """Small integers: least squares recovers them to the nearest integer, and the sums are then exact."""
    rng = np.random.default_rng(4)
    weights = rng.integers(-5, 6, (3, 2, 2))
    prototypes = rng.integers(0, 9, (2, 4, 2))
    start = np.einsum("ckv,ocv->ock", prototypes, weights).astype(float)
    symbols = rng.integers(0, 4, (300, 2))
    vectors = np.stack([prototypes[c][symbols[:, c]] for c in range(2)], axis=1)
    targets = np.einsum("ncv,ocv->no", vectors, weights).astype(float)
    table = np.rint(fit_table(symbols, targets, start, 4.0)).astype(int)
    assert np.array_equal(table_sums(symbols, table), targets.astype(int))


def test_fitted_tables_predict_better_than_prototypes_alone() -> None:
    rng = np.random.default_rng(5)
    vectors, weights = rng.integers(0, 256, (2000, 4, 4)), rng.normal(size=(6, 4, 4))
    trees = learn_trees(vectors, 8, weights)
    symbols, targets = trees.encode(vectors), np.einsum("ncv,ocv->no", vectors, weights)
    start = np.einsum("ckv,ocv->ock", means(vectors, symbols, 8), weights)
    errors = [np.square(table_sums(symbols, t) - targets).mean() for t in (fit_table(symbols, targets, start, 4.0), start)]
    assert errors[0] < errors[1] < np.square(targets - targets.mean(axis=0)).mean()


def test_subspaces_are_channels_of_a_pixel_or_of_a_column() -> None:
    assert subspace_taps((1, 1), 6, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    # 2 x 2 window of 2 channels: taps 0 1 | 2 3 above 4 5 | 6 7
    assert subspace_taps((2, 2), 2, 2).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert subspace_taps((2, 2), 2, 4).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert subspace_taps((2, 2), 3, 2).tolist() == [[0, 6], [1, 7], [2, 8], [3, 9], [4, 10], [5, 11]]
    for window, channels in (((5, 5), 6), ((3, 2), 4), ((1, 1), 84)):
        for size in subspace_sizes(window, channels):
            assert sorted(subspace_taps(window, channels, size).ravel().tolist()) == list(range(window[0] * window[1] * channels))


def test_sizes_are_taken_nearest_by_ratio_and_others_refused() -> None:
    layers = [((5, 5), 1), ((5, 5), 6), ((1, 1), 400), ((1, 1), 84)]
    assert [nearest_size(window, channels, 8) for window, channels in layers] == [5, 10, 8, 7]
    with pytest.raises(ConfigError, match=r"subspaces of 4 inputs do not fit 6 channels under 5 x 5; sizes: \[1, 2, 3, 5, 6"):
        subspace_taps((5, 5), 6, 4)
