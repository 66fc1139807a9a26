# SPDX-License-Identifier: Apache-2.0
"""What concerns Keras models of all methods: the conversion of a float model in one call, and loading saved models."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.errors import OutputError
from dietcnn_hls.lowered import Grid
from dietcnn_hls.tf import qkeras, tf
from dietcnn_hls.training import integer_layers, layers
from dietcnn_hls.training.saved import check_description
from dietcnn_hls.validation import validate


def fit_codebooks(model: Any, x_calibration: np.ndarray, *, input_grid: Grid | None = None, **options: Any) -> Any:
    """A float Keras model, Sequential or functional, as a codebook model, in one call.

    The result computes at inference what the hardware computes. It can be converted at once, or trained on: by `train`, or
    by its own ``compile`` and ``fit`` with `RefitCodebooks` as a callback.

    Args:
        model: built float32 ``tf.keras`` model with one input, an image (H, W, C) or a vector, and one output; docs/training.md
            lists its layers.
        x_calibration: float32 images on the input grid, (N, H, W, C); some hundred training images.
        input_grid: the values that may enter the design; default those of uint8 images / 256.
        options: keys of `methods.dietcnn.DietOptions`, for example ``activation_symbols=8, weight_symbols=4``.

    Raises:
        ConfigError: an unknown or unfit option, or no Keras model whose layers can be read.
        UnsupportedLayerError: a layer, argument, activation or wiring without lowering; names it.
        DatasetError: calibration data that is empty, mis-shaped, not finite, or not on the input grid.
        LoweringError: weights that are NaN or Inf.
    """
    method = methods.get("dietcnn")
    return method.quantize(model, x_calibration, validate(method.options, options, "fit_codebooks"), input_grid)


def custom_objects() -> dict[str, Any]:
    """Every class that a saved model of this package may name, for ``tf.keras.models.load_model``."""
    objects: dict[str, Any] = {}
    qkeras.utils._add_supported_quantized_objects(objects)
    objects.update({layer.__name__: layer for layer in (*layers.LAYERS, *integer_layers.LAYERS)})
    for method in methods.available().values():
        objects.update(method.keras.objects)
    return objects


def load_model(path: str | os.PathLike[str]) -> Any:
    """A model saved by ``model.save``, ``.keras`` or ``.h5``; OutputError when the file is missing, is none or holds code."""
    if not os.path.exists(path):  # unlike Path, it takes a name that is too long for one that is not there
        raise OutputError(f"{path} does not exist; give a saved Keras model (.keras or .h5)")
    if os.path.isdir(path):  # TensorFlow's own format keeps functions, not layers
        raise OutputError(f"{path} is a folder; save the model as .keras or .h5")
    check_description(path)
    try:
        return tf.keras.models.load_model(path, custom_objects=custom_objects(), compile=False)
    except Exception as error:  # Keras raises nearly anything on a file that is no model
        remedy = "; QKeras' layers load from .h5 alone: save the model as that" if "qkeras" in str(error) else ""
        raise OutputError(f"{path} is no Keras model that can be loaded: {error}{remedy}") from error


__all__ = ["custom_objects", "fit_codebooks", "load_model"]
