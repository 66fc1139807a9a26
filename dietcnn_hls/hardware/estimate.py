# SPDX-License-Identifier: Apache-2.0
"""What can be said of a lowered graph without running a tool: operations, memories, cycles by loop structure.

Operations are exact counts. Cycles and BRAM are labelled `estimate`; LUTs and FFs are left to tools that measure them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dietcnn_hls.hardware import blocks
from dietcnn_hls.hardware.energy import Widths
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import (
    Add,
    Encode,
    Fold,
    Linear,
    LoweredGraph,
    MaxPool,
    Node,
    Operations,
    Requantize,
    Reshape,
    Source,
    Stream,
    SumPool,
    SymbolMap,
)
from dietcnn_hls.reports.model import Resources

PIPELINE_DEPTH = 4
"""Cycles from a stage's last input to its first output that estimates assume for every stage (table, tree, encode, write)."""


@dataclass(frozen=True)
class Memory:
    """One memory of the design: `words` x `bits` read in one cycle."""

    layer: str
    role: str
    words: int
    bits: int

    @property
    def bram18(self) -> int:
        return blocks.bram18(self.words, self.bits)


def operations(graph: LoweredGraph, node: Node) -> Operations:
    """Run-time operations of one node for one inference."""
    size = node.stream.size
    match node.op:
        case Source() | Reshape():
            return Operations()
        case Linear(kernel=kernel, bias=bias):
            places = size // node.stream.channels
            return kernel.operations() * places + Operations(additions=0 if bias is None else size)
        case Encode(thresholds=thresholds):
            return Operations(comparisons=size * thresholds.shape[1])
        case Requantize(rounding=rounding):
            return Operations(additions=0 if rounding == "floor" else size, comparisons=2 * size)
        case SymbolMap():
            return Operations(lookups=size)
        case MaxPool(window=window):
            return Operations(comparisons=size * (window.size[0] * window.size[1] - 1))
        case SumPool(window=window):
            taps = window.size[0] * window.size[1]
            return Operations(additions=size * (taps - 1), lookups=size * taps if graph.input_streams(node)[0].levels else 0)
        case Add():
            decoded = sum(stream.levels is not None for stream in graph.input_streams(node))
            return Operations(additions=size, lookups=decoded * size)


def table_bits(graph: LoweredGraph, node: Node) -> int:
    """Bits of constant tables and thresholds of one node."""
    match node.op:
        case Linear(kernel=kernel):
            return kernel.table_bits
        case Encode(thresholds=thresholds):
            return thresholds.size * _threshold_bits(graph.input_streams(node)[0])
        case SymbolMap(table=table):
            return table.size * node.stream.bits
        case Add() | SumPool():
            return sum(len(s.levels) * bits_for(s.levels[0], s.levels[-1]) for s in graph.input_streams(node) if s.levels)
        case _:
            return 0


def weight_bits(node: Node) -> int:
    """Bits of stored weights and biases of one node."""
    if not isinstance(node.op, Linear):
        return 0
    bias = node.op.bias
    return node.op.kernel.weight_bits + (0 if bias is None else bias.size * bits_for(int(bias.min()), int(bias.max())))


def _threshold_bits(source: Stream) -> int:
    return bits_for(source.lo, source.hi + 1)  # hi + 1 is the threshold that is never reached


