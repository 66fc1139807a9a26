# SPDX-License-Identifier: Apache-2.0
"""What every argument of every Keras layer may be: read, or without effect at inference, or one of a few values."""

from __future__ import annotations

from collections.abc import Mapping

from dietcnn_hls.arguments import READ, Only, Rules

_CHANNELS_LAST = Only(("channels_last", None), "use data_format='channels_last'")
_LAYER: Rules = {
    "name": READ,
    "trainable": READ,
    "batch_input_shape": READ,
    "dtype": Only(("float32",), "build the model under the policy 'float32', in which alone its sums are exact"),
    "dynamic": Only((False,)),
}
_TRAINING = (
    *("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer"),
    *("kernel_constraint", "bias_constraint", "kernel_range", "bias_range", "depthwise_initializer", "depthwise_regularizer"),
    *("depthwise_constraint", "depthwise_range"),
)
"""Arguments that shape training only."""

_LINEAR: Rules = {
    **_LAYER,
    **dict.fromkeys(_TRAINING, READ),
    **dict.fromkeys(("activation", "use_bias", "bias_quantizer", "kernel_quantizer"), READ),
}
WINDOW: Rules = {
    "strides": READ,
    "padding": Only(("valid", "same", "VALID", "SAME")),
    "data_format": _CHANNELS_LAST,
}
_CONVOLUTION: Rules = {
    **_LINEAR,
    **WINDOW,
    "kernel_size": READ,
    "dilation_rate": Only(((1, 1), 1), "use dilation_rate=1"),
    "groups": Only((1,), "use groups=1, or a depthwise convolution"),
}
_POOL: Rules = {**_LAYER, **WINDOW, "pool_size": READ}
_CONV2D: Rules = {**_CONVOLUTION, "filters": READ}
_DEPTHWISE: Rules = {**_CONVOLUTION, "depth_multiplier": READ, "depthwise_quantizer": READ}
_DENSE: Rules = {**_LINEAR, "units": READ}
NORM: Rules = {
    **_LAYER,
    "axis": READ,
    "epsilon": READ,
    "center": READ,
    "scale": READ,
    **dict.fromkeys(
        (
            *("momentum", "beta_initializer", "gamma_initializer", "moving_mean_initializer", "moving_variance_initializer"),
            *("beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint", "synchronized"),
        ),
        READ,
    ),
}
_LOOKUP: Rules = {
    "bias_fraction": READ,
    "activation": Only(("linear", None), "put a CodebookActivation behind it"),
    "bias_quantizer": Only((None,), "state bias_fraction instead"),
}

ARGUMENTS: Mapping[str, Rules] = {
    "InputLayer": {**_LAYER, "sparse": Only((False,)), "ragged": Only((False,)), "optional": Only((False,))},
    "Conv2D": _CONV2D,
    "DepthwiseConv2D": _DEPTHWISE,
    "Dense": _DENSE,
    "QConv2D": _CONV2D,
    "QDepthwiseConv2D": _DEPTHWISE,
    "QDense": _DENSE,
    "MaxPooling2D": _POOL,
    "ZeroPadding2D": {**_LAYER, "padding": READ, "data_format": _CHANNELS_LAST},
    "Add": _LAYER,
    "Flatten": {**_LAYER, "data_format": _CHANNELS_LAST},
    "Reshape": {**_LAYER, "target_shape": READ},
    "Dropout": {**_LAYER, "rate": READ, "noise_shape": READ, "seed": READ},
    "Activation": {**_LAYER, "activation": READ},
    "QActivation": {**_LAYER, "activation": READ},
    "Softmax": {**_LAYER, "axis": READ, "robust_masking": READ},  # of masks, which nothing here has
    "LookupConv2D": {**_CONV2D, **_LOOKUP},
    "LookupDepthwiseConv2D": {**_DEPTHWISE, **_LOOKUP},
    "LookupDense": {**_DENSE, **_LOOKUP},
    "CodebookActivation": {
        **_LAYER,
        "symbols": READ,
        "fraction": READ,
        **dict.fromkeys(("bits", "signed", "group", "function", "gain", "scale"), READ),
    },
    "UniformActivation": {**_LAYER, **dict.fromkeys(("bits", "fraction", "signed", "highest"), READ)},
    "ExactBatchNormalization": NORM,
    "ShiftBatchNormalization": {**NORM, **dict.fromkeys(("lowest", "highest", "fraction"), READ)},
    "SumPooling2D": {**_LAYER, "strides": READ, "pool_size": READ, "shift": READ},
    "InputGrid": {**_LAYER, **dict.fromkeys(("lo", "hi", "fraction"), READ)},
}
"""By class; a class that is missing has no lowering."""
