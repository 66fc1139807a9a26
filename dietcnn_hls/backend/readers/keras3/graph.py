# SPDX-License-Identifier: Apache-2.0
"""An HGQ2 model to the lowered graph: every layer by its class, its quantisers around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dietcnn_hls.backend.readers.host import softmax_left_to_host
from dietcnn_hls.backend.readers.keras3 import functions, layers, tables
from dietcnn_hls.backend.readers.keras3.qkeras import QKERAS, norm
from dietcnn_hls.backend.readers.keras3.quantisers import Types, apply, entry, types_of
from dietcnn_hls.backend.readers.keras3.source import Call, Calls, calls_of
from dietcnn_hls.backend.readers.keras3.values import Layer, Making, Value
from dietcnn_hls.backend.readers.origin import package_of
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import DietError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import Grid, LoweredGraph, Node, Source, node
from dietcnn_hls.names import design_name


def _table(build: Callable[[Making, Any, Value], None]) -> layers.Handler:
    """A table layer, whose input quantiser is part of its tables."""

    def handler(make: Making, layer: Any, value: Value) -> Value:
        build(make, layer, value)
        return layers.activated(make.value, layer.activation, make)

    return handler


TABLES: Mapping[str, layers.Handler] = {
    "QDenseT": _table(tables.dense),
    "QConvT1D": _table(tables.convolution),
    "QConvT2D": _table(tables.convolution),
    "QEinsumDenseT": _table(tables.einsum_dense),
}
"""HGQ2's table layers."""

QUANTISED: Mapping[str, layers.Handler] = {
    "QDense": layers.dense,
    "QBatchNormDense": layers.dense,
    "QEinsumDense": layers.einsum_dense,
    "QEinsumDenseBatchnorm": layers.einsum_dense,
    "QConv1D": layers.convolution,
    "QConv2D": layers.convolution,
    "QBatchNormalization": layers.batch_norm,
    **{f"Q{kind}Pooling{rank}D": layers.pooling for kind in ("Max", "Average", "GlobalMax", "GlobalAverage") for rank in (1, 2)},
    "QSum": layers.sums,
    "QMeanPow2": layers.sums,
    "QUnaryFunctionLUT": functions.unary,
    "QAffinedUnaryFunctionLUT": functions.unary,
    "QSoftmax": functions.softmax,
    "Quantizer": functions.same,
}
"""HGQ2's layers of one input."""

PLAIN: Mapping[str, layers.Handler] = {
    "Flatten": functions.flatten,
    "Reshape": functions.flatten,
    "Permute": functions.permute,
    "RepeatVector": functions.repeat,
    "ZeroPadding1D": functions.zero_padding,
    "ZeroPadding2D": functions.zero_padding,
    "ReLU": functions.relu,
    "Activation": functions.activation,
    **{f"{kind}Pooling{rank}D": layers.pooling for kind in ("Max", "Average", "GlobalMax", "GlobalAverage") for rank in (1, 2)},
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout"), functions.same),
    **dict.fromkeys(("ActivityRegularization", "Identity"), functions.same),
}
"""Keras' own layers that may stand between them."""

_MERGES = {"Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Maximum": "maximum", "Minimum": "minimum"}

MERGES: Mapping[str, Callable[..., Value]] = {
    **{name: layers.merge(function) for name, function in _MERGES.items()},
    **{f"Q{name}": layers.merge(function) for name, function in _MERGES.items()},
    "QAveragePow2": layers.merge("add"),
    "Concatenate": layers.concatenate,
}
"""Layers of several inputs."""

HANDLERS: Mapping[str, Mapping[str, layers.Handler]] = {
    "hgq": {**TABLES, **QUANTISED},
    "qkeras": QKERAS,
    "keras": {**PLAIN, "BatchNormalization": norm},
}
"""By package, what becomes of a layer of one input."""

_PACKAGES = {"hgq": "HGQ2's", "qkeras": "QKeras'", "keras": "Keras'"}

_MOVES = ("Flatten", "Reshape", "Permute", "Dropout", "Identity")
"""Layers between an input and the quantisers behind it that change no value."""


class Lowered(NamedTuple):
    """A lowered graph.

    Attributes:
        graph: it.
        origin: by operation, the layer that it comes from.
        layers: names and classes of the model's layers, in order.
    """

    graph: LoweredGraph
    origin: dict[str, str]
    layers: tuple[tuple[str, str], ...]


