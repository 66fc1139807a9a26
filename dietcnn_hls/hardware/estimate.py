# SPDX-License-Identifier: Apache-2.0
"""What can be said of a lowered graph's hardware without running a tool: memories, cycles by loop structure.

Cycles (`cycles`) and BRAM (`blocks`) are labelled `estimate`; LUTs and FFs are left to tools that measure them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from dietcnn_hls.hardware.blocks import vitis_bram18
from dietcnn_hls.hardware.cycles import layer_cycles
from dietcnn_hls.hardware.memories import DesignMemory
from dietcnn_hls.hardware.memories import check_fits as check_memories
from dietcnn_hls.hardware.parts import family
from dietcnn_hls.lowered import Fold, LoweredGraph, Node, Stream
from dietcnn_hls.reports.model import ESTIMATE, Resources

PIPELINE_DEPTH = 4
"""Cycles from a stage's last input to its first output that estimates assume for every stage (table, tree, encode, write)."""


def latency(graph: LoweredGraph, folding: Mapping[str, Fold], io_type: str, input_codes: int | None = None) -> tuple[int, int]:
    """(cycles from first input to first complete output, interval between inferences), by loop structure.

    io_stream: stages run concurrently; a stage starts when its first window is complete, which takes the share of the
    producer's cycles that the window's last row and column are through the image, and has the passes over its last window left
    when its input ends. io_parallel: stages run in turn, and what only moves codes takes no time. Nothing here knows the
    registers that a clock asks for; a generated design tells its latency to the cycle (`rtl.latency`).

    Args:
        graph: the network.
        folding: folds of linear layers.
        io_type: 'io_stream' or 'io_parallel'.
        input_codes: codes a beat at the design's input; None: one pixel.
    """
    busy = layer_cycles(graph, folding, input_codes)
    working = {node.name for node in graph.nodes if node.op.arity and not node.op.keeps_codes}
    if io_type == "io_parallel":
        total = sum(busy[name] + PIPELINE_DEPTH for name in working)
        return total, total
    start: dict[str, float] = {}
    finish: dict[str, float] = {}
    for node in graph.nodes:
        ready = 0.0
        for name in node.inputs:
            share = _first_window(node, graph[name].stream)
            ready = max(ready, start[name] + share * (finish[name] - start[name]))
        depth = PIPELINE_DEPTH if node.name in working else 0
        latest = max((finish[name] for name in node.inputs), default=0.0)
        start[node.name] = ready + depth
        finish[node.name] = max(start[node.name] + busy[node.name], latest + depth + _left(node, folding))
    return math.ceil(max(finish[node.name] for node in graph.outputs)), max(busy.values())


def _left(node: Node, folding: Mapping[str, Fold]) -> int:
    """Cycles of a linear layer that can only begin with the last of its input: passes over its last window.

    A dense layer has gone through its first pass by then.
    """
    if node.op.kernel is None:
        return 0
    fold = folding.get(node.name, Fold(1, 1))
    beats = -(-node.kernel.taps // fold.simd)
    passes = -(-node.kernel.outputs // fold.pe)
    return (passes - 1) * beats if node.op.window is None else passes * beats - 1


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


def memories(graph: LoweredGraph, folding: Mapping[str, Fold], part: str) -> list[DesignMemory]:
    """Weight, threshold and line-buffer memories of the folded HLS design, in blocks of the part's family by Vitis' rule."""
    chosen = family(part)
    found: list[tuple[str, str, int, int]] = []
    for node in graph.nodes:
        if node.op.kernel is not None:
            found.append(_weights(node, folding.get(node.name, Fold(1, 1))))
        table = node.op.channel_table(graph.input_streams(node))
        if table is not None:
            pe = next((folding[n].pe for n in node.inputs if n in folding), 1)
            found.append((node.name, table.role, -(-table.channels // pe), min(pe, table.channels) * table.bits))
        window = node.op.window
        if window is not None and window.size[0] > 1:
            stream = graph.input_streams(node)[0]
            width = window.padding[2] + stream.shape[1] + window.padding[3]
            found.append((node.name, "line buffer", (window.size[0] - 1) * width, stream.channels * stream.bits))
    return [DesignMemory(*memory, vitis_bram18(*memory[2:], chosen)) for memory in found]


def _weights(node: Node, fold: Fold) -> tuple[str, str, int, int]:
    kernel = node.kernel
    words = -(-kernel.outputs // fold.pe) * -(-kernel.taps // fold.simd)
    lane_bits = kernel.weight_bits / (kernel.outputs * kernel.taps)
    return node.name, "weights", words, max(1, math.ceil(fold.lanes * lane_bits))


def check_fits(graph: LoweredGraph, folding: Mapping[str, Fold], part: str) -> int:
    """BRAM18 of all memories by Vitis' rule; ResourceError naming layers and remedies when the part has fewer."""
    return check_memories(memories(graph, folding, part), part)


def resources(graph: LoweredGraph, folding: Mapping[str, Fold], part: str) -> Resources:
    """BRAM18 of all memories by Vitis' rule; LUT, FF and DSP stay absent: they are measured or not stated."""
    return Resources(bram18=sum(memory.bram18 for memory in memories(graph, folding, part)), source=ESTIMATE)
