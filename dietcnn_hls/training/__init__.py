# SPDX-License-Identifier: Apache-2.0
"""Training front end: Keras layers, codebook fitting and fine-tuning. Needs the `qkeras` extra (imports TensorFlow)."""

from __future__ import annotations

from typing import Any

from dietcnn_hls import methods
from dietcnn_hls.training.integer_layers import PositiveGain, ShiftBatchNormalization, UniformActivation
from dietcnn_hls.training.layers import (
    CodebookActivation,
    ExactBatchNormalization,
    LookupConv2D,
    LookupDense,
    LookupDepthwiseConv2D,
)
from dietcnn_hls.training.tf import qkeras


def custom_objects() -> dict[str, Any]:
    """Every class that a saved model of this package may name, for ``tf.keras.models.load_model``."""
    objects: dict[str, Any] = {}
    qkeras.utils._add_supported_quantized_objects(objects)
    layers = (LookupConv2D, LookupDense, LookupDepthwiseConv2D, CodebookActivation, ExactBatchNormalization)
    integer_layers = (UniformActivation, ShiftBatchNormalization, PositiveGain)
    objects.update({layer.__name__: layer for layer in (*layers, *integer_layers)})
    for method in methods.available().values():
        objects.update(method.keras_objects())
    return objects


__all__ = [
    "CodebookActivation",
    "ExactBatchNormalization",
    "LookupConv2D",
    "LookupDense",
    "LookupDepthwiseConv2D",
    "ShiftBatchNormalization",
    "UniformActivation",
    "custom_objects",
]
