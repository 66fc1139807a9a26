# SPDX-License-Identifier: Apache-2.0
"""Pooling of stock hls4ml."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.backend.readers.stock.chain import Chain, refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.linear import window
from dietcnn_hls.integers import round_shift
from dietcnn_hls.lowered import Divide, MaxPool, Requantize, SumPool, Window


def pooling(chain: Chain) -> None:
    """MaxPooling and AveragePooling, 1-D and 2-D."""
    _pool(chain, window(chain.layer, "pool"), squeeze=False)


def global_pooling(chain: Chain) -> None:
    """One window over the whole image."""
    shape = chain.stream.shape
    _pool(chain, Window((1, *shape)[-3:-1], (1, *shape)[-3:-1]), squeeze=not chain.layer.get_attr("keepdims", False))  # type: ignore[arg-type]


def _pool(chain: Chain, seen: Window, squeeze: bool) -> None:
    shape, layer = chain.stream.shape, chain.layer
    if layer.get_attr("data_format") != "channels_last":
        raise refuse(layer, "use data_format='channels_last'")
    if len(shape) == 2:
        chain.reshape("row", (1, *shape))
    if str(layer.get_attr("pool_op")) == "Max":
        chain.add("greatest", MaxPool(seen))
    else:
        _mean(chain, seen)
    chain.cast(chain.type("accum"), "accumulated")
    if squeeze:
        chain.reshape("flat", (chain.stream.channels,))
    elif len(shape) == 2:
        chain.reshape("line", chain.stream.shape[1:])
    chain.cast(chain.type("result"))


def _mean(chain: Chain, seen: Window) -> None:
    """The sum in the accumulator's type, divided by the number of pixels and rounded towards zero, as ap_fixed divides."""
    accum = chain.type("accum")
    if any(seen.padding):
        raise refuse(chain.layer, "an average over padded windows has no lowering; use padding='valid'")
    if chain.stream.fraction > accum.fraction:
        _to_grid(chain, accum)
    chain.add("total", SumPool(seen))
    chain.wrap(accum)
    lift, count = accum.fraction - chain.stream.fraction, seen.area
    if lift:  # the quotient has the accumulator's fractional bits
        chain.add("fine", Requantize(-lift, "floor", chain.stream.lo << lift, chain.stream.hi << lift, accum.fraction))
    if count > 1:
        chain.add("mean", Divide(count))


def _to_grid(chain: Chain, accum: FixedType) -> None:
    """Each term on the accumulator's grid: sums rounded at every step are sums of rounded terms where ties go one way."""
    if accum.rounding not in ("floor", "half_up", "half_down"):
        raise refuse(chain.layer, f"its accumulator rounds each sum '{accum.rounding}'; use TRN or RND, or accum: auto")
    shift = chain.stream.fraction - accum.fraction
    ends = round_shift(np.array([chain.stream.lo, chain.stream.hi]), shift, accum.rounding)
    chain.add("terms", Requantize(shift, accum.rounding, int(ends[0]), int(ends[1]), accum.fraction))


__all__ = ["global_pooling", "pooling"]
