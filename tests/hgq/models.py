# SPDX-License-Identifier: Apache-2.0
"""Random networks of HGQ2's layers, with bits that differ by element."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QAdd, QBatchNormalization, QConv1D, QConv2D, QDense, QMaxPooling2D
from hgq.utils import trace_minmax


def scopes(overflow: str = "WRAP") -> tuple[Any, ...]:
    """HGQ2's defaults of its own examples: weights saturate, data wraps around."""
    return (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM", b0=4),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode=overflow, i0=3, f0=3),
        LayerConfigScope(enable_ebops=True),
    )


def settled(model: Any, seed: int, spread: bool = True) -> Any:
    """With weights and bits of its own, traced over random data."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.name in ("kernel", "bias", "beta", "gamma", "moving_mean"):
            variable.assign(rng.normal(0, 0.8, variable.shape))
        if variable.name in ("f", "b") and spread:
            variable.assign(np.asarray(variable) + rng.integers(-3, 3, variable.shape))
    trace_minmax(model, data(model, 200, seed), verbose=False)
    return model


def data(model: Any, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(0, 2, (count, *model.input_shape[1:])).astype(np.float32)


def random_model(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    first, second, third = scopes()
    with first, second, third:
        kind = seed % 4
        if kind == 0:
            entry = keras.Input((int(rng.integers(4, 9)),), name="x")
            at = QDense(6, activation="relu", name="d1")(entry)
            at = QBatchNormalization(name="norm")(at) if rng.random() < 0.5 else at
            other = QDense(6, name="d2")(at)
            at = QAdd(name="sum")([at, other])
        elif kind == 1:
            entry = keras.Input((int(rng.integers(5, 8)), 2), name="x")
            at = QConv1D(3, 3, padding=str(rng.choice(["same", "valid"])), activation="relu", name="c1")(entry)
            at = keras.layers.Flatten(name="flat")(at)
        elif kind == 2:
            entry = keras.Input((6, 6, 2), name="x")
            at = QConv2D(3, 3, strides=int(rng.integers(1, 3)), padding="same", activation="relu", name="c1")(entry)
            at = QBatchNormalization(name="norm")(at)
            at = keras.layers.Flatten(name="flat")(at)
        else:
            entry = keras.Input((6, 6, 1), name="x")
            at = QConv2D(2, 3, name="c1")(entry)
            at = QMaxPooling2D(2, name="pool")(at) if rng.random() < 0.5 else keras.layers.MaxPooling2D(name="pool")(at)
            at = keras.layers.ReLU(name="r")(at)
            at = keras.layers.Flatten(name="flat")(at)
        model = keras.Model(entry, QDense(3, name="logits")(at), name=f"net{seed}")
    return settled(model, seed)
