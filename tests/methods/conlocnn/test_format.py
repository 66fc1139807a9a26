# SPDX-License-Identifier: Apache-2.0
"""Signed-digit words: every code has one meaning, encoding inverts decoding, and the kernel is the integer product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.conlocnn import METHOD
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.conlocnn.scheme import SignedDigitScheme
from dietcnn_hls.methods.conlocnn.search import formats
from tests.methods.conlocnn.examples import plain_value, signed_digit_kernel
from tests.streams import stream


@pytest.mark.parametrize("bits", range(2, 9))
def test_every_format_decodes_and_encodes_every_word(bits: int) -> None:
    for digits in formats(bits):
        assert digits.bits == bits
        words = np.arange(1 << bits)[digits.meaningful]
        values = digits.decode(words)
        assert values.tolist() == [plain_value(digits, int(word)) for word in words]
        assert np.array_equal(digits.decode(digits.encode(values)), values)
        assert np.array_equal(digits.encode(digits.decode(digits.encode(values))), digits.encode(values))


def test_four_bits_and_one_digit_give_fifteen_levels() -> None:
    digits = DigitFormat((tuple(range(7)),))
    assert digits.bits == 4
    assert digits.levels.tolist() == [-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64]


def test_encoding_uses_the_fewest_digits() -> None:
    digits = DigitFormat(((0, 1, 2), (1, 2, 3)))
    (code0, sign0), (code1, sign1) = digits.fields(digits.encode(np.array([4, -8, 0, 3, -12])))
    assert (code0 > 0).tolist() == [True, False, False, True, True]
    assert (code1 > 0).tolist() == [False, True, False, True, True]
    assert sign0.tolist() == [0, 0, 0, 0, 1]  # 3 = 1 + 2; an absent digit carries no sign
    assert sign1.tolist() == [0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    "positions, text",
    [
        ((), "at least one digit"),
        (((),), "at least one position"),
        (((2, 1),), r"must increase .* \(2, 1\)"),
        ((tuple(range(-1, 2)),), "from 0 or more"),
        (((3, 16),), "15 or less"),
        ((tuple(range(16)), tuple(range(8)), (0,)), "words of 13 bits"),
    ],
)
def test_bad_formats_are_refused(positions: tuple[tuple[int, ...], ...], text: str) -> None:
    with pytest.raises(LoweringError, match=text):
        DigitFormat(positions)


def test_a_weight_beyond_the_format_is_named() -> None:
    with pytest.raises(LoweringError, match="weight 5 is no sum of signed powers"):
        DigitFormat(((0, 1, 2),)).encode(np.array([4, 5]))


def test_words_without_meaning_are_refused() -> None:
    with pytest.raises(LoweringError, match="names a position beyond"):
        SignedDigitKernel(np.array([[6]], np.uint16), ((0, 1, 2, 3, 4),), 0, np.arange(4), 0)
    with pytest.raises(LoweringError, match="words of weights must be between 0 and 7, got 8"):
        SignedDigitKernel(np.array([[8]], np.uint16), ((0, 1, 2),), 0, np.arange(4), 0)


@pytest.mark.parametrize("bits", range(2, 9))
def test_one_tap_is_the_product_for_every_word_and_activation(bits: int) -> None:
    for digits in formats(bits):
        words = np.arange(1 << bits, dtype=np.uint16)[digits.meaningful]
        kernel = SignedDigitKernel(words[:, None], digits.positions, 7, np.arange(256), 0)
        expected = [[activation * plain_value(digits, int(word)) for word in words] for activation in range(256)]
        assert kernel.accumulate(np.arange(256)[:, None]).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bounds_are_reached(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = stream(rng)
    kernel = signed_digit_kernel(rng, source, int(rng.integers(1, 6)), int(rng.integers(1, 9)), 0)
    weights = [[plain_value(kernel.format, word) for word in row] for row in kernel.words.tolist()]
    lows, highs = kernel.bounds()
    low, high = int(source.integers.min()), int(source.integers.max())
    assert lows.tolist() == [sum(min(low * w, high * w) for w in row) for row in weights]
    assert highs.tolist() == [sum(max(low * w, high * w) for w in row) for row in weights]


def test_operations_count_shifts_and_adds_and_no_product() -> None:
    kernel = SignedDigitKernel(np.zeros((3, 10), np.uint16), ((0, 1, 2), (0,)), 0, np.arange(256), 0)
    counts = kernel.operations()
    assert (counts.multiplications, counts.shifts, counts.additions, counts.lookups) == (0, 60, 57, 0)
    assert kernel.weight_bits == 30 * 5 and kernel.table_bits == 0
    symbols = SignedDigitKernel(np.zeros((3, 10), np.uint16), ((0, 1, 2), (0,)), 0, np.array([0, 1, 3, 7]), 0)
    assert symbols.operations().lookups == 10 and symbols.table_bits == 4 * 3


def spec(weights: np.ndarray, rng: np.random.Generator) -> LinearSpec:
    return LinearSpec("conv7", weights, SignedDigitScheme(((0, 1, 2), (4,)), 5), stream(rng))


def test_lowering_takes_the_nearest_level_and_keeps_levels() -> None:
    rng = np.random.default_rng(3)
    digits = DigitFormat(((0, 1, 2), (4,)))
    on_levels = digits.levels.reshape(1, -1) / 32
    assert np.array_equal(METHOD.lower(spec(on_levels, rng)).weights, digits.levels.reshape(1, -1))
    middles = (digits.levels[:-1] + digits.levels[1:]) / 64  # ties go up
    assert np.array_equal(METHOD.lower(spec(middles[None], rng)).weights, digits.levels[None, 1:])
    with pytest.raises(LoweringError, match="'conv7': weights hold NaN"):
        METHOD.lower(spec(np.array([[np.nan]]), rng))
