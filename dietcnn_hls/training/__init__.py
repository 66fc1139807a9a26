# SPDX-License-Identifier: Apache-2.0
"""Training front end: Keras layers, codebook fitting and fine-tuning. Needs the `qkeras` extra (imports TensorFlow)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.backend.readers.keras import register_handlers
from dietcnn_hls.training.design import Trained, accuracy, load_model, logits, train_design
from dietcnn_hls.training.integer_layers import PositiveGain, ShiftBatchNormalization, SumPooling2D, UniformActivation
from dietcnn_hls.training.layers import (
    CodebookActivation,
    ExactBatchNormalization,
    LookupConv2D,
    LookupDense,
    LookupDepthwiseConv2D,
)
from dietcnn_hls.training.loop import Epoch, History, train
from dietcnn_hls.training.recipe import Recipe
from dietcnn_hls.training.refit import RefitCodebooks, refit_codebooks
from dietcnn_hls.training.tf import qkeras
from dietcnn_hls.validation import validate


def fit_codebooks(model: Any, x_calibration: np.ndarray, **options: Any) -> Any:
    """A float Keras model, Sequential or functional, as a codebook model, in one call.

    The result computes at inference what the hardware computes. It can be converted at once, or trained on: by `train`, or
    by its own ``compile`` and ``fit`` with `RefitCodebooks` as a callback.

    Args:
        model: built ``tf.keras`` model of Conv2D, DepthwiseConv2D, Dense, BatchNormalization, ReLU, MaxPooling2D,
            AveragePooling2D, GlobalAveragePooling2D, Flatten, Reshape, Dropout and Add layers.
        x_calibration: float32 images, (N, H, W, C); some hundred training images.
        options: keys of `methods.dietcnn.DietOptions`, for example ``activation_symbols=8, weight_symbols=4``.

    Raises:
        ConfigError: an unknown or unfit option.
        UnsupportedLayerError: a layer or activation without lowering; names it.
        DatasetError: calibration data that is empty, mis-shaped or not finite.
        LoweringError: weights that are NaN or Inf.
    """
    method = methods.get("dietcnn")
    return method.quantize(model, x_calibration, validate(method.options, options, "fit_codebooks"))


def custom_objects() -> dict[str, Any]:
    """Every class that a saved model of this package may name, for ``tf.keras.models.load_model``."""
    objects: dict[str, Any] = {}
    qkeras.utils._add_supported_quantized_objects(objects)
    layers = (LookupConv2D, LookupDense, LookupDepthwiseConv2D, CodebookActivation, ExactBatchNormalization)
    integer_layers = (UniformActivation, ShiftBatchNormalization, PositiveGain, SumPooling2D)
    objects.update({layer.__name__: layer for layer in (*layers, *integer_layers)})
    for method in methods.available().values():
        objects.update(method.keras_objects())
    return objects


__all__ = [
    "CodebookActivation",
    "Epoch",
    "ExactBatchNormalization",
    "History",
    "LookupConv2D",
    "LookupDense",
    "LookupDepthwiseConv2D",
    "Recipe",
    "RefitCodebooks",
    "SumPooling2D",
    "Trained",
    "accuracy",
    "custom_objects",
    "fit_codebooks",
    "load_model",
    "logits",
    "refit_codebooks",
    "train",
    "train_design",
]

# hls4ml reads a model's layers before it asks any backend: whoever has these layers can say `config_from_keras_model`
register_handlers()
