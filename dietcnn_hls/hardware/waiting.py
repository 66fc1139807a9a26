# SPDX-License-Identifier: Apache-2.0
"""How long one operand of a residual add may have to wait for the other: the size of the buffers behind forks.

Both operands come from one fork F, the last operation that all ways to the add go through. Let need_a(j) be the codes of F that
must have passed before operand a's code j can exist, likewise need_b, and made_a(n) the codes of a that can exist once
n codes of F have passed. While the add waits for code j of b, F must be able to reach need_b(j), so operand a must not stand in
its way: a buffer of made_a(need_b(j)) - j codes behind a is enough, whatever the layers on the way do, because a cannot
have made more by then. The maximum over j is the bound below; it follows from windows, strides and padding alone and
holds under any stalls. Branches within branches have adds of their own, for which the same is true.

At the bound a branch works on one window at a time. `waiting_codes` adds a pixel, for words of several codes, and rows by which
layers may run ahead of each other, one for each that sees windows and one more; a whole image is always enough.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from dietcnn_hls.lowered import LoweredGraph, Node


def waiting_codes(graph: LoweredGraph, add: Node) -> tuple[int, int]:
    """Codes that the buffers behind an add's two operands should hold; 0: no buffer is needed.

    Args:
        graph: the network.
        add: one of its nodes with two inputs, an add or another operation that reads two streams.
    """
    if not add.op.pointwise:  # it takes long from one operand while the other waits: a whole image is always enough
        left, right = graph.input_streams(add)
        return left.size, right.size
    fork = common_fork(graph, add)
    if fork is None:  # from inputs of their own, which may come one behind the other
        left, right = graph.input_streams(add)
        return left.size, right.size
    codes = []
    for own, other in (add.inputs, add.inputs[::-1]):
        least = least_codes(graph, fork, own, other)
        stream = graph[own].stream
        row = stream.shape[-2] * stream.channels if len(stream.shape) == 3 else stream.size
        ahead = stream.channels + row * (1 + _windows_between(graph, fork, other))
        codes.append(min(least + ahead, stream.size) if least > 1 else 0)
    return codes[0], codes[1]


def least_codes(graph: LoweredGraph, fork: Node, own: str, other: str) -> int:
    """The bound of this module's text for operand `own`, the other operand being `other`; both come from `fork`."""
    made, needed = (_needs(graph, fork, name) for name in (own, other))
    ready = np.searchsorted(made, needed, side="right")
    return int((ready - np.arange(len(needed))).max())


def common_fork(graph: LoweredGraph, node: Node) -> Node | None:
    """The last operation before `node` that every way from an input to it goes through: its immediate dominator, if any."""
    through: dict[str, list[str]] = {}
    for n in graph.nodes:
        ways = [through[name] for name in n.inputs]
        through[n.name] = [name for name in ways[0] if all(name in way for way in ways)] + [n.name] if ways else [n.name]
    return graph[through[node.name][-2]] if len(through[node.name]) > 1 else None


def _needs(graph: LoweredGraph, fork: Node, name: str) -> np.ndarray:
    """(codes of `name`,) codes of `fork` that must have passed before each can exist, not decreasing."""
    needs = {fork.name: np.arange(1, fork.stream.size + 1)}
    for node in _between(graph, fork, name):
        reads = node.op.last_reads(graph.input_streams(node), node.stream)
        needs[node.name] = reduce(np.maximum, [needs[name][read] for name, read in zip(node.inputs, reads, strict=True)])
    return needs[name]


def _between(graph: LoweredGraph, fork: Node, name: str) -> list[Node]:
    """Operations on ways from `fork` to `name`, without `fork`, in order."""
    behind = {fork.name}
    for node in graph.nodes:
        if behind.intersection(node.inputs):
            behind.add(node.name)
    wanted = {name}
    for node in reversed(graph.nodes):
        if node.name in wanted and node.name != fork.name:
            wanted.update(node.inputs)
    return [node for node in graph.nodes if node.name in behind & wanted and node.name != fork.name]


def _windows_between(graph: LoweredGraph, fork: Node, name: str) -> int:
    """Operations on ways from `fork` to `name` that see windows of several rows."""
    windows = (node.op.window for node in _between(graph, fork, name))
    return sum(window is not None and window.size[0] > 1 for window in windows)


__all__ = ["common_fork", "least_codes", "waiting_codes"]
