# SPDX-License-Identifier: Apache-2.0
"""Folds are legal, reach what was asked for, and say why when they cannot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec, LayerFold, check_folding, choices, fold_for_reuse, lanes_cost, solve
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.integers import divisors
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, Window, node
from dietcnn_hls.rtl.design import generate
from tests.graphs import branching_graph, random_graph
from tests.methods.tabconv.examples import pq_kernel

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


@pytest.mark.parametrize("synthesis", ["none", "yosys"])
def test_input_pixels_that_do_not_fit_are_refused_whatever_is_built(synthesis: str, tmp_path: Path) -> None:
    graph = random_graph(5)
    text = rf"folding\.input_pixels: 7 must divide the width of the input 'image', {graph.input.stream.shape[1]}"
    with pytest.raises(ConfigError, match=text):
        convert_and_build(graph, tmp_path, folding={"input_pixels": 7}, synthesis=synthesis)  # type: ignore[arg-type]
    assert not (tmp_path / "hls").exists()


class TestBeyondTheEngine:
    """What only the HLS project can have."""

    def test_every_divisor_of_outputs_and_taps(self) -> None:
        graph = branching_graph(3)
        for layer in graph.linear_nodes:
            kernel = layer.kernel
            folds = legal_folds(graph, layer, streamed=False)
            assert {(fold.pe, fold.simd) for fold in folds} == {
                (pe, simd) for pe in divisors(kernel.outputs) for simd in divisors(kernel.taps)
            }
            assert set(folds) >= set(legal_folds(graph, layer))

    def test_folds_are_completed_and_checked(self) -> None:
        graph = branching_graph(3)
        name, other = (layer.name for layer in graph.linear_nodes[:2])
        full = legal_folds(graph, graph[name], streamed=False)[-1]
        folds = check_folding(graph, {name: full})
        assert (folds[name], folds[other]) == (full, Fold(1, 1))
        with pytest.raises(ConfigError, match=r"no linear layer 'trun'\. Did you mean 'trunk'"):
            check_folding(graph, {"trun": full})
        for wrong in (Fold(full.pe + 1, 1), Fold(1, full.simd + 1)):
            text = f"layer '{name}' has {full.pe} outputs and {full.simd} taps; PE {wrong.pe} and SIMD {wrong.simd} must divide"
            with pytest.raises(ConfigError, match=text):
                check_folding(graph, {name: wrong})

    def test_a_reuse_factor_is_honoured_at_most(self) -> None:
        graph = branching_graph(3)
        for layer in graph.linear_nodes:
            work = layer.kernel.outputs * layer.kernel.taps
            for reuse in (1, 2, 5, work):
                fold = fold_for_reuse(graph, layer, reuse)
                assert work // fold.lanes <= reuse
                assert all(
                    fewer.lanes * reuse < work for fewer in legal_folds(graph, layer, streamed=False) if fewer.lanes < fold.lanes
                )


def test_a_layer_that_no_fold_serves_is_named() -> None:
    """Subspaces across the pixels of a window need it whole, which the engine has for one group only."""
    image = node("image", Source(), [], Stream((4, 4, 4), 0, 7, 0))
    drawn = (pq_kernel(np.random.default_rng(seed), image.stream, 2, 8, 4) for seed in range(100))
    kernel = next(kernel for kernel in drawn if kernel.members.shape == (2, 4))
    kernel = dataclasses.replace(kernel, members=np.array([[0, 2, 4, 6], [1, 3, 5, 7]]))
    conv = node("apart", Linear(kernel, None, Window((2, 2), groups=2)), [image])
    graph = LoweredGraph("g", (image, conv))
    assert legal_folds(graph, conv) == []
    assert solve(graph) == {"apart": Fold(1, 1)}
    for spec in (FoldingSpec(target_interval=100), FoldingSpec(lut_budget=999), FoldingSpec(unroll=True)):
        with pytest.raises(ConfigError, match="layer 'apart': no fold of the streaming engine serves it"):
            solve(graph, spec)
    with pytest.raises(ConfigError, match="layer 'apart': SIMD 1 cannot be streamed"):
        generate(graph, solve(graph))
