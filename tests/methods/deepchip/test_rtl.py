# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog of ternary weights: all three weights at several pairs of scales times every activation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import simulate_many

SCALES = {"units": (1, 1), "powers": (8, 2), "odd": (11, 6), "wide": (43, 21)}


def design(name: str, positive: int, negative: int, stream: Stream) -> RtlDesign:
    """Each output with a shift of its own."""
    weights = np.array([[1], [-1], [0], [-1]], np.int8)
    image = node("image", Source(), [], stream)
    kernel = TernaryKernel(weights, positive, negative, np.array([1, 4, 2, 2]), 8, stream.integers, stream.lo)
    return generate(LoweredGraph(name, (image, node("dense", Linear(kernel), [image]))), {"dense": Fold(2, 1)})


@pytest.mark.parametrize("signed", [False, True])
def test_every_weight_times_every_activation(signed: bool, tmp_path: Path) -> None:
    stream = Stream((1,), -128, 127, 7) if signed else Stream((1,), 0, 255, 8)
    designs = [design(name, *scales, stream) for name, scales in SCALES.items()]
    codes = np.arange(stream.lo, stream.hi + 1)[:, None]
    results = simulate_many(designs, [codes] * len(designs), cache_dir=tmp_path, optimize="-O0")
    for made, result in zip(designs, results, strict=True):
        assert np.array_equal(result.outputs, reference.predict(made.graph, codes)), made.name
