# SPDX-License-Identifier: Apache-2.0
"""Whatever graph can be made is computed within its ranges and can be spelled; whatever cannot is refused when it is made."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls import reference
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.hardware.folding import check_folding
from dietcnn_hls.hls.layers import layer_code
from dietcnn_hls.hls.network import build_network
from dietcnn_hls.lowered import LoweredGraph
from tests.graphs import Shape, branching_graph, pooling_graph, random_codes, random_graph
from tests.kernels import every
from tests.lowered.corrupt import at, corrupted, places, put

seeds = st.integers(0, 2**32 - 1)
SMALL = Shape(side=4, channels=3, symbols=6, layers=2)


def small_graph(seed: int) -> LoweredGraph:
    kind = (random_graph, branching_graph, pooling_graph)[seed % 3]
    return kind(seed, every(), SMALL)


def same_value(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype.kind == right.dtype.kind and np.array_equal(left, right)
    return type(left) is type(right) and bool(left == right)


def check_computed(graph: LoweredGraph, seed: int) -> None:
    """All codes lie in the ranges that their streams state; the graph can be written as C++."""
    for name, codes in reference.run(graph, random_codes(graph, 3, seed), keep=True).items():
        stream = graph[name].stream
        assert codes.dtype.kind == "i" and codes.min() >= stream.lo and codes.max() <= stream.hi, name
    try:
        network = build_network(graph, "io_stream", check_folding(graph, {}))
    except LoweringError as error:
        assert "nothing reads the result" in str(error)
        return
    for call in network.calls:
        layer_code(network, call)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_a_corrupted_graph_is_refused_or_another_graph(
    seed: int,
) -> None:
    graph, rng = small_graph(seed), np.random.default_rng(seed)
    paths = list(places(graph))
    path = paths[int(rng.integers(len(paths)))]
    old = at(graph, path)
    new = corrupted(rng, old)
    if same_value(old, new):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            other = put(graph, path, new)
    except LoweringError:
        return
    check_computed(other, seed)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_random_graphs_are_never_refused(seed: int) -> None:
    check_computed(small_graph(seed), seed)
