# SPDX-License-Identifier: Apache-2.0
"""A converted model of stock hls4ml to the lowered graph: every layer by its class, with the types that hls4ml inferred."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dietcnn_hls.backend.readers.stock import activations, arrangement, elements, linear, pooling
from dietcnn_hls.backend.readers.stock.chain import Chain, aligned, refuse
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.weights import is_binary
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Add, Combine, LoweredGraph, Node, Reduce, Requantize, Source, Stream, node

if TYPE_CHECKING:
    from hls4ml.model.graph import ModelGraph

_MERGES = {"subtract": "subtract", "multiply": "multiply", "maximum": "maximum", "minimum": "minimum"}


def _reshape(chain: Chain) -> None:
    chain.reshape("shape", tuple(int(n) for n in chain.layer.get_attr("target_shape")))


def _merge(chain: Chain, other: Node) -> None:
    """Exact on the finer grid, then cast. An average is half of the sum. Tensors of unlike shapes are spread as numpy does."""
    word = str(chain.layer.get_attr("op"))
    if word not in ("add", "average", *_MERGES):
        raise refuse(chain.layer, f"the merge '{word}' has no lowering; known are add, average, {', '.join(_MERGES)}")
    first, second = _alike(chain, other, word)
    chain.last, shifts = first, aligned(first.stream, second.stream)
    if word == "multiply":
        chain.multiply("joined", second, chain.type("result"))
    elif word in ("add", "average"):
        chain.merge("joined", Add(shifts), second)
    else:
        chain.merge("joined", Combine(_MERGES[word], shifts), second)
    if word == "average":
        chain.scale("half", np.array([1]), 1)
    chain.cast(chain.type("result"))


def _alike(chain: Chain, other: Node, word: str) -> tuple[Node, Node]:
    """Both operands in the shape of the result, but for a second one that `Combine` spreads over the channels itself."""
    first = chain.last
    shapes = first.stream.shape, other.stream.shape
    shape = tuple(int(n) for n in np.broadcast_shapes(*shapes))
    first = arrangement.spread(chain, "first", shape)
    if word in _MERGES and shapes[1] == (*shape[:-1], 1):
        return first, other
    chain.last = other
    return first, arrangement.spread(chain, "second", shape)


def _dot(chain: Chain, other: Node) -> None:
    """Products, each in the accumulator's type, and their sum."""
    accum = chain.type("accum")
    chain.multiply("products", other, accum)
    chain.cast(accum, "rounded")
    chain.add("sum", Reduce("sum"))
    chain.wrap(accum)
    chain.cast(chain.type("result"))


_ONE: Mapping[str, Callable[[Chain], None]] = {
    "Dense": linear.dense,
    "Conv1D": linear.convolution,
    "Conv2D": linear.convolution,
    "PointwiseConv1D": linear.convolution,
    "PointwiseConv2D": linear.convolution,
    "DepthwiseConv1D": linear.depthwise,
    "DepthwiseConv2D": linear.depthwise,
    "BatchNormalization": linear.batch_norm,
    "ApplyAlpha": linear.batch_norm,
    "Conv2DBatchnorm": linear.convolution,
    "BatchNormalizationQuantizedTanh": activations.normalised_tanh,
    "TernaryTanh": activations.ternary_tanh,
    "Activation": activations.activation,
    "HardActivation": activations.hard,
    "ELU": activations.elu,
    "LeakyReLU": activations.leaky_relu,
    "ThresholdedReLU": activations.thresholded_relu,
    "ParametrizedActivation": activations.activation,
    "PReLU": activations.prelu,
    "Softmax": activations.softmax,
    "FixedPointQuantizer": elements.quantizer,
    "Pooling1D": pooling.pooling,
    "Pooling2D": pooling.pooling,
    "GlobalPooling1D": pooling.global_pooling,
    "GlobalPooling2D": pooling.global_pooling,
    "Reshape": _reshape,
    "ZeroPadding1D": arrangement.zero_padding,
    "ZeroPadding2D": arrangement.zero_padding,
    "Cropping1D": arrangement.cropping,
    "Cropping2D": arrangement.cropping,
    "Resize": arrangement.resize,
    "Transpose": arrangement.transpose,
    "Embedding": arrangement.embedding,
    "RepeatVector": arrangement.repeat,
}
"""What becomes of a layer with one input, by hls4ml's class."""


