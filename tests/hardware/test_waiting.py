# SPDX-License-Identifier: Apache-2.0
"""Buffers of residual adds: the proven bound, dead-lock below it, none at it under stalls, no loss of pace at what is chosen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.hardware.memories import buffer_depth
from dietcnn_hls.hardware.waiting import common_fork, least_codes, waiting_codes
from dietcnn_hls.lowered import Add, Fold, LoweredGraph, Node
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import SimulationError, Stalls, simulate_many
from tests import graphs

SIDE, CHANNELS = graphs.SIDE, graphs.CHANNELS
STALLS = (None, Stalls(seed=1), Stalls(seed=2, input=0.0, output=0.8), Stalls(seed=3, input=0.8, output=0.0))


def adds(graph: LoweredGraph) -> list[Node]:
    return [n for n in graph.nodes if isinstance(n.op, Add)]


def at_the_bound(graph: LoweredGraph, folds: dict[str, Fold], share: int = 1) -> RtlDesign:
    """A design whose buffers hold the bound (divided by `share`), rounded up to a power of two, and not a word more."""
    whole = generate(graph, folds)
    waiting = {}
    for add in adds(graph):
        bound = max(least_codes(graph, common_fork(graph, add), *order) for order in (add.inputs, add.inputs[::-1]))
        bits = max(m.bits for m in whole.memories if m.layer == add.name) if waiting_codes(graph, add) != (0, 0) else 3
        waiting[add.name] = buffer_depth(-(-bound // max(1, bits // 3)) // share)
    return generate(graph, folds, RtlOptions(waiting=waiting))


def run(designs: list[RtlDesign], programs: Path, stalls: Stalls | None, images: int = 4) -> list[int | None]:
    codes = [graphs.random_codes(design.graph, images, 1) for design in designs]
    results = simulate_many(designs, codes, stalls=stalls, cache_dir=programs, optimize="-O0")
    for design, images_of, result in zip(designs, codes, results, strict=True):
        assert np.array_equal(result.outputs, predict(design.graph, images_of)), design.name
    return [result.interval for result in results]


def test_the_bound_counts_what_windows_need_ahead() -> None:
    """Two 3 x 3 windows look two rows and two pixels ahead of the identity; the convolutions never wait for it."""
    graph = graphs.residual()
    add = graph["b0_add"]
    fork = common_fork(graph, add)
    assert fork.name == "encoder"
    assert least_codes(graph, fork, "encoder", "b0_conv2_act") == (2 * SIDE + 3) * CHANNELS
    assert least_codes(graph, fork, "b0_conv2_act", "encoder") <= 1
    assert waiting_codes(graph, add) == (0, (2 * SIDE + 3) * CHANNELS + CHANNELS + 3 * SIDE * CHANNELS)


def test_a_strided_side_waits_in_its_own_pixels() -> None:
    graph = graphs.residual(stride=2)
    fork = common_fork(graph, graph["b0_add"])
    # on the half image: a row and a pixel for each window; the strided one begins at the side's own pixel and ends two further
    assert least_codes(graph, fork, "b0_side_act", "b0_conv2_act") == (2 * (SIDE // 2) + 3) * CHANNELS


def test_dense_layers_need_all() -> None:
    graph = graphs.branching_graph(5, limits=graphs.Shape(side=4))
    add = graph["logits"]
    assert all(codes <= graph[name].stream.size for codes, name in zip(waiting_codes(graph, add), add.inputs, strict=True))


def test_too_small_a_buffer_dead_locks_and_names_the_stream(programs: Path) -> None:
    graph = graphs.residual("starved", blocks=1)
    design = generate(graph, {n.name: Fold(CHANNELS, 4) for n in graph.linear_nodes}, RtlOptions(waiting={"b0_add": 2}))
    with pytest.raises(SimulationError) as caught:
        run([design], programs, None)
    text = str(caught.value)
    assert "'starved' is dead-locked" in text
    assert "Stalled streams, a word waits:" in text and "b0_add_b_waiting (layer 'b0_add')" in text


@pytest.mark.parametrize("stalls", STALLS, ids=["free", "both", "output", "input"])
def test_no_dead_lock_at_the_bound(stalls: Stalls | None, programs: Path) -> None:
    """Residual blocks and random branching graphs, at folds that keep the branches apart, whatever stalls."""
    made = [graphs.residual("identity"), graphs.residual("strided", stride=2)]
    made += [
        dataclasses.replace(graphs.branching_graph(seed, limits=graphs.Shape(side=5, channels=4)), name=f"branching_{seed}")
        for seed in range(4)
    ]
    designs = [at_the_bound(graph, {n.name: Fold(1, 1) for n in graph.linear_nodes}) for graph in made]
    run(designs, programs, stalls)


def test_buffers_that_are_chosen_cost_no_cycle(programs: Path) -> None:
    """The interval is that of buffers for whole images, in half their bits or less."""
    graph = graphs.residual("chosen", height=2 * SIDE)
    folds = {n.name: Fold(1, 12) for n in graph.linear_nodes}
    chosen = generate(graph, folds)
    waiting = dict.fromkeys((add.name for add in adds(graph)), graph["b0_add"].stream.size)
    whole = generate(dataclasses.replace(graph, name="whole"), folds, RtlOptions(waiting=waiting))
    intervals = run([chosen, whole], programs, None, images=8)
    assert intervals[0] == intervals[1]
    assert 0 < 2 * chosen.fifo_bits() <= whole.fifo_bits()
