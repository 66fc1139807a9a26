# SPDX-License-Identifier: Apache-2.0
"""Pooling of stock hls4ml."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dietcnn_hls.backend.readers.stock.chain import Chain, refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.linear import window
from dietcnn_hls.integers import round_shift
from dietcnn_hls.lowered import Divide, Gather, Join, MaxPool, Requantize, SumPool, Window


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
    counts = _overlaps(chain, seen)
    if any(seen.padding):
        top, bottom, left, right = seen.padding
        chain.hold_zero()
        numbers = np.arange(chain.stream.size).reshape(chain.stream.shape)
        padded = np.pad(numbers, ((top, bottom), (left, right), (0, 0)), constant_values=-1)
        chain.add("padded", Gather(padded.reshape(-1), tuple(int(n) for n in padded.shape)))
        seen = replace(seen, padding=(0, 0, 0, 0))
    if chain.stream.fraction > accum.fraction:
        _to_grid(chain, accum)
    chain.add("total", SumPool(seen))
    chain.wrap(accum)
    lift = accum.fraction - chain.stream.fraction
    if lift:  # the quotient has the accumulator's fractional bits
        chain.add("fine", Requantize(-lift, "floor", chain.stream.lo << lift, chain.stream.hi << lift, accum.fraction))
    _divide(chain, counts)


def _overlaps(chain: Chain, seen: Window) -> np.ndarray:
    """(rows, columns) pixels of the image in each window: padding is not counted, but where ``count_pad`` says so."""
    height, width, _ = chain.stream.shape
    (rows, columns), (top, bottom, left, right) = seen.output_hw(height, width), seen.padding
    if chain.layer.get_attr("count_pad", False):
        return np.full((rows, columns), seen.area)
    inside = np.pad(np.ones((height, width), int), ((top, bottom), (left, right)))
    views = np.lib.stride_tricks.sliding_window_view(inside, seen.size)
    return views.sum(axis=(2, 3))[:: seen.stride[0], :: seen.stride[1]]  # type: ignore[no-any-return]


def _divide(chain: Chain, counts: np.ndarray) -> None:
    """Each pixel's sum by its own count: all sums by each of the counts, and of these what belongs there."""
    total, values = chain.last, np.unique(counts)
    parts = []
    for count in values:
        chain.last = total
        parts.append(chain.add(f"mean{count}" if len(values) > 1 else "mean", Divide(int(count))) if count > 1 else total)
    if len(parts) == 1:
        return
    chain.last = parts[0]
    for number, part in enumerate(parts[1:], 1):
        chain.add(f"means{number}", Join(0), part)
    rows, columns, channels = total.stream.shape
    place = np.searchsorted(values, counts) * rows + np.arange(rows)[:, None]
    pixels = place * columns + np.arange(columns)
    numbers = pixels[..., None] * channels + np.arange(channels)
    chain.add("mean", Gather(numbers.reshape(-1), total.stream.shape))


def _to_grid(chain: Chain, accum: FixedType) -> None:
    """Each term on the accumulator's grid: sums rounded at every step are sums of rounded terms where ties go one way."""
    if accum.rounding not in ("floor", "half_up", "half_down"):
        raise refuse(chain.layer, f"its accumulator rounds each sum '{accum.rounding}'; use TRN or RND, or accum: auto")
    shift = chain.stream.fraction - accum.fraction
    ends = round_shift(np.array([chain.stream.lo, chain.stream.hi]), shift, accum.rounding)
    chain.add("terms", Requantize(shift, accum.rounding, int(ends[0]), int(ends[1]), accum.fraction))


__all__ = ["global_pooling", "pooling"]
