# SPDX-License-Identifier: Apache-2.0
"""What to use in place of Keras layers that have no lowering, for the words of their refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dietcnn_hls.tf import tf

_ONE_D = "give the model images (1, W, C) and use the 2-D layer with a window of one row"
_SOLID = "only images (H, W, C) and vectors have a lowering; use the 2-D layer"
_DATA = "do it to the images before they enter the model, and to the calibration images alike"
_STATISTICS = "its statistics would be computed for every image; use BatchNormalization, which costs nothing"
_JOIN = "only Add joins two branches"
_SEQUENCE = "sequences have no lowering; use convolutions over images (1, W, C)"
_WORDS = "tables of words and numbers are no images; encode the data before it enters the model"
_ENLARGE = "no layer that enlarges images has a lowering; let the model end before it"

_REMEDIES: dict[str, str] = {
    **dict.fromkeys(
        ("Conv1D", "SeparableConv1D", "DepthwiseConv1D", "LocallyConnected1D", "MaxPooling1D", "AveragePooling1D"), _ONE_D
    ),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalAveragePooling1D", "ZeroPadding1D", "Cropping1D", "SpatialDropout1D"), _ONE_D),
    **dict.fromkeys(("Conv3D", "Conv3DTranspose", "MaxPooling3D", "AveragePooling3D", "GlobalMaxPooling3D"), _SOLID),
    **dict.fromkeys(
        ("GlobalAveragePooling3D", "ZeroPadding3D", "Cropping3D", "UpSampling3D", "SpatialDropout3D"),
        _SOLID,
    ),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "UpSampling1D"), _ENLARGE),
    **dict.fromkeys(("Rescaling", "Normalization", "Resizing", "CenterCrop", "Cropping2D"), _DATA),
    **dict.fromkeys(("RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight"), _DATA),
    **dict.fromkeys(("RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom"), _DATA),
    **dict.fromkeys(("LayerNormalization", "GroupNormalization", "UnitNormalization"), _STATISTICS),
    **dict.fromkeys(("Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"), _JOIN),
    **dict.fromkeys(("RNN", "GRU", "LSTM", "SimpleRNN", "AbstractRNNCell", "GRUCell", "LSTMCell", "SimpleRNNCell"), _SEQUENCE),
    **dict.fromkeys(("StackedRNNCells", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Masking"), _SEQUENCE),
    **dict.fromkeys(("Attention", "AdditiveAttention", "MultiHeadAttention", "RepeatVector"), _SEQUENCE),
    **dict.fromkeys(("Embedding", "StringLookup", "IntegerLookup", "TextVectorization", "CategoryEncoding"), _WORDS),
    **dict.fromkeys(("Hashing", "HashedCrossing", "Discretization", "DenseFeatures"), _WORDS),
    **dict.fromkeys(("Wrapper", "SpectralNormalization"), "hand over a model with the layer inside it, and that layer's weights"),
    "EinsumDense": "use Dense, or a Conv2D with a 1x1 kernel",
    "LocallyConnected2D": "use Conv2D, whose weights all places share",
    "TimeDistributed": "a Conv2D with a 1x1 kernel does the same to every place of an image",
    "Permute": "give the data in the order in which the layers behind it read it",
    "PReLU": "use LeakyReLU, one slope for all, or ReLU",
    "Lambda": "code of one's own cannot be read; use layers",
    "Layer": "it is a base class; use a layer",
    "Functional": "models inside models are not taken apart; put their layers into this model",
    "Sequential": "models inside models are not taken apart; put their layers into this model",
    "TFOpLambda": "operations outside layers cannot be read; use layers (Add, ReLU, Flatten, Reshape)",
    "SlicingOpLambda": "slices have no lowering; cut the images before they enter the model",
}


def remedy(layer: Any, supported: Iterable[type]) -> str:
    """What a refusal of `layer` says behind its name and class."""
    kind = type(layer)
    if kind.__module__.startswith(("qkeras", "dietcnn_hls")):
        return "is quantised already; pass the float model"
    base = next((known for known in kind.__mro__ if known in supported), None)
    if base is not None:
        return f"is a class of its own, which may compute anything; use {base.__name__} itself"
    if isinstance(layer, tf.keras.Model):
        return f"has no lowering; {_REMEDIES['Functional']}"
    known = f"supported: {', '.join(sorted(t.__name__ for t in supported))}"
    return f"has no lowering; {_REMEDIES[kind.__name__]}; {known}" if kind.__name__ in _REMEDIES else f"has no lowering; {known}"
