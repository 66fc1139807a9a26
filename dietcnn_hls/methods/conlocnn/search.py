# SPDX-License-Identifier: Apache-2.0
"""Choice of a layer's signed-digit format: least output error on calibration data within a bit budget."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.conlocnn.compensation import Moments, Rounded, compensate, nearest, round_nearest
from dietcnn_hls.methods.conlocnn.format import DigitFormat

MAX_SHIFT = 7
"""Largest shift of a digit: 8-bit activations stay below 16 bits, and position sets below 8 entries."""

_SHORTLIST = 6
"""Formats that are rounded in full, after a ranking by weighted squared weight error."""


@dataclass(frozen=True)
class Choice:
    """A format and the grid of its integers: weights are ``decode(word) * 2**-fraction``.

    Attributes:
        format: the digits.
        fraction: fractional bits of the weight grid.
        rounded: the layer's weights in this format.
        error: mean squared output error on the calibration data, summed over filters.
    """

    format: DigitFormat
    fraction: int
    rounded: Rounded
    error: float


def position_sets(code_bits: int, limit: int = MAX_SHIFT) -> list[tuple[int, ...]]:
    """Position sets of a k-bit code, of at most `limit` positions: all sets of up to three, runs of neighbours beyond."""
    size = min((1 << code_bits) - 1, limit)
    if size <= 3:
        return list(combinations(range(MAX_SHIFT + 1), size))
    return [tuple(range(start, start + size)) for start in range(MAX_SHIFT + 2 - size)]


def formats(bits: int, limit: int = MAX_SHIFT) -> list[DigitFormat]:
    """Formats of exactly `bits` bits with one or two digits, one for every set of levels, lowest position 0.

    Args:
        bits: bits of an encoded weight.
        limit: most positions of a digit.

    Raises:
        LoweringError: a budget outside 2..8.
    """
    if not 2 <= bits <= 8:
        raise LoweringError(f"a budget of {bits} bits a weight: signed-digit formats take 2 to 8")
    found: dict[bytes, DigitFormat] = {}
    for positions in _position_choices(bits, limit):
        candidate = DigitFormat(positions)
        if min(shifts[0] for shifts in positions) == 0:
            found.setdefault(candidate.levels.tobytes(), candidate)
    return list(found.values())


def _position_choices(bits: int, limit: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """One digit of ``bits - 1`` code bits; two digits whose code bits, 1 to 3 each, sum to ``bits - 2``.

    A limit may leave codes unused; sets that would need fewer code bits are left out.
    """
    if bits <= 4:
        yield from ((shifts,) for shifts in position_sets(bits - 1, limit) if len(shifts).bit_length() == bits - 1)
    for high in range(1, 4):
        low = bits - 2 - high
        if 1 <= low <= high:
            sets = [[s for s in position_sets(k, limit) if _even(s) and len(s).bit_length() == k] for k in (high, low)]
            yield from product(*sets)


def _even(shifts: tuple[int, ...]) -> bool:
    """True for arithmetic progressions, which keeps pairs of sets few."""
    return len({b - a for a, b in pairwise(shifts)}) <= 1


def fractions(weights: np.ndarray, top: int) -> range:
    """Grids on which the largest level covers all, or at least a quarter, of the weights' range."""
    largest = float(np.abs(weights).max(initial=0.0)) or 1.0
    first = math.floor(math.log2(top / largest))
    return range(first, first + 3)


def choose(weights: np.ndarray, moments: Moments, bits: int, compensated: bool = True, limit: int = MAX_SHIFT) -> Choice:
    """The format of `bits` bits with the least output error.

    Args:
        weights: (outputs, taps) floats.
        moments: of the layer's inputs on calibration images.
        bits: bits of an encoded weight, 2..8.
        compensated: round with all four steps, or to nearest.
        limit: most positions of a digit.

    Raises:
        LoweringError: no format has so many bits and so few positions.
    """
    importance = np.diag(moments.second)
    ranking: list[tuple[float, int, DigitFormat, int]] = []
    for candidate in formats(bits, limit):
        for fraction in fractions(weights, int(candidate.levels[-1])):
            levels = candidate.levels * 2.0**-fraction
            error = levels[nearest(weights, levels)] - weights
            ranking.append((float((error**2 @ importance).sum()), len(ranking), candidate, fraction))
    best: Choice | None = None
    for _, _, candidate, fraction in sorted(ranking)[:_SHORTLIST]:
        levels = candidate.levels * 2.0**-fraction
        rounded = compensate(weights, levels, moments) if compensated else round_nearest(weights, levels)
        error = output_error(weights, rounded, moments)
        if best is None or error < best.error:
            best = Choice(candidate, fraction, rounded, error)
    if best is None:
        raise LoweringError(f"no signed-digit format of {bits} bits has at most {limit} positions a digit; use fewer bits")
    return best


def output_error(weights: np.ndarray, rounded: Rounded, moments: Moments) -> float:
    """Mean squared error of the outputs, bias shift included, summed over filters."""
    error = rounded.weights - weights
    mean = error @ moments.mean
    return float((moments.output_mse(error) + 2 * mean * rounded.bias_shift + rounded.bias_shift**2).sum())
