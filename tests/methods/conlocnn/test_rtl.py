# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog of signed digits: every weight of every kind of format times every activation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.cases import exhaustive

FORMATS = {
    "three_places": ((0, 1, 2),),
    "gap": ((0, 1, 3),),
    "five_of_seven_codes": ((1, 2, 3, 4, 5),),
    "barrel": (tuple(range(7)),),
    "wide_gap": ((0, 1, 2, 3, 4, 5, 7),),
    "two_digits": ((0, 1, 2), (3,)),
    "three_digits": ((0,), (2, 4), (1, 2, 3, 4)),
}


STREAMS = {"signed": Stream((1,), -128, 127, 7), "unsigned": Stream((1,), 0, 255, 8)}


def design(name: str, positions: tuple[tuple[int, ...], ...], stream: Stream) -> RtlDesign:
    """One output for every word that means something."""
    words = np.flatnonzero(DigitFormat(positions).meaningful).astype(np.uint16)[:, None]
    image = node("image", Source(), [], stream)
    kernel = SignedDigitKernel(words, positions, 8, stream.integers, stream.lo)
    graph = LoweredGraph(name, (image, node("dense", Linear(kernel), [image])))
    return generate(graph, {"dense": Fold(len(words) // 2, 1)})


@exhaustive
def test_every_weight_times_every_activation(programs: Path) -> None:
    designs = [design(f"{name}_{sign}", p, stream) for name, p in FORMATS.items() for sign, stream in STREAMS.items()]
    codes = [np.arange(made.graph.input.stream.lo, made.graph.input.stream.hi + 1)[:, None] for made in designs]
    for made, given, result in zip(
        designs, codes, simulate_many(designs, codes, cache_dir=programs, optimize="-O0"), strict=True
    ):
        assert np.array_equal(result.outputs, reference.predict(made.graph, given)), made.name
