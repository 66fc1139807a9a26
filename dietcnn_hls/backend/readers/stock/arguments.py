# SPDX-License-Identifier: Apache-2.0
"""What every argument of every stock Keras layer may be: what hls4ml's parser reads, and what would be dropped by it."""

from __future__ import annotations

from collections.abc import Mapping

from dietcnn_hls.arguments import READ, Only, Rules, check_arguments
from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS as KERAS
from dietcnn_hls.backend.readers.keras.arguments import NORM, WINDOW
from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.keras.source import KerasLayer

_LAYER: Rules = KERAS["Add"]
_LINE: Rules = {"padding": Only(("valid", "same", "causal")), "dilation_rate": Only(((1,), 1), "use dilation_rate=1")}
_CONV1D: Rules = {**KERAS["Conv2D"], **_LINE}
_POINTWISE: Rules = dict.fromkeys((f"pointwise_{what}" for what in ("initializer", "regularizer", "constraint")), READ)
_SEPARABLE: Rules = {**KERAS["DepthwiseConv2D"], **_POINTWISE, "filters": READ, "depth_multiplier": Only((1,))}
_POOL: Rules = {**_LAYER, **WINDOW, "pool_size": READ}
_GLOBAL: Rules = {**_LAYER, "data_format": WINDOW["data_format"], "keepdims": READ}
_MOVED: Rules = {**_LAYER, "data_format": WINDOW["data_format"]}
_PADDED: Rules = {**_MOVED, "padding": READ}
_CROPPED: Rules = {**_MOVED, "cropping": READ}
_ENLARGED: Rules = {**_MOVED, "size": READ, "interpolation": Only(("nearest",), "use 'nearest'")}

ARGUMENTS: Mapping[str, Rules] = {
    **{kind: KERAS[kind] for kind in ("InputLayer", "Conv2D", "Dense", "Flatten", "Reshape", "Dropout", "Activation")},
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), _LAYER),
    "Conv1D": _CONV1D,
    "DepthwiseConv2D": {**KERAS["DepthwiseConv2D"], "depth_multiplier": Only((1,))},
    "DepthwiseConv1D": {**KERAS["DepthwiseConv2D"], **_LINE, "depth_multiplier": Only((1,))},
    "SeparableConv1D": {**_SEPARABLE, **_LINE},
    "SeparableConv2D": _SEPARABLE,
    "BatchNormalization": {**NORM, "axis": Only((-1, (1,), (2,), (3,), 1, 2, 3), "normalise the last axis")},
    "ReLU": {
        **_LAYER,
        "max_value": Only((None,), "hls4ml drops it; use Activation('relu6')"),
        "negative_slope": Only((0, None), "use LeakyReLU"),
        "threshold": Only((0, None), "use ThresholdedReLU"),
    },
    "LeakyReLU": {**_LAYER, "alpha": READ},
    "ELU": {**_LAYER, "alpha": READ},
    "ThresholdedReLU": {**_LAYER, "theta": READ},
    "PReLU": {
        **_LAYER,
        **dict.fromkeys(("alpha_initializer", "alpha_regularizer", "alpha_constraint"), READ),
        "shared_axes": Only((None,), "hls4ml reads a slope for each value"),
    },
    "Softmax": {**_LAYER, "axis": READ, "robust_masking": READ},
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), _POOL),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"), _GLOBAL),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), _PADDED),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), _CROPPED),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), _ENLARGED),
    "Permute": {**_LAYER, "dims": READ},
    "Concatenate": {**_LAYER, "axis": READ},
}
"""By class; a class that is missing has no lowering at hls4ml's precisions."""


def check_layer(layer: KerasLayer) -> None:
    """UnsupportedLayerError for a class or an argument without lowering."""
    if layer.kind not in ARGUMENTS:
        raise unsupported(layer.name, layer.kind, f"known with hls4ml's own precisions are {', '.join(ARGUMENTS)}")
    check_arguments(layer.name, layer.kind, layer.config, ARGUMENTS[layer.kind])


__all__ = ["ARGUMENTS", "check_layer"]
