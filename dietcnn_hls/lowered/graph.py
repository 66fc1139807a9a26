# SPDX-License-Identifier: Apache-2.0
"""The graph itself: nodes in topological order, each an operation with its inputs and the stream it produces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np

from dietcnn_hls.errors import ConfigError, LoweringError, suggest
from dietcnn_hls.integers import sanitize
from dietcnn_hls.lowered import checks
from dietcnn_hls.lowered.counts import Operations, Widths
from dietcnn_hls.lowered.kernel import Kernel
from dietcnn_hls.lowered.operation import Operation
from dietcnn_hls.lowered.ops import infer_stream
from dietcnn_hls.lowered.stream import Stream
from dietcnn_hls.lowered.structure import Source


@dataclass(frozen=True)
class Fold:
    """Parallelism of one layer: `pe` output channels x `simd` taps a cycle (FINN's terms)."""

    pe: int
    simd: int

    def __post_init__(self) -> None:
        for word in ("pe", "simd"):
            lanes = getattr(self, word)
            if isinstance(lanes, bool) or not isinstance(lanes, int | np.integer) or lanes < 1:
                raise ConfigError(f"a fold's {word} must be an integer of at least 1, got {lanes!r}")
            object.__setattr__(self, word, int(lanes))

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
    op: Operation
    inputs: tuple[str, ...]
    stream: Stream

    def __post_init__(self) -> None:
        checks.name("the name of a layer", self.name)
        checks.instance(f"the operation of '{self.name}'", self.op, Operation)
        checks.instance(f"the stream of '{self.name}'", self.stream, Stream)
        checks.instance(f"the inputs of '{self.name}'", self.inputs, tuple)
        for name in self.inputs:
            checks.name(f"an input of '{self.name}'", name)

    @property
    def kernel(self) -> Kernel:
        """The kernel of a linear layer; LoweringError where the operation has none."""
        if self.op.kernel is None:
            raise LoweringError(f"'{self.name}' ({self.op.kind}) is no linear layer")
        return self.op.kernel


@dataclass(frozen=True)
class LoweredGraph:
    """Nodes in topological order: the sources first, then what computes; the last is the output, or one of several.

    Attributes:
        name: a C identifier, names the generated design.
        nodes: the operations.
        metadata: JSON data carried along (network, method, dataset, seed, ...).
        results: names of the outputs in order, which nothing else reads; without any the last node is the output.
    """

    name: str
    nodes: tuple[Node, ...]
    metadata: dict[str, object] = field(default_factory=dict)
    results: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or sanitize(self.name) != self.name:
            raise LoweringError(f"the name of a graph must be an identifier of letters, digits and '_', got {self.name!r}")
        checks.instance("the nodes of a graph", self.nodes, tuple)
        checks.instance("the metadata of a graph", self.metadata, dict)
        checks.json_data("the metadata of a graph", self.metadata)
        known: dict[str, Stream] = {}
        for node in self.nodes:
            checks.instance("each node of a graph", node, Node)
            self._check_node(node, known)
            known[node.name] = node.stream
        if not known:
            raise LoweringError("a lowered graph begins with its input")
        self._check_results(known)

    def _check_results(self, known: Mapping[str, Stream]) -> None:
        """That each of several inputs is read, and outputs are operations that nothing reads, each named once."""
        for node in self.inputs[1:]:
            if not self.consumers(node.name):
                begins = "a lowered graph begins with its input and has one"
                raise LoweringError(f"{begins}, but '{node.name}' is '{node.op.kind}', which nothing reads")
        checks.instance("the results of a graph", self.results, tuple)
        for number, name in enumerate(self.results):
            checks.name("a result of a graph", name)
            if name not in known or name in self.results[:number]:
                raise LoweringError(f"the results name '{name}', which is no operation, or twice")
            if self.consumers(name) or self[name].op.arity == 0:
                raise LoweringError(f"the result '{name}' is an input, or '{self.name}' reads it; put an operation behind it")

    def _check_node(self, node: Node, known: Mapping[str, Stream]) -> None:
        """That a node's operation makes its stream of those before it, `known` by name."""
        if node.name in known:
            raise LoweringError(f"two operations are named '{node.name}'")
        behind = any(other.op.arity for other in self.nodes[: len(known)])
        if (node.op.arity == 0 and behind) or (node.op.arity and not known):
            raise LoweringError(
                f"a lowered graph begins with its input and has one, but '{node.name}' is '{node.op.kind}'; several inputs stand "
                "before all operations"
            )
        for name in node.inputs:
            if name not in known:
                raise LoweringError(f"'{node.name}' reads '{name}', which does not come before it")
        try:
            stream = infer_stream(node.op, [known[name] for name in node.inputs], node.stream)
        except LoweringError as error:
            raise LoweringError(f"'{node.name}' ({node.op.kind}): {error}") from error
        if stream != node.stream:
            raise LoweringError(f"'{node.name}' ({node.op.kind}) produces {stream}, not {node.stream}")

    def __getitem__(self, name: str) -> Node:
        """The node of this name; LoweringError with a suggestion where there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise LoweringError(f"'{self.name}' has no layer '{name}'.{suggest(name, self._by_name)}") from None

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _consumers(self) -> dict[str, tuple[Node, ...]]:
        found: dict[str, list[Node]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items()}

    @property
    def input(self) -> Node:
        """The input, or the first of several."""
        return self.nodes[0]

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """What enters, in order."""
        return tuple(node for node in self.nodes if node.op.arity == 0)

    @cached_property
    def outputs(self) -> tuple[Node, ...]:
        """What leaves, in order."""
        return tuple(self[name] for name in self.results) or (self.nodes[-1],)

    @property
    def source(self) -> Source:
        """The operation of the input."""
        return cast(Source, self.nodes[0].op)

    @property
    def output(self) -> Node:
        """The output, or the first of several."""
        return self.outputs[0]

    @cached_property
    def linear_nodes(self) -> tuple[Node, ...]:
        """The layers that have a `kernel`, in order."""
        return tuple(node for node in self.nodes if node.op.kernel is not None)

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that read this one, each once, in order."""
        return self._consumers[self[name].name]

    def input_streams(self, node: Node) -> list[Stream]:
        """What a node reads."""
        return [self[name].stream for name in node.inputs]

    def counts(self, node: Node) -> Operations:
        """Run-time operations of one node for one inference."""
        return node.op.counts(self.input_streams(node), node.stream)

    def table_bits(self, node: Node) -> int:
        """Bits of constant tables and thresholds of one node."""
        return node.op.table_bits(self.input_streams(node), node.stream)

    def widths(self, node: Node) -> Widths:
        """Bit widths of a node's operations, for the operation-energy model."""
        return node.op.widths(self.input_streams(node), node.stream)


def node(name: str, op: Operation, inputs: Sequence[Node], stream: Stream | None = None) -> Node:
    """Build a Node, inferring its stream from the nodes it reads."""
    return Node(name, op, tuple(n.name for n in inputs), infer_stream(op, [n.stream for n in inputs], stream))


__all__ = ["Fold", "LoweredGraph", "Node", "node"]
