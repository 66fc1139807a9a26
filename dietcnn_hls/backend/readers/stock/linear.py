# SPDX-License-Identifier: Apache-2.0
"""Convolutions, dense layers and batch-norms of stock hls4ml."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.stock.chain import Chain, refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.weights import constants, is_binary
from dietcnn_hls.lowered import Window


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


def window(layer: Any, prefix: str, groups: int = 1) -> Window:
    """The window of a convolution ('filt') or pool ('pool'); 1-D ones have one row."""

    def pair(word: str) -> tuple[int, int]:
        return int(layer.get_attr(f"{word}_height", 1)), int(layer.get_attr(f"{word}_width"))

    pads = tuple(int(layer.get_attr(f"pad_{side}", 0)) for side in ("top", "bottom", "left", "right"))
    return Window(pair(prefix), pair("stride"), pads, groups)  # type: ignore[arg-type]


def convolution(chain: Chain) -> None:
    """Conv1D and Conv2D."""
    layer = chain.layer
    if layer.get_attr("dilation", 1) not in (1, None) or layer.get_attr("data_format") != "channels_last":
        raise refuse(layer, "use dilation_rate=1 and channels_last")
    weights, kind = constants(layer, "weight")
    _convolve(chain, weights.reshape(-1, weights.shape[-1]).T, kind, window(layer, "filt"))


def depthwise(chain: Chain) -> None:
    """DepthwiseConv1D and 2D."""
    weights, kind = constants(chain.layer, "weight")
    channels = chain.stream.channels
    flat = weights.reshape(-1, channels, weights.size // channels // int(np.prod(weights.shape[:-2])))
    _convolve(chain, flat.transpose(1, 2, 0).reshape(-1, flat.shape[0]), kind, window(chain.layer, "filt", channels))


def _convolve(chain: Chain, weights: np.ndarray, kind: FixedType, seen: Window) -> None:
    shape, accum = chain.stream.shape, chain.type("accum")
    if any(seen.padding) and is_binary(chain.layer.get_input_variable()):
        raise refuse(chain.layer, "hls4ml pads binary inputs with -1; use padding='valid'")
    if len(shape) == 2:
        chain.reshape("row", (1, *shape))
    chain.linear(weights, kind.fraction, _bias(chain.layer, accum), accum, seen)
    if len(shape) == 2:
        chain.reshape("line", chain.stream.shape[1:])
    chain.cast(chain.type("result"))


def batch_norm(chain: Chain) -> None:
    """``x * scale + bias``, exact, then cast."""
    (scale, scale_kind), (bias, bias_kind) = constants(chain.layer, "scale"), constants(chain.layer, "bias")
    scale, bias = scale.ravel(), bias.ravel()
    fraction = chain.stream.fraction + scale_kind.fraction
    lift = max(0, bias_kind.fraction - fraction)
    if scale.size not in (1, chain.stream.channels):
        raise refuse(chain.layer, f"a scale for each of {scale.size} values; put the batch-norm before the Flatten")
    offsets = np.broadcast_to(bias, chain.stream.channels).copy()
    chain.scale("scaled", scale << lift, scale_kind.fraction + lift, (offsets, bias_kind.fraction), last=True)
    chain.cast(chain.type("result"))


__all__ = ["batch_norm", "convolution", "dense", "depthwise", "window"]
