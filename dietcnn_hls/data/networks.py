# SPDX-License-Identifier: Apache-2.0
"""Reference networks by name, as float Keras models that end with logits. Imports TensorFlow only when one is built."""

from __future__ import annotations

import math
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
    from dietcnn_hls.tf import tf

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
    from dietcnn_hls.tf import tf

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
    from dietcnn_hls.tf import tf

    layers = [tf.keras.layers.Input(input_shape, name="image")]
    for stage, channels in enumerate((16, 32, 64), start=1):
        for part in "ab":
            layers += _convolution(f"conv{stage}{part}", round(channels * width), 3, "same")
        layers.append(tf.keras.layers.MaxPooling2D(name=f"pool{stage}"))
    layers += [tf.keras.layers.Flatten(name="flatten"), tf.keras.layers.Dense(classes, name="logits")]
    return tf.keras.Sequential(layers, name="vgg_small")


VGG11_CHANNELS = (64, 128, 256, 256, 512, 512, 512, 512)


def vgg11(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, width: float = 1.0) -> Any:
    """VGG-11 as DietCNN's public design has it: no pooling, eight unpadded 3x3 convolutions, the first of stride 2, then classes.

    On 32x32 the sides are 15, 13, 11, 9, 7, 5, 3, 1. 236.7 million MACs and 9.2 million weights at full width; each convolution
    has a batch-norm here, which the published network lacks and which costs no hardware. Arguments and result as `lenet5`;
    images are at least 32x32.
    """
    from dietcnn_hls.tf import tf

    layers = [tf.keras.layers.Input(input_shape, name="image")]
    for number, channels in enumerate(VGG11_CHANNELS, start=1):
        layers += _convolution(f"conv{number}", round(channels * width), 3, strides=2 if number == 1 else 1)
    layers += [tf.keras.layers.Flatten(name="flatten"), tf.keras.layers.Dense(classes, name="logits")]
    return tf.keras.Sequential(layers, name="vgg11")


def vgg11_pooled(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, width: float = 1.0) -> Any:
    """VGG-11 in its standard form (Simonyan, Zisserman, ICLR 2015, A) with one dense layer: padded convolutions, five poolings.

    152.8 million MACs and 9.2 million weights at full width. Arguments and result as `lenet5`; images are at least 32x32.
    """
    from dietcnn_hls.tf import tf

    layers = [tf.keras.layers.Input(input_shape, name="image")]
    for number, channels in enumerate(VGG11_CHANNELS, start=1):
        layers += _convolution(f"conv{number}", round(channels * width), 3, "same")
        if number in (1, 2, 4, 6, 8):
            layers.append(tf.keras.layers.MaxPooling2D(name=f"pool{number}"))
    layers += [tf.keras.layers.Flatten(name="flatten"), tf.keras.layers.Dense(classes, name="logits")]
    return tf.keras.Sequential(layers, name="vgg11_pooled")


def resnet8(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, width: float = 1.0) -> Any:
    """ResNet-8 of MLPerf Tiny's image classification: a stem, residual blocks of 16, 32 and 64 channels, global mean, classes.

    12.5 million MACs and 77,360 weights on 32x32x3. The benchmark's own network has biases in its convolutions and no batch-norm
    behind its two 1x1 projections; neither makes a difference to hardware, where both fold into thresholds. Arguments and result
    as `resnet18`.
    """
    from dietcnn_hls.tf import tf

    image = x = tf.keras.layers.Input(input_shape, name="image")
    x = _chained(x, _convolution("stem", round(16 * width), 3, "same"))
    for stage, channels in enumerate((16, 32, 64), start=1):
        x = _residual(f"stage{stage}", x, round(channels * width), 2 if stage > 1 else 1)
    x = tf.keras.layers.GlobalAveragePooling2D(name="mean")(x)
    return tf.keras.Model(image, tf.keras.layers.Dense(classes, name="logits")(x), name="resnet8")