def lower_keras3(
    model: Any, name: str | None = None, input_grid: Grid | None = None, metadata: Mapping[str, object] | None = None
) -> Lowered:
    """A model of HGQ2's layers, lowered so that every output is what Keras predicts.

    Args:
        model: a built Sequential or functional model of Keras 3.
        name: of the graph; default the model's.
        input_grid: what may enter; default what the quantisers that read the input tell apart.
        metadata: carried in the graph.

    Raises:
        UnsupportedLayerError: a layer, option or mode without a lowering, by the layer's name.
        LoweringError: weights off any grid, widths beyond what integers of 64 bits hold.
    """
    calls = calls_of(model)
    for call in calls.calls:
        _check(call)
    packages = {package_of(call.layer) for call in calls.calls}
    if packages <= {"keras"}:
        raise UnsupportedLayerError(
            f"model '{calls.name}' is of Keras 3 without layers of HGQ2 or QKeras: nothing says its number formats. "
            "Train it with them, or give hls4ml's converters a configuration of types (docs/front_ends.md)"
        )
    if "qkeras" in packages and input_grid is None:
        input_grid = IMAGE  # as of QKeras on Keras 2
    made: dict[int, Value] = {}
    nodes: list[Node] = []
    origin: dict[str, str] = {}
    left: list[dict[str, str]] = []
    outputs, taken = list(calls.outputs), {call.name for call in calls.calls}
    for call in calls.calls:
        if not call.inputs:
            own = [_entered(calls, call, input_grid)]
            made[call.outputs[0]] = Value(own[0])
        elif _ends_in_softmax(call, outputs):
            left.append(softmax_left_to_host(f"layer '{call.name}' (softmax)", call.name))
            outputs = [call.inputs[0] if key == call.outputs[0] else key for key in outputs]
            continue
        else:
            own, made[call.outputs[0]] = _called(call, [made[key] for key in call.inputs], taken)
        nodes += own
        origin |= {one.name: call.name for one in own}
    graph, kept = _graph(name or design_name(calls.name), nodes, [made[key] for key in outputs], calls, metadata, left)
    return Lowered(
        graph, {one: origin.get(one, one) for one in kept}, tuple((call.name, call.class_name) for call in calls.calls)
    )


def _check(call: Call) -> None:
    package, kind = package_of(call.layer), type(call.layer).__name__
    merges = [name for name in MERGES if name.startswith("Q") == (package == "hgq")] if package in ("hgq", "keras") else []
    known = {*HANDLERS.get(package, ()), *merges, *(("InputLayer", "Softmax") if package == "keras" else ())}
    if kind in known:
        return
    if package not in HANDLERS:
        raise call.refuse("it has no lowering; use layers of HGQ2, QKeras and Keras")
    raise call.refuse(f"it has no lowering. Use {_PACKAGES[package]} {', '.join(sorted(known))}")


def _ends_in_softmax(call: Call, outputs: list[int]) -> bool:
    """Whether a call is Keras' own softmax, of floats, at the end of the network."""
    if call.ours or type(call.layer).__name__ not in ("Softmax", "Activation"):
        return False
    function = getattr(call.layer, "activation", None)
    return call.outputs[0] in outputs and (
        type(call.layer).__name__ == "Softmax" or getattr(function, "__name__", "") == "softmax"
    )


def _entered(calls: Calls, call: Call, grid: Grid | None) -> Node:
    """The model's input."""
    if any(not isinstance(n, int) for n in call.shape) or not 1 <= len(call.shape) <= 3:
        raise call.refuse(f"an input of shape {call.shape} has no lowering; give up to three axes of fixed size")
    if grid is not None:
        return node(call.name, Source(), [], grid.stream(call.shape))
    readers = _readers(calls, call.outputs[0], call.shape)
    if not readers:
        raise call.refuse("nothing says which values enter it: let a layer with an input quantiser read it, or give input_grid")
    source, stream = entry(call.name, call.shape, readers)
    return node(call.name, source, [], stream)


