# SPDX-License-Identifier: Apache-2.0
"""Folds are legal, reach what was asked for, and say why when they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec, LayerFold, choices, lanes_cost, solve
from dietcnn_hls.lowered import Fold
from tests.graphs import random_graph

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_target_interval_is_met_with_the_fewest_lanes(seed: int) -> None:
    graph = random_graph(seed)
    layers = choices(graph)
    slowest = max(layer.slowest for layer in layers.values())
    fastest = max(min(map(layer.cycles, layer.folds)) for layer in layers.values())
    target = int(np.random.default_rng(seed).integers(fastest, slowest + 1))
    folds = solve(graph, FoldingSpec(target_interval=target))
    for name, layer in layers.items():
        assert layer.cycles(folds[name]) <= target
        cheaper = [f for f in layer.folds if lanes_cost(layer.node, f) < lanes_cost(layer.node, folds[name])]
        assert all(layer.cycles(fold) > target for fold in cheaper)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(10, 500))
def test_a_budget_is_kept_and_not_wasted(seed: int, budget: int) -> None:
    graph = random_graph(seed)
    try:
        folds = solve(graph, FoldingSpec(lut_budget=budget))
    except ConfigError:
        assert sum(lanes_cost(n, Fold(1, 1)) for n in graph.linear_nodes) > budget
        return
    assert sum(lanes_cost(n, folds[n.name]) for n in graph.linear_nodes) <= budget
    layers = choices(graph)
    interval = max(layers[name].cycles(fold) for name, fold in folds.items())
    if interval > max(min(map(layer.cycles, layer.folds)) for layer in layers.values()):
        faster = solve(graph, FoldingSpec(target_interval=interval - 1))
        assert sum(lanes_cost(n, faster[n.name]) for n in graph.linear_nodes) > budget


def test_reuse_factor_and_unroll_name_the_same_limit() -> None:
    graph = random_graph(3)
    name = graph.linear_nodes[0].name
    unrolled = solve(graph, FoldingSpec(unroll=True))
    by_reuse = solve(graph, FoldingSpec(layers={name: LayerFold(reuse_factor=1)}))
    assert by_reuse[name] == unrolled[name]


@pytest.mark.parametrize(
    "spec, text",
    [
        (FoldingSpec(layers={"logit": LayerFold(pe=1)}), "no linear layer 'logit'. Did you mean 'logits'?"),
        (FoldingSpec(layers={"logits": LayerFold(pe=1, simd=10**6)}), "SIMD 1000000 cannot be streamed"),
        (FoldingSpec(lut_budget=1), "already takes"),
    ],
)
def test_impossible_folds_name_the_layer_and_the_choice(spec: FoldingSpec, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        solve(random_graph(5), spec)
    assert text in str(caught.value)


def test_an_interval_below_the_positions_is_refused() -> None:
    graph = next(g for g in map(random_graph, range(100)) if any(n.stream.size // n.stream.channels > 1 for n in g.linear_nodes))
    with pytest.raises(ConfigError, match="cannot reach 1"):
        solve(graph, FoldingSpec(target_interval=1))
