# SPDX-License-Identifier: Apache-2.0
"""A conversion with its account: the lowered graph, and layer by layer what of it each layer of the model became."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dietcnn_hls.build.origins import is_onnx, open_origin
from dietcnn_hls.lowered import Grid, LoweredGraph, Node
from dietcnn_hls.names import check_design_name


@dataclass(frozen=True)
class Row:
    """One layer of the model.

    Attributes:
        layer: its name.
        kind: its class, or its ONNX type.
        became: operations of the lowered graph, or where what it computes lies.
    """

    layer: str
    kind: str
    became: str


@dataclass(frozen=True)
class Account:
    """A lowered graph and where it comes from, in the model's order."""

    graph: LoweredGraph
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the graph's name and one mapping a row."""
        return {"design": self.graph.name, "layers": [asdict(row) for row in self.rows]}


def account(model: Any, name: str | None = None, input_grid: Grid | None = None) -> Account:
    """Convert a model and say what became of each of its layers.

    Args:
        model, name, input_grid: as in `dietcnn_hls.convert`.

    Raises:
        DietError: as there.
    """
    if is_onnx(model):
        from dietcnn_hls.backend.readers.onnx import lower_onnx

        return _by_layer(*lower_onnx(model, None if name is None else check_design_name(name), input_grid))
    if isinstance(model, LoweredGraph):
        return Account(model, tuple(Row(node.name, node.op.kind, described(node)) for node in model.nodes))
    origin = open_origin(model, grid=input_grid)  # refuses what is no model
    from dietcnn_hls.backend.readers.keras3 import is_keras3, lower_keras3

    if is_keras3(model):
        return _by_layer(*lower_keras3(model, check_design_name(name or origin.name), input_grid))
    return _of_keras(model, check_design_name(name or origin.name), input_grid)


def described(node: Node) -> str:
    """One operation in words: what it is, and what it yields."""
    stream = node.stream
    method = "" if node.op.kernel is None else f" ({node.op.kernel.method})"
    values = f"{stream.lo}..{stream.hi}" if stream.levels is None else f"{len(stream.levels)} symbols"
    return f"{node.op.kind}{method} {'x'.join(map(str, stream.shape))}, {values} / 2^{stream.fraction}"


def _all(nodes: Sequence[Node]) -> str:
    return "; ".join(map(described, nodes))


def _by_layer(graph: LoweredGraph, origin: dict[str, str], layers: tuple[tuple[str, str], ...]) -> Account:
    """The account of a graph whose operations know the layer of the model that each comes from."""
    made = {one: [node for node in graph.nodes if origin[node.name] == one] for one, _ in layers}
    rows = []
    for number, (one, kind) in enumerate(layers):
        behind = next((other for other, _ in layers[number:] if made[other]), None)
        rows.append(Row(one, kind, _all(made[one]) or (f"part of '{behind}'" if behind else "nothing: it changes no value")))
    return Account(graph, tuple(rows))


def _of_keras(model: Any, name: str, grid: Grid | None) -> Account:
    from dietcnn_hls.backend.asked import seen
    from dietcnn_hls.backend.convert import convert
    from dietcnn_hls.backend.graphs import lowered_graph

    converted = convert(model, ".", name=name, input_grid=grid)
    graph = lowered_graph(converted)
    nodes = {node.name: node for node in graph.nodes}
    rows = []
    for layer, found in seen(converted).items():
        own = [nodes[one] for one in (layer, found.result) if one in nodes]
        text = _all(list(dict.fromkeys(own))) if found.dropped is None else f"nothing of its own: {found.dropped}"
        rows.append(Row(layer, found.kinds[0], text or f"nothing: it passes on what '{found.via}' yields"))
    return Account(graph, tuple(rows))


__all__ = ["Account", "Row", "account", "described"]
