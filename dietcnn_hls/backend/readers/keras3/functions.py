# SPDX-License-Identifier: Apache-2.0
"""Functions of single values, softmax, and what only moves elements."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.keras3.layers import activated
from dietcnn_hls.backend.readers.keras3.quantisers import apply
from dietcnn_hls.backend.readers.keras3.values import Making, Value, applied
from dietcnn_hls.lowered import Combine, Reduce


def same(make: Making, layer: Any, value: Value) -> Value:
    """Layers that change nothing at inference."""
    return value


def activation(make: Making, layer: Any, value: Value) -> Value:
    """Keras' Activation."""
    return activated(value, layer.activation, make)


def relu(make: Making, layer: Any, value: Value) -> Value:
    """Keras' ReLU; of other slopes and ends the function is left to the quantiser behind."""
    if layer.max_value is None and not layer.negative_slope and not layer.threshold and value.function is None:
        make.last = value.node
        make.clip("relu", 0, max(0, value.stream.hi))
        return make.value
    return value.then(applied(layer), f"layer '{make.name}'")


def unary(make: Making, layer: Any, value: Value) -> Value:
    """QUnaryFunctionLUT and QAffinedUnaryFunctionLUT: the function between its quantisers, which stand around it."""

    def function(tensor: Any) -> Any:
        if hasattr(layer, "scale"):
            tensor = tensor * layer.scale + layer.bias
        return layer.activation(tensor)

    return value.then(applied(function), f"the function of layer '{make.name}'")


def softmax(make: Making, layer: Any, value: Value) -> Value:
    """QSoftmax over the last axis: a table of exponentials, their sum, a table of reciprocals, and products."""
    rank = len(value.stream.shape)
    if tuple(layer.axes) not in ((-1,), (rank,)):
        raise make.refused("a softmax over the last axis only has a lowering")
    make.exact(value)
    if layer.stable:
        greatest = make.add("greatest", Reduce("maximum"))
        make.last = value.node
        make.add("below", Combine("subtract"), greatest)
        powers = _looked_up(make, Value(make.last), layer.exp_table, "exp", negated=True)
    else:
        powers = _looked_up(make, value, layer.exp_table, "exp", negated=False)
    make.last = powers.node
    make.add("total", Reduce("sum"))
    share = _looked_up(make, make.value, layer.inv_table, "inverse", negated=False)
    make.last = powers.node
    make.add("shares", Combine("multiply"), share.node)
    return make.value


def _looked_up(make: Making, value: Value, table: Any, role: str, negated: bool) -> Value:
    """One of a softmax' tables, with its quantisers."""
    if table.enable_iq and not negated:
        value = apply(make, value, table.iq, f"{role}_quantised")

    def function(tensor: Any) -> Any:
        return table(-tensor if negated else tensor, training=False)

    make.tabulated(value, applied(function), role)
    return make.value


def flatten(make: Making, layer: Any, value: Value) -> Value:
    """Flatten and Reshape; a function that waits for its quantiser is carried out first."""
    target = getattr(layer, "target_shape", None)
    shape = (
        (value.stream.size,)
        if target is None
        else tuple(int(n) for n in layer.compute_output_shape((1, *value.stream.shape))[1:])
    )
    make.exact(value)
    if len(shape) > 3:
        raise make.refused(f"the shape {shape} has no lowering; use up to three axes")
    make.reshape("shape", shape)
    return make.value


def permute(make: Making, layer: Any, value: Value) -> Value:
    """Permute."""
    make.exact(value)
    make.gather("permuted", make.numbers.transpose([axis - 1 for axis in layer.dims]))
    return make.value


def zero_padding(make: Making, layer: Any, value: Value) -> Value:
    """ZeroPadding1D and 2D."""
    make.exact(value)
    if getattr(layer, "data_format", "channels_last") not in (None, "channels_last"):
        raise make.refused("use channels_last")
    sides = layer.padding if isinstance(layer.padding[0], tuple | list) else (layer.padding,)
    make.gather("padded", np.pad(make.numbers, [*map(tuple, sides), (0, 0)], constant_values=-1))
    return make.value


def repeat(make: Making, layer: Any, value: Value) -> Value:
    """RepeatVector."""
    make.exact(value)
    make.gather("repeated", np.broadcast_to(make.numbers, (layer.n, math.prod(make.stream.shape))).copy())
    return make.value


__all__ = ["activation", "flatten", "permute", "relu", "repeat", "same", "softmax", "unary", "zero_padding"]
