# SPDX-License-Identifier: Apache-2.0
"""What becomes of each ONNX node: linear layers, pools, merges, shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dietcnn_hls.backend.readers.onnx import functions
from dietcnn_hls.backend.readers.onnx.attributes import attributes, pads_of
from dietcnn_hls.backend.readers.onnx.builder import Builder
from dietcnn_hls.backend.readers.onnx.tensors import Step, Tensor, grid_of
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Add, Gather, Join, MaxPool, Reshape, Stream, SumPool, Window

Handler = Callable[[Builder, Any], Tensor]


def _constant(make: Builder, node: Any, index: int) -> np.ndarray | None:
    """A constant input, or None where the node has none at this place."""
    if len(node.input) <= index or not node.input[index]:
        return None
    if node.input[index] not in make.constants:
        raise make.refuse(f"its input '{node.input[index]}' must be a constant")
    return make.constants[node.input[index]]


def _weights(make: Builder, values: np.ndarray, what: str) -> tuple[np.ndarray, int]:
    try:
        return grid_of(values, what)
    except LoweringError as error:
        raise LoweringError(f"{make.what}: {error}") from error


def _biased(make: Builder, values: np.ndarray | None) -> tuple[np.ndarray | None, int]:
    return (None, 0) if values is None else _weights(make, values.reshape(-1), "its biases")


def convolution(make: Builder, node: Any) -> Tensor:
    """Conv over images, in any number of groups."""
    given = attributes(make, node, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None, pads=None, strides=None)
    weights, groups = _constant(make, node, 1), int(given["group"])
    assert weights is not None
    if weights.ndim != 4 or any(n != 1 for n in given["dilations"] or []):
        raise make.refuse("only 2-D convolutions without dilation have a lowering")
    source = make.exact(node.input[0], "a convolution takes integers").node
    size = (int(weights.shape[2]), int(weights.shape[3]))
    strides = tuple(given["strides"] or (1, 1))
    seen = Window(size, strides, pads_of(make, given, size, strides, source.stream.shape), groups)  # type: ignore[arg-type]
    if any(seen.padding) and _lacks_zero(source.stream):
        raise make.refuse("it pads with zeros, and its input never is zero; pad none, or quantise with a zero")
    integers, fraction = _weights(make, weights, "its weights")
    bias, bias_fraction = _biased(make, _constant(make, node, 2))
    flat = integers.transpose(0, 2, 3, 1).reshape(len(integers), -1)
    return Tensor(make.linear(source, flat, fraction, bias, bias_fraction, seen), alone=make.single(node.output[0]))


def _lacks_zero(stream: Stream) -> bool:
    return not stream.lo <= 0 <= stream.hi if stream.levels is None else 0 not in stream.levels


def _dense(make: Builder, node: Any, weights: np.ndarray, bias: np.ndarray | None) -> Tensor:
    """`weights`: (inputs, outputs)."""
    tensor = make.ordered(node.input[0], "a dense layer takes integers")
    if len(tensor.stream.shape) != 1 or weights.ndim != 2:
        raise make.refuse("only products of a vector and a matrix have a lowering; put a Flatten before it")
    integers, fraction = _weights(make, weights, "its weights")
    if tensor.order is not None:
        placed = np.empty_like(integers)
        placed[tensor.order] = integers
        integers = placed
    offsets, offset_fraction = _biased(make, bias)
    made = make.linear(tensor.node, integers.T, fraction, offsets, offset_fraction, None)
    return Tensor(made, alone=make.single(node.output[0]))


def matmul(make: Builder, node: Any) -> Tensor:
    weights = _constant(make, node, 1)
    assert weights is not None
    return _dense(make, node, weights, None)


def gemm(make: Builder, node: Any) -> Tensor:
    given = attributes(make, node, alpha=1.0, beta=1.0, transA=0, transB=0)
    if (given["alpha"], given["beta"], given["transA"]) != (1.0, 1.0, 0):
        raise make.refuse("only alpha=1, beta=1 and transA=0 have a lowering")
    weights = _constant(make, node, 1)
    assert weights is not None
    return _dense(make, node, weights.T if given["transB"] else weights, _constant(make, node, 2))


def _pool_window(make: Builder, node: Any, given: Mapping[str, Any], shape: tuple[int, ...]) -> Window:
    if any(n != 1 for n in given.get("dilations") or []) or given["ceil_mode"]:
        raise make.refuse("only ceil_mode=0 without dilations has a lowering")
    size, strides = tuple(given["kernel_shape"]), tuple(given["strides"] or (1, 1))
    if len(size) != 2 or len(shape) != 3:
        raise make.refuse("only pools over images have a lowering")
    return Window(size, strides, pads_of(make, given, size, strides, shape))  # type: ignore[arg-type]


def max_pool(make: Builder, node: Any) -> Tensor:
    """On codes: functions that never fall stay behind it."""
    given = attributes(
        make, node, auto_pad="NOTSET", ceil_mode=0, dilations=None, kernel_shape=None, pads=None, storage_order=0, strides=None
    )
    if len(node.output) > 1 and node.output[1]:
        raise make.refuse("its second output, the places of the maxima, has no lowering")
    tensor = make.tensors[node.input[0]]
    if not all(step.rises for step in tensor.steps):
        tensor = make.exact(node.input[0], "a maximum takes integers")
    seen = _pool_window(make, node, given, tensor.stream.shape)
    return replace(tensor, node=make.add(MaxPool(seen), tensor.node), alone=False)


def average_pool(make: Builder, node: Any) -> Tensor:
    given = attributes(
        make,
        node,
        auto_pad="NOTSET",
        ceil_mode=0,
        count_include_pad=0,
        dilations=None,
        kernel_shape=None,
        pads=None,
        strides=None,
    )
    tensor = make.exact(node.input[0], "an average takes integers")
    return _average(make, tensor, _pool_window(make, node, given, tensor.stream.shape))


def global_average_pool(make: Builder, node: Any) -> Tensor:
    attributes(make, node)
    tensor = make.exact(node.input[0], "an average takes integers")
    rows, columns, _ = tensor.stream.shape
    return _average(make, tensor, Window((rows, columns), (rows, columns)))


def _average(make: Builder, tensor: Tensor, seen: Window) -> Tensor:
    """The sum; the division is a change of grid, or a function that the quantiser behind takes into its thresholds."""
    if any(seen.padding):
        raise make.refuse("an average over padded windows has no lowering; pad none")
    shift = seen.area.bit_length() - 1
    even = seen.area == 1 << shift
    made = make.checked(make.add(SumPool(seen, shift if even else 0), tensor.node))
    if even:
        return Tensor(made)
    return Tensor(made).then(functions.division(make.what, np.array([seen.area], np.float32)), alone=True)


def add(make: Builder, node: Any) -> Tensor:
    """Of two tensors; of a tensor and a constant, see `functions`."""
    shapes = {make.tensors[name].stream.shape for name in node.input}
    if len(shapes) != 1:
        raise make.refuse("only tensors of one shape can be added")
    left, right = (make.exact(name, "a sum takes integers").node for name in node.input)
    gap = left.stream.fraction - right.stream.fraction
    return Tensor(make.checked(make.add(Add((max(-gap, 0), max(gap, 0))), left, right)))


def concat(make: Builder, node: Any) -> Tensor:
    """Along any axis but the batch; the streams' order is channels last."""
    given = attributes(make, node, axis=None)
    tensors = [make.integers(make.exact(name, "a concatenation takes integers")) for name in node.input]
    rank = len(tensors[0].stream.shape)
    axes = {3: {1: 2, 2: 0, 3: 1}, 1: {1: 0}}[rank]
    axis = int(given["axis"])
    axis = axis + rank + 1 if axis < 0 else axis
    if axis not in axes:
        raise make.refuse("a concatenation along the batch has no lowering")
    made = tensors[0].node
    for other in tensors[1:]:
        gap = made.stream.fraction - other.stream.fraction
        made = make.add(Join(axes[axis], (max(-gap, 0), max(gap, 0))), made, other.node)
    return Tensor(make.checked(made))


