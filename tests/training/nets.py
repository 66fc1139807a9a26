# SPDX-License-Identifier: Apache-2.0
"""Small float networks and images for the training tests."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from dietcnn_hls import datasets
from dietcnn_hls.networks import digits_lenet
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
