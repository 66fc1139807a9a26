# SPDX-License-Identifier: Apache-2.0
"""What every argument of every stock Keras layer may be: what hls4ml's parser reads, and what would be dropped by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dietcnn_hls.arguments import READ, Only, Rules, check_arguments
from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS as KERAS
from dietcnn_hls.backend.readers.keras.arguments import NORM, WINDOW
from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.keras.source import KerasLayer
from dietcnn_hls.backend.readers.stock.quantisers import tabled


@dataclass(frozen=True)
class Quantiser(Only):
    """A quantiser of QKeras by the name of its class, or none; `values` are the names.

    hls4ml has QKeras itself quantise weights, and reads of activations their function and their type: what it drops of those is
    refused.
    """

    def allows(self, value: Any) -> bool:
        if value is None:
            return True
        if not isinstance(value, Mapping) or str(value.get("class_name")).rsplit(">", 1)[-1] not in self.values:
            return False
        given = value.get("config") or {}
        return all(given.get(key, default) == default for key, default in _SIGNED.items())


_SIGNED = {"keep_negative": True, "use_01": False}
"""Arguments of quantisers of weights that hls4ml's types have no words for."""

_WEIGHT_QUANTISERS = Quantiser(
    ("quantized_bits", "binary", "ternary", "stochastic_binary", "stochastic_ternary", "quantized_po2"),
    "use quantized_bits, binary, ternary or quantized_po2 with keep_negative=True, or a precision of the configuration",
)
_QUANTISERS: Rules = dict.fromkeys(
    (f"{what}_quantizer" for what in ("kernel", "bias", "depthwise", "pointwise")), _WEIGHT_QUANTISERS
)
_NORM_QUANTISERS: Rules = dict.fromkeys((f"{what}_quantizer" for what in ("beta", "gamma", "mean", "variance")), READ)
"""hls4ml takes a batch-norm's values as they are and rounds scale and shift to their types."""
_LAYER: Rules = KERAS["Add"]
_WIDE: Rules = {"dilation_rate": READ}
_LINE: Rules = {"padding": Only(("valid", "same", "causal")), **_WIDE}
_CONV2D: Rules = {**KERAS["Conv2D"], **_WIDE, "groups": READ}
_CONV1D: Rules = {**_CONV2D, **_LINE}
_DEPTHWISE: Rules = {**KERAS["DepthwiseConv2D"], **_WIDE, "depth_multiplier": READ}
_TRANSPOSED: Rules = {
    **KERAS["Conv2D"],
    "output_padding": Only((None,), "leave it out, and use ZeroPadding2D behind it"),
}
_POINTWISE: Rules = dict.fromkeys((f"pointwise_{what}" for what in ("initializer", "regularizer", "constraint")), READ)
_SEPARABLE: Rules = {**_DEPTHWISE, **_POINTWISE, "filters": READ}
_POOL: Rules = {**_LAYER, **WINDOW, "pool_size": READ}
_GLOBAL: Rules = {**_LAYER, "data_format": WINDOW["data_format"], "keepdims": READ}
_MOVED: Rules = {**_LAYER, "data_format": WINDOW["data_format"]}
_PADDED: Rules = {**_MOVED, "padding": READ}
_CROPPED: Rules = {**_MOVED, "cropping": READ}
_ENLARGED: Rules = {**_MOVED, "size": READ, "interpolation": Only(("nearest",), "use 'nearest'")}

_SIGNS: Rules = {
    **KERAS["Dense"],
    **dict.fromkeys(("kernel_lr_multiplier", "bias_lr_multiplier"), READ),
    "H": Only((1,), "hls4ml takes weights of -1, 0 and 1; put the factor into the batch-norm behind it"),
}
"""Dense layers of signs as networks from before QKeras have them, in files that Keras itself does not know."""

