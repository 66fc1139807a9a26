# SPDX-License-Identifier: Apache-2.0
"""hls4ml's fixed-point types as integers: the codes that a type has, and what becomes of a value that is cast to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType, XnorPrecisionType

from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.integers import round_floats, round_shift, wrapped
from dietcnn_hls.lowered import Requantize, Stream, checks

ROUNDINGS = {
    "TRN": "floor",
    "TRN_ZERO": "toward_zero",
    "RND": "half_up",
    "RND_ZERO": "half_to_zero",
    "RND_INF": "half_from_zero",
    "RND_MIN_INF": "half_down",
    "RND_CONV": "half_even",
}
"""Rounding of `Requantize` by the name of ap_fixed's quantisation mode."""

OVERFLOWS = {"WRAP": "wrap", "SAT": "saturate", "SAT_SYM": "saturate"}
"""Overflow of `Requantize` by the name of ap_fixed's overflow mode; SAT_SYM also leaves out the lowest code."""


LARGEST_BITS = 31
"""Floats of more whole bits than this above a grid have none below it that matter."""


@dataclass(frozen=True)
class FixedType:
    """``ap_fixed<bits, bits - fraction, Q, O>``, ``ap_ufixed`` or an integer type.

    Attributes:
        bits: width, sign included.
        fraction: fractional bits.
        signed: two's complement.
        rounding: see `ROUNDINGS`.
        overflow: 'wrap' | 'saturate'.
        symmetric: whether saturation leaves out the lowest code.
    """

    bits: int
    fraction: int
    signed: bool
    rounding: str = "floor"
    overflow: str = "wrap"
    symmetric: bool = False

    @classmethod
    def of(cls, precision: Any, layer: str, what: str) -> FixedType:
        """hls4ml's precision of `what` in `layer`; UnsupportedLayerError where it is none of these types.

        Its type of one bit, 0 for -1, is that of the integers -1 and 1.
        """
        if isinstance(precision, XnorPrecisionType):
            return cls(2, 0, True)
        if isinstance(precision, IntegerPrecisionType):
            return cls(int(precision.width), 0, bool(precision.signed))
        if not isinstance(precision, FixedPrecisionType):
            raise UnsupportedLayerError(
                f"layer '{layer}': {what} has the type {precision}; use fixed<W,I>, ufixed<W,I> or int<W>"
            )
        rounding, overflow = str(precision.rounding_mode or "TRN"), str(precision.saturation_mode or "WRAP")
        if rounding not in ROUNDINGS or overflow not in OVERFLOWS or precision.saturation_bits:
            raise UnsupportedLayerError(
                f"layer '{layer}': {what} has the type {precision}; of its modes {', '.join(ROUNDINGS)} and "
                f"{', '.join(OVERFLOWS)} are known, without saturation bits"
            )
        width, integer = int(precision.width), int(precision.integer)
        return cls(
            width, width - integer, bool(precision.signed), ROUNDINGS[rounding], OVERFLOWS[overflow], overflow == "SAT_SYM"
        )

    @property
    def is_ternary(self) -> bool:
        """Whether hls4ml multiplies by weights of this type as by -1, 0 and 1."""
        return self.signed and self.bits == 2 and self.fraction == 0

    @property
    def lo(self) -> int:
        """The lowest code."""
        return -(1 << (self.bits - 1)) + int(self.symmetric and self.overflow == "saturate") if self.signed else 0

    @property
    def hi(self) -> int:
        """The highest code."""
        return (1 << (self.bits - int(self.signed))) - 1

    def holds(self, stream: Stream) -> bool:
        """Whether every value of `stream` has a code of its own."""
        shift = self.fraction - stream.fraction
        return shift >= 0 and self.lo <= stream.lo << shift and stream.hi << shift <= self.hi

    def cast(self, stream: Stream) -> Requantize | None:
        """What a cast to this type does to a stream of integers; None where it changes no value."""
        if self.holds(stream):
            return None
        if self.bits > checks.MAX_BITS:  # no integer of ours reaches its ends
            shift = stream.fraction - self.fraction
            lo, hi = (int(v) for v in round_shift(np.array([stream.lo, stream.hi]), shift, self.rounding))
            return Requantize(shift, self.rounding, max(lo, self.lo), hi, self.fraction)
        return Requantize(stream.fraction - self.fraction, self.rounding, self.lo, self.hi, self.fraction, self.overflow)

    def codes(self, integers: np.ndarray, fraction: int) -> np.ndarray:
        """Integers on the grid ``2**-fraction``, cast to this type: its codes, int64."""
        rounded = round_shift(np.asarray(integers, np.int64), fraction - self.fraction, self.rounding)
        if self.bits > checks.MAX_BITS:
            return rounded
        return self.held(rounded)

    def of_floats(self, values: np.ndarray) -> np.ndarray:
        """Float64 values cast to this type, as C++ converts a double: codes, int64. Infinity wraps around to zero."""
        values = np.asarray(values, np.float64)
        huge = np.abs(values) >= 2.0 ** (LARGEST_BITS - self.fraction)
        codes = self.held(round_floats(np.where(huge, 0.0, values), self.fraction, self.rounding))
        if not huge.any():
            return codes
        if self.overflow == "saturate":
            return np.where(huge, np.where(values > 0, self.hi, self.lo), codes)
        whole = [int(v * 2.0**self.fraction) if np.isfinite(v) else 0 for v in values[huge].ravel()]
        codes[huge] = [((n - self.lo) & (self.hi - self.lo)) + self.lo for n in whole]
        return codes

    def held(self, integers: np.ndarray) -> np.ndarray:
        """Integers on this type's grid, those beyond its codes wrapped or clipped."""
        return wrapped(integers, self.lo, self.hi) if self.overflow == "wrap" else np.clip(integers, self.lo, self.hi)


__all__ = ["OVERFLOWS", "ROUNDINGS", "FixedType"]
