# SPDX-License-Identifier: Apache-2.0
"""HGQ2's quantisers, whose bits differ by element, with operations that take one grid a stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls.backend.readers.stock.chain import Chain, refuse
from dietcnn_hls.backend.readers.stock.fixed import ROUNDINGS, FixedType
from dietcnn_hls.lowered import Requantize


@dataclass(frozen=True)
class Bits:
    """Fixed-point types by element: (channels,) or (elements,), int64 each; those without bits are zero.

    Attributes:
        signed: 1 or 0.
        bits: width, sign included.
        fraction: fractional bits.
    """

    signed: np.ndarray
    bits: np.ndarray
    fraction: np.ndarray


def quantizer(chain: Chain) -> None:
    """A FixedPointQuantizer: rounding and wrapping around by element.

    Elements are brought to one grid by factors that are powers of two, rounded together, brought to one highest bit, wrapped
    together, and brought back.
    """
    layer = chain.layer
    rounding, overflow = str(layer.get_attr("RND")), str(layer.get_attr("SAT"))
    if rounding not in ROUNDINGS:
        raise refuse(layer, f"the rounding '{rounding}' has no lowering; known are {', '.join(ROUNDINGS)}")
    signed, bits, integer = (np.asarray(part, np.int64) for part in layer.get_attr("mask_kbi"))
    parts = (part.reshape(part.shape[1:]) if part.ndim > 1 else part.reshape(-1) for part in (signed, bits, bits - integer))
    quantise(chain, Bits(*(np.broadcast_to(part, chain.stream.shape) for part in parts)), ROUNDINGS[rounding], overflow)
    chain.cast(chain.type("result"))


def quantise(chain: Chain, full: Bits, rounding: str, overflow: str) -> None:
    """Rounding and overflow by element.

    Args:
        chain: takes the operations.
        full: the types, of the stream's shape.
        rounding: one of `Requantize`'s.
        overflow: ap_fixed's word.
    """
    shape = chain.stream.shape
    flat = Bits(*(part.reshape(-1, shape[-1]) for part in (full.signed, full.bits, full.fraction)))
    alive = full.bits > 0
    if alive.all() and all(np.unique(part).size == 1 for part in (full.signed, full.bits, full.fraction)):
        first = tuple(int(part.flat[0]) for part in (full.signed, full.bits, full.fraction))
        chain.cast(FixedType(first[1], first[2], bool(first[0]), rounding, _OVERFLOWS[overflow], overflow == "SAT_SYM"))
    elif overflow != "WRAP":
        raise refuse(
            chain.layer, f"bits by element with the overflow '{overflow}' have no lowering; use WRAP, or the same bits for all"
        )
    else:
        by_channel = all((part == part[0]).all() for part in (flat.signed, flat.bits, flat.fraction))
        chosen = (flat.signed, flat.bits, flat.fraction)
        pixels = {1: (1, 1, *shape), 2: (1, *shape), 3: shape}[len(shape)] if by_channel else (1, 1, chain.stream.size)
        chain.reshape("elements", pixels)
        _by_element(chain, Bits(*(part[0] if by_channel else part.reshape(-1) for part in chosen)), rounding)
        chain.reshape("shape", shape)


_OVERFLOWS = {"WRAP": "wrap", "SAT": "saturate", "SAT_SYM": "saturate"}


def _by_element(chain: Chain, kinds: Bits, rounding: str) -> None:
    alive = kinds.bits > 0
    if not alive.any():
        chain.scale("none", np.zeros(len(alive), np.int64), 0)
        return
    fraction = np.where(alive, kinds.fraction, kinds.fraction[alive].max())
    bits = np.where(alive, kinds.bits, kinds.bits[alive].max())
    coarsest, widest = int(fraction.min()), int(bits.max())
    # codes of each element's own grid: x * 2^fraction, read on the stream's grid as x * 2^(fraction - coarsest)
    if (fraction != coarsest).any():
        chain.scale("aligned", 1 << (fraction - coarsest), 0)
    shift = chain.stream.fraction - coarsest
    if shift > 0:
        ends = [int(v) for v in (chain.stream.lo >> shift, -(-chain.stream.hi >> shift))]
        chain.add("rounded", Requantize(shift, rounding, ends[0] - 1, ends[1] + 1, coarsest))
    elif shift < 0:
        chain.add("fine", Requantize(shift, "floor", chain.stream.lo << -shift, chain.stream.hi << -shift, coarsest))
    # the highest bits of all elements at one place, and the signed ones moved above zero
    half = np.where((kinds.signed > 0) & alive, 1 << (widest - 1), 0)
    chain.scale("raised", 1 << (widest - bits), 0, (half, coarsest))
    chain.add("wrapped", Requantize(0, "floor", 0, (1 << widest) - 1, coarsest, "wrap"))
    # back to one grid, that of the finest element, or below it where high bits were raised by more
    finest = int(fraction.max())
    places = finest - fraction - (widest - bits)
    least = min(0, int(places.min()))
    factors = np.where(alive, 1 << (places - least), 0)
    chain.scale("placed", factors, finest - least - coarsest, (-half * factors, finest - least))
    if least < 0:
        stream = chain.stream
        chain.add("exact", Requantize(-least, "floor", stream.lo >> -least, stream.hi >> -least, finest))


__all__ = ["Bits", "quantise", "quantizer"]
