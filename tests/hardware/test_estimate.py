# SPDX-License-Identifier: Apache-2.0
"""Operation counts equal those of an instrumented run; estimates are consistent with the loop structure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ResourceError
from dietcnn_hls.hardware import estimate
from dietcnn_hls.lowered import Encode, Fold, Linear, LoweredGraph, Node, Operations, Reshape, Stream, Window, node
from dietcnn_hls.lowered import Source as GraphInput
from dietcnn_hls.methods.dietcnn.kernel import TableKernel
from tests.graphs import random_graph

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_lookup_layers_count_a_lookup_and_an_addition_a_tap(seed: int) -> None:
    graph = random_graph(seed, ("table",))
    for linear in graph.linear_nodes:
        assert isinstance(linear.op, Linear)
        counts = graph.counts(linear)
        work = linear.stream.size * linear.op.kernel.taps
        bias = 0 if linear.op.bias is None else linear.stream.size
        assert counts == Operations(lookups=work, additions=work - linear.stream.size + bias)
    assert Operations.sum(graph.counts(n) for n in graph.nodes).multiplications == 0


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_more_lanes_never_cost_cycles(seed: int) -> None:
    graph = random_graph(seed)
    one = {n.name: Fold(1, 1) for n in graph.linear_nodes}
    full = {n.name: Fold(n.op.kernel.outputs, n.op.kernel.taps) for n in graph.linear_nodes}  # type: ignore[union-attr]
    for io_type in ("io_stream", "io_parallel"):
        slow, fast = estimate.latency(graph, one, io_type), estimate.latency(graph, full, io_type)
        assert fast[0] <= slow[0] and fast[1] <= slow[1]
        assert slow[1] <= slow[0]


def test_passes_over_the_last_window_follow_the_last_input() -> None:
    """64 pixels one by one, of which the reshaped stream is one behind; then a dense layer's passes but the first."""
    source = node("x", GraphInput(), [], Stream((8, 8, 1), 0, 7, 0, tuple(range(8))))
    flat = node("flat", Reshape((64,)), [source])
    dense = node("dense", Linear(TableKernel(np.ones((8, 4), np.int32), np.zeros((8, 64), np.uint8), 0)), [flat])
    graph, folding = LoweredGraph("g", (source, flat, dense)), {"dense": Fold(1, 8)}
    assert estimate.latency(graph, folding, "io_stream") == (65 + estimate.PIPELINE_DEPTH + 7 * 8, 64)
    window = node(
        "conv", Linear(TableKernel(np.ones((8, 4), np.int32), np.zeros((6, 9), np.uint8), 0), None, Window((3, 3))), [source]
    )
    graph, folding = LoweredGraph("g", (source, window)), {"conv": Fold(6, 3)}
    assert estimate.latency(graph, folding, "io_stream")[0] >= 64 + estimate.PIPELINE_DEPTH + 2


def test_a_network_that_fits_no_part_names_its_largest_memory() -> None:
    symbols = 256
    outputs, taps = 2048, 4096
    source = node("x", GraphInput(), [], Stream((taps,), 0, 255, 8))
    kernel = TableKernel(np.ones((256, symbols), np.int32), np.zeros((outputs, taps), np.uint8), 8)
    graph = LoweredGraph("big", (source, node("huge", Linear(kernel), [source])))
    with pytest.raises(ResourceError, match=r"weights of 'huge', 8,388,608 words of 8 bits: .* Remedies: fewer weight symbols"):
        estimate.check_fits(graph, {"huge": Fold(1, 1)}, "xc7z020clg400-1")


def test_memories_are_those_of_the_folded_design() -> None:
    source = node("x", GraphInput(), [], Stream((8, 8, 2), 0, 7, 0, tuple(range(8))))
    kernel = TableKernel(np.ones((8, 4), np.int32), np.zeros((6, 18), np.uint8), 0)
    conv = node("conv", Linear(kernel, None, Window((3, 3))), [source])
    encode = node("act", Encode(np.zeros((6, 7), np.int64), np.zeros(6, bool), tuple(range(8)), 0), [conv])
    graph = LoweredGraph("g", (source, conv, encode))
    found = {(m.layer, m.role): (m.words, m.bits) for m in estimate.memories(graph, {"conv": Fold(2, 3)}, "xc7z020clg400-1")}
    accumulator = Stream((1,), conv.stream.lo, conv.stream.hi + 1, 0).bits
    assert found == {
        ("conv", "weights"): (3 * 6, 2 * 3 * 2),
        ("conv", "line buffer"): (2 * 8, 2 * 3),
        ("act", "thresholds"): (3, 2 * 7 * accumulator),
    }
    assert isinstance(graph["conv"], Node)
