# SPDX-License-Identifier: Apache-2.0
"""HGQ2's table layers: every pair of an input and an output has a small network of its own, whose results are all read here.

The values of each pair's input that its quantiser tells apart go through the layer's own quantisers and network; what comes out
are the entries of a table kernel (`methods.products.TapTables`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.keras3.quantisers import Types, types_of
from dietcnn_hls.backend.readers.keras3.values import Making, Value, grid_of, numpy, window_over
from dietcnn_hls.integers import round_shift
from dietcnn_hls.lowered import Linear, Window
from dietcnn_hls.methods.products import MAX_INDEX_BITS, TapTables

CHUNK = 1 << 18
"""Values that go through a layer's network at a time."""


@dataclass(frozen=True)
class Pairs:
    """What each pair of an input and an output looks at, all of one shape, int64.

    Attributes:
        shifts: bits of the input below its index.
        widths: bits of its index.
        first: the lowest value of the shifted input.
        rounding: how bits below are dropped.
    """

    shifts: np.ndarray
    widths: np.ndarray
    first: np.ndarray
    rounding: str

    @classmethod
    def of(cls, make: Making, value: Value, types: Types | None, shape: tuple[int, ...]) -> Pairs:
        """Of the pairs of `shape` that read the stream of `value` through a quantiser of `types`."""
        lo, hi, grid = value.stream.lo, value.stream.hi, value.stream.fraction
        rounding = types.rounding if types is not None and value.function is None else "floor"
        shifts = np.zeros(shape, np.int64)
        if types is not None and value.function is None and rounding in ("floor", "half_up"):
            shifts = np.where(types.alive, np.clip(grid - types.bits.fraction, 0, 30), 0)
        else:
            rounding = "floor"
        first, last = (np.empty(shape, np.int64) for _ in range(2))
        for shift in np.unique(shifts).tolist():
            ends = round_shift(np.array([lo, hi]), shift, rounding)
            first[shifts == shift], last[shifts == shift] = ends
        widths = np.ceil(np.log2(last - first + 1)).astype(np.int64)
        if types is not None:
            if types.overflow == "WRAP" and value.function is None:
                # codes that lie a whole period apart are one value to the quantiser
                period = types.bits.bits - types.bits.fraction + grid - shifts
                widths = np.minimum(widths, np.maximum(period, 0))
            widths = np.where(types.alive, widths, 0)
        if widths.max() > MAX_INDEX_BITS:
            place = tuple(int(n) for n in np.unravel_index(int(widths.argmax()), shape))
            raise make.refused(
                f"its quantiser tells {widths.max()} bits of the input apart at {place}; a table takes up to {MAX_INDEX_BITS}"
            )
        return cls(shifts, widths, first, rounding)

    def codes(self, entry: np.ndarray, lo: int, hi: int) -> np.ndarray:
        """(K, ...) an input code that picks each entry of each pair."""
        mask = (1 << self.widths) - 1
        index = self.first + ((entry.reshape(-1, *([1] * self.first.ndim)) - self.first) & mask)
        return np.clip(index << self.shifts, lo, hi)


def dense(make: Making, layer: Any, value: Value) -> None:
    """QDenseT over the last axis."""
    shape = (*value.stream.shape, layer.n_out)
    pairs, entries, fraction = _entries(make, layer, value, value.node.stream.shape, shape)
    make.last = value.node
    _sum(make, pairs, entries, fraction, value, len(shape) - 2)


def convolution(make: Making, layer: Any, value: Value) -> None:
    """QConvT1D and 2D."""
    if layer.data_format != "channels_last" or layer.groups != 1:
        raise make.refused("use channels_last and groups=1")
    if layer.padding not in ("valid", "same"):
        raise make.refused(f"padding '{layer.padding}' has no lowering; use 'valid' or 'same'")
    size, stride, dilation = (
        (1, *pair) if len(pair) == 1 else tuple(pair) for pair in (layer.kernel_size, layer.strides, layer.dilation_rate)
    )
    make.last = value.node
    image = value.stream.shape if len(value.stream.shape) == 3 else (1, *value.stream.shape)
    patches = _patches(image, size, stride, dilation, layer.padding == "same")
    places = patches.shape[:2] if len(value.stream.shape) == 3 else patches.shape[1:2]
    shape = (*places, patches.shape[2], layer.n_out)
    pairs, entries, fraction = _entries(make, layer, value, shape[:-1], shape)
    alike = all((part == part.reshape(-1, *part.shape[-2:])[0]).all() for part in (pairs.shifts, entries))
    if alike and dilation == (1, 1):
        window = window_over(image, size, stride, layer.padding == "same")
        make.reshape("image", image)
        kernel = _kernel(pairs, entries, fraction, value, (shape[-2], shape[-1]), first_only=True)
        make.add("sum", Linear(kernel, None, window))
    else:
        make.gather("patches", patches)
        _sum(make, pairs, entries, fraction, value, len(shape) - 2)
    make.reshape("shape", (*places, layer.n_out))


