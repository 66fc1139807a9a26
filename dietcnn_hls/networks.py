# SPDX-License-Identifier: Apache-2.0
"""Reference networks by name, as float Keras models that end with logits. Imports TensorFlow only when one is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dietcnn_hls.errors import ConfigError, suggest


def lenet5(input_shape: tuple[int, int, int] = (32, 32, 1), classes: int = 10, width: float = 1.0) -> Any:
    """LeNet-5 as in the DietCNN paper: 6@5x5, pool, 16@5x5, pool, 120, 84, classes; 416,520 MACs on 32x32x1.

    Every hidden layer is linear (without bias), batch-norm, ReLU: the hardware folds the first two into thresholds.

    Args:
        input_shape: (H, W, C), at least 16x16.
        classes: logits.
        width: factor on all hidden widths.

    Returns:
        A built ``tf.keras.Model``, (N, H, W, C) -> (N, classes) logits.
    """
    from dietcnn_hls.training.tf import tf

    return tf.keras.Sequential(
        [
            tf.keras.layers.Input(input_shape, name="image"),
            *_convolution("conv1", round(6 * width), 5),
            tf.keras.layers.MaxPooling2D(name="pool1"),
            *_convolution("conv2", round(16 * width), 5),
            tf.keras.layers.MaxPooling2D(name="pool2"),
            tf.keras.layers.Flatten(name="flatten"),
            *_dense("dense1", round(120 * width)),
            *_dense("dense2", round(84 * width)),
            tf.keras.layers.Dense(classes, name="logits"),
        ],
        name="lenet5",
    )


def digits_lenet(input_shape: tuple[int, int, int] = (8, 8, 1), classes: int = 10, width: float = 1.0) -> Any:
    """A LeNet for 8x8 images: 8@3x3, 16@3x3, pool, 32, classes. Arguments and result as `lenet5`."""
    from dietcnn_hls.training.tf import tf

    return tf.keras.Sequential(
        [
            tf.keras.layers.Input(input_shape, name="image"),
            *_convolution("conv1", round(8 * width), 3),
            *_convolution("conv2", round(16 * width), 3),
            tf.keras.layers.MaxPooling2D(name="pool1"),
            tf.keras.layers.Flatten(name="flatten"),
            *_dense("dense1", round(32 * width)),
            tf.keras.layers.Dense(classes, name="logits"),
        ],
        name="digits_lenet",
    )


def vgg_small(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, width: float = 1.0) -> Any:
    """A VGG for small colour images: pairs of 3x3 convolutions of 16, 32 and 64 channels, each pair pooled, then classes.

    9.9 million MACs and 83,000 parameters on 32x32x3. Arguments and result as `lenet5`.
    """
    from dietcnn_hls.training.tf import tf

    layers = [tf.keras.layers.Input(input_shape)]
    for stage, channels in enumerate((16, 32, 64), start=1):
        for part in "ab":
            layers += _convolution(f"conv{stage}{part}", round(channels * width), 3, "same")
        layers.append(tf.keras.layers.MaxPooling2D(name=f"pool{stage}"))
    layers += [tf.keras.layers.Flatten(name="flatten"), tf.keras.layers.Dense(classes, name="logits")]
    return tf.keras.Sequential(layers, name="vgg_small")


def _convolution(name: str, filters: int, size: int, padding: str = "valid") -> list[Any]:
    from dietcnn_hls.training.tf import tf

    return _hidden(name, tf.keras.layers.Conv2D(filters, size, padding=padding, use_bias=False, name=name))


def _dense(name: str, units: int) -> list[Any]:
    from dietcnn_hls.training.tf import tf

    return _hidden(name, tf.keras.layers.Dense(units, use_bias=False, name=name))


def _hidden(name: str, linear: Any) -> list[Any]:
    from dietcnn_hls.training.tf import tf

    # Keras' momentum of 0.99 needs more steps than small datasets have in a few epochs
    norm = tf.keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")
    return [linear, norm, tf.keras.layers.ReLU(name=f"{name}_relu")]


NETWORKS: dict[str, Callable[..., Any]] = {"digits_lenet": digits_lenet, "lenet5": lenet5, "vgg_small": vgg_small}
"""Builders by name; each takes ``(input_shape, classes, width=1.0)``."""


def names() -> list[str]:
    """The names that `get` knows."""
    return sorted(NETWORKS)


def get(name: str) -> Callable[..., Any]:
    """The builder called `name`; ConfigError with a suggestion otherwise."""
    if name not in NETWORKS:
        raise ConfigError(f"unknown network '{name}'.{suggest(name, NETWORKS)}")
    return NETWORKS[name]
