# SPDX-License-Identifier: Apache-2.0
"""HGQ2's and Keras' layers that compute: linear ones, pools, sums, merges. Their quantisers stand around them (`graph`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.keras3.values import Making, Value, aligned, applied, grid_of, numpy, window_over
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.lowered import Add, Combine, Join, MaxPool, Reduce, SumPool, Window, checks

Handler = Callable[[Making, Any, Value], Value]
"""(operations of the call, Keras' layer, what it reads) -> what it yields, before its own output quantiser."""

_MATRIX = 1 << 20
"""Most weights of an einsum that is written out as a matrix."""


def activated(value: Value, function: Any, make: Making) -> Value:
    """A value through a layer's activation: exact for relu, else left to the quantiser that follows."""
    name = getattr(function, "__name__", type(function).__name__) if function is not None else "linear"
    if name == "linear":
        return value
    if name == "relu" and value.function is None:
        make.last = value.node
        make.clip("relu", 0, max(0, value.stream.hi))
        return make.value
    if name in ("softmax", "log_softmax"):
        raise make.refused(f"the activation '{name}' is no function of one value; use the layer QSoftmax")
    return value.then(applied(function), f"the activation '{name}' of layer '{make.name}'")


def _linear(make: Making, weights: np.ndarray, bias: np.ndarray | None, window: Window | None) -> None:
    """(outputs, taps) floats, (outputs,) or None: exact products and sums."""
    integers, fraction = grid_of(weights, f"layer '{make.name}': its weights")
    offsets, grid = (np.zeros(len(weights), np.int64), 0) if bias is None else grid_of(bias, f"layer '{make.name}': its bias")
    finest = max(make.stream.fraction + fraction, grid)
    make.linear(integers, fraction, (offsets, grid), FixedType(checks.MAX_BITS, finest, True), window)


def _bias(layer: Any) -> np.ndarray | None:
    found = getattr(layer, "qbias", None)
    return None if found is None else numpy(found).reshape(-1)


def dense(make: Making, layer: Any, value: Value) -> Value:
    """QDense, over the last axis."""
    make.exact(value)
    shape, kernel = make.stream.shape, numpy(layer.qkernel)
    window = None
    if len(shape) > 1:
        make.reshape("pixels", (1, math.prod(shape[:-1]), shape[-1]))
        window = Window((1, 1))
    _linear(make, kernel.T, _bias(layer), window)
    make.reshape("shape", (*shape[:-1], kernel.shape[1]))
    return activated(make.value, layer.activation, make)


def einsum_dense(make: Making, layer: Any, value: Value) -> Value:
    """QEinsumDense: a dense layer where it sums over the last axis, else a matrix over all inputs."""
    make.exact(value)
    shape, kernel = make.stream.shape, numpy(layer.qkernel)
    bias = getattr(layer, "qbias", None)
    inputs, rest = str(layer.equation).replace("...", "?").split(",")
    weights, outputs = rest.split("->")
    result = tuple(int(n) for n in layer.compute_output_shape((1, *shape))[1:])
    added = None if bias is None else np.broadcast_to(numpy(bias), (1, *result))[0]
    over_last = inputs[-1] == weights[0] and weights[1:] and outputs == inputs[:-1] + weights[1:]
    if over_last and (added is None or (added.reshape(-1, kernel[0].size) == added.reshape(-1, kernel[0].size)[0]).all()):
        make.reshape("pixels", (1, math.prod(shape[:-1]), shape[-1]))
        row = None if added is None else added.reshape(-1, kernel[0].size)[0]
        _linear(make, kernel.reshape(shape[-1], -1).T, row, Window((1, 1)))
    else:
        size = math.prod(shape)
        if size * math.prod(result) > _MATRIX:
            raise make.refused(
                f"the equation '{layer.equation}' is a matrix of {size} x {math.prod(result)} weights; sum over the last axis"
            )
        matrix = np.einsum(layer.equation, np.eye(size).reshape(size, *shape), kernel)
        make.reshape("vector", (size,))
        _linear(make, matrix.reshape(size, -1).T, None if added is None else added.reshape(-1), None)
    make.reshape("shape", result)
    return activated(make.value, layer.activation, make)


def convolution(make: Making, layer: Any, value: Value) -> Value:
    """QConv1D and 2D; dilated ones see patches that were gathered before."""
    make.exact(value)
    if layer.data_format != "channels_last" or layer.padding not in ("valid", "same"):
        raise make.refused("use channels_last and padding 'valid' or 'same'")
    shape, kernel = make.stream.shape, numpy(layer.qkernel)
    size, stride, dilation = (
        (1, *pair) if len(pair) == 1 else tuple(pair) for pair in (layer.kernel_size, layer.strides, layer.dilation_rate)
    )
    if dilation != (1, 1):
        raise make.refused("use dilation_rate=1")
    image = shape if len(shape) == 3 else (1, *shape)
    make.reshape("image", image)
    window = window_over(image, size, stride, layer.padding == "same", layer.groups)
    _linear(make, kernel.reshape(-1, kernel.shape[-1]).T, _bias(layer), window)
    if len(shape) == 2:
        make.reshape("line", make.stream.shape[1:])
    return activated(make.value, layer.activation, make)


def batch_norm(make: Making, layer: Any, value: Value) -> Value:
    """QBatchNormalization over the last axis: a product and a sum a channel."""
    make.exact(value)
    if layer.axis not in (-1, len(make.stream.shape)):
        raise make.refused("a batch-norm over another axis than the last has no lowering")
    scale, offset = (numpy(part).reshape(-1) for part in layer.qscaler_and_qoffset)
    factors, fraction = grid_of(scale, f"layer '{make.name}': its factors")
    offsets, grid = grid_of(offset, f"layer '{make.name}': its offsets")
    lift = max(0, grid - make.stream.fraction - fraction)
    make.scale("scaled", factors << lift, fraction + lift, (np.broadcast_to(offsets, make.stream.channels).copy(), grid))
    return make.value


def pooling(make: Making, layer: Any, value: Value) -> Value:
    """Max and average pooling, 1-D, 2-D and global ones."""
    make.exact(value)
    if layer.data_format != "channels_last":
        raise make.refused("use channels_last")
    kind, shape = type(layer).__name__.removeprefix("Q"), make.stream.shape
    image = shape if len(shape) == 3 else (1, *shape)
    if kind.startswith("Global"):
        window = Window((image[0], image[1]))
    else:
        size, stride = ((1, *pair) if len(pair) == 1 else tuple(pair) for pair in (layer.pool_size, layer.strides))
        window = window_over(image, size, stride, layer.padding == "same")
    make.reshape("image", image)
    if "Max" in kind:
        make.add("greatest", MaxPool(window))
        found = make.value
    else:
        if any(window.padding):
            raise make.refused("averages with padding have no lowering; use padding 'valid'")
        found = _mean(make, window)
    plain = found.stream.shape[-1:] if kind.startswith("Global") and not layer.keepdims else found.stream.shape[3 - len(shape) :]
    make.last = found.node
    make.reshape("shape", plain)
    return Value(make.last, found.function, found.words)


def _mean(make: Making, window: Window) -> Value:
    area = window.area
    power = area & (area - 1) == 0
    make.add("total", SumPool(window, area.bit_length() - 1 if power else 0))
    if power:
        return make.value
    return make.value.then(lambda values: values / np.float32(area), f"the mean over {area} pixels of layer '{make.name}'")


def sums(make: Making, layer: Any, value: Value) -> Value:
    """QSum and QMeanPow2 over any axes, times a power of two."""
    make.exact(value)
    shape, axes = make.stream.shape, [axis - 1 for axis in layer.axes]
    if min(axes) < 0:
        raise make.refused("a sum over the batch has no lowering")
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    count = math.prod(shape[axis] for axis in axes)
    make.gather("terms", make.numbers.transpose([*kept, *axes]).reshape(-1, count))
    make.add("total", Reduce("sum"))
    held = [1 if axis in axes else n for axis, n in enumerate(shape)] if layer.keepdims else [shape[axis] for axis in kept]
    make.reshape("shape", tuple(held) or (1,))
    scaled(make, float(layer.scale))
    return make.value


def scaled(make: Making, factor: float) -> None:
    """Times a power of two: another grid for the same integers."""
    power = round(math.log2(factor))
    if power > 0:
        make.scale("scaled", np.array([1 << power]), 0)
    elif power < 0:
        shape = make.stream.shape
        make.reshape("scaled_pixels", (1, math.prod(shape[:-1]), shape[-1]))
        make.add("scaled", SumPool(Window((1, 1)), -power))
        make.reshape("scaled_shape", shape)


def merge(function: str) -> Callable[[Making, Any, Sequence[Value]], Value]:
    """A merge of two or more tensors of one shape."""

    def handler(make: Making, layer: Any, values: Sequence[Value]) -> Value:
        if len({value.stream.shape for value in values}) > 1:
            raise make.refused("its inputs have different shapes; repeat the smaller one before")
        if function in ("subtract",) and len(values) != 2:
            raise make.refused("a difference is of two tensors")
        for value in values:
            make.exact(value)
        make.last = values[0].node
        for number, other in enumerate(values[1:], 1):
            role, shifts = f"joined{number if number > 1 else ''}", aligned(make.stream, other.stream)
            if function == "add":
                make.merge(role, Add(shifts), other.node)
            else:
                make.merge(role, Combine(function, (0, 0) if function == "multiply" else shifts), other.node)
        if type(layer).__name__ == "QAveragePow2":
            scaled(make, 2.0 ** round(math.log2(1.0 / len(values))))
        return make.value

    return handler


def concatenate(make: Making, layer: Any, values: Sequence[Value]) -> Value:
    """Keras' Concatenate."""
    rank = len(values[0].stream.shape)
    axis = layer.axis + rank if layer.axis < 0 else layer.axis - 1
    if not 0 <= axis < rank:
        raise make.refused("a concatenation along the batch has no lowering")
    for value in values:
        make.exact(value)
    make.last = values[0].node
    for number, other in enumerate(values[1:], 1):
        make.add(f"joined{number}", Join(axis, aligned(make.stream, other.stream)), other.node)
    return make.value


__all__ = [
    "Handler",
    "activated",
    "batch_norm",
    "concatenate",
    "convolution",
    "dense",
    "einsum_dense",
    "merge",
    "pooling",
    "sums",
]
