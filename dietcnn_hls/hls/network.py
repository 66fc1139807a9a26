# SPDX-License-Identifier: Apache-2.0
"""The lowered graph as C++ sees it: edges with a type and a packing, reshapes that vanish, forks where an edge is read twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dietcnn_hls.errors import ConfigError, LoweringError, suggest
from dietcnn_hls.hardware.folding import check_folding
from dietcnn_hls.hardware.waiting import waiting_codes
from dietcnn_hls.hls.cpp import IntType, layer_identifiers
from dietcnn_hls.lowered import Fold, LoweredGraph, Node, Stream

IO_TYPES = ("io_parallel", "io_stream")


@dataclass(frozen=True)
class Edge:
    """One array or stream between two calls.

    Attributes:
        variable: C identifier.
        code_type: name of its element type, a typedef of the design.
        stream: codes that travel.
        lanes: codes a beat.
        depth: beats that a FIFO must hold.
        port: whether it is an argument of the top function.
    """

    variable: str
    code_type: str
    stream: Stream
    lanes: int
    depth: int = 2
    port: bool = False

    @property
    def size(self) -> int:
        return self.stream.size

    @property
    def beats(self) -> int:
        return self.size // self.lanes

    @property
    def type(self) -> IntType:
        return IntType.holding(self.stream.lo, self.stream.hi)


@dataclass(frozen=True)
class Call:
    """One layer call: a node's operation, or a 'fork' or 'repack' that the packing of edges makes necessary.

    Attributes:
        name: C identifier.
        plumbing: 'fork' or 'repack'; None where the node's operation is called.
        node: the node, or the one whose edge is forked or repacked.
        inputs: edges read.
        outputs: edges written.
        parallel: codes worked on in one cycle.
    """

    name: str
    plumbing: str | None
    node: Node
    inputs: tuple[Edge, ...]
    outputs: tuple[Edge, ...]
    parallel: int = 1


@dataclass(frozen=True)
class Network:
    """A graph ready to be written: calls in order, and the folds of its linear layers by node name."""

    graph: LoweredGraph
    io_type: str
    calls: tuple[Call, ...]
    folding: dict[str, Fold]
    code_types: dict[str, Stream]

    @property
    def inputs(self) -> list[Edge]:
        """Arguments that are read, in the graph's order."""
        return self._ports(self.graph.inputs)

    @property
    def outputs(self) -> list[Edge]:
        """Arguments that are written, in the graph's order."""
        return self._ports(self.graph.outputs)

    def _ports(self, nodes: Sequence[Node]) -> list[Edge]:
        names = layer_identifiers((node.name for node in self.graph.nodes), self.graph.name)
        ports = {edge.variable: edge for call in self.calls for edge in (*call.inputs, *call.outputs) if edge.port}
        return [ports[names[node.name]] for node in nodes]

    @property
    def streaming(self) -> bool:
        return self.io_type == "io_stream"

    @property
    def edges(self) -> list[Edge]:
        """All edges that are not ports."""
        return [edge for call in self.calls for edge in call.outputs if not edge.port]


