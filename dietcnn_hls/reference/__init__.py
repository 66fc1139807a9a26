# SPDX-License-Identifier: Apache-2.0
"""The arbiter: evaluates a lowered graph with numpy integers. Slow, plain and right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dietcnn_hls.errors import DatasetError, LoweringError
from dietcnn_hls.integers import im2col
from dietcnn_hls.lowered import (
    Add,
    Encode,
    Grid,
    Linear,
    LoweredGraph,
    MaxPool,
    Node,
    Requantize,
    Reshape,
    Source,
    Stream,
    SumPool,
    SymbolMap,
)

WINDOW_CODES = 2**23
"""Codes of windows that the reference holds at once; each takes eight bytes, and a kernel a few copies."""


def quantize_input(graph: LoweredGraph, x: np.ndarray) -> np.ndarray:
    """Float inputs -> input codes; values must be ones that the input's codes stand for.

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
    if stream.levels is None:
        return Grid(stream.lo, stream.hi, stream.fraction).codes(x)
    integers = Grid(min(stream.levels[0], 0), max(stream.levels[-1], 0), stream.fraction).codes(x)
    codes = np.searchsorted(stream.levels, integers).clip(max=stream.hi)
    if (stream.integers[codes] != integers).any():
        raise DatasetError(f"inputs must be values of the codebook {list(stream.levels)} / 2^{stream.fraction}")
    return codes


def predict(graph: LoweredGraph, codes: np.ndarray, batch: int | None = None) -> np.ndarray:
    """Input codes (N, *input shape) -> output codes (N, *output shape), int64, exact.

    Args:
        graph: lowered graph.
        codes: input codes.
        batch: images at a time; None: as many as keep the windows of the largest layer within `WINDOW_CODES`, 64 at most.
            Activations of a batch are let go of behind their last reader.
    """
    batch = batch or batch_size(graph)
    parts = [run(graph, codes[i : i + batch])[graph.output.name] for i in range(0, len(codes), batch)]
    return np.concatenate(parts) if parts else np.zeros((0, *graph.output.stream.shape), np.int64)


def batch_size(graph: LoweredGraph) -> int:
    """Images that `predict` takes at a time."""
    sizes = (n.stream.size // n.stream.channels * n.op.kernel.taps for n in graph.nodes if isinstance(n.op, Linear))
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
        if isinstance(node.op, Source):
            values[node.name] = codes
        else:
            values[node.name] = evaluate(node, graph.input_streams(node), [values[n] for n in node.inputs])
        if not keep:
            for name in [n for n in node.inputs if last_use[n] == node.name]:
                values.pop(name, None)
    return values


def evaluate(node: Node, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    """One operation on a batch of codes, (N, *shape) each -> (N, *node.stream.shape)."""
    return _EVALUATORS[type(node.op)](node.op, streams, inputs).reshape(-1, *node.stream.shape)


def _linear(op: Linear, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    if op.window is None:
        result = op.kernel.accumulate(inputs[0].reshape(len(inputs[0]), -1))
    else:
        result = _convolve(op, streams[0], inputs[0])
    return result if op.bias is None else result + op.bias


def _convolve(op: Linear, stream: Stream, codes: np.ndarray) -> np.ndarray:
    window = op.window
    assert window is not None
    fill = stream.zero_code if any(window.padding) else 0
    columns = im2col(codes, window.size, window.stride, window.padding, fill)
    groups = np.split(columns, window.groups, axis=-1)
    rows = op.kernel.outputs // window.groups
    parts = [op.kernel.accumulate(g.reshape(-1, op.kernel.taps), slice(i * rows, (i + 1) * rows)) for i, g in enumerate(groups)]
    return np.concatenate(parts, axis=-1)


def _encode(op: Encode, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    count = np.zeros(inputs[0].shape, dtype=np.int64)
    for column in range(op.thresholds.shape[1]):
        count += inputs[0] >= op.thresholds[:, column]
    return np.where(op.flip, len(op.levels) - 1 - count, count)


def _requantize(op: Requantize, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    return np.clip(round_shift(inputs[0], op.shift, op.rounding), op.lo, op.hi)


def round_shift(x: np.ndarray, shift: int, rounding: str) -> np.ndarray:
    """``round(x * 2**-shift)`` on int64, rounding 'half_up' | 'half_even' | 'floor'."""
    if shift <= 0:
        return x << -shift
    if rounding == "floor":
        return x >> shift
    half = 1 << (shift - 1)
    if rounding == "half_up":
        return (x + half) >> shift
    if rounding == "half_even":
        return (x + half - 1 + ((x >> shift) & 1)) >> shift
    raise LoweringError(f"unknown rounding '{rounding}'")


def _symbol_map(op: SymbolMap, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    channels = np.arange(inputs[0].shape[-1]) if len(op.table) > 1 else 0
    return op.table[channels, inputs[0]].astype(np.int64)


def _max_pool(op: MaxPool, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    w = op.window
    return im2col(inputs[0], w.size, w.stride, w.padding, streams[0].lo).max(axis=(3, 4))


def _sum_pool(op: SumPool, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    w = op.window
    return im2col(streams[0].decode(inputs[0]), w.size, w.stride, w.padding, 0).sum(axis=(3, 4))


def _reshape(op: Reshape, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    return inputs[0]


def _add(op: Add, streams: list[Stream], inputs: list[np.ndarray]) -> np.ndarray:
    left, right = (s.decode(x) << shift for s, x, shift in zip(streams, inputs, op.shifts, strict=True))
    return left + right


_EVALUATORS: dict[type, Callable[..., np.ndarray]] = {
    Linear: _linear,
    Encode: _encode,
    Requantize: _requantize,
    SymbolMap: _symbol_map,
    MaxPool: _max_pool,
    SumPool: _sum_pool,
    Reshape: _reshape,
    Add: _add,
}


__all__ = ["batch_size", "evaluate", "output_values", "predict", "quantize_input", "round_shift", "run"]
