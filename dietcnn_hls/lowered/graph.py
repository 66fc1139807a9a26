# SPDX-License-Identifier: Apache-2.0
"""The graph itself: nodes in topological order, each an operation with its inputs and the stream it produces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered.ops import Linear, Op, Source, infer_stream
from dietcnn_hls.lowered.stream import Stream


@dataclass(frozen=True)
class Fold:
    """Parallelism of one layer: `pe` output channels x `simd` taps a cycle (FINN's terms)."""

    pe: int
    simd: int

    @property
    def lanes(self) -> int:
        return self.pe * self.simd

    def reuse_factor(self, outputs: int, taps: int) -> int:
        """hls4ml's reuse factor: multiplications (here: lookups) that share one unit."""
        return outputs * taps // self.lanes


@dataclass(frozen=True)
class Node:
    """One operation: its name (the model's layer), inputs (names of nodes) and the stream it produces."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    stream: Stream


@dataclass(frozen=True)
class LoweredGraph:
    """Nodes in topological order; the first is the Source, the last is the output.

    Attributes:
        name: a C identifier, names the generated design.
        nodes: the operations.
        metadata: JSON data carried along (network, method, dataset, seed, ...).
    """

    name: str
    nodes: tuple[Node, ...]
    metadata: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise LoweringError(f"two operations are named '{node.name}'")
            for name in node.inputs:
                if name not in seen:
                    raise LoweringError(f"'{node.name}' reads '{name}', which does not come before it")
            if infer_stream(node.op, [self[n].stream for n in node.inputs], node.stream) != node.stream:
                raise LoweringError(f"'{node.name}' ({node.op.kind}) cannot produce {node.stream}")
            seen.add(node.name)
        if not self.nodes or not isinstance(self.nodes[0].op, Source):
            raise LoweringError("a lowered graph begins with its input")

    def __getitem__(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    @property
    def input(self) -> Node:
        return self.nodes[0]

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    @property
    def linear_nodes(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if isinstance(node.op, Linear))

    def consumers(self, name: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if name in node.inputs)

    def input_streams(self, node: Node) -> list[Stream]:
        return [self[name].stream for name in node.inputs]


def node(name: str, op: Op, inputs: Sequence[Node], stream: Stream | None = None) -> Node:
    """Build a Node, inferring its stream from the nodes it reads."""
    return Node(name, op, tuple(n.name for n in inputs), infer_stream(op, [n.stream for n in inputs], stream))