def _readers(calls: Calls, key: int, shape: tuple[int, ...]) -> list[Types]:
    """The quantisers that read a tensor, through whatever only moves its elements."""
    found: list[Types] = []
    for call in calls.calls:
        if key not in call.inputs:
            continue
        kind, layer = type(call.layer).__name__, call.layer
        if kind in _MOVES and not call.ours:
            found += _readers(calls, call.outputs[0], call.shape)
            continue
        quantisers = [layer] if kind == "Quantizer" else _input_quantisers(layer, len(call.inputs))
        seen = quantisers[call.inputs.index(key)] if quantisers else None
        types = None if seen is None else types_of(seen, _pair_shape(layer, kind, shape), call.name)
        if types is None:
            raise call.refuse("it reads the model's input without a quantiser; give it an iq, or convert with input_grid")
        found.append(types)
    return found


def _pair_shape(layer: Any, kind: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a layer's input quantiser sees: table layers have one quantiser a pair."""
    if kind == "QDenseT":
        return (*shape, layer.n_out)
    if kind == "QEinsumDenseT":
        return tuple(int(n) for n in layer._broadcast_shapes((1, *shape))[1][1:])
    if kind in TABLES:
        places = tuple(int(n) for n in layer.output_shape[1:-1])
        return (*places, layer.n_in, layer.n_out)
    return shape


def _input_quantisers(layer: Any, count: int) -> list[Any]:
    if not getattr(layer, "enable_iq", False):
        return []
    return list(layer.iq) if count > 1 else [layer.iq]


def _called(call: Call, values: list[Value], taken: set[str]) -> tuple[list[Node], Value]:
    """What a call becomes; whatever does not fit is told of under the layer's name."""
    make = Making(Layer(call.name, call.class_name), values[0].node, taken)
    kind, layer = type(call.layer).__name__, call.layer
    try:
        if kind not in TABLES:
            quantisers = [layer] if kind == "Quantizer" else _input_quantisers(layer, len(values))
            values = (
                [
                    apply(make, value, quantiser, f"in{number if len(values) > 1 else ''}")
                    for number, (value, quantiser) in enumerate(zip(values, quantisers, strict=True))
                ]
                if quantisers
                else values
            )
        if kind in MERGES:
            value = MERGES[kind](make, layer, values)
        elif len(values) != 1:
            raise call.refuse(f"it reads {len(values)} tensors, which has no lowering")
        else:
            value = HANDLERS[package_of(layer)][kind](make, layer, values[0])
        if call.ours and getattr(layer, "enable_oq", False):
            value = apply(make, value, layer.oq, "out")
    except LoweringError as error:
        raise error if f"'{call.name}'" in str(error) else LoweringError(f"layer '{call.name}': {error}") from error
    if value.stream.shape != call.shape and call.shape:
        raise call.refuse(f"its result of shape {call.shape} has no lowering")
    return _finished(make, value)


def _finished(make: Making, value: Value) -> tuple[list[Node], Value]:
    """A call's operations, the last of which has its name."""
    if not make.nodes or value.node is not make.nodes[-1]:
        return make.nodes, value
    nodes = make.finish()
    return nodes, Value(nodes[-1], value.function, value.words)


def _graph(
    name: str,
    nodes: list[Node],
    ends: list[Value],
    calls: Calls,
    metadata: Mapping[str, object] | None,
    left: list[dict[str, str]],
) -> tuple[LoweredGraph, list[str]]:
    """Operations that the outputs need, inputs first, the outputs last."""
    from dietcnn_hls.backend.readers.stock.graph import with_ends

    for value in ends:
        if value.function is not None:
            raise UnsupportedLayerError(
                f"model '{calls.name}': {value.words} ends the network in floats; give that layer enable_oq"
            )
    ordered, results = with_ends(nodes, [value.node for value in ends])
    needed = {one for one in (results or (ordered[-1].name,))}
    for one in reversed(ordered):
        if one.name in needed:
            needed |= set(one.inputs)
    kept = tuple(one for one in ordered if one.name in needed or one.op.arity == 0)
    data = {**(metadata or {}), **({"left_to_host": left} if left else {})}
    try:
        graph = LoweredGraph(name, kept, data, results)
    except DietError as error:
        raise type(error)(f"model '{calls.name}': {error}") from error
    return graph, [one.name for one in kept]


__all__ = ["HANDLERS", "Lowered", "lower_keras3"]