_BINARY_READERS = (
    *("Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "Conv2DBatchnorm", "BatchNormalization", "ApplyAlpha"),
    *("Pooling1D", "Pooling2D", "GlobalPooling1D", "GlobalPooling2D", "Reshape"),
)
"""Layers that take hls4ml's 0 and 1 of one bit for -1 and 1."""


def _check_binary(layer: Any) -> None:
    """What reads bits that stand for signs as numbers is refused."""
    average = str(layer.get_attr("pool_op", "Max")) != "Max"
    if any(is_binary(layer.get_input_variable(name)) for name in layer.inputs) and (
        layer.class_name not in _BINARY_READERS or average
    ):
        raise refuse(layer, "it would read bits that stand for -1 and 1 as numbers; put it before the binary activation")


class Lowered(NamedTuple):
    """A stock model, lowered.

    Attributes:
        graph: what it computes.
        reuse: hls4ml's reuse factor of each of its linear nodes.
        results: hls4ml's layer -> the node that yields its results.
    """

    graph: LoweredGraph
    reuse: dict[str, int]
    results: dict[str, str]


def lower_model_graph(model: ModelGraph, name: str) -> Lowered:
    """A model that hls4ml's own flows have converted, its types inferred.

    Args:
        model: hls4ml's model.
        name: of the graph.

    Raises:
        UnsupportedLayerError: a layer, type or option that has no lowering, by the layer's name.
        LoweringError: widths beyond what integers of 64 bits hold.
    """
    nodes: list[Node] = []
    reuse: dict[str, int] = {}
    made: dict[str, Node] = {}  # by the name of hls4ml's tensor
    results: dict[str, str] = {}
    for layer in model.get_layers():
        if layer.class_name == "Input":
            nodes.append(_source(layer))
            made[_tensor(layer.outputs[0])] = nodes[-1]
            continue
        inputs = [made[_tensor(name)] for name in layer.inputs]
        chain = _chain(layer, inputs)
        if is_binary(layer.get_output_variable()) and any(tensor in model.outputs for tensor in layer.outputs):
            chain.clip("bits", 0, 1)
        nodes += chain.finish()
        reuse |= {own.name: int(layer.get_attr("reuse_factor", 1)) for own in chain.nodes if own.op.kernel is not None}
        for tensor in layer.outputs:
            made[_tensor(tensor)] = chain.last
        results[layer.name] = chain.last.name
    ends = [made[_tensor(tensor)] for tensor in model.outputs]
    nodes, outputs = with_ends(nodes, ends)
    order = [made[_tensor(tensor)].name for tensor in model.inputs]
    sources = sorted(nodes[: len(order)], key=lambda made: order.index(made.name))
    nodes = [*sources, *nodes[len(order) :]]
    return Lowered(LoweredGraph(name, tuple(nodes), results=outputs), reuse, results)


def _chain(layer: Any, inputs: list[Node]) -> Chain:
    """What a layer becomes; whatever does not fit is told of under the layer's name."""
    _check_binary(layer)
    chain = Chain(layer, inputs[0])
    try:
        if layer.class_name == "Merge" and len(inputs) == 2:
            _merge(chain, inputs[1])
        elif layer.class_name == "Dot" and len(inputs) == 2:
            _dot(chain, inputs[1])
        elif layer.class_name == "Concatenate" and len(inputs) == 2:
            arrangement.concatenate(chain, inputs[1])
        elif layer.class_name in _ONE and len(inputs) == 1:
            _ONE[layer.class_name](chain)
        else:
            raise refuse(layer, f"it has no lowering; known are Merge, Dot, Concatenate, {', '.join(_ONE)}")
    except LoweringError as error:
        raise error if f"'{layer.name}'" in str(error) else LoweringError(f"layer '{layer.name}': {error}") from error
    return chain


def with_ends(nodes: list[Node], ends: list[Node]) -> tuple[list[Node], tuple[str, ...]]:
    """Nodes in an order that begins with the inputs, and the names of the outputs, which nothing else reads.

    What leaves the network and is read in it, too, or is an input, goes out through an operation that changes nothing.
    """
    read = {name for made in nodes for name in made.inputs}
    by_name = {made.name: made for made in nodes}
    outputs: list[str] = []
    for end in ends:
        name = end.name
        if name in read or end.op.arity == 0 or name in outputs:
            name = next(
                word for word in (f"{end.name}_out{number or ''}" for number in range(len(by_name))) if word not in by_name
            )
            same = Requantize(0, "floor", end.stream.lo, end.stream.hi, end.stream.fraction)
            by_name[name] = node(name, same, [end])
        outputs.append(name)
    order = sorted(by_name.values(), key=lambda made: (made.op.arity > 0, made.name in outputs))
    last = [by_name[name] for name in outputs]
    return [*(made for made in order if made.name not in outputs), *last], tuple(outputs) if len(outputs) > 1 else ()


def _tensor(name: str) -> str:
    """A tensor's name before it clashed with an attribute (see `backend.naming`)."""
    return name.removesuffix(":result")


def _source(layer: Any) -> Node:
    kind = FixedType.of(layer.get_output_variable().type.precision, layer.name, "the input")
    shape = tuple(int(n) for n in layer.get_output_variable().shape)
    op = Source(kind.rounding, kind.overflow)
    try:
        return node(layer.name, op, [], Stream(shape, kind.lo, kind.hi, kind.fraction))
    except LoweringError as error:
        raise LoweringError(f"layer '{layer.name}': {error}") from error


__all__ = ["lower_model_graph", "with_ends"]
