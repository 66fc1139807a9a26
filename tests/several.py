# SPDX-License-Identifier: Apache-2.0
"""Lowered graphs of several inputs and outputs."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Add, Combine, Gather, Join, LoweredGraph, MaxPool, Requantize, Source, Stream, Window, node


def several(name: str = "several", rows: int = 6) -> LoweredGraph:
    """Three inputs, three outputs: branches of one input that meet others late, an output that is read in the network, too."""
    image = node("image", Source(), [], Stream((rows, 5, 2), -8, 7, 2))
    other = node("other", Source(), [], Stream((rows, 5, 2), 0, 15, 2))
    late = node("late", Source(), [], Stream((rows, 5, 2), -4, 3, 2))
    pooled = node("pooled", MaxPool(Window((3, 3), (1, 1), (1, 1, 1, 1))), [image])
    total = node("total", Add((0, 0)), [pooled, other])
    again = node("again", Combine("subtract"), [total, image])
    upside = node("upside", Gather(np.arange(rows * 10)[::-1].copy(), (rows, 5, 2)), [late])
    joined = node("joined", Join(2), [again, upside])
    same = node("same", Requantize(0, "floor", total.stream.lo, total.stream.hi, 2), [total])
    least = node("least", Combine("minimum"), [other, late])
    nodes = (image, other, late, pooled, total, again, upside, least, joined, same)
    return LoweredGraph(name, nodes, results=("joined", "same", "least"))
