# SPDX-License-Identifier: Apache-2.0
"""From a network and a dataset to a trained model of a method: float stage, conversion, second stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dietcnn_hls.atomic import content_key, read_kept, write_kept
from dietcnn_hls.data import datasets
from dietcnn_hls.lowered import Grid
from dietcnn_hls.tf import tf
from dietcnn_hls.training.loop import History, logits_model, predict, train
from dietcnn_hls.training.recipe import FLOAT_KEYS, Recipe


class Quantizer(Protocol):
    """What turns a float network into a method's model: a `methods.choice.MethodChoice`."""

    def quantize(self, model: Any, x_calibration: np.ndarray, input_grid: Grid | None = None) -> Any:
        """The model of the method, calibrated."""


@dataclass(frozen=True)
class Trained:
    """A float network, the method's model made of it, and how both were trained; `float_history` is None when it was cached."""

    model: Any
    float_model: Any
    history: History
    float_history: History | None


def train_design(
    build: Callable[[], Any],
    dataset: datasets.Dataset,
    method: Quantizer,
    recipe: Recipe,
    *,
    seed: int,
    checkpoint_dir: Path | None = None,
    teacher_cache: Path | None = None,
    input_grid: Grid | None = None,
) -> Trained:
    """Train the float network, convert it with `method`, train on.

    Args:
        build: returns a fresh float Keras model, (N, *dataset.input_shape) -> (N, dataset.classes).
        dataset: its training images are split for validation; its test images are not looked at.
        method: how linear layers are computed, with options.
        recipe: see `Recipe`.
        seed: of initial weights and of everything random.
        checkpoint_dir: where the state after each epoch is kept; an interrupted call with the same arguments goes on from it.
        input_grid: of inputs that are no pixels.
        teacher_cache: folder of float networks; designs of one network, dataset, seed and recipe share one.

    Raises:
        DietError: see `train` and ``MethodChoice.quantize``.
    """
    split = datasets.split_validation(dataset.x_train, dataset.y_train, recipe.validation, seed)
    tf.keras.utils.set_random_seed(seed)
    float_model = build()
    trainee = (
        _in_bfloat16(build, float_model)
        if recipe.mixed_precision == "always" or (recipe.mixed_precision and gpu())
        else float_model
    )
    float_history = _train_float(trainee, split, recipe, seed, checkpoint_dir, teacher_cache)
    float_model.set_weights(trainee.get_weights())
    calibration = datasets.as_values(split.x_train[: recipe.calibration])
    tf.keras.utils.set_random_seed(seed)
    model = method.quantize(float_model, calibration, input_grid)
    history = train(model, split, recipe, seed=seed, teacher=float_model, checkpoint_dir=checkpoint_dir)
    return Trained(model, float_model, history, float_history)


def gpu() -> bool:
    """Whether TensorFlow finds one."""
    return bool(tf.config.list_physical_devices("GPU"))


def _in_bfloat16(build: Callable[[], Any], model: Any) -> Any:
    """A fresh network with the weights of `model` that computes in bfloat16 and keeps its variables in float32."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = build()
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
    mixed.set_weights(model.get_weights())
    return mixed


def _train_float(
    model: Any, split: datasets.Split, recipe: Recipe, seed: int, checkpoint_dir: Path | None, cache: Path | None
) -> History | None:
    """Train `model` in place, or load its weights from `cache`, where they are then kept."""
    path = None
    if cache is not None:
        how = [] if model.dtype_policy.name == "float32" else [model.dtype_policy.name]
        network = (model.to_json(), model.get_weights())  # networks that only differ in strides have equal weights
        key = content_key(network, list(split), recipe.key(FLOAT_KEYS), seed, *how)
        path = cache / f"float-{key[:24]}.npz"
        if found := read_kept(path, key):
            model.set_weights([found[f"w{i}"] for i in range(len(found))])
            return None
    history = train(model, split, recipe, seed=seed, stage="float", checkpoint_dir=checkpoint_dir)
    if path is not None:
        write_kept(path, key, {f"w{i}": w for i, w in enumerate(model.get_weights())})
    return history


def logits(model: Any, x: np.ndarray) -> np.ndarray:
    """A model's logits (before a final softmax) for float32 images (N, H, W, C): exact inference, (N, classes) float32."""
    return predict(logits_model(model), x)


def accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Part of the images (float32 or uint8, (N, H, W, C)) whose largest logit is the label; the first of equals counts."""
    return float((logits(model, datasets.as_values(x)).argmax(axis=1) == y).mean())
