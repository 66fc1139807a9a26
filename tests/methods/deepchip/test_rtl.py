# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog of ternary weights: all three weights at several pairs of scales times every activation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.cases import exhaustive

SCALES = {"units": (1, 1), "powers": (8, 2), "odd": (11, 6), "wide": (43, 21)}


STREAMS = {"signed": Stream((1,), -128, 127, 7), "unsigned": Stream((1,), 0, 255, 8)}


def design(name: str, positive: int, negative: int, stream: Stream) -> RtlDesign:
    """Each output with a shift of its own."""
    weights = np.array([[1], [-1], [0], [-1]], np.int8)
    image = node("image", Source(), [], stream)
    kernel = TernaryKernel(weights, positive, negative, np.array([1, 4, 2, 2]), 8, stream.integers, stream.lo)
    return generate(LoweredGraph(name, (image, node("dense", Linear(kernel), [image]))), {"dense": Fold(2, 1)})


@exhaustive
def test_every_weight_times_every_activation(programs: Path) -> None:
    designs = [design(f"{name}_{sign}", *scales, stream) for name, scales in SCALES.items() for sign, stream in STREAMS.items()]
    codes = [np.arange(made.graph.input.stream.lo, made.graph.input.stream.hi + 1)[:, None] for made in designs]
    for made, given, result in zip(
        designs, codes, simulate_many(designs, codes, cache_dir=programs, optimize="-O0"), strict=True
    ):
        assert np.array_equal(result.outputs, reference.predict(made.graph, given)), made.name
