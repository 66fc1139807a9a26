# SPDX-License-Identifier: Apache-2.0
"""hls4ml's trace() for designs of this backend: its own calls entry points that our C++ does not have.

A pass binds it to the model, after a conversion and after `hls4ml.converters.load_saved_model` alike.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.backend.asked import Seen, asked, seen
from dietcnn_hls.backend.graphs import lowered_graph, stock_lowering
from dietcnn_hls.backend.samples import as_batches, as_given
from dietcnn_hls.backend.thresholds import batch_norm
from dietcnn_hls.errors import DatasetError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


def bind(model: ModelGraph) -> None:
    """Give a converted model this backend's trace()."""
    model.trace = partial(trace, model)


def trace(model: ModelGraph, x: reference.Arrays) -> tuple[Any, dict[str, np.ndarray]]:
    """What every layer yields, from the reference, which equals the design bit for bit; nothing is compiled.

    Args:
        model: converted by this backend.
        x: (N, *input shape) on the input grid, or one sample without N.

    Returns:
        The model's outputs, as predict() gives them, and by layer an array (N, *layer shape) of the values that Keras' layer of
        that name yields, in the type of `x`: layers for which ``Trace`` is set, or all where it is set for none. Left out are
        layers of which the design holds no value: a pool whose activation is applied before it, a layer that a batch-norm of
        shifts behind it is part of, a softmax that is left to the host. Of a saved graph: the design's own layers.

    Raises:
        DatasetError: inputs off the grid, out of range or of another shape.
    """
    graph = lowered_graph(model)
    arrays, single = as_batches(graph, x)
    codes = reference.of_inputs(graph, reference.quantize_input(graph, arrays))
    batch = reference.batch_size(graph)
    slices = [slice(i, i + batch) for i in range(0, len(codes[0]), batch)]
    parts = [reference.run(graph, [array[part] for array in codes], keep=True) for part in slices]
    if not parts:
        raise DatasetError("trace() needs one sample at least")
    found = {node.name: np.concatenate([part[node.name] for part in parts]) for node in graph.nodes}
    values = {node.name: node.stream.decode(found[node.name]) * 2.0**-node.stream.fraction for node in graph.nodes}
    kind = arrays[0].dtype if np.issubdtype(arrays[0].dtype, np.floating) else np.dtype(np.float64)
    ends = [values[node.name] for node in graph.outputs]
    outputs = as_given(ends if len(ends) > 1 else ends[0], kind, single)
    stock = stock_lowering(model)
    if stock is not None:
        shown = {layer: values[node] for layer, node in stock.results.items()}
    else:
        shown = _Shown(values, seen(model)).all() if seen(model) else values
    wanted = _flagged(model) or [name for name in shown if name not in {node.name for node in graph.inputs}]
    return outputs, {name: shown[name].astype(kind) for name in wanted if name in shown}


class _Shown:
    """Values of the front end's layers, from those of the design's."""

    def __init__(self, values: dict[str, np.ndarray], layers: dict[str, Seen]) -> None:
        self.values, self.layers = values, layers
        self.found: dict[str, np.ndarray | None] = {}

    def all(self) -> dict[str, np.ndarray]:
        """By name, in the model's order; without layers of which the design holds no value."""
        each = {name: self.value(name) for name in self.layers}
        return {name: value for name, value in each.items() if value is not None}

    def value(self, name: str) -> np.ndarray | None:
        if name not in self.found:
            self.found[name] = self._compute(self.layers[name])
        return self.found[name]

    def _compute(self, layer: Seen) -> np.ndarray | None:
        if layer.via is not None:
            value = self.value(layer.via)
            if value is None or layer.norm is None:
                return value
            return batch_norm(value.astype(np.float32), layer.norm.scale, layer.norm.shift)
        if layer.result is None:
            return None
        value = self.values[layer.result]
        return value if layer.bias is None else (value + layer.bias).astype(np.float32)


def _flagged(model: ModelGraph) -> list[str]:
    """Layers for which the configuration sets ``Trace``."""
    if stock_lowering(model) is not None:
        return [layer.name for layer in model.get_layers() if layer.get_attr("trace", False)]
    return [name for name, layer in seen(model).items() if asked(model, name, layer.kinds).get("Trace", ("", False))[1]]


__all__ = ["bind", "trace"]
