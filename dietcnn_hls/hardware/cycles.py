# SPDX-License-Identifier: Apache-2.0
"""How many cycles an inference keeps each operation of a design busy: one rule for estimates, the folding solver and reports.

It is the streaming engine's, where every stage takes one word a cycle. The slowest stage bounds the interval between inferences
from below, and one linear layer alone has exactly that interval. Branches that wait for each other, and layers whose bursts
meet, can add to it; only a simulation tells how much.

A stage without a fold works on the codes that come together: as many as the linear layer above computes at once (its PE), or
the pixels of the design's input. Where its source leaves time between words, the engine may share one comparator or adder
between several codes; that never takes longer than the source does, so it is not counted here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.hardware.geometry import Geometry, geometry, reads_input, taken_pixels, window_shape
from dietcnn_hls.lowered import Fold, LoweredGraph, Node


def kernel_cycles(geometry: Geometry, fold: Fold) -> int:
    """Cycles in which the kernel array works for one inference: positions * outputs/PE * taps/SIMD."""
    return geometry.positions * (geometry.outputs // fold.pe) * (geometry.taps // fold.simd)


def linear_cycles(geometry: Geometry, fold: Fold, pixels: int = 1) -> int:
    """Cycles that a linear layer needs for one inference: its kernel array's or, if more, those in which its window fills.

    The window takes one word of its channels a cycle, padding included. One that comes whole takes `pixels` pixels where the
    design's input gives so many, and a column a cycle: windows follow each other by the stride, or by the passes over one
    window if those are more, and a row's first waits for its columns. A fold that only the HLS project has reads whole pixels.
    """
    shape, kernel = window_shape(geometry, fold), kernel_cycles(geometry, fold)
    height, width = geometry.padded
    if shape is None:
        return max(kernel, height * width)
    if shape.whole(geometry):
        rows, columns = geometry.window.output_hw(geometry.height, geometry.width)
        stride, repeats = geometry.window.stride[1], geometry.group_outputs // fold.pe
        first = width - (columns - 1) * stride
        kernel = max(kernel, rows * (max(first, repeats) + (columns - 1) * max(stride, repeats)))
    beats = -(-height * width // taken_pixels(geometry, shape, pixels))
    return max(kernel, beats * (geometry.channels // shape.codes))


def layer_cycles(graph: LoweredGraph, folding: Mapping[str, Fold], input_codes: int | None = None) -> dict[str, int]:
    """Cycles in which each node is busy for one inference, by name; those of the source are the beats of the design's input.

    Args:
        graph: the network.
        folding: folds of linear layers; one lane for the others.
        input_codes: codes a beat at the design's input; None: one pixel.
    """
    channels = graph.input.stream.channels
    given = input_codes or channels
    codes: dict[str, int] = {}
    busy: dict[str, int] = {}
    for node in graph.nodes:
        if node.op.kernel is not None:
            fold = folding.get(node.name, Fold(1, 1))
            pixels = max(1, given // channels) if reads_input(graph, node) else 1
            codes[node.name] = fold.pe
            busy[node.name] = linear_cycles(_geometry(graph, node), fold, pixels)
        else:
            codes[node.name] = given if node is graph.input else _together(graph, node, codes)
            busy[node.name] = -(-_moved(graph, node) // codes[node.name])
    return busy


def _geometry(graph: LoweredGraph, node: Node) -> Geometry:
    """The engine's, or for kernels that only the HLS project has, one that asks nothing of the order of taps."""
    try:
        return geometry(graph, node)
    except LoweringError:
        return geometry(graph, node, streamed=False)


def _together(graph: LoweredGraph, node: Node, codes: Mapping[str, int]) -> int:
    """Codes a beat of a stage without a fold: what its sources give, in whole parts of a pixel where it counts channels."""
    if not node.inputs:
        return node.stream.channels
    together = math.gcd(*(codes[name] for name in node.inputs))
    if node.op.passes_pixels:
        return together
    counted = node.stream if node.op.keeps_codes else graph.input_streams(node)[0]
    return math.gcd(together, counted.channels)


def _moved(graph: LoweredGraph, node: Node) -> int:
    """Codes that a stage without a fold takes for one inference, padding included."""
    if node.op.window is None:
        return node.stream.size
    (height, width, channels), (top, bottom, left, right) = graph.input_streams(node)[0].shape, node.op.window.padding
    return (height + top + bottom) * (width + left + right) * channels


__all__ = ["kernel_cycles", "layer_cycles", "linear_cycles"]
