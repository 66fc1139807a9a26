# SPDX-License-Identifier: Apache-2.0
"""Storage of a network counted by hand."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Encode, Linear, LoweredGraph, Requantize, Source, Stream, node
from dietcnn_hls.methods.deepchip import storage
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel


def graph() -> LoweredGraph:
    image = node("image", Source(), [], Stream((4,), 0, 255, 8))
    weights = np.array([[0, 0, 1, -1], [0, 0, 1, -1]], np.int8)
    ternary = TernaryKernel(weights, 2, 3, np.array([0, 2]), 10, np.arange(256), 0)
    first = node("first", Linear(ternary, np.array([-4, 3])), [image])
    relu = node("relu", Requantize(4, "half_up", 0, 255, first.stream.fraction - 4), [first])
    second = node("second", Linear(MultiplyKernel(np.array([[3, -4], [1, 2]]), 12, np.arange(256), 0)), [relu])
    encode = node("encode", Encode(np.array([[5, 9]]), np.array([False]), (0, 1, 2), 2), [second])
    return LoweredGraph("two", (image, first, relu, second, encode))


def test_every_bit_is_counted_once() -> None:
    first, second = storage.layers(graph())
    kernel = graph()["first"].op.kernel  # type: ignore[union-attr]
    assert (first.weights, first.float_bits, first.zeros) == (8, 32 * 10, 4)
    assert first.weight_bits == kernel.compressed.bits
    assert first.entropy_bits == 8 * 1.5
    assert first.other_bits == 2 * 3 + 2 * 2 + 16  # biases of 3 bits, shifts of 2, two scales
    low, high = 255 * -4, 255 * 3
    assert (low, high) == (graph()["second"].stream.lo, graph()["second"].stream.hi)
    assert (second.weight_bits, second.other_bits, second.entropy_bits) == (4 * 3, 2 * 11, None)
    assert second.ratio == 32 * 6 / (12 + 22)
    whole = storage.total([first, second])
    assert whole.float_bits == 32 * 16 and whole.entropy_bits == 12.0 and whole.zeros == 4
    assert whole.weight_bits + whole.other_bits == first.weight_bits + second.weight_bits + 26 + 22
