# SPDX-License-Identifier: Apache-2.0
"""Which arguments of which Keras layers are read: an allow-list, so that one that nobody has thought of is refused by its name.

Of every layer kind, each key of ``get_config()`` is *honoured* (the reader acts on it), *idle* (it does not touch what the layer
computes at inference), or must have its neutral value. Whatever else a layer says is refused.
"""

from __future__ import annotations

from typing import Any

from dietcnn_hls.arguments import READ, Only, Rules
from dietcnn_hls.arguments import check_arguments as check
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.tf import tf

_layers = tf.keras.layers


def _honoured(*names: str) -> Rules:
    """Arguments that the reader acts on."""
    return dict.fromkeys(names, READ)


def _idle(*names: str) -> Rules:
    """Arguments that do not touch what a layer computes at inference."""
    return dict.fromkeys(names, READ)


def _trained(*weights: str) -> Rules:
    """How weights start and are trained: idle."""
    return _idle(*(f"{w}_{what}" for w in weights for what in ("initializer", "regularizer", "constraint")))


_LAYER: Rules = {
    # a given input shape is that of the model's input, which is checked there
    **_idle("name", "trainable", "batch_input_shape"),
    "dtype": READ,  # see `check_dtype`
}
_LAST: Rules = {"data_format": Only(("channels_last",))}
_WINDOW: Rules = {
    **_honoured("kernel_size", "strides", "padding", "activation", "use_bias"),
    **_LAST,
    "dilation_rate": Only(((1, 1),), "dilation has no lowering; use dilation_rate=1"),
    "groups": Only((1,), "groups have no lowering; use groups=1, or a DepthwiseConv2D"),
    **_trained("kernel", "bias"),
    **_idle("activity_regularizer"),
}
_POOL: Rules = {**_honoured("pool_size", "strides", "padding"), **_LAST}
_DENSE_INPUT = "sparse and ragged inputs have no lowering; give a dense Input"
_NORM: Rules = {
    **_honoured("axis", "epsilon", "center", "scale"),
    **_trained("beta", "gamma"),
    **_idle("momentum", "synchronized", "moving_mean_initializer", "moving_variance_initializer"),
}

ARGUMENTS: dict[type, Rules] = {
    _layers.InputLayer: {
        "sparse": Only((False,), _DENSE_INPUT),
        "ragged": Only((False,), _DENSE_INPUT),
        "optional": Only((False,), "an input that may be left out has no lowering"),
    },
    _layers.Conv2D: {**_WINDOW, **_honoured("filters")},
    _layers.DepthwiseConv2D: {**_WINDOW, **_honoured("depth_multiplier"), **_trained("depthwise")},
    _layers.SeparableConv2D: {**_WINDOW, **_honoured("filters", "depth_multiplier"), **_trained("depthwise", "pointwise")},
    _layers.Dense: {
        **_honoured("units", "activation", "use_bias"),
        **_trained("kernel", "bias"),
        **_idle("activity_regularizer"),
    },
    _layers.BatchNormalization: _NORM,
    _layers.ReLU: _honoured("max_value", "negative_slope", "threshold"),
    _layers.LeakyReLU: _honoured("alpha"),
    _layers.ELU: _honoured("alpha"),
    _layers.ThresholdedReLU: _honoured("theta"),
    _layers.Activation: _honoured("activation"),
    _layers.Softmax: _honoured("axis", "robust_masking"),  # the latter is of masks, which nothing here has
    _layers.Add: {},
    _layers.MaxPooling2D: _POOL,
    _layers.AveragePooling2D: _POOL,
    _layers.GlobalMaxPooling2D: {**_honoured("keepdims"), **_LAST},
    _layers.GlobalAveragePooling2D: {**_honoured("keepdims"), **_LAST},
    _layers.ZeroPadding2D: {**_honoured("padding"), **_LAST},
    _layers.Flatten: _LAST,
    _layers.Reshape: _honoured("target_shape"),
    _layers.Dropout: _idle("rate", "noise_shape", "seed"),
    _layers.SpatialDropout2D: {**_idle("rate", "noise_shape", "seed"), **_LAST},
    _layers.GaussianDropout: _idle("rate", "seed"),
    _layers.GaussianNoise: _idle("stddev", "seed"),
    _layers.AlphaDropout: _idle("rate", "noise_shape", "seed"),
    _layers.ActivityRegularization: _idle("l1", "l2"),
    _layers.Identity: {},
}
"""By layer class, exactly: a subclass may compute anything."""


def check_arguments(layer: Any) -> None:
    """UnsupportedLayerError for an argument of a layer of a class of `ARGUMENTS` that cannot be honoured; names both."""
    check_dtype(layer)
    kind = type(layer)
    check(layer.name, kind.__name__, layer.get_config(), {**_LAYER, **ARGUMENTS[kind]})


def check_dtype(layer: Any) -> None:
    """UnsupportedLayerError unless a layer computes in float32."""
    policy = getattr(layer, "dtype_policy", None)
    word = layer.dtype if policy is None or isinstance(layer, _layers.InputLayer) else policy.name
    if word != "float32":
        raise UnsupportedLayerError(
            f"layer '{layer.name}' ({type(layer).__name__}): dtype={word!r} has no lowering: build the model in float32 "
            "(tf.keras.mixed_precision.set_global_policy('float32'), Input(dtype='float32')) and set its weights"
        )
