# SPDX-License-Identifier: Apache-2.0
"""Products that lose bits in every way that ap_fixed has: C++ and RTL compute what the reference computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dietcnn_hls import hls, reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.lowered.elementwise import ROUNDINGS
from dietcnn_hls.methods.fixed_point.rounded import RoundedMultiplyKernel
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate


def every_rounding() -> LoweredGraph:
    """One vector, and a layer for each rounding; products of even weights tie often."""
    stream = Stream((4,), -16, 15, 3)
    rng = np.random.default_rng(0)
    source = node("x", Source(), [], stream)
    layers = []
    for number, rounding in enumerate(ROUNDINGS):
        weights = 2 * rng.integers(-16, 16, (3, 4))
        kernel = RoundedMultiplyKernel(weights, 5, stream.integers, stream.lo, 2 + number % 3, rounding)
        layers.append(node(rounding, Linear(kernel), [source]))
    return LoweredGraph("roundings", (source, *layers), results=ROUNDINGS)


def test_every_rounding_of_products_is_that_of_the_reference(tmp_path: Path) -> None:
    graph = every_rounding()
    codes = np.random.default_rng(1).integers(-16, 16, (60, 4))
    expected = reference.predict(graph, codes)
    hls.generate(graph, tmp_path)
    for found in (
        hls.compile(tmp_path).predict(codes),
        simulate(generate(graph, dict.fromkeys(ROUNDINGS, Fold(1, 1))), codes).outputs,
    ):
        for name, ours, wanted in zip(ROUNDINGS, found, expected, strict=True):
            assert np.array_equal(ours, wanted), name
    assert len({array.tobytes() for array in expected}) == len(ROUNDINGS)
