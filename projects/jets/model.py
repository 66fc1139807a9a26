# SPDX-License-Identifier: Apache-2.0
"""The network of hls4ml's tutorial, 16-64-32-32-5, in three forms: float, 6-bit QKeras, and as a method's training takes it."""

from __future__ import annotations

from typing import Any

WIDTHS = (64, 32, 32)


def float_network(shape: tuple[int, ...], classes: int) -> Any:
    """Dense layers with ReLU, softmax at the end: what hls4ml takes at its own precisions."""
    import tensorflow as tf

    layers: list[Any] = [tf.keras.layers.InputLayer(shape, name="features")]
    for number, width in enumerate(WIDTHS, start=1):
        layers.append(tf.keras.layers.Dense(width, name=f"fc{number}"))
        layers.append(tf.keras.layers.Activation("relu", name=f"relu{number}"))
    layers += [tf.keras.layers.Dense(classes, name="output"), tf.keras.layers.Activation("softmax", name="softmax")]
    return tf.keras.Sequential(layers, name="jets")


def quantised_network(shape: tuple[int, ...], classes: int) -> Any:
    """The same of QKeras' layers, weights and activations of 6 bits."""
    import tensorflow as tf
    from qkeras import QActivation, QDense, quantized_bits, quantized_relu

    bits = {"kernel_quantizer": quantized_bits(6, 0, alpha=1), "bias_quantizer": quantized_bits(6, 0, alpha=1)}
    layers: list[Any] = [tf.keras.layers.InputLayer(shape, name="features")]
    for number, width in enumerate(WIDTHS, start=1):
        layers.append(QDense(width, name=f"fc{number}", **bits))
        layers.append(QActivation(quantized_relu(6), name=f"relu{number}"))
    layers += [QDense(classes, name="output", **bits), tf.keras.layers.Activation("softmax", name="softmax")]
    return tf.keras.Sequential(layers, name="jets_6bit")


def lookup_network(shape: tuple[int, ...], classes: int) -> Any:
    """The same with a batch-norm in front of each ReLU, which thresholds absorb; it ends at the logits."""
    import tensorflow as tf

    layers: list[Any] = [tf.keras.layers.InputLayer(shape, name="features")]
    for number, width in enumerate(WIDTHS, start=1):
        layers.append(tf.keras.layers.Dense(width, use_bias=False, name=f"fc{number}"))
        layers.append(tf.keras.layers.BatchNormalization(momentum=0.9, name=f"norm{number}"))
        layers.append(tf.keras.layers.ReLU(name=f"relu{number}"))
    return tf.keras.Sequential([*layers, tf.keras.layers.Dense(classes, name="output")], name="jets_lookup")