def einsum_dense(make: Making, layer: Any, value: Value) -> None:
    """QEinsumDenseT: sums over some axes of the input, for every element of the others."""
    _, shape = layer._broadcast_shapes((1, *value.stream.shape))
    rank, contracted = len(value.stream.shape), [axis - 1 for axis in layer._contract_axes]
    kept = [axis for axis in range(rank) if axis not in contracted]
    pairs, entries, fraction = _entries(make, layer, value, value.stream.shape, tuple(shape[1:]))
    order = [*kept, *contracted, *range(rank, len(shape) - 1)]
    size = [math.prod(shape[1 + axis] for axis in axes) for axes in (kept, contracted, range(rank, len(shape) - 1))]

    def arranged(part: np.ndarray) -> np.ndarray:
        lead = part.ndim - len(order)
        return part.transpose(*range(lead), *(lead + axis for axis in order)).reshape(*part.shape[:lead], *size)

    pairs = Pairs(arranged(pairs.shifts), arranged(pairs.widths), arranged(pairs.first), pairs.rounding)
    make.last = value.node
    make.gather("arranged", make.numbers.transpose([*kept, *contracted]).reshape(size[:2]))
    _sum(make, pairs, arranged(entries), fraction, value, 1)
    held = [shape[1 + axis] for axis in kept] + list(shape[1 + rank :])
    numbers = np.arange(math.prod(held)).reshape(held)
    transpose = [axis - 1 for axis in layer._output_transpose[1:]]
    result = numbers.transpose(transpose)
    make.gather("results", result if result.ndim else result.reshape(1))


def _patches(
    image: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], same: bool
) -> np.ndarray:
    """(rows, columns, taps) numbers of the codes that each window sees, -1 for padding."""
    reach = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    pads = window_over(image, reach, stride, same).padding
    numbers = np.pad(np.arange(math.prod(image)).reshape(image), [pads[:2], pads[2:], (0, 0)], constant_values=-1)
    views = np.lib.stride_tricks.sliding_window_view(numbers, reach, axis=(0, 1))  # type: ignore[call-overload]
    seen = views[:: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]].transpose(0, 1, 3, 4, 2)
    return np.ascontiguousarray(seen.reshape(*seen.shape[:2], -1))


def _entries(
    make: Making, layer: Any, value: Value, read: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Pairs, np.ndarray, int]:
    """The pairs of a layer, of `shape`, and their (K, ...) entries on a grid; `read`: the shape of what it reads."""
    if value.function is not None and read != value.stream.shape:
        raise make.refused(f"{value.words} before it ends in no quantiser, and windows see it; give that layer enable_oq")
    types = types_of(layer.iq, shape, make.name) if layer.enable_iq else None
    if types_of(layer.toq, shape, make.name) is None:
        raise make.refused("its tables have no quantiser; give it a toq_conf")
    pairs = Pairs.of(make, value, types, shape)
    count = 1 << int(pairs.widths.max())
    step, found = max(1, CHUNK // math.prod(shape)), []
    for start in range(0, count, step):
        codes = pairs.codes(np.arange(start, min(count, start + step)), value.stream.lo, value.stream.hi)
        found.append(_through(layer, value, codes, len(read)))
    entries, fraction = grid_of(np.concatenate(found), f"layer '{make.name}': entries of its tables")
    return pairs, entries, fraction


def _through(layer: Any, value: Value, codes: np.ndarray, rank: int) -> np.ndarray:
    """Input codes of all pairs, (K, ...), to the table entries that the layer's own parts make of them."""
    from keras import ops

    values = (codes.astype(np.float64) * 2.0**-value.stream.fraction).astype(np.float32)
    if value.function is not None:
        values = np.moveaxis(np.stack([value.function(part) for part in _by_pair(values, rank)]), 0, -1).reshape(values.shape)
    inputs = ops.convert_to_tensor(values)
    if layer.enable_iq:
        inputs = layer.iq(inputs, training=False)
    results = layer.module(inputs[..., None], training=False)
    if hasattr(layer, "_apply_batch_norm"):
        results = layer._apply_batch_norm(results, training=False)
    elif layer.enable_bn:
        results = layer.bn_module(results, training=False) / math.sqrt(layer.n_in)
    return numpy(layer.toq(results, training=False)).astype(np.float64)


def _by_pair(values: np.ndarray, rank: int) -> np.ndarray:
    """(pairs an input, K, input shape): the function before a layer knows elements of the input, not pairs."""
    flat = values.reshape(*values.shape[: rank + 1], -1)
    return np.moveaxis(flat, -1, 0)


def _kernel(pairs: Pairs, entries: np.ndarray, fraction: int, value: Value, ends: tuple[int, int], first_only: bool) -> TapTables:
    taps, outputs = ends
    shifts = pairs.shifts.reshape(-1, taps, outputs)
    table = entries.reshape(len(entries), -1, taps, outputs)
    if first_only:
        shifts, table = shifts[:1], table[:, :1]
    table = table.transpose(1, 3, 2, 0).reshape(-1, taps, len(entries))
    shifts = shifts.transpose(0, 2, 1).reshape(-1, taps)
    return TapTables(
        np.ascontiguousarray(table), np.ascontiguousarray(shifts), pairs.rounding, fraction, value.stream.lo, value.stream.hi
    )


def _sum(make: Making, pairs: Pairs, entries: np.ndarray, fraction: int, value: Value, places: int) -> None:
    """Sums over the last axis but one of the pairs; `places` axes before it, whose tables may differ."""
    shape = pairs.shifts.shape
    taps, outputs = shape[-2:]
    count = math.prod(shape[:places])
    flat = entries.reshape(len(entries), count, taps, outputs)
    alike = (flat == flat[:, :1]).all() and (pairs.shifts.reshape(count, -1) == pairs.shifts.reshape(count, -1)[:1]).all()
    kernel = _kernel(pairs, entries, fraction, value, (taps, outputs), first_only=bool(alike))
    if count == 1:
        make.reshape("vector", (taps,))
        make.add("sum", Linear(kernel, None, None))
    elif alike:
        make.reshape("pixels", (1, count, taps))
        make.add("sum", Linear(kernel, None, Window((1, 1))))
    else:
        make.reshape("places", (1, 1, count * taps))
        make.add("sum", Linear(kernel, None, Window((1, 1), groups=count)))
    make.reshape("shape", (*shape[:places], outputs))


__all__ = ["convolution", "dense", "einsum_dense"]
