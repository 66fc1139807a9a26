# SPDX-License-Identifier: Apache-2.0
"""Convolutions, dense layers and batch-norms of stock hls4ml."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.stock.chain import Chain, refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.weights import constants, is_binary
from dietcnn_hls.lowered import Gather, Window


def _bias(layer: Any, accum: FixedType) -> tuple[np.ndarray, int]:
    """What the accumulator begins with, and its grid."""
    codes, kind = constants(layer, "bias")
    if codes.any() and is_binary(layer.get_input_variable()) and is_binary(layer.weights["weight"]):
        raise refuse(layer, "hls4ml doubles the bias of binary weights on binary inputs; use use_bias=False")
    if accum.fraction >= kind.fraction and accum.bits - accum.fraction >= kind.bits - kind.fraction + (
        accum.signed < kind.signed
    ):
        return codes, kind.fraction
    return accum.codes(codes, kind.fraction), accum.fraction


def dense(chain: Chain) -> None:
    """Dense over the last axis of any rank: a 1 x 1 convolution where there are pixels."""
    layer, shape = chain.layer, chain.stream.shape
    weights, kind = constants(layer, "weight")
    accum = chain.type("accum")
    window = None
    if len(shape) > 1:
        chain.reshape("pixels", (1, int(np.prod(shape[:-1])), shape[-1]))
        window = Window((1, 1))
    chain.linear(weights.T, kind.fraction, _bias(layer, accum), accum, window)
    chain.reshape("shape", (*shape[:-1], weights.shape[1]))
    chain.cast(chain.type("result"))


SIDES = ("top", "bottom", "left", "right")


def window(layer: Any, prefix: str, groups: int = 1) -> Window:
    """The window of a convolution ('filt') or pool ('pool'); 1-D ones have one row."""
    pads = tuple(int(layer.get_attr(f"pad_{side}", 0)) for side in SIDES)
    return Window(*_pairs(layer, prefix), pads, groups)  # type: ignore[arg-type]


def _pairs(layer: Any, prefix: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Size and stride of a window."""
    size, stride = (
        (int(layer.get_attr(f"{word}_height", 1)), int(layer.get_attr(f"{word}_width"))) for word in (prefix, "stride")
    )
    return size, stride


def convolution(chain: Chain) -> None:
    """Conv1D and Conv2D."""
    layer = chain.layer
    if layer.get_attr("data_format") != "channels_last":
        raise refuse(layer, "use data_format='channels_last'")
    weights, kind = constants(layer, "weight")
    _convolve(chain, weights.reshape(-1, weights.shape[-1]).T, kind, int(layer.get_attr("groups", 1)))


