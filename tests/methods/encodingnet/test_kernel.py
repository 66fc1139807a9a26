# SPDX-License-Identifier: Apache-2.0
"""The kernel of encoded products: table sums, counts, bounds, operation counts, C++, lowering and the Keras layers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.encodingnet.lowering import lower, weight_integers
from dietcnn_hls.methods.encodingnet.scheme import EncodedScheme
from tests.methods.encodingnet.examples import random_netlist
from tests.streams import stream

seeds = st.integers(0, 2**32 - 1)


def random_kernel(seed: int) -> NetlistKernel:
    rng = np.random.default_rng(seed)
    source, netlist = stream(rng), random_netlist(seed)
    while source.integers.min() < -128 or source.integers.max() > 127:
        source = stream(rng)
    weights = rng.integers(-127, 128, (int(rng.integers(1, 5)), int(rng.integers(1, 9)))).astype(np.int8)
    return NetlistKernel(
        netlist.gates, netlist.positions, netlist.outputs, netlist.constant, weights, 9, source.integers, source.lo
    )


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_accumulate_is_the_sum_of_table_entries_and_of_weighted_counts(seed: int) -> None:
    kernel, rng = random_kernel(seed), np.random.default_rng(seed + 1)
    codes = rng.integers(kernel.lo, kernel.lo + len(kernel.integers), (4, kernel.taps))
    got = kernel.accumulate(codes)
    for n, output in itertools.product(range(4), range(kernel.outputs)):
        x = kernel.integers[codes[n] - kernel.lo]
        entries = kernel.netlist.table[x & 255, kernel.weights[output].astype(int) & 255]
        counts = kernel.netlist.encode(x, kernel.weights[output]).sum(axis=0, dtype=np.int64)
        assert got[n, output] == entries.sum() == kernel.taps * kernel.constant + int(counts @ kernel.positions)
    assert np.array_equal(kernel.accumulate(codes, slice(1, 3)), got[:, 1:3])


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_bounds_are_reached(seed: int) -> None:
    kernel = random_kernel(seed)
    lows, highs = kernel.bounds()
    codes = np.arange(kernel.lo, kernel.lo + len(kernel.integers))
    each = np.stack([kernel.netlist.table[v & 255] for v in kernel.integers])
    for output in range(kernel.outputs):
        entries = each[:, kernel.weights[output].astype(int) & 255]
        for pick, bound in ((entries.argmin(axis=0), lows), (entries.argmax(axis=0), highs)):
            assert kernel.accumulate(codes[pick][None])[0, output] == bound[output]


def test_operation_counts_are_those_of_the_counting_form() -> None:
    netlist = random_netlist(3, bits=5)
    weights = np.ones((4, 10), np.int8)
    kernel = NetlistKernel(netlist.gates, np.array([1, -2, 3, 7, 96]), netlist.outputs, 0, weights, 0, np.arange(16), 0)
    counts = kernel.operations()
    # shifted copies: 1, 2, 4 - 1, 8 - 1, 128 - 32
    assert (counts.multiplications, counts.lookups) == (0, 4 * 10 * 5)
    assert counts.additions == 4 * (9 * 5 + 8)
    assert (kernel.weight_bits, kernel.table_bits, kernel.addition_bits, kernel.lookup_bits) == (320, 0, 1, (1, 64))


def test_operands_beyond_eight_bits_are_refused() -> None:
    netlist = random_netlist(1)
    with pytest.raises(LoweringError, match="the input integers of an encoder must be between -128 and 127, got 255"):
        NetlistKernel(netlist.gates, netlist.positions, netlist.outputs, 0, np.ones((1, 1), np.int8), 0, np.arange(256), 0)


def spec(inputs: Stream, weights: np.ndarray, fraction: int = 7) -> LinearSpec:
    return LinearSpec("conv1", weights, EncodedScheme(random_netlist(2), 7, fraction), inputs)


def test_lowering_rounds_to_symmetric_integers() -> None:
    kernel = lower(spec(Stream((3,), 0, 127, 7), np.array([[0.5 / 128, -0.5 / 128, 3.0]])))
    assert kernel.weights.tolist() == [[1, 0, 127]]
    assert weight_integers(np.array([-9.0, -1.5 / 128]), 7).tolist() == [-127, -1]
    assert kernel.fraction == 14


@pytest.mark.parametrize(
    "inputs, weights, message",
    [
        (Stream((1,), 0, 255, 7), np.ones((1, 1)), "reads integers 0..255; an encoder takes signed"),
        (Stream((1,), 0, 127, 6), np.ones((1, 1)), "encodes inputs on the grid 2\\^-7 but reads 2\\^-6"),
        (Stream((1,), 0, 127, 7), np.full((1, 1), np.nan), "NaN or Inf"),
    ],
)
def test_lowering_refuses_what_is_not_exact(inputs: Stream, weights: np.ndarray, message: str) -> None:
    with pytest.raises(LoweringError, match=f"layer 'conv1'.*{message}"):
        lower(spec(inputs, weights))
