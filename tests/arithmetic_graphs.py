# SPDX-License-Identifier: Apache-2.0
"""Random lowered graphs of plain arithmetic: roundings and overflows, tables of values, merges of branches, reductions."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import (
    Combine,
    Divide,
    Gather,
    Join,
    LoweredGraph,
    Node,
    Reduce,
    Requantize,
    Reshape,
    Source,
    Stream,
    ValueMap,
    node,
)
from dietcnn_hls.lowered.arithmetic import FUNCTIONS, REDUCTIONS
from dietcnn_hls.lowered.elementwise import ROUNDINGS

WIDEST = 12
"""Bits of codes that a table of values is drawn for."""


def requantize(rng: np.random.Generator, name: str, source: Node, bits: int | None = None) -> Node:
    """Any rounding and overflow, bits dropped or gained, to codes of `bits` bits."""
    stream, width = source.stream, bits or int(rng.integers(2, 10))
    shift = stream.bits - width + int(rng.integers(-2, 3))
    signed = rng.random() < 0.6
    lo, hi = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    overflow = str(rng.choice(["saturate", "wrap"]))
    if signed and overflow == "saturate" and rng.random() < 0.3:
        lo = -hi  # AP_SAT_SYM
    op = Requantize(shift, str(rng.choice(ROUNDINGS)), lo, hi, stream.fraction - shift, overflow)
    return node(name, op, [source])


def value_map(rng: np.random.Generator, name: str, source: Node) -> Node:
    """A table of any values, one for all channels or one for each."""
    stream = source.stream
    rows = stream.channels if rng.random() < 0.4 else 1
    reach = 1 << int(rng.integers(1, 10))
    table = rng.integers(-reach if rng.random() < 0.6 else 0, reach, (rows, stream.hi - stream.lo + 1))
    return node(name, ValueMap(table, stream.lo, int(rng.integers(0, 8))), [source])


def combine(rng: np.random.Generator, name: str, left: Node, right: Node) -> Node:
    """Any function of two streams, aligned where it needs to be."""
    function = str(rng.choice(sorted(FUNCTIONS)))
    gap = left.stream.fraction - right.stream.fraction
    shifts = (0, 0) if function == "multiply" else (max(-gap, 0), max(gap, 0))
    return node(name, Combine(function, shifts), [left, right])


def join(rng: np.random.Generator, name: str, left: Node, right: Node) -> Node:
    """Along any axis, on one grid."""
    gap = left.stream.fraction - right.stream.fraction
    axis = int(rng.integers(len(left.stream.shape)))
    return node(name, Join(axis, (max(-gap, 0), max(gap, 0))), [left, right])


def gather(rng: np.random.Generator, name: str, source: Node) -> Node:
    """Some codes dropped, some repeated, some none of the input's."""
    shape = (*(int(n) for n in rng.integers(1, 4, 2)), int(rng.integers(1, 4)))
    low = -1 if source.stream.lo <= 0 <= source.stream.hi and rng.random() < 0.7 else 0
    return node(name, Gather(rng.integers(low, source.stream.size, int(np.prod(shape))), shape), [source])


def arithmetic_graph(seed: int, side: int = 4, channels: int = 5) -> LoweredGraph:
    """An image or a vector of signed or unsigned codes through branches that meet, are reduced and meet again."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, channels + 1))
    shape: tuple[int, ...] = (count,) if rng.random() < 0.3 else (*(int(n) for n in rng.integers(1, side + 1, 2)), count)
    width = int(rng.integers(2, 9))
    lo, hi = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if rng.random() < 0.5 else (0, (1 << width) - 1)
    nodes = [node("image", Source(), [], Stream(shape, lo, hi, int(rng.integers(0, 9))))]

    def add(made: Node) -> Node:
        nodes.append(made)
        return made

    left = add(requantize(rng, "left", nodes[0]))
    right = add(value_map(rng, "right", nodes[0]))
    joined = add(combine(rng, "joined", left, right))
    if rng.random() < 0.5:
        joined = add(requantize(rng, "narrowed", joined, int(rng.integers(3, WIDEST))))
        joined = add(value_map(rng, "curve", joined))
    reduced = add(node("reduced", Reduce(str(rng.choice(REDUCTIONS))), [joined]))
    if bits_for(reduced.stream.lo, reduced.stream.hi) <= WIDEST and rng.random() < 0.5:
        reduced = add(value_map(rng, "inverse", reduced))
    last = add(combine(rng, "shared", joined, reduced))
    last = add(requantize(rng, "rounded", last))
    if rng.random() < 0.3:
        last = add(node("divided", Divide(int(rng.integers(2, 40))), [last]))
    if rng.random() < 0.5:
        last = add(join(rng, "both", last, joined))
    if rng.random() < 0.5:
        last = add(gather(rng, "moved", last))
    if rng.random() < 0.3:
        last = add(node("flat", Reshape((last.stream.size,)), [last]))
        last = add(requantize(rng, "rounded_again", last))
    return LoweredGraph("arithmetic_net", tuple(nodes), {"seed": seed, "examples": []})


__all__ = ["arithmetic_graph", "combine", "gather", "join", "requantize", "value_map"]
