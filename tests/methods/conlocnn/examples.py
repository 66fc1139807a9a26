# SPDX-License-Identifier: Apache-2.0
"""Random kernels of signed-digit weights."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.conlocnn.search import formats
from tests.kernels import Example


def signed_digit_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> SignedDigitKernel:
    """Any words of any format of 2 to 8 bits."""
    choices = formats(int(rng.integers(2, 9)))
    digits = choices[int(rng.integers(len(choices)))]
    words = rng.choice(np.flatnonzero(digits.meaningful), (outputs, taps)).astype(np.uint16)
    return SignedDigitKernel(words, digits.positions, source.fraction + 5, source.integers, source.lo)


def plain_value(digits: DigitFormat, word: int) -> int:
    """The meaning of a word, digit by digit as its fields are laid out."""
    total = 0
    for shifts, k in zip(digits.positions, digits.code_bits, strict=True):
        code, sign = word % 2**k, word // 2**k % 2
        word //= 2 ** (k + 1)
        if code:
            total += (-1 if sign else 1) * 2 ** shifts[code - 1]
    return total


def plain(kernel: SignedDigitKernel, codes: list[int], output: int) -> int:
    values = {code: int(v) for code, v in enumerate(kernel.integers, kernel.lo)}
    words = kernel.words[output].tolist()
    return sum(values[a] * plain_value(kernel.format, word) for a, word in zip(codes, words, strict=True))


EXAMPLES = {"signed_digit": Example(SignedDigitKernel, signed_digit_kernel, plain)}
