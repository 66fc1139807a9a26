# SPDX-License-Identifier: Apache-2.0
"""Codebook refits: the k-means step of training, between epochs, while weights and activations still move."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from dietcnn_hls.tf import tf
from dietcnn_hls.training.codebooks import fit_levels
from dietcnn_hls.training.layers import CodebookActivation, LookupLayer

_SAMPLES = 100_000


def refit_codebooks(model: Any, x: np.ndarray) -> None:
    """Fit every codebook of `model` anew: weights to their latent kernels, activations to what `x` makes them read.

    The scale of an activation's codebook stays (streams that meet in an add must keep a common one); activations of one
    ``group`` keep equal levels. Models without codebooks are left as they are.

    Args:
        model: a codebook model.
        x: float32 images, (N, H, W, C); some hundred do.

    Raises:
        LoweringError: weights or activations that are NaN or Inf; names the layer.
    """
    for layer in model.layers:
        if isinstance(layer, LookupLayer):
            layer.refit()
    groups: dict[str, list[CodebookActivation]] = defaultdict(list)
    for layer in model.layers:
        if isinstance(layer, CodebookActivation):
            groups[layer.group or f"layer {layer.name}"].append(layer)
    if groups:
        samples = _inputs(model, [layer for layers in groups.values() for layer in layers], x)
        for layers in groups.values():
            _refit_group(layers, samples)


def _inputs(model: Any, layers: list[CodebookActivation], x: np.ndarray) -> dict[str, np.ndarray]:
    """What each activation's levels stand for, thinned out."""
    probe = tf.keras.Model(model.inputs, [layer.input for layer in layers])
    values = defaultdict(list)
    keep = max(1, _SAMPLES // len(x))
    for start in range(0, len(x), 256):
        outputs = probe(tf.convert_to_tensor(x[start : start + 256]), training=False)
        for layer, output in zip(layers, outputs if len(layers) > 1 else [outputs], strict=True):
            flat = output.numpy().reshape(len(output), -1)
            values[layer.name].append(flat[:, :: -(-flat.shape[1] // keep)].ravel())
    return {layer.name: layer.stands_for(np.concatenate(values[layer.name])) for layer in layers}


def _refit_group(layers: list[CodebookActivation], samples: dict[str, np.ndarray]) -> None:
    first = layers[0]
    pool = np.concatenate([samples[layer.name] for layer in layers])
    levels = fit_levels(pool * 2.0**first.fraction, first.symbols, first.grid) * 2.0**-first.fraction
    for layer in layers:
        layer.set_levels(levels)


class RefitCodebooks(tf.keras.callbacks.Callback):
    """`refit_codebooks` before each of the first epochs after the first one, for those who train with ``model.fit``.

    Args:
        x_calibration: float32 images.
        epochs: how many epochs begin with a refit; the later ones let the weights settle.
    """

    def __init__(self, x_calibration: np.ndarray, epochs: int) -> None:
        super().__init__()
        self.x_calibration, self.epochs = x_calibration, epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if 0 < epoch <= self.epochs:
            refit_codebooks(self.model, self.x_calibration)