ARGUMENTS: Mapping[str, Rules] = {
    **{kind: KERAS[kind] for kind in ("InputLayer", "Dense", "Flatten", "Reshape", "Dropout", "Activation")},
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _LAYER),
    "Dot": {**_LAYER, "axes": Only((1, -1, (1, 1), (-1, -1)), "use axes=1"), "normalize": Only((False,))},
    "Conv1D": _CONV1D,
    "Conv2D": _CONV2D,
    "Conv1DTranspose": {**_TRANSPOSED, "dilation_rate": Only(((1,), 1))},
    "Conv2DTranspose": _TRANSPOSED,
    "DepthwiseConv2D": _DEPTHWISE,
    "DepthwiseConv1D": {**_DEPTHWISE, **_LINE},
    "RepeatVector": {**_LAYER, "n": READ},
    **dict.fromkeys(("BinaryDense", "TernaryDense"), _SIGNS),
    "EinsumDense": {**KERAS["Dense"], **dict.fromkeys(("equation", "output_shape", "bias_axes"), READ)},
    "SeparableConv1D": {**_SEPARABLE, **_LINE},
    "SeparableConv2D": _SEPARABLE,
    "BatchNormalization": {**NORM, "axis": Only((-1, (1,), (2,), (3,), 1, 2, 3), "normalise the last axis")},
    "ReLU": {
        **_LAYER,
        **dict.fromkeys(("max_value", "negative_slope", "threshold"), READ),
    },
    "LeakyReLU": {**_LAYER, "alpha": READ},
    "ELU": {**_LAYER, "alpha": READ},
    "ThresholdedReLU": {**_LAYER, "theta": READ},
    "PReLU": {
        **_LAYER,
        **dict.fromkeys(("alpha_initializer", "alpha_regularizer", "alpha_constraint"), READ),
        "shared_axes": READ,
    },
    "Softmax": {**_LAYER, "axis": READ, "robust_masking": READ},
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), _POOL),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"), _GLOBAL),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), _PADDED),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), _CROPPED),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), _ENLARGED),
    "Permute": {**_LAYER, "dims": READ},
    "Concatenate": {**_LAYER, "axis": READ},
    "Embedding": {  # without input_length hls4ml makes no layer of it
        **_LAYER,
        **dict.fromkeys((f"embeddings_{what}" for what in ("initializer", "regularizer", "constraint")), READ),
        **dict.fromkeys(("activity_regularizer", "input_dim", "output_dim", "input_length"), READ),
        "mask_zero": Only((False,)),
    },
}
"""By class; a class that is missing has no lowering at hls4ml's precisions."""

_RANGES: Rules = dict.fromkeys(("kernel_range", "bias_range", "gamma_range", "beta_range", "depthwise_range"), READ)
_NORM: Rules = {**_RANGES, **_NORM_QUANTISERS, "inverse_quantizer": READ}
_FOLDED: Rules = {**NORM, "folding_mode": READ, "ema_freeze_delay": READ}


def _quantised(kind: str, more: Rules | None = None) -> Rules:
    """Arguments of QKeras' form of a stock layer."""
    return {**ARGUMENTS[kind], **_RANGES, **(more or {}), **_QUANTISERS}


QUANTISED: Mapping[str, Rules] = {
    **{f"Q{kind}": _quantised(kind) for kind in ("Dense", "Conv1D", "Conv2D", "DepthwiseConv2D")},
    **{f"Q{kind}": _quantised(kind) for kind in ("SeparableConv1D", "SeparableConv2D")},
    "QBatchNormalization": _quantised("BatchNormalization", _NORM),
    "QConv2DBatchnorm": {**_FOLDED, **_quantised("Conv2D"), "axis": _FOLDED["axis"]},
    "QActivation": KERAS["QActivation"],
}
"""The same for layers of QKeras."""


def check_layer(layer: KerasLayer) -> None:
    """UnsupportedLayerError for a class or an argument without lowering."""
    known = {**ARGUMENTS, **QUANTISED}
    if layer.kind not in known:
        raise unsupported(layer.name, layer.kind, f"known with hls4ml's own precisions are {', '.join(known)}")
    check_arguments(layer.name, layer.kind, layer.config, known[layer.kind])
    if layer.kind == "Softmax" and np.size(layer.config.get("axis", -1)) > 1:
        raise unsupported(layer.name, layer.kind, "it is taken over several axes; take it over one")
    if "activation" in layer.config:
        _check_activation(layer)


def _check_activation(layer: KerasLayer) -> None:
    """UnsupportedLayerError for an activation quantiser without lowering; functions are looked up later."""
    given = layer.config["activation"]
    if layer.kind == "QActivation" or isinstance(given, Mapping):
        tabled(layer.name, layer.kind, given)


__all__ = ["ARGUMENTS", "QUANTISED", "check_layer"]
