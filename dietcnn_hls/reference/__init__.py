# SPDX-License-Identifier: Apache-2.0
"""The arbiter: evaluates a lowered graph with numpy integers. Slow, plain and right. One page an operation family."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import DatasetError
from dietcnn_hls.lowered import LoweredGraph, Node, Stream
from dietcnn_hls.reference import arithmetic, arrangement, elementwise, linear, pooling, structure  # each registers its family
from dietcnn_hls.reference.registry import EVALUATORS

WINDOW_CODES = 2**23
"""Codes of windows that the reference holds at once; each takes eight bytes, and a kernel a few copies."""


def quantize_input(graph: LoweredGraph, x: np.ndarray) -> np.ndarray:
    """Float inputs -> input codes, as the input takes them: see `Source.codes`.

    Args:
        graph: lowered graph.
        x: (N, *input shape) floats.

    Returns:
        (N, *input shape) int64 codes.

    Raises:
        DatasetError: wrong shape, NaN/Inf, off the grid or out of range; says the range, the share that cannot enter and the
            remedy.
    """
    stream = graph.input.stream
    if x.shape[1:] != stream.shape:
        raise DatasetError(f"input of shape {x.shape[1:]} for a design of input shape {stream.shape}")
    return graph.source.codes(stream, x)


def predict(graph: LoweredGraph, codes: np.ndarray, batch: int | None = None) -> np.ndarray:
    """Input codes (N, *input shape) -> output codes (N, *output shape), int64, exact.

    Args:
        graph: lowered graph.
        codes: input codes.
        batch: images at a time; None: as many as keep the windows of the largest layer within `WINDOW_CODES`, 64 at most.
            Activations of a batch are let go of behind their last reader.

    Raises:
        DatasetError: codes of another shape or that the input cannot have.
    """
    stream, codes = graph.input.stream, np.asarray(codes)
    if codes.shape[1:] != stream.shape:
        raise DatasetError(f"codes of shape {codes.shape[1:]} for a design of input shape {stream.shape}")
    if codes.dtype.kind not in "iub" or (codes.size and not stream.lo <= codes.min() <= codes.max() <= stream.hi):
        raise DatasetError(f"input codes must be integers from {stream.lo} to {stream.hi}")
    batch = batch or batch_size(graph)
    parts = [run(graph, codes[i : i + batch])[graph.output.name] for i in range(0, len(codes), batch)]
    return np.concatenate(parts) if parts else np.zeros((0, *graph.output.stream.shape), np.int64)


def batch_size(graph: LoweredGraph) -> int:
    """Images that `predict` takes at a time."""
    sizes = (node.stream.size // node.stream.channels * node.kernel.taps for node in graph.linear_nodes)
    return max(1, min(64, WINDOW_CODES // max(sizes, default=1)))


def output_values(graph: LoweredGraph, outputs: np.ndarray) -> np.ndarray:
    """Output codes -> real values (float64), for comparison with Keras' outputs."""
    stream = graph.output.stream
    return stream.decode(outputs) * 2.0**-stream.fraction


def run(graph: LoweredGraph, codes: np.ndarray, keep: bool = False) -> dict[str, np.ndarray]:
    """Evaluate one batch. Returns the output's codes by name, or those of every node with ``keep=True``."""
    values: dict[str, np.ndarray] = {}
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        if node is graph.input:
            values[node.name] = codes
        else:
            values[node.name] = evaluate(node, graph.input_streams(node), [values[n] for n in node.inputs])
        if not keep:
            for name in [n for n in node.inputs if last_use[n] == node.name]:
                values.pop(name, None)
    return values


def evaluate(node: Node, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    """One operation on a batch of codes, (N, *shape) each -> (N, *node.stream.shape)."""
    return EVALUATORS.of(node.op, node.name)(node.op, streams, inputs).reshape(-1, *node.stream.shape)


__all__ = [
    "EVALUATORS",
    "arithmetic",
    "arrangement",
    "batch_size",
    "elementwise",
    "evaluate",
    "linear",
    "output_values",
    "pooling",
    "predict",
    "quantize_input",
    "run",
    "structure",
]
