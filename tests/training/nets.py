# SPDX-License-Identifier: Apache-2.0
"""Small float networks and images for the training tests."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from dietcnn_hls.data import datasets
from dietcnn_hls.data.networks import digits_lenet
from dietcnn_hls.training import Recipe
from dietcnn_hls.training.loop import train
from dietcnn_hls.training.tf import tf

L = tf.keras.layers

QUICK = Recipe(float_epochs=6, epochs=3, batch=32, shift=0, refits=1, calibration=300)


@functools.cache
def digits() -> datasets.Dataset:
    return datasets.load("digits")


def split(images: int | None = None) -> datasets.Split:
    """Digits for training and validation; `images` limits both."""
    whole = datasets.split_validation(digits().x_train, digits().y_train, 0.1, 0)
    return datasets.Split(*(array[:images] for array in whole))


@functools.cache
def _trained_weights() -> list[np.ndarray]:
    tf.keras.utils.set_random_seed(0)
    model = digits_lenet()
    train(model, split(), QUICK, seed=0, stage="float")
    return model.get_weights()


def trained() -> Any:
    """A float digits network, trained once for all tests."""
    model = digits_lenet()
    model.set_weights(_trained_weights())
    return model


def calibration(count: int = 300) -> np.ndarray:
    return datasets.to_float(digits().x_train[:count])


def residual() -> Any:
    """Functional, with an identity and a projected shortcut, biases instead of some batch-norms, and a final softmax."""
    tf.keras.utils.set_random_seed(1)
    image = L.Input((8, 8, 1), name="input")
    stem = L.Conv2D(4, 3, padding="same", activation="relu", name="stem")(image)
    branch = L.BatchNormalization(name="a_norm")(L.Conv2D(4, 3, padding="same", name="a")(stem))
    first = L.ReLU(name="first")(L.Add(name="add1")([stem, branch]))
    main = L.Conv2D(6, 3, strides=2, padding="same", name="b")(first)
    side = L.Conv2D(6, 1, strides=2, name="c", use_bias=False)(first)
    second = L.ReLU(name="second")(L.Add(name="add2")([main, side]))
    deep = L.DepthwiseConv2D(3, padding="same", name="dw")(second)
    drop = L.Dropout(0.2, name="drop")(L.MaxPooling2D(name="pool")(L.ReLU(name="third")(deep)))
    logits = L.Dense(10, name="logits")(L.Flatten(name="flat")(drop))
    return tf.keras.Model(image, L.Activation("softmax", name="probabilities")(logits), name="residual")


def branching(seed: int) -> Any:
    """A random functional network: residual blocks of both orders, strides, 1x1 and depthwise convolutions, pools and means."""
    rng = np.random.RandomState(seed)
    tf.keras.utils.set_random_seed(seed)
    image = x = L.Input((8, 8, int(rng.randint(1, 4))), name="image")
    x = _block(x, 4, 1, "stem", L.Conv2D)
    for number in range(int(rng.randint(1, 3))):
        before = bool(rng.randint(2))
        x = (_pre_activation if before else _post_activation)(x, rng, f"block{number}")
        if before:
            x = L.ReLU(name=f"block{number}_out")(L.BatchNormalization(name=f"block{number}_out_bn")(x))
    if rng.randint(2):
        x = _block(x, 0, 1, "depthwise", L.DepthwiseConv2D)
    pool = (L.MaxPooling2D, L.AveragePooling2D)[rng.randint(2)]
    x = pool(int(rng.randint(1, min(3, x.shape[1]) + 1)), int(rng.randint(1, 3)), name="pool")(x)
    if rng.randint(2):  # a mean that an activation reads, at times through a batch-norm
        x = L.ReLU(name="late")(L.BatchNormalization(name="late_bn")(x))
    x = L.GlobalAveragePooling2D(name="mean")(x) if rng.randint(2) else L.Flatten(name="flat")(x)
    model = tf.keras.Model(image, L.Dense(5, name="logits")(x), name="branching")
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            count = layer.gamma.shape[0]
            values = (
                rng.normal(0.8, 0.5, count),
                rng.normal(0.3, 0.3, count),
                rng.normal(0, 0.2, count),
                rng.uniform(0.1, 1, count),
            )
            layer.set_weights([v.astype(np.float32) for v in values])
    return model


def _block(x: Any, filters: int, stride: int, name: str, kind: Any) -> Any:
    more = {} if kind is L.DepthwiseConv2D else {"filters": filters}
    x = kind(kernel_size=3, strides=stride, padding="same", use_bias=False, name=name, **more)(x)
    return L.ReLU(name=f"{name}_relu")(L.BatchNormalization(name=f"{name}_bn")(x))


def _post_activation(x: Any, rng: np.random.RandomState, name: str) -> Any:
    """ResNet-18's block: sum, then ReLU; at times with a batch-norm between."""
    stride, filters = int(rng.randint(1, 3)), int(rng.choice([x.shape[-1], 6]))
    branch = _block(x, filters, stride, f"{name}_a", L.Conv2D)
    branch = L.BatchNormalization(name=f"{name}_b_bn")(L.Conv2D(filters, 3, padding="same", name=f"{name}_b")(branch))
    if stride > 1 or filters != x.shape[-1]:
        x = L.Conv2D(filters, 1, strides=stride, use_bias=False, name=f"{name}_side")(x)
    total = L.Add(name=f"{name}_add")([branch, x] if rng.randint(2) else [x, branch])
    if rng.randint(2):
        total = L.BatchNormalization(name=f"{name}_sum_bn")(total)
    return L.ReLU(name=f"{name}_relu")(total)


def _pre_activation(x: Any, rng: np.random.RandomState, name: str) -> Any:
    """Batch-norm and ReLU before the convolution, and a sum that goes on as it is: it feeds a batch-norm and another sum."""
    for part in "ab":
        y = L.ReLU(name=f"{name}{part}_relu")(L.BatchNormalization(name=f"{name}{part}_bn")(x))
        y = L.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}{part}")(y)
        x = L.Add(name=f"{name}{part}_add")([x, y])
    return x