def layer_cycles(graph: LoweredGraph, node: Node, folding: Mapping[str, Fold]) -> int:
    """Cycles in which a stage is busy for one inference; stages without a fold take one position a cycle."""
    places = node.stream.size // node.stream.channels
    if isinstance(node.op, Linear):
        fold = folding.get(node.name, Fold(1, 1))
        return places * -(-node.op.kernel.outputs // fold.pe) * -(-node.op.kernel.taps // fold.simd)
    if isinstance(node.op, (Source, Reshape)):
        return 0
    return max(places, *(s.size // s.channels for s in graph.input_streams(node)))


def latency(graph: LoweredGraph, folding: Mapping[str, Fold], io_type: str) -> tuple[int, int]:
    """(cycles from first input to first complete output, interval between inferences), by loop structure.

    io_stream: stages run concurrently; a stage starts when its first window is complete, which takes the share of the
    producer's cycles that the window's last row and column are through the image. io_parallel: stages run in turn.
    """
    busy = {node.name: layer_cycles(graph, node, folding) for node in graph.nodes}
    total = sum(cycles + PIPELINE_DEPTH for cycles in busy.values() if cycles)
    if io_type == "io_parallel":
        return total, total
    interval = max(busy.values())
    start: dict[str, float] = {}
    finish: dict[str, float] = {}
    for node in graph.nodes:
        ready = 0.0
        for name in node.inputs:
            share = _first_window(node, graph[name].stream)
            ready = max(ready, start[name] + share * (finish[name] - start[name]))
        start[node.name] = ready + (PIPELINE_DEPTH if busy[node.name] else 0)
        latest = max((finish[name] for name in node.inputs), default=0.0)
        finish[node.name] = max(start[node.name] + busy[node.name], latest + (PIPELINE_DEPTH if busy[node.name] else 0))
    return math.ceil(finish[graph.output.name]), interval


def _first_window(node: Node, source: Stream) -> float:
    """Share of the input that must have arrived before the first output can be computed."""
    window = node.op.window if isinstance(node.op, (Linear, MaxPool, SumPool)) else None
    if isinstance(node.op, Linear) and window is None:
        return 1.0 / max(1, source.size)  # a dense layer accumulates from its first input on
    if window is None or len(source.shape) != 3:
        return 1.0 / max(1, source.size // source.channels)
    height, width, _ = source.shape
    rows = max(1, window.size[0] - window.padding[0]) - 1
    return min(1.0, (rows * width + max(1, window.size[1] - window.padding[2])) / (height * width))


def memories(graph: LoweredGraph, folding: Mapping[str, Fold]) -> list[Memory]:
    """Weight, threshold and line-buffer memories of the folded design."""
    found = []
    for node in graph.nodes:
        if isinstance(node.op, Linear):
            found += _linear_memories(graph, node, folding.get(node.name, Fold(1, 1)))
        if isinstance(node.op, Encode):
            channels, count = node.op.thresholds.shape
            pe = next((folding[n].pe for n in node.inputs if n in folding), 1)
            if channels > 1:
                bits = _threshold_bits(graph.input_streams(node)[0])
                found.append(Memory(node.name, "thresholds", -(-channels // pe), min(pe, channels) * count * bits))
        window = node.op.window if isinstance(node.op, (Linear, MaxPool, SumPool)) else None
        if window is not None and window.size[0] > 1:
            stream = graph.input_streams(node)[0]
            found.append(Memory(node.name, "line buffer", (window.size[0] - 1) * stream.shape[1], stream.channels * stream.bits))
    return found


def _linear_memories(graph: LoweredGraph, node: Node, fold: Fold) -> list[Memory]:
    assert isinstance(node.op, Linear)
    kernel = node.op.kernel
    words = -(-kernel.outputs // fold.pe) * -(-kernel.taps // fold.simd)
    lane_bits = kernel.weight_bits / (kernel.outputs * kernel.taps)
    return [Memory(node.name, "weights", words, max(1, math.ceil(fold.lanes * lane_bits)))]


def check_fits(graph: LoweredGraph, folding: Mapping[str, Fold], part: str) -> int:
    """BRAM18 of all memories by the Vitis rule; ResourceError naming layers and remedies when the part has fewer."""
    return blocks.check_fits(memories(graph, folding), part)


def resources(graph: LoweredGraph, folding: Mapping[str, Fold]) -> Resources:
    """BRAM18 of all memories by the Vitis rule; LUT, FF and DSP stay absent: they are measured or not stated."""
    return Resources(bram18=sum(found.bram18 for found in memories(graph, folding)), source="estimate")


def widths(graph: LoweredGraph, node: Node) -> Widths:
    """Bit widths of a node's operations, for the operation-energy model."""
    sources = graph.input_streams(node)
    operand = sources[0].bits if sources else node.stream.bits
    match node.op:
        case Linear(kernel=kernel):
            weight = max(1, round(kernel.weight_bits / (kernel.outputs * kernel.taps)))
            entry, table = kernel.lookup_bits or (None, None)
            return Widths((operand, weight), kernel.addition_bits, entry, table, operand, kernel.addition_bits)
        case SymbolMap(table=table):
            return Widths(lookup=node.stream.bits, table=table.shape[1] * node.stream.bits)
        case Add() | SumPool():
            tables = [len(s.levels) * s.bits for s in sources if s.levels]
            return Widths(add=node.stream.bits, lookup=node.stream.bits, table=max(tables, default=node.stream.bits))
        case _:
            return Widths(add=operand, compare=operand)
