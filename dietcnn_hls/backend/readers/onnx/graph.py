# SPDX-License-Identifier: Apache-2.0
"""A cleaned QONNX model to the lowered graph: every node by its type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from dietcnn_hls.backend.readers.host import softmax_left_to_host
from dietcnn_hls.backend.readers.onnx import functions, layers, quantisers
from dietcnn_hls.backend.readers.onnx.builder import Builder
from dietcnn_hls.backend.readers.onnx.source import cleaned
from dietcnn_hls.backend.readers.onnx.tensors import Tensor
from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.lowered import Grid, LoweredGraph, Source
from dietcnn_hls.names import design_name


def _merge(make: Builder, node: Any) -> Tensor:
    """Add: of two tensors, or a constant to one."""
    if any(name in make.constants for name in node.input):
        return layers.step(functions.plus)(make, node)
    return layers.add(make, node)


HANDLERS: Mapping[str, layers.Handler] = {
    "Add": _merge,
    "AveragePool": layers.average_pool,
    "BatchNormalization": layers.step(functions.batch_norm),
    "BipolarQuant": quantisers.bipolar_quant,
    "Clip": layers.step(functions.clip),
    "Concat": layers.concat,
    "Conv": layers.convolution,
    "Div": layers.step(functions.divide),
    "Dropout": layers.same,
    "Flatten": layers.flatten,
    "Gemm": layers.gemm,
    "GlobalAveragePool": layers.global_average_pool,
    "Identity": layers.same,
    "LeakyRelu": layers.step(functions.leaky_relu),
    "MatMul": layers.matmul,
    "MaxPool": layers.max_pool,
    "Mul": layers.step(functions.multiply),
    "Quant": quantisers.quant,
    "Relu": layers.step(functions.relu),
    "Reshape": layers.reshape,
    "Sub": layers.step(functions.minus),
    "Trunc": quantisers.trunc,
}
"""What becomes of a node, by its type."""


class Converted(NamedTuple):
    """A lowered graph.

    Attributes:
        graph: it.
        origin: by operation, the node of the model that it comes from.
        layers: names and types of the cleaned model's nodes, its input first.
    """

    graph: LoweredGraph
    origin: dict[str, str]
    layers: tuple[tuple[str, str], ...]


def lower_onnx(model: Any, name: str | None = None, input_grid: Grid | None = None) -> Converted:
    """An ONNX model in memory, lowered so that every output is what qonnx's `execute_onnx` computes, bit for bit.

    Args:
        model: onnx's ModelProto or qonnx's ModelWrapper; images are (1, C, H, W) there and (H, W, C) here.
        name: of the graph; default the model's.
        input_grid: what may enter; default what the Quant right behind the input says, the input's integer datatype, else images.

    Raises:
        UnsupportedLayerError: a node or attribute without a lowering, by the node's name.
        LoweringError: weights off any grid, sums beyond what float32 holds exactly.
        ToolError: qonnx is not installed.
    """
    clean = cleaned(model)
    nodes = list(clean.graph.node)
    constants = {one.name: clean.get_initializer(one.name) for one in clean.graph.initializer}
    outputs = [one.name for one in clean.graph.output]
    readers = Counter(tensor for node in nodes for tensor in node.input) + Counter(outputs)
    make = Builder(constants, readers)
    _enter(make, clean, input_grid)
    left = None
    for node in nodes:
        make.at(node)
        missing = [tensor for tensor in node.input if tensor and tensor not in make.tensors and tensor not in constants]
        if missing:
            raise make.refuse(f"its input '{missing[0]}' comes from nowhere")
        if node.op_type == "Softmax" and list(node.output) == outputs:
            left, outputs = softmax_left_to_host(f"node '{node.name}' (Softmax)", node.name), [node.input[0]]
            continue
        if node.op_type not in HANDLERS:
            raise make.refuse(f"it has no lowering; known are {', '.join(HANDLERS)}")
        if not any(tensor in make.tensors for tensor in node.input):
            raise make.refuse("it reads constants alone")
        make.tensors[node.output[0]] = HANDLERS[node.op_type](make, node)
    if len(outputs) != 1 or outputs[0] not in make.tensors:
        raise UnsupportedLayerError(f"the model has the outputs {', '.join(outputs)}; a design has one, which its nodes lead to")
    last = make.exact(outputs[0], "the model's output takes integers")
    used = _reachable(make, last)
    if used[-1] is not last.node:
        raise UnsupportedLayerError("a design has one output, which every node leads to")
    graph = LoweredGraph(name or design_name(clean.graph.name or "net"), used, {} if left is None else {"left_to_host": [left]})
    seen = ((clean.graph.input[0].name, "input"), *((node.name, node.op_type) for node in nodes))
    return Converted(graph, {node.name: make.origin[node.name] for node in used}, seen)


def _reachable(make: Builder, last: Tensor) -> tuple[Any, ...]:
    """The operations that the output needs, in order."""
    needed = {last.node.name}
    for node in reversed(make.nodes):
        if node.name in needed:
            needed |= set(node.inputs)
    return tuple(node for node in make.nodes if node.name in needed)


def _enter(make: Builder, clean: Any, grid: Grid | None) -> None:
    """The model's input."""
    names = [one.name for one in clean.graph.input]
    if len(names) != 1:
        raise UnsupportedLayerError(f"the model has the inputs {', '.join(names)}; a design has one")
    shape = clean.get_tensor_shape(names[0])
    if not shape or len(shape) not in (2, 4) or any(not isinstance(n, int) or n < 1 for n in shape[1:]) or shape[0] not in (0, 1):
        raise UnsupportedLayerError(
            f"input '{names[0]}' of shape {shape}: give (1, N) or (1, C, H, W); qonnx's ChangeBatchSize sets a batch to 1"
        )
    plain = tuple(shape[1:]) if len(shape) == 2 else (shape[2], shape[3], shape[1])
    kind = clean.get_tensor_datatype(names[0])
    make.open_input = grid is None and not kind.is_integer()
    if grid is None and kind.is_integer():
        grid = Grid(int(kind.min()), int(kind.max()), 0)
    make.at(_Named(names[0]))
    node = make.add(Source(), declared=(grid or IMAGE).stream(plain))
    make.tensors[names[0]] = Tensor(node)


class _Named(NamedTuple):
    """An input where a node is asked for."""

    name: str
    op_type: str = "input"


__all__ = ["HANDLERS", "Converted", "lower_onnx"]
