# SPDX-License-Identifier: Apache-2.0
"""What is said of Keras layers without lowering: each gets a remedy that leads to a model which converts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS
from dietcnn_hls.backend.readers.keras.source import KerasLayer
from dietcnn_hls.errors import UnsupportedLayerError

_FLOAT = "its weights are floats; convert the model with fit_codebooks() or a method's quantize()"
_RELU = "use QActivation('quantized_relu(8,4)') or CodebookActivation, which also say how its values are rounded"
_FUNCTION = "use CodebookActivation, or QActivation with quantized_relu or quantized_bits"
_FLAT_IMAGE = "make the input an image of height 1, Input((1, steps, channels)), and use {}"
_JOIN = "only Add joins two branches"
_NOISE = "it does nothing at inference; build the model that you convert without it"


def _mean_pool(layer: KerasLayer) -> str:
    size = layer.config.get("pool_size", (2, 2))
    if str(layer.config.get("padding", "valid")).lower() != "valid":
        return "averages over padded windows have no lowering; use padding='valid' or MaxPooling2D"
    return _mean(tuple(size), tuple(layer.config.get("strides") or size))


def _global_mean(layer: KerasLayer) -> str:
    if layer.built_shape is None or len(layer.built_shape) != 4 or None in layer.built_shape[1:3]:
        return _mean(("height", "width"), None)
    _, height, width, _ = layer.built_shape
    return _mean((height, width), None) + " and Flatten"


def _mean(size: tuple[object, ...], strides: tuple[object, ...] | None) -> str:
    """An average as a sum with a shift, where it is one."""
    pair = f"({size[0]}, {size[1]})"
    moved = "" if strides in (None, size) else f", strides=({strides[0]}, {strides[1]})"  # type: ignore[index]
    count = math.prod(size) if all(isinstance(n, int) for n in size) else 0  # type: ignore[arg-type]
    if count and count & (count - 1) == 0:
        shift = count.bit_length() - 1
        return f"use SumPooling2D(pool_size={pair}{moved}, shift={shift}), which computes the same exactly, or MaxPooling2D"
    return "its division rounds; quantize() or fit_codebooks() of the float model put it into the thresholds behind it"


def _global_maximum(layer: KerasLayer) -> str:
    shape = layer.built_shape
    size = f"({shape[1]}, {shape[2]})" if shape is not None and len(shape) == 4 else "(height, width)"
    return f"use MaxPooling2D(pool_size={size}), whose window is the whole image, and Flatten"


Remedy = str | Callable[[KerasLayer], str]
_REMEDIES: Mapping[str, Remedy] = {
    "BatchNormalization": "its float32 rounding depends on the library; use ExactBatchNormalization, or quantize() or "
    "fit_codebooks(), which replace it",
    "QBatchNormalization": "use ExactBatchNormalization, which folds into the thresholds behind it",
    "QConv2DBatchnorm": "use QConv2D and an ExactBatchNormalization behind it",
    "QDepthwiseConv2DBatchnorm": "use QDepthwiseConv2D and an ExactBatchNormalization behind it",
    "SeparableConv2D": "its weights are floats; use QDepthwiseConv2D and a QConv2D of kernel_size=1",
    "QSeparableConv2D": "use QDepthwiseConv2D and a QConv2D of kernel_size=1",
    "ReLU": _RELU,
    **dict.fromkeys(("LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "UnaryLUT"), _FUNCTION),
    "QAdaptiveActivation": "use QActivation with the quantised activation that it has found",
    "AveragePooling2D": _mean_pool,
    "QAveragePooling2D": _mean_pool,
    "GlobalAveragePooling2D": _global_mean,
    "QGlobalAveragePooling2D": _global_mean,
    "GlobalMaxPooling2D": _global_maximum,
    **dict.fromkeys(("Conv1D", "QConv1D"), _FLAT_IMAGE.format("QConv2D of kernel_size=(1, k)")),
    **dict.fromkeys(("DepthwiseConv1D",), _FLAT_IMAGE.format("QDepthwiseConv2D of kernel_size=(1, k)")),
    **dict.fromkeys(
        ("SeparableConv1D", "QSeparableConv1D"),
        _FLAT_IMAGE.format("QDepthwiseConv2D of kernel_size=(1, k) and QConv2D of kernel_size=1"),
    ),
    "MaxPooling1D": _FLAT_IMAGE.format("MaxPooling2D of pool_size=(1, p)"),
    "AveragePooling1D": _FLAT_IMAGE.format("SumPooling2D of pool_size=(1, p)"),
    "GlobalMaxPooling1D": _FLAT_IMAGE.format("MaxPooling2D of pool_size=(1, steps) and Flatten"),
    "GlobalAveragePooling1D": _FLAT_IMAGE.format("SumPooling2D of pool_size=(1, steps) and Flatten"),
    "ZeroPadding1D": _FLAT_IMAGE.format("padding='same' in the layer behind it"),
    **dict.fromkeys(("Concatenate", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Dot"), _JOIN),
    **dict.fromkeys(("SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization"), _NOISE),
    **dict.fromkeys(("Sequential", "Functional", "Model"), "models inside models are not taken apart; use their layers"),
}


_STATES = 'it keeps a state from step to step; convolve over the sequence instead: Conv1D with padding="causal"'
_EVERYWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("SimpleRNN", "LSTM", "GRU", "QSimpleRNN", "QLSTM", "QGRU", "Bidirectional", "RNN", "StackedRNNCells"), _STATES
    ),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _STATES),
    "LayerNormalization": "it divides by what each sample's values are; use BatchNormalization, whose scale is a constant",
    **dict.fromkeys(("GroupNormalization", "UnitNormalization"), "use BatchNormalization, whose scale is a constant"),
    **dict.fromkeys(
        ("MultiHeadAttention", "Attention", "AdditiveAttention"),
        "its products have no constant operand; use Conv1D over the sequence, or Dense layers with Multiply between them",
    ),
    "TimeDistributed": "only layers of each step's last axis may be in it, such as Dense; use Conv1D or Conv2D over all steps",
    **dict.fromkeys(("GarNet", "GarNetStack"), "use Dense layers and Multiply"),
    **dict.fromkeys(
        ("Conv3D", "Conv3DTranspose", "MaxPooling3D", "AveragePooling3D", "ZeroPadding3D", "UpSampling3D", "Cropping3D"),
        "streams have up to three axes; take the depth as channels, with Conv2D and its like",
    ),
    "Lambda": "its function is Python; use layers of docs/layers.md, or register_activation() for a function of one value",
}
"""Layers that no reader of ours takes, and what to use in their place."""


def check_kind(name: str, kind: str) -> None:
    """UnsupportedLayerError for a class that nothing makes convertible."""
    if kind in _EVERYWHERE:
        raise unsupported(name, kind, _EVERYWHERE[kind])


def unparsed(name: str, kind: str, said: str) -> UnsupportedLayerError:
    """The error for a layer that hls4ml's parser cannot read."""
    words = f"hls4ml's parser stops at it ({said}); write it with layers of docs/layers.md, an activation as a layer of its own"
    return unsupported(name, kind, _EVERYWHERE.get(kind, words))


def unsupported(name: str, kind: str, remedy: str | None = None) -> UnsupportedLayerError:
    """The error for a layer without a lowering."""
    return UnsupportedLayerError(f"layer '{name}' ({kind}) has no lowering: {remedy or f'known are {known()}'}")


def unknown(layer: KerasLayer) -> UnsupportedLayerError:
    """The error for a layer of a class without lowering, with what to use in its place."""
    remedy = _REMEDIES.get(layer.kind)
    return unsupported(layer.name, layer.kind, remedy(layer) if callable(remedy) else remedy)


def float_weights(layer: KerasLayer) -> UnsupportedLayerError:
    return unsupported(layer.name, layer.kind, _FLOAT)


def known() -> str:
    """The classes that have a lowering, as words."""
    return ", ".join(kind for kind in ARGUMENTS if kind not in ("InputLayer", "Conv2D", "DepthwiseConv2D", "Dense"))


__all__ = ["float_weights", "known", "unknown", "unsupported"]
