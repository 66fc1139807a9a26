# SPDX-License-Identifier: Apache-2.0
"""Cuts a failing case down while it fails in the same way: fewer operations at its end, then at its start, then fewer images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.lowered import LoweredGraph, Node, Source
from tests.benchmarks.soak.case import Case, Stopped, lowered_case

Fails = Callable[[Case], bool]
"""Whether a case still fails in the way that counts."""


def shrink(case: Case, fails: Fails, seconds: float) -> Case:
    """The smallest case that was found to fail within `seconds`; `case` itself at worst."""
    deadline = time.monotonic() + seconds
    steps = (_model_ends_earlier,) if case.model is not None else (_ends_earlier, _starts_later)
    for step in (*steps, _fewer_images):
        for candidate in step(case):
            if time.monotonic() > deadline:
                return case
            if fails(candidate):
                case = candidate
                break
    return case


def _ends_earlier(case: Case) -> Iterator[Case]:
    """What leads to each node, the smallest first; the input alone is no network."""
    for node in case.graph.nodes[1:-1]:
        yield case.with_graph(replace(case.graph, nodes=_leading_to(case.graph, node)), case.codes)


def _leading_to(graph: LoweredGraph, last: Node) -> tuple[Node, ...]:
    needed = {last.name, graph.input.name}
    nodes = graph.nodes[: graph.nodes.index(last) + 1]
    for node in reversed(nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return tuple(node for node in nodes if node.name in needed)


def _starts_later(case: Case) -> Iterator[Case]:
    """Each node's output as the input of what follows, the shortest rest first."""
    nodes = case.graph.nodes
    values = reference.run(case.graph, case.codes, keep=True)
    for i in range(len(nodes) - 2, 0, -1):
        rest = nodes[i + 1 :]
        if {name for node in rest for name in node.inputs} <= {node.name for node in nodes[i:]}:
            entry = Node(nodes[i].name, Source(), (), nodes[i].stream)
            yield case.with_graph(replace(case.graph, nodes=(entry, *rest)), values[nodes[i].name])


def _fewer_images(case: Case) -> Iterator[Case]:
    """Each image alone, then the first two, the first four."""
    count = len(case.codes)
    for i in range(count):
        yield replace(case, codes=case.codes[i : i + 1])
    for size in (2, 4):
        if size < count:
            yield replace(case, codes=case.codes[:size])


def _model_ends_earlier(case: Case) -> Iterator[Case]:
    """The Keras model up to each of its layers."""
    from dietcnn_hls.training.tf import tf

    for layer in case.model.layers[1:-1]:
        try:
            shorter = lowered_case(case.kind, case.seed, tf.keras.Model(case.model.inputs, layer.output))
        except Stopped:
            continue
        if np.shape(shorter.codes)[1:] == case.codes.shape[1:]:
            yield replace(shorter, codes=case.codes)


__all__ = ["shrink"]