def flatten(make: Builder, node: Any) -> Tensor:
    given = attributes(make, node, axis=1)
    if given["axis"] not in (1, 1 - 4):
        raise make.refuse("only axis=1 has a lowering: the batch stays")
    return _to_vector(make, node)


def reshape(make: Builder, node: Any) -> Tensor:
    """To a vector, from an image of one pixel or one channel to another, or to the same shape."""
    attributes(make, node, allowzero=0)
    tensor, target = make.tensors[node.input[0]], _constant(make, node, 1)
    assert target is not None
    shape = tensor.stream.shape
    onnx_shape = (1, *(shape if len(shape) == 1 else (shape[2], shape[0], shape[1])))
    wanted = [onnx_shape[i] if n == 0 and i < len(onnx_shape) else int(n) for i, n in enumerate(target.reshape(-1))]
    if -1 in wanted:
        wanted[wanted.index(-1)] = tensor.stream.size // -int(np.prod(wanted))
    if tuple(wanted) == onnx_shape:
        return tensor
    if wanted == [1, tensor.stream.size]:
        return _to_vector(make, node)
    if len(wanted) == 4 and wanted[0] == 1 and len(shape) == 1:
        return _to_image(make, node, (wanted[1], wanted[2], wanted[3]))
    raise make.refuse(f"a shape {tuple(wanted)} made of {onnx_shape} has no lowering; vectors (1, N) and images (1, C, H, W) do")