class _Builder:
    """Walks the graph once; `edges` holds what each node's result is stored in."""

    def __init__(self, graph: LoweredGraph, io_type: str, folding: dict[str, Fold]) -> None:
        self.graph = graph
        self.folding = folding
        self.streaming = io_type == "io_stream"
        self.names = layer_identifiers((node.name for node in graph.nodes), graph.name)
        self.code_types: dict[str, Stream] = {}
        self.calls: list[Call] = []
        self.readers = {node.name: self._count_readers(node) for node in graph.nodes}
        self.edges: dict[str, list[Edge]] = {}  # one copy for each reader still to come
        self.parallel: dict[str, int] = {}
        self.depths: dict[str, int] = {}  # beats of edges that wait in front of an add, by variable

    def build(self) -> list[Call]:
        if len(self.graph.nodes) == len(self.graph.inputs):
            raise LoweringError(f"network '{self.graph.name}' has no layers")
        for node in self.graph.nodes:
            self._add(node)
        return [replace(c, inputs=self._deep(c.inputs), outputs=self._deep(c.outputs)) for c in self.calls]

    def _deep(self, edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
        return tuple(replace(edge, depth=max(edge.depth, self.depths.get(edge.variable, 0))) for edge in edges)

    def _count_readers(self, node: Node) -> int:
        """Calls that read a node's result; what a vanishing reshape passes on counts as read by its readers."""
        readers = sum(
            self._count_readers(other) if self._vanishes(other) else other.inputs.count(node.name)
            for other in self.graph.consumers(node.name)
        )
        if not readers and node not in self.graph.outputs:
            raise LoweringError(f"nothing reads the result of '{node.name}'; remove it from the model")
        return readers

    def _vanishes(self, node: Node) -> bool:
        """A reshape is only another name, unless it writes the output or must repack a stream."""
        if not node.op.keeps_codes or node in self.graph.outputs:
            return False
        return not self.streaming or self._reshaped_lanes(node) == self._lanes(self.graph[node.inputs[0]])

    def _reshaped_lanes(self, node: Node) -> int:
        """A flattened stream keeps its beats; pixels carry all channels."""
        return node.stream.channels if len(node.stream.shape) == 3 else self._lanes(self.graph[node.inputs[0]])

    def _lanes(self, node: Node) -> int:
        """Codes a beat of a node's result."""
        if node.op.keeps_codes:
            return self._reshaped_lanes(node)
        if len(node.stream.shape) == 3 or not node.op.pointwise:
            return node.stream.channels
        alike = len(node.inputs) == 2 and self.graph[node.inputs[1]].stream.shape == node.stream.shape
        return self._lanes(self.graph[node.inputs[1 if alike else 0]])  # of two alike the first is packed like the second

    def _add(self, node: Node) -> None:
        if self._vanishes(node):
            source = node.inputs[0]
            self.parallel[node.name] = self.parallel[source]
            self.edges[node.name] = self.edges[source]  # the same list: readers of both names take copies from it
            return
        name = self.names[node.name]
        inputs = tuple(self._take(source) for source in node.inputs)
        if node.op.arity == 2:
            waiting = zip(inputs, waiting_codes(self.graph, node), strict=True)
            self.depths |= {edge.variable: -(-codes // edge.lanes) for edge, codes in waiting}
        alike = node.op.pointwise and len(inputs) == 2 and inputs[0].size == inputs[1].size
        if alike and inputs[0].lanes != inputs[1].lanes and self.streaming:
            inputs = (self._repack(f"{name}_repack", node, inputs[0], inputs[1].lanes), inputs[1])
        if self.streaming:
            inputs = self._in_parts(name, node, inputs)
        self.parallel[node.name] = self._parallel(node)
        self.code_types[f"{name}_t"] = node.stream
        port = node in self.graph.inputs or node in self.graph.outputs
        edge = Edge(name if port else f"{name}_out", f"{name}_t", node.stream, self._lanes(node), port=port)
        if node.op.arity:
            self.calls.append(Call(name, None, node, inputs, (edge,), self.parallel[node.name]))
        self.edges[node.name] = self._fork(name, node, edge)

    def _in_parts(self, name: str, node: Node, inputs: tuple[Edge, ...]) -> tuple[Edge, ...]:
        """Operands whose beats reach beyond what is read at a time, because a reshape before them vanished, in smaller beats."""
        made = []
        reads = node.op.whole_reads(self.graph.input_streams(node))
        for number, (edge, read) in enumerate(zip(inputs, reads, strict=True)):
            lanes = edge.lanes if read is None else math.gcd(read, edge.lanes)
            made.append(edge if lanes == edge.lanes else self._repack(f"{name}_part{number}", node, edge, lanes))
        return tuple(made)

    def _take(self, source: str) -> Edge:
        return self.edges[source].pop(0)

    def _parallel(self, node: Node) -> int:
        """Codes worked on in one cycle: what the linear layer above delivers, all channels behind the input."""
        if not node.op.arity:
            return node.stream.channels
        if node.name in self.folding:
            return self.folding[node.name].pe
        return self.parallel[node.inputs[0]]

    def _repack(self, name: str, node: Node, edge: Edge, lanes: int) -> Edge:
        repacked = Edge(f"{name}_out", edge.code_type, edge.stream, lanes)
        self.calls.append(Call(name, "repack", node, (edge,), (repacked,)))
        return repacked

    def _fork(self, name: str, node: Node, edge: Edge) -> list[Edge]:
        """One edge a reader."""
        rest, copies = edge, []
        for number in range(1, self.readers[node.name]):
            first, second = (Edge(f"{name}_{word}{number}", edge.code_type, edge.stream, edge.lanes) for word in ("copy", "rest"))
            self.calls.append(Call(f"{name}_fork{number}", "fork", node, (rest,), (first, second), math.gcd(edge.lanes, 64)))
            copies.append(first)
            rest = second
        return [*copies, rest]


def build_network(graph: LoweredGraph, io_type: str, folding: dict[str, Fold]) -> Network:
    """Lay out a graph as calls and edges.

    Raises:
        ConfigError: unknown `io_type`, unknown layer or illegal fold.
        LoweringError: a node whose result nothing reads, or no layers at all.
    """
    if io_type not in IO_TYPES:
        raise ConfigError(f"unknown io_type '{io_type}'.{suggest(io_type, IO_TYPES)}")
    folds = check_folding(graph, folding)
    builder = _Builder(graph, io_type, folds)
    calls = builder.build()
    return Network(graph, io_type, tuple(calls), folds, builder.code_types)


__all__ = ["IO_TYPES", "Call", "Edge", "Network", "build_network"]
