# SPDX-License-Identifier: Apache-2.0
"""Small facts about integers that several rooms need: widths, divisors, exact products, im2col."""

from __future__ import annotations

import re

import numpy as np


def bits_for(lo: int, hi: int) -> int:
    """Bits of the narrowest two's complement (``lo < 0``) or unsigned integer that holds both ``lo`` and ``hi``."""
    if lo < 0:
        return max((-lo - 1).bit_length(), hi.bit_length() if hi > 0 else 0) + 1
    return max(1, hi.bit_length())


def power_of_two(n: int) -> int:
    """The least power of two that is at least `n`."""
    return 1 << max(0, n - 1).bit_length()


def divisors(n: int) -> list[int]:
    """All divisors in ascending order."""
    return [d for d in range(1, n + 1) if n % d == 0]


def signed_digits(value: int) -> list[int]:
    """Canonical signed digits of an integer, lowest first: no two neighbours are nonzero, and nonzeros are as few as can be."""
    digits = []
    while value:
        digit = 2 - value % 4 if value % 2 else 0
        digits.append(digit)
        value = (value - digit) // 2
    return digits


def exact_float(reach: int) -> type[np.floating]:
    """The quickest float type in which integers up to `reach` in magnitude, and so all sums on the way there, are exact.

    Raises:
        OverflowError: beyond 2^53.
    """
    if reach >= 2**53:
        raise OverflowError(f"sums up to {reach} are not exact in float64")
    return np.float32 if reach < 2**24 else np.float64


def exact_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Integer matrix product as int64, by BLAS in a float type in which every partial sum is exact."""
    reach = int(np.abs(a).max(initial=0)) * int(np.abs(b).max(initial=0)) * a.shape[-1]
    if reach >= 2**53:
        return a.astype(np.int64) @ b.astype(np.int64)
    kind = exact_float(reach)
    return (a.astype(kind) @ b.astype(kind)).astype(np.int64)


def im2col(
    images: np.ndarray, size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int], fill: int
) -> np.ndarray:
    """(N, H, W, C) codes -> (N, H', W', kh, kw, C) windows; padded pixels hold `fill`."""
    top, bottom, left, right = padding
    padded = np.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2))  # type: ignore[call-overload]
    return view[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)


def round_shift(x: np.ndarray, shift: int, rounding: str) -> np.ndarray:
    """``round(x * 2**-shift)`` on int64.

    Args:
        x: integers of any shape.
        shift: right shift; a negative one is a left shift, which rounds nothing.
        rounding: 'floor' (ap_fixed's AP_TRN), 'toward_zero' (AP_TRN_ZERO), or to the nearest, ties 'half_up' (AP_RND),
            'half_down' (AP_RND_MIN_INF), 'half_to_zero' (AP_RND_ZERO), 'half_from_zero' (AP_RND_INF), 'half_even' (AP_RND_CONV).
    """
    if shift <= 0:
        return x << -shift
    half = 1 << (shift - 1)
    if rounding in ("floor", "half_up", "half_down"):
        return (x + {"floor": 0, "half_up": half, "half_down": half - 1}[rounding]) >> shift
    if rounding == "half_even":
        return (x + half - 1 + ((x >> shift) & 1)) >> shift
    negative = (x < 0).astype(np.int64)
    if rounding == "toward_zero":
        return (x + negative * (2 * half - 1)) >> shift
    return (x + (half - negative if rounding == "half_from_zero" else half - 1 + negative)) >> shift


def wrapped(codes: np.ndarray, lo: int, hi: int) -> np.ndarray:
    """Integers modulo the number of codes lo..hi, which is a power of two."""
    return ((codes - lo) & (hi - lo)) + lo


def round_floats(values: np.ndarray, fraction: int, rounding: str) -> np.ndarray:
    """``round(values * 2**fraction)`` of finite float64 values as int64, exact; `rounding` as in `round_shift`."""
    spare = 30  # bits below the grid; what is finer still only tells a tie from what is not one
    scaled = np.asarray(values, np.float64) * 2.0**fraction
    whole = np.floor(scaled)
    rest = (scaled - whole) * 2.0**spare
    kept = np.floor(rest)
    integers = (whole.astype(np.int64) << (spare + 1)) + 2 * kept.astype(np.int64) + (rest > kept)
    return round_shift(integers, spare + 1, rounding)


def sanitize(name: str) -> str:
    """A C identifier from any name: other characters become '_', a leading digit gets a letter before it."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII)
    return cleaned if re.match(r"[A-Za-z]", cleaned) else f"n{cleaned}"