def _to_vector(make: Builder, node: Any) -> Tensor:
    tensor = make.tensors[node.input[0]]
    if len(tensor.stream.shape) == 1:
        return tensor
    if tensor.channels > 1:  # functions by channel go before their channels are lost
        tensor = make.exact(node.input[0], "a vector of an image takes integers")
    rows, columns, channels = tensor.stream.shape
    order = np.arange(tensor.stream.size).reshape(rows, columns, channels).transpose(2, 0, 1).reshape(-1)
    plain = rows * columns == 1 or channels == 1
    made = make.add(Reshape((tensor.stream.size,)), tensor.node)
    return replace(tensor, node=made, order=None if plain else order, alone=False)


def _to_image(make: Builder, node: Any, shape: tuple[int, int, int]) -> Tensor:
    """A vector in ONNX' order, (C, H, W), as an image."""
    tensor = make.exact(node.input[0], "an image of a vector takes integers")
    channels, rows, columns = shape
    if channels > 1 and rows * columns > 1:
        order = np.arange(tensor.stream.size).reshape(channels, rows, columns).transpose(1, 2, 0).reshape(-1)
        return Tensor(make.add(Gather(order, (rows, columns, channels)), tensor.node))
    return Tensor(make.add(Reshape((rows, columns, channels)), tensor.node))


def same(make: Builder, node: Any) -> Tensor:
    return make.tensors[node.input[0]]


def step(made: Callable[[Builder, Any], Step]) -> Handler:
    """The handler of a node that is a function of one value."""

    def handler(make: Builder, node: Any) -> Tensor:
        name = next(name for name in node.input if name in make.tensors)
        found = made(make, node)
        tensor = make.tensors[name]
        if found.channels > 1 and (tensor.order is not None or found.channels != tensor.stream.channels):
            tensor = make.exact(name, "constants by element take integers")
        return tensor.then(found, make.single(name))

    return handler


__all__ = [
    "Handler",
    "add",
    "average_pool",
    "concat",
    "convolution",
    "flatten",
    "gemm",
    "global_average_pool",
    "matmul",
    "max_pool",
    "reshape",
    "same",
    "step",
]
