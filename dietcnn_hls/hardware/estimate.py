# SPDX-License-Identifier: Apache-2.0
"""What can be said of a lowered graph's hardware without running a tool: memories, cycles by loop structure.

Cycles and BRAM are labelled `estimate`; LUTs and FFs are left to tools that measure them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dietcnn_hls.hardware import blocks
from dietcnn_hls.lowered import Fold, LoweredGraph, Node, Stream
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


def layer_cycles(graph: LoweredGraph, node: Node, folding: Mapping[str, Fold]) -> int:
    """Cycles in which a stage is busy for one inference; stages without a fold take one position a cycle."""
    places = node.stream.size // node.stream.channels
    if node.op.kernel is not None:
        fold = folding.get(node.name, Fold(1, 1))
        return places * -(-node.op.kernel.outputs // fold.pe) * -(-node.op.kernel.taps // fold.simd)
    if node is graph.input or node.op.keeps_codes:
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
    window = node.op.window
    if node.op.kernel is not None and window is None:
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
        if node.op.kernel is not None:
            found += _linear_memories(node, folding.get(node.name, Fold(1, 1)))
        table = node.op.channel_table(graph.input_streams(node))
        if table is not None:
            pe = next((folding[n].pe for n in node.inputs if n in folding), 1)
            words = -(-table.channels // pe)
            found.append(Memory(node.name, table.role, words, min(pe, table.channels) * table.bits))
        window = node.op.window
        if window is not None and window.size[0] > 1:
            stream = graph.input_streams(node)[0]
            found.append(Memory(node.name, "line buffer", (window.size[0] - 1) * stream.shape[1], stream.channels * stream.bits))
    return found


def _linear_memories(node: Node, fold: Fold) -> list[Memory]:
    kernel = node.kernel
    words = -(-kernel.outputs // fold.pe) * -(-kernel.taps // fold.simd)
    lane_bits = kernel.weight_bits / (kernel.outputs * kernel.taps)
    return [Memory(node.name, "weights", words, max(1, math.ceil(fold.lanes * lane_bits)))]


def check_fits(graph: LoweredGraph, folding: Mapping[str, Fold], part: str) -> int:
    """BRAM18 of all memories by the Vitis rule; ResourceError naming layers and remedies when the part has fewer."""
    return blocks.check_fits(memories(graph, folding), part)


def resources(graph: LoweredGraph, folding: Mapping[str, Fold]) -> Resources:
    """BRAM18 of all memories by the Vitis rule; LUT, FF and DSP stay absent: they are measured or not stated."""
    return Resources(bram18=sum(found.bram18 for found in memories(graph, folding)), source="estimate")
