# SPDX-License-Identifier: Apache-2.0
"""Questions to and changes of hls4ml's ModelGraph that its own methods do not offer."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from hls4ml.model.layers import Layer

from dietcnn_hls.backend.layers import LAYERS
from dietcnn_hls.lowered import Operation, Stream

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


def source(node: Layer) -> Layer:
    """The node that a one-input layer reads."""
    found = node.get_input_node()
    assert found is not None, f"'{node.name}' reads nothing"
    return found


def consumers(model: ModelGraph, node: Layer) -> list[Layer]:
    """The nodes that read `node`, each once."""
    return [other for other in model.graph.values() if node.outputs[0] in other.inputs]


def swap(model: ModelGraph, first: Layer, second: Layer) -> None:
    """Exchange two neighbours of one input each: ``x -> first -> second`` becomes ``x -> second -> first``."""
    readers = consumers(model, second)
    second.inputs, first.inputs = list(first.inputs), [second.outputs[0]]
    _redirect(model, readers, second.outputs[0], first.outputs[0])
    order = [name for name in model.graph if name != second.name]
    order.insert(order.index(first.name), second.name)
    model.graph = OrderedDict((name, model.graph[name]) for name in order)


def insert_after(model: ModelGraph, node: Layer, new: Layer) -> None:
    """Put `new`, which reads `node`, between `node` and all its readers, the model's output included."""
    _redirect(model, consumers(model, node), node.outputs[0], new.outputs[0])
    new.inputs = [node.outputs[0]]
    order = list(model.graph)
    order.insert(order.index(node.name) + 1, new.name)
    nodes = {**model.graph, new.name: new}
    model.graph = OrderedDict((name, nodes[name]) for name in order)


def bypass(model: ModelGraph, node: Layer) -> None:
    """Take `node` out; whoever reads it reads its input, whose shape may differ."""
    _redirect(model, consumers(model, node), node.outputs[0], node.inputs[0])
    del model.output_vars[node.outputs[0]]
    del model.graph[node.name]


def replace_by_op(model: ModelGraph, node: Layer, op: Operation, stream: Stream, **attributes: object) -> Layer:
    """Replace `node` by the lowered layer that carries `op`."""
    new = make_lowered(model, node.name, op, stream, list(node.inputs), list(node.outputs), **attributes)
    model.replace_node(node, new)
    return new


def make_lowered(
    model: ModelGraph, name: str, op: Operation, stream: Stream, inputs: list[str], outputs: list[str], **attributes: object
) -> Layer:
    """The lowered layer that carries `op`."""
    kind = LAYERS.of(op, name).__name__
    values = {"name": name, "class_name": kind, "op": op, "stream": stream, "trace": False, **attributes}
    return model.make_node(kind, name, values, inputs, outputs)


def _redirect(model: ModelGraph, readers: list[Layer], old: str, new: str) -> None:
    for reader in readers:
        reader.inputs = [new if name == old else name for name in reader.inputs]
    model.outputs = [new if name == old else name for name in model.outputs]


__all__ = ["bypass", "consumers", "insert_after", "make_lowered", "replace_by_op", "source", "swap"]
