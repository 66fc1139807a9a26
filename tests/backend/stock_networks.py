# SPDX-License-Identifier: Apache-2.0
"""Random Keras models of all kinds that hls4ml takes: chains, branches with several ends, QKeras' quantisers."""

from __future__ import annotations

from typing import Any

import numpy as np
import qkeras

from dietcnn_hls.tf import tf
from tests.backend.stock_models import ACTIVATIONS, random_model

_layers = tf.keras.layers
_MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
KINDS = ("chain", "branches", "quantised")


def random_network(seed: int) -> Any:
    """A small model with weights of all sizes; seeds go through `KINDS` in turn."""
    rng = np.random.default_rng(seed)
    tf.keras.utils.set_random_seed(seed)
    kind = KINDS[seed % len(KINDS)]
    if kind == "chain":
        return random_model(seed)
    return filled(_branches(rng) if kind == "branches" else _quantised(rng), rng)


def filled(model: Any, rng: np.random.Generator) -> Any:
    values = [rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.7, w.shape) for w in model.weights]
    model.set_weights(values)
    return model


def samples(model: Any, seed: int, count: int = 60) -> Any:
    """Inputs that reach beyond most types; a list where the model has several."""
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(0, 2, (count, *array.shape[1:])) for array in model.inputs]
    return arrays if len(arrays) > 1 else arrays[0]


def _branches(rng: np.random.Generator) -> Any:
    """One or two images, a merge of what becomes of them, one or two ends."""
    shape = (int(rng.integers(4, 7)), int(rng.integers(4, 7)), int(rng.integers(1, 3)))
    inputs = [_layers.Input(shape, name=f"image{number}") for number in range(int(rng.integers(1, 3)))]
    ways = [_way(rng, inputs[number % len(inputs)], number) for number in range(2)]
    merged = getattr(_layers, str(rng.choice(_MERGES)))(name="merged")(ways)
    ends = [_end(rng, merged, 0)]
    if rng.random() < 0.5:
        ends.append(_end(rng, ways[int(rng.integers(2))], 1))
    return tf.keras.Model(inputs, ends)


def _way(rng: np.random.Generator, tensor: Any, number: int) -> Any:
    tensor = _layers.Conv2D(2, int(rng.integers(1, 4)), padding="same", name=f"conv{number}")(tensor)
    if rng.random() < 0.6:
        tensor = _layers.Activation(str(rng.choice(ACTIVATIONS)), name=f"act{number}")(tensor)
    return tensor


def _end(rng: np.random.Generator, tensor: Any, number: int) -> Any:
    """A pool of either kind and padding, then classes or all its pixels."""
    pool = [_layers.AveragePooling2D, _layers.MaxPooling2D][int(rng.integers(2))]
    size, strides = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    tensor = pool(size, strides=strides, padding=str(rng.choice(["same", "valid"])), name=f"pool{number}")(tensor)
    if rng.random() < 0.3:
        return tensor
    return _layers.Dense(int(rng.integers(2, 5)), name=f"classes{number}")(_layers.Flatten(name=f"flat{number}")(tensor))


def _weights(rng: np.random.Generator) -> Any:
    bits = int(rng.integers(3, 7))
    alpha = [1, "auto_po2", None][int(rng.integers(3))]
    return [
        qkeras.quantized_bits(bits, int(rng.integers(0, 2)), alpha=alpha),
        qkeras.ternary(alpha=[1, "auto"][int(rng.integers(2))]),
        qkeras.binary(alpha=[1, "auto"][int(rng.integers(2))]),
        qkeras.quantized_po2(4),
    ][int(rng.integers(4))]


def _activation(rng: np.random.Generator) -> Any:
    bits = int(rng.integers(3, 8))
    return [
        qkeras.quantized_relu(bits, int(rng.integers(0, 3))),
        qkeras.quantized_bits(bits, int(rng.integers(0, 3)), alpha=1),
        qkeras.quantized_tanh(bits),
        qkeras.quantized_sigmoid(bits),
        qkeras.ternary(alpha=1, threshold=0.4),
    ][int(rng.integers(5))]


def _quantised(rng: np.random.Generator) -> Any:
    """Two or three layers of QKeras behind each other."""
    body: list[Any] = [_layers.InputLayer((int(rng.integers(3, 9)),))]
    for _ in range(int(rng.integers(1, 3))):
        body.append(qkeras.QDense(int(rng.integers(2, 7)), kernel_quantizer=_weights(rng), bias_quantizer=_bias()))
        body += [_layers.BatchNormalization()] if rng.random() < 0.4 else []
        body.append(qkeras.QActivation(_activation(rng)))
    body.append(qkeras.QDense(3, kernel_quantizer=_weights(rng), bias_quantizer=_bias()))
    return tf.keras.Sequential(body)


def _bias() -> Any:
    return qkeras.quantized_bits(6, 2, alpha=1)
