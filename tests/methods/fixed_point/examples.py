# SPDX-License-Identifier: Apache-2.0
"""Random kernels of ordinary products."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.lowered.elementwise import ROUNDINGS
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.methods.fixed_point.rounded import RoundedMultiplyKernel
from tests.kernels import Example


def multiply_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> MultiplyKernel:
    """Weights of 8 bits."""
    weights = rng.integers(-128, 128, (outputs, taps))
    return MultiplyKernel(weights, source.fraction + 7, source.integers, source.lo)


def plain(kernel: MultiplyKernel, codes: list[int], output: int) -> int:
    values = {code: int(v) for code, v in enumerate(kernel.integers, kernel.lo)}
    return sum(values[a] * int(w) for a, w in zip(codes, kernel.weights[output], strict=True))


def rounded_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> RoundedMultiplyKernel:
    """Weights of up to 8 bits, some or all bits of a product dropped."""
    reach = 1 << int(rng.integers(2, 8))
    weights, drop = rng.integers(-reach, reach, (outputs, taps)), int(rng.integers(1, 12))
    rounding = str(rng.choice(ROUNDINGS))
    return RoundedMultiplyKernel(weights, source.fraction + 7 - drop, source.integers, source.lo, drop, rounding)


def plain_rounded(kernel: RoundedMultiplyKernel, codes: list[int], output: int) -> int:
    values = {code: int(v) for code, v in enumerate(kernel.integers, kernel.lo)}
    products = (Fraction(values[a] * int(w), 1 << kernel.drop) for a, w in zip(codes, kernel.weights[output], strict=True))
    return sum(_NEAREST[kernel.rounding](product) for product in products)


def _tie(product: Fraction, chosen: int) -> int:
    """To the nearest integer, and to `chosen` where two are as near."""
    low = math.floor(product)
    if product - low == Fraction(1, 2):
        return chosen
    return low if product - low < Fraction(1, 2) else low + 1


_NEAREST: dict[str, Callable[[Fraction], int]] = {
    "floor": math.floor,
    "toward_zero": math.trunc,
    "half_up": lambda p: _tie(p, math.ceil(p)),
    "half_down": lambda p: _tie(p, math.floor(p)),
    "half_to_zero": lambda p: _tie(p, math.trunc(p)),
    "half_from_zero": lambda p: _tie(p, math.ceil(p) if p > 0 else math.floor(p)),
    "half_even": round,
}


EXAMPLES = {
    "multiply": Example(MultiplyKernel, multiply_kernel, plain, multiplies=True),
    "multiply_rounded": Example(RoundedMultiplyKernel, rounded_kernel, plain_rounded, multiplies=True),
}