def resnet18(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10, width: float = 1.0) -> Any:
    """ResNet-18 (He et al., CVPR 2016): a stem, eight residual blocks of two 3x3 convolutions, global mean, classes.

    Images up to 32x32 get the stem that is usual for CIFAR-10, 3x3 of stride 1 (555 million MACs and 11.2 million weights at
    full width); larger ones that of DietCNN's network for Tiny ImageNet, 7x7 of stride 4 (64x64: 141 million MACs).

    Args:
        input_shape: (H, W, C).
        classes: logits.
        width: factor on all hidden widths.

    Returns:
        A built functional ``tf.keras.Model``, (N, H, W, C) -> (N, classes) logits.
    """
    from dietcnn_hls.tf import tf

    image = x = tf.keras.layers.Input(input_shape, name="image")
    small = max(input_shape[:2]) <= 32
    x = _chained(x, _convolution("stem", round(64 * width), 3 if small else 7, "same", 1 if small else 4))
    for stage, channels in enumerate((64, 128, 256, 512), start=1):
        for part in "ab":
            x = _residual(f"stage{stage}{part}", x, round(channels * width), 2 if stage > 1 and part == "a" else 1)
    x = tf.keras.layers.GlobalAveragePooling2D(name="mean")(x)
    return tf.keras.Model(image, tf.keras.layers.Dense(classes, name="logits")(x), name="resnet18")


def _residual(name: str, x: Any, channels: int, stride: int) -> Any:
    """Two convolutions beside the identity, or beside a 1x1 convolution where the shape changes; their sum, then ReLU."""
    from dietcnn_hls.tf import tf

    branch = _chained(x, _convolution(f"{name}_conv1", channels, 3, "same", stride))
    branch = _chained(branch, _convolution(f"{name}_conv2", channels, 3, "same")[:-1])
    if stride != 1 or x.shape[-1] != channels:
        x = _chained(x, _convolution(f"{name}_side", channels, 1, "same", stride)[:-1])
    total = tf.keras.layers.Add(name=f"{name}_add")([x, branch])
    return tf.keras.layers.ReLU(name=f"{name}_relu")(total)


def _chained(x: Any, layers: list[Any]) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _convolution(name: str, filters: int, size: int, padding: str = "valid", strides: int = 1) -> list[Any]:
    from dietcnn_hls.tf import tf

    layer = tf.keras.layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)
    return _hidden(name, layer)


def _dense(name: str, units: int) -> list[Any]:
    from dietcnn_hls.tf import tf

    return _hidden(name, tf.keras.layers.Dense(units, use_bias=False, name=name))


def _hidden(name: str, linear: Any) -> list[Any]:
    from dietcnn_hls.tf import tf

    # Keras' momentum of 0.99 needs more steps than small datasets have in a few epochs
    norm = tf.keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")
    return [linear, norm, tf.keras.layers.ReLU(name=f"{name}_relu")]


NETWORKS: dict[str, Callable[..., Any]] = {
    "digits_lenet": digits_lenet,
    "lenet5": lenet5,
    "resnet18": resnet18,
    "resnet8": resnet8,
    "vgg11": vgg11,
    "vgg11_pooled": vgg11_pooled,
    "vgg_small": vgg_small,
}
"""Builders by name; each takes ``(input_shape, classes, width=1.0)``."""

_SMALLEST: dict[str, tuple[int, int]] = {
    "digits_lenet": (6, 8),
    "lenet5": (16, 6),
    "resnet18": (1, 64),
    "resnet8": (1, 16),
    "vgg11": (31, 64),
    "vgg11_pooled": (32, 64),
    "vgg_small": (8, 16),
}
"""Of each network: the side below which no image is left behind its windows, and the channels of its narrowest hidden layer."""


def check(name: str, input_shape: tuple[int, int, int], width: float) -> None:
    """ConfigError when no network of this name can be built for such images; needs no TensorFlow."""
    get(name)
    side, channels = _SMALLEST[name]
    if min(input_shape[:2]) < side:
        height, columns = input_shape[:2]
        raise ConfigError(f"network: {name} needs images of at least {side}x{side}, these are {height}x{columns}; pad them")
    if round(channels * width) < 1:
        raise ConfigError(f"network: width {width:g} leaves {name} no channels; use {math.ceil(510 / channels) / 1000:g} or more")


def names() -> list[str]:
    """The names that `get` knows."""
    return sorted(NETWORKS)


def label(name: str, width: float) -> str:
    """A network's name with its width multiplier, for reports and tables."""
    return name if width == 1 else f"{name} x{width:g}"


def get(name: str) -> Callable[..., Any]:
    """The builder called `name`; ConfigError with a suggestion otherwise."""
    if name not in NETWORKS:
        raise ConfigError(f"unknown network '{name}'.{suggest(name, NETWORKS)}")
    return NETWORKS[name]
