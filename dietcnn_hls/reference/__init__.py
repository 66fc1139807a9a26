# SPDX-License-Identifier: Apache-2.0
"""The arbiter: evaluates a lowered graph with numpy integers. Slow, plain and right. One page an operation family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dietcnn_hls.errors import DatasetError
from dietcnn_hls.lowered import LoweredGraph, Node, Stream
from dietcnn_hls.reference import arithmetic, arrangement, elementwise, linear, pooling, structure  # each registers its family
from dietcnn_hls.reference.registry import EVALUATORS

WINDOW_CODES = 2**23
"""Codes of windows that the reference holds at once; each takes eight bytes, and a kernel a few copies."""


Arrays = np.ndarray | Sequence[np.ndarray]
"""An array, or of a network with several inputs or outputs one for each, in order."""


def of_inputs(graph: LoweredGraph, arrays: Arrays, what: str = "input") -> list[np.ndarray]:
    """One array (N, *input shape) for each input, of the same N; `what` they are for the message.

    Raises:
        DatasetError: other numbers or shapes.
    """
    given = [np.asarray(arrays)] if len(graph.inputs) == 1 and not _listed(arrays) else [np.asarray(array) for array in arrays]
    if len(given) != len(graph.inputs):
        raise DatasetError(f"{len(given)} arrays for {len(graph.inputs)} inputs: {', '.join(n.name for n in graph.inputs)}")
    for node, array in zip(graph.inputs, given, strict=True):
        if array.shape[1:] != node.stream.shape:
            raise DatasetError(f"{what} of shape {array.shape[1:]} for a design of input shape {node.stream.shape}")
    if len({len(array) for array in given}) > 1:
        raise DatasetError(f"inputs of {', '.join(str(len(array)) for array in given)} samples; give each as many")
    return given


def input_codes(graph: LoweredGraph, codes: Arrays) -> list[np.ndarray]:
    """Codes of each input, in the graph's order.

    Raises:
        DatasetError: another number of arrays, another shape, no integers, or such as the input cannot have.
    """
    given = of_inputs(graph, codes, "codes")
    for node, array in zip(graph.inputs, given, strict=True):
        lo, hi = node.stream.lo, node.stream.hi
        if array.dtype.kind not in "iub":
            raise DatasetError(f"input '{node.name}' takes integer codes, got {array.dtype}; use reference.quantize_input")
        if array.size and not lo <= array.min() <= array.max() <= hi:
            raise DatasetError(f"input codes must lie in [{lo}, {hi}]")
    return given


def _listed(arrays: Arrays) -> bool:
    """Whether it is a list of one array."""
    return isinstance(arrays, list | tuple) and len(arrays) == 1


def _of_outputs(arrays: list[np.ndarray]) -> Any:
    return arrays[0] if len(arrays) == 1 else arrays


def quantize_input(graph: LoweredGraph, x: Arrays) -> Any:
    """Float inputs -> input codes, as the input takes them: see `Source.codes`.

    Args:
        graph: lowered graph.
        x: (N, *input shape) floats; a list of arrays where there are several inputs.

    Returns:
        (N, *input shape) int64 codes, or a list of such.

    Raises:
        DatasetError: wrong shape, NaN/Inf, off the grid or out of range; says the range, the share that cannot enter and the
            remedy.
    """
    given = of_inputs(graph, x)
    return _of_outputs([node.op.codes(node.stream, array) for node, array in zip(graph.inputs, given, strict=True)])  # type: ignore[attr-defined]


def predict(graph: LoweredGraph, codes: Arrays, batch: int | None = None) -> Any:
    """Input codes (N, *input shape) -> output codes (N, *output shape), int64, exact; lists where there are several.

    Args:
        graph: lowered graph.
        codes: input codes.
        batch: images at a time; None: as many as keep the windows of the largest layer within `WINDOW_CODES`, 64 at most.
            Activations of a batch are let go of behind their last reader.

    Raises:
        DatasetError: codes of another shape or that the input cannot have.
    """
    given = input_codes(graph, codes)
    batch = batch or batch_size(graph)
    parts = [run(graph, [array[i : i + batch] for array in given]) for i in range(0, len(given[0]), batch)]
    empty = [np.zeros((0, *node.stream.shape), np.int64) for node in graph.outputs]
    return _of_outputs([np.concatenate([part[node.name] for part in parts]) for node in graph.outputs] if parts else empty)


def batch_size(graph: LoweredGraph) -> int:
    """Images that `predict` takes at a time."""
    sizes = (node.stream.size // node.stream.channels * node.kernel.taps for node in graph.linear_nodes)
    return max(1, min(64, WINDOW_CODES // max(sizes, default=1)))


def output_values(graph: LoweredGraph, outputs: Arrays) -> Any:
    """Output codes -> real values (float64), for comparison with Keras' outputs; a list where there are several."""
    given = [np.asarray(outputs)] if len(graph.outputs) == 1 else list(outputs)
    streams = [node.stream for node in graph.outputs]
    return _of_outputs([stream.decode(codes) * 2.0**-stream.fraction for stream, codes in zip(streams, given, strict=True)])


def run(graph: LoweredGraph, codes: Arrays, keep: bool = False) -> dict[str, np.ndarray]:
    """Evaluate one batch. Returns the outputs' codes by name, or those of every node with ``keep=True``."""
    entering = dict(zip((node.name for node in graph.inputs), of_inputs(graph, codes), strict=True))
    values: dict[str, np.ndarray] = {}
    last_use = {name: node.name for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        if node.name in entering:
            values[node.name] = entering[node.name]
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
    "input_codes",
    "linear",
    "of_inputs",
    "output_values",
    "pooling",
    "predict",
    "quantize_input",
    "run",
    "structure",
]