def depthwise(chain: Chain) -> None:
    """DepthwiseConv1D and 2D; scales of QKeras' quantisers, which hls4ml factors out of others, must lie in the weights' type."""
    weights, kind = constants(chain.layer, "weight")
    variable = chain.layer.weights["weight"]
    if getattr(getattr(variable, "quantizer", None), "alpha", None) not in (None, 1) and not is_binary(variable):
        given = np.asarray(variable.data, np.float64).reshape(weights.shape)
        if not np.array_equal(weights * 2.0**-kind.fraction, given):
            words = f"hls4ml casts its weights, which its quantiser has scaled, to {variable.type.precision}"
            raise refuse(chain.layer, f"{words}; use alpha=1, or give its weight a precision that holds them")
    channels = chain.stream.channels
    flat = weights.reshape(-1, channels, weights.size // channels // int(np.prod(weights.shape[:-2])))
    _convolve(chain, flat.transpose(1, 2, 0).reshape(-1, flat.shape[0]), kind, channels)


def _convolve(chain: Chain, weights: np.ndarray, kind: FixedType, groups: int) -> None:
    shape, accum, layer = chain.stream.shape, chain.type("accum"), chain.layer
    dilation = [int(layer.get_attr(f"dilation_{axis}", 1) or 1) for axis in ("height", "width")]
    spaced, pads = layer.get_attr("spaced"), [int(layer.get_attr(f"pad_{side}", 0)) for side in SIDES]
    if (any(pads) or spaced) and is_binary(layer.get_input_variable()):
        raise refuse(layer, "hls4ml pads binary inputs with -1; use padding='valid'")
    if any(pads) or spaced:
        chain.hold_zero()
    if len(shape) == 2:
        chain.reshape("row", (1, *shape))
    if spaced:
        seen = _space(chain, [[1, 0], *spaced][-2:], groups)
    elif dilation != [1, 1]:
        seen = _dilate(chain, dilation, pads, groups)
    else:
        seen = window(layer, "filt", groups)
    chain.linear(weights, kind.fraction, _bias(layer, accum), accum, seen)
    if len(shape) == 2:
        chain.reshape("line", chain.stream.shape[1:])
    chain.cast(chain.type("result"))


def _rows(chain: Chain, places: list[np.ndarray], role: str) -> None:
    """The pixels at these rows and columns of the image, zero where a place lies outside."""
    height, width, channels = chain.stream.shape
    numbers = np.arange(chain.stream.size).reshape(height, width, channels)
    inside = [(place >= 0) & (place < limit) for place, limit in zip(places, (height, width), strict=True)]
    rows, columns = (np.where(ok, place, 0) for ok, place in zip(inside, places, strict=True))
    found = numbers[rows[:, None], columns[None, :]]
    found[~(inside[0][:, None] & inside[1][None, :])] = -1
    chain.add(role, Gather(found.reshape(-1), tuple(int(n) for n in found.shape)))


def _dilate(chain: Chain, dilation: list[int], pads: list[int], groups: int) -> Window:
    """Pixels of dilated windows side by side; returns the window that then sees each of them once."""
    places, size, stride = [], *_pairs(chain.layer, "filt")
    for axis, (taps, step, rate) in enumerate(zip(size, stride, dilation, strict=True)):
        before, after = pads[2 * axis : 2 * axis + 2]
        count = (chain.stream.shape[axis] + before + after - (taps - 1) * rate - 1) // step + 1
        places.append((np.arange(count)[:, None] * step + np.arange(taps) * rate - before).reshape(-1))
    _rows(chain, places, "dilated")
    return Window(size, size, groups=groups)


def _space(chain: Chain, spaced: list[list[int]], groups: int) -> Window:
    """Pixels spaced out by zeros: one every `stride` places, behind so many zeros; returns the window over them."""
    places, (size, _) = [], _pairs(chain.layer, "filt")
    for axis, taps, (stride, before) in zip(("height", "width"), size, spaced, strict=True):
        place = np.arange(int(chain.layer.get_attr(f"out_{axis}", 1)) + taps - 1) - before
        places.append(np.where(place % stride == 0, place // stride, -1))
    _rows(chain, places, "spaced")
    return Window(size, groups=groups)


def batch_norm(chain: Chain) -> None:
    """``x * scale + bias``, exact, then cast."""
    (scale, scale_kind), (bias, bias_kind) = constants(chain.layer, "scale"), constants(chain.layer, "bias")
    scale, bias = scale.ravel(), bias.ravel()
    fraction = chain.stream.fraction + scale_kind.fraction
    lift = max(0, bias_kind.fraction - fraction)
    shape = chain.stream.shape
    if scale.size not in (1, chain.stream.channels):  # a scale for each value: each is a channel of its own
        chain.reshape("values", (1, 1, chain.stream.size))
    offsets = np.broadcast_to(bias, chain.stream.channels).copy()
    chain.scale("scaled", scale << lift, scale_kind.fraction + lift, (offsets, bias_kind.fraction), last=True)
    chain.reshape("shape", shape)
    chain.cast(chain.type("result"))


__all__ = ["batch_norm", "convolution", "dense", "depthwise", "window"]
