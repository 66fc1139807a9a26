# SPDX-License-Identifier: Apache-2.0
"""HGQ2's quantisers: bits by element, and what they say of the values that may enter a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.keras3.values import Making, Value, applied, numpy
from dietcnn_hls.backend.readers.stock.elements import Bits, quantise
from dietcnn_hls.backend.readers.stock.fixed import OVERFLOWS, ROUNDINGS
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import Source, Stream

TABLE_CODES = 256
"""Codes of a stream up to which a quantiser that differs by element, and saturates, is a table an element."""


@dataclass(frozen=True)
class Types:
    """What a quantiser makes of a tensor.

    Attributes:
        bits: by element, of the tensor's shape; an element without bits is zero.
        rounding: one of `Requantize`'s.
        overflow: ap_fixed's word.
    """

    bits: Bits
    rounding: str
    overflow: str

    @property
    def alive(self) -> np.ndarray:
        return self.bits.bits > 0

    @property
    def uniform(self) -> bool:
        """Whether all elements have the same bits."""
        return all(np.unique(part).size == 1 for part in (self.bits.signed, self.bits.bits, self.bits.fraction))


def types_of(quantiser: Any, shape: tuple[int, ...], layer: str) -> Types | None:
    """The types of a quantiser over a tensor of `shape`; None where it quantises nothing.

    Raises:
        UnsupportedLayerError: floats, scales, modes that have no lowering.
    """
    inside, kind = quantiser.quantizer, type(quantiser.quantizer).__name__
    if getattr(inside, "__dummy__", False):
        return None
    for word in ("scaler", "affine"):
        if getattr(quantiser, word, None) is not None:
            raise UnsupportedLayerError(f"layer '{layer}': a quantiser with {word} has no lowering; leave it out")
    if not hasattr(inside, "kif"):
        raise UnsupportedLayerError(f"layer '{layer}': the quantiser {kind} has no lowering; use q_type 'kbi' or 'kif'")
    rounding, overflow = str(inside.round_mode).removeprefix("S_"), str(inside.overflow_mode)
    if rounding not in ROUNDINGS or overflow not in OVERFLOWS:
        raise UnsupportedLayerError(
            f"layer '{layer}': its quantiser has the modes {rounding} and {overflow}; known are {', '.join(ROUNDINGS)} and "
            f"{', '.join(OVERFLOWS)}"
        )
    signed, integer, fraction = (
        np.broadcast_to(numpy(inside.bw_mapper.bw_to_x(part, (1, *shape))), (1, *shape))[0].astype(np.int64)
        for part in inside.kif
    )
    bits = np.maximum(signed + integer + fraction, 0)
    return Types(Bits(signed, bits, fraction), ROUNDINGS[rounding], overflow)


def apply(make: Making, value: Value, quantiser: Any, role: str = "quantised") -> Value:
    """A tensor through a quantiser."""
    types = types_of(quantiser, value.stream.shape, make.name)
    if types is None:
        return value
    small = value.stream.hi - value.stream.lo < TABLE_CODES
    if value.function is not None or (types.overflow != "WRAP" and small and not types.uniform):
        make.tabulated(value, applied(_batched(quantiser)), role)
        return make.value
    make.last = value.node
    quantise(make, types.bits, types.rounding, types.overflow)
    return make.value


def _batched(quantiser: Any) -> Any:
    return lambda values: quantiser(values, training=False)


def entry(name: str, shape: tuple[int, ...], readers: Sequence[Types]) -> tuple[Source, Stream]:
    """What may enter: all that the quantisers which read an input tell apart.

    Where they differ, what enters is cut off below the bit that decides their roundings.

    Raises:
        UnsupportedLayerError: they round or overflow in ways that cannot be had one after the other.
    """
    roundings, overflows = {types.rounding for types in readers}, {OVERFLOWS[types.overflow] for types in readers}
    if not any(types.alive.any() for types in readers):
        raise UnsupportedLayerError(f"input '{name}': its quantisers have no bits")
    fractions = np.concatenate([types.bits.fraction[types.alive] for types in readers])
    signed = np.concatenate([types.bits.signed[types.alive] for types in readers])
    integer = np.concatenate([(types.bits.bits - types.bits.signed - types.bits.fraction)[types.alive] for types in readers])
    if len(overflows) > 1:
        raise UnsupportedLayerError(f"input '{name}': its quantisers wrap around and saturate; use one overflow for all")
    (overflow,), fraction = overflows, int(fractions.max())
    alike = len(roundings) == 1 and fractions.min() == fraction
    if alike:
        (rounding,) = roundings
    elif roundings <= {"floor", "half_up"}:
        fraction, rounding = fraction + int("half_up" in roundings), "floor"
    else:
        raise UnsupportedLayerError(
            f"input '{name}': the rounding {' and '.join(sorted(roundings))} with bits by element has no lowering; use RND or TRN"
        )
    top = int(integer.max()) + fraction
    if not alike and overflow == "saturate":
        top += 1  # what saturates in an element must not have wrapped or been cut before
    hi = (1 << max(top, 0)) - 1
    lo = -(1 << max(top, 0)) if signed.any() else 0
    symmetric = alike and all(types.overflow == "SAT_SYM" for types in readers)
    lo, hi = (lo + int(symmetric) if lo else 0), max(hi, int(lo == 0))
    if bits_for(lo, hi) > 32:
        raise UnsupportedLayerError(f"input '{name}': {bits_for(lo, hi)} bits are too many; quantise it with at most 32")
    return Source(rounding, overflow), Stream(shape, lo, hi, fraction)


__all__ = ["Types", "apply", "entry", "types_of"]
