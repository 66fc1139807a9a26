# SPDX-License-Identifier: Apache-2.0
"""Random networks of HGQ2's layers, with bits that differ by element."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import (
    QAdd,
    QBatchNormalization,
    QConv1D,
    QConv2D,
    QConvT1D,
    QConvT2D,
    QDense,
    QDenseT,
    QEinsumDense,
    QEinsumDenseBatchnorm,
    QEinsumDenseT,
    QMaximum,
    QMaxPooling2D,
    QMeanPow2,
    QMultiply,
    QSoftmax,
    QSubtract,
    QSum,
    QUnaryFunctionLUT,
)
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


def table_scopes(seed: int) -> tuple[Any, ...]:
    """Tables of few input bits; every third model has one set of bits a pair of channels instead of one a pair and place."""
    shared = {"homogeneous_axis": (0, 1)} if seed % 3 == 0 else {}
    return (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM", b0=4),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP", i0=2, f0=2, **shared),
        QuantizerConfigScope(place="table", default_q_type="kbi", b0=5, i0=1, overflow_mode="SAT_SYM"),
        LayerConfigScope(enable_ebops=True),
    )


def table_model(seed: int) -> Any:
    """A network with table layers of one of eight kinds."""
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    first, second, third, fourth = table_scopes(seed)
    with first, second, third, fourth:
        entry, at = _with_tables(seed % 8, rng)
        model = keras.Model(entry, at, name=f"tables{seed}")
    return settled_tables(model, seed)


def _with_tables(kind: int, rng: np.random.Generator) -> tuple[Any, Any]:
    width = int(rng.integers(3, 6))
    if kind in (0, 1, 2):
        entry = keras.Input((int(rng.integers(4, 9)),), name="x")
        at = QDenseT(
            width, batch_norm=kind == 1, n_hl=1 + (kind == 2), subnn_activation="relu" if kind == 2 else "tanh", name="t1"
        )(entry)
        if kind == 0:
            other = QDenseT(width, activation="relu", name="t2")(entry)
            merge = rng.choice([QAdd, QSubtract, QMultiply, QMaximum])
            at = merge(name="merged")([at, other])
        at = QDense(3, name="d")(at) if kind == 2 else QDenseT(3, batch_norm=True, name="t3")(at)
        return entry, QSoftmax(name="softmax", enable_oq=False)(at) if kind == 1 else at
    if kind in (3, 4):
        entry = keras.Input((int(rng.integers(6, 9)), 2), name="x")
        at = QConvT1D(2, 3, strides=int(rng.integers(1, 3)), padding=str(rng.choice(["same", "valid"])), name="c1")(entry)
        at = QConvT1D(2, 2, dilation_rate=2, name="c2")(at) if kind == 4 and at.shape[1] > 3 else at
        at = QMeanPow2(axes=(1,), name="mean")(at) if kind == 3 else keras.layers.Flatten(name="flat")(at)
        return entry, QDenseT(3, name="t")(at)
    if kind == 5:
        entry = keras.Input((6, 6, 1), name="x")
        at = QConvT2D(2, 3, strides=2, padding="same", batch_norm=True, name="c1")(entry)
        at = QMaxPooling2D(2, padding="same", name="pool")(at)
        return entry, QDenseT(3, name="t")(keras.layers.Flatten(name="flat")(at))
    if kind == 6:
        entry = keras.Input((4, 3), name="x")
        at = QEinsumDenseBatchnorm("bnc,cd->bnd", (4, 3), bias_axes="d", activation="relu", name="e1")(entry)
        at = QEinsumDenseT("bnc,cd->bnd", (4, 2), bias_axes="d", batch_norm=True, name="t1")(at)
        return entry, QSum(axes=(1,), scale=0.25, name="total")(at)
    entry = keras.Input((3, 4), name="x")
    at = QEinsumDense("bnc,nd->bdc", (2, 4), bias_axes="d", name="e1")(entry)
    at = QUnaryFunctionLUT("tanh", name="f")(at)
    at = QDenseT(3, name="t1")(at)
    return entry, keras.layers.Reshape((6,), name="line")(at)


def settled_tables(model: Any, seed: int) -> Any:
    """With networks of its own in every pair, some pairs without bits, traced over random data."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.name in ("kernel", "bias", "beta", "bn_beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.8, variable.shape))
        if variable.name in ("gamma", "bn_gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        if variable.name == "f" and seed % 3:
            variable.assign(np.asarray(variable) + rng.integers(-2, 2, variable.shape))
    trace_minmax(model, data(model, 200, seed), verbose=False)
    for variable in model.weights:  # pruned pairs
        if variable.name == "f" and variable.shape and seed % 2:
            variable.assign(np.where(rng.random(variable.shape) < 0.1, -20, np.asarray(variable)))
    return model
