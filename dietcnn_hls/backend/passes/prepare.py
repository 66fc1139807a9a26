# SPDX-License-Identifier: Apache-2.0
"""Passes before lowering: read layers, drop what computes nothing, fold batch-norm, move pools behind activations."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING

from hls4ml.model.layers import Layer
from hls4ml.model.optimizer import ModelOptimizerPass, OptimizerPass

from dietcnn_hls.backend import options, readers
from dietcnn_hls.backend.activations import Before
from dietcnn_hls.backend.asked import seen
from dietcnn_hls.backend.edit import bypass, consumers, source, swap
from dietcnn_hls.backend.layers import LoweredLayer
from dietcnn_hls.backend.passes.stock import is_stock
from dietcnn_hls.backend.refusals import unsupported
from dietcnn_hls.backend.trained import (
    TRAINED,
    BatchNorm,
    FinalSoftmax,
    GridStatement,
    Identity,
    ModelInput,
    ZeroPadding,
    is_activation,
    is_linear,
    is_pool,
    trained,
)
from dietcnn_hls.errors import LeftToHostWarning

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


class ReadModel(ModelOptimizerPass):
    """Every layer gets its neutral value, before anything is changed; a saved graph has none to read."""

    name = "read_model"

    def __init__(self) -> None:
        """Nothing to configure; the base class would want a function."""

    def transform(self, model: ModelGraph) -> bool:
        if not is_stock(model) and not all(isinstance(node, LoweredLayer) for node in model.graph.values()):
            readers.read(model)
            options.remember(model)
        return True


class ReadInputGrid(OptimizerPass):
    """What the model says of its input's grid goes to the input."""

    def match(self, node: Layer) -> bool:
        return isinstance(trained(node), GridStatement)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        entry = source(node)
        if not isinstance(trained(entry), ModelInput):
            raise unsupported(node, "it says what enters the design; put it directly behind the model's input")
        others = [reader.name for reader in consumers(model, entry) if reader is not node]
        if others:
            raise unsupported(node, f"'{others[0]}' reads the input past it; let that read this layer")
        entry.set_attr(TRAINED, dataclasses.replace(trained(entry), grid=trained(node).grid))
        _drop(model, node)
        return True


class DropIdentity(OptimizerPass):
    """Linear activations, dropout and the like."""

    def match(self, node: Layer) -> bool:
        return isinstance(trained(node), Identity)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        _drop(model, node)
        return True


class LeaveSoftmax(OptimizerPass):
    """The softmax at the very end is left to the host: the design ends at the logits, and says so."""

    def match(self, node: Layer) -> bool:
        return isinstance(trained(node), FinalSoftmax)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        if consumers(model, node) or node.outputs[0] not in model.outputs:
            raise unsupported(node, "only the model's last layer may be a softmax; the design ends at the logits")
        warnings.warn(
            f"layer '{node.name}' (softmax) is left to the host: the design ends at the logits, so predict() returns them. The "
            "largest logit has the largest probability; where probabilities are needed, apply softmax to what predict() returns.",
            LeftToHostWarning,
            stacklevel=2,
        )
        seen(model)[node.name].dropped = "it is left to the host"
        seen(model)[node.name].result = None
        entry = source(node)
        entry.set_attr("left_to_host", [*(entry.get_attr("left_to_host") or []), {"layer": node.name, "operation": "softmax"}])
        model.remove_node(node)
        return True


class MovePool(OptimizerPass):
    """Linear -> pool -> activation becomes linear -> activation -> pool: exact, because activations never fall.

    Batch-norm with a negative scale turns the order around; then the pool stays and compares accumulators.
    """

    def match(self, node: Layer) -> bool:
        if not is_activation(node) or not is_pool(source(node)):
            return False
        pool, before = source(node), before_of(node)
        behind_linear = is_linear(source(pool)) or isinstance(trained(source(pool)), BatchNorm)
        return (
            behind_linear and len(consumers(node.model, pool)) == 1 and (before.scale is None or bool((before.scale >= 0).all()))
        )

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        pool, layers = source(node), seen(model)
        swap(model, pool, node)
        layers[node.name].result = pool.name
        layers[pool.name].result, layers[pool.name].dropped = None, f"the activation '{node.name}' behind it is applied before it"
        return True


class FoldPadding(OptimizerPass):
    """Zero padding becomes part of the windows of the convolutions that read it, which pad with the code of zero."""

    def match(self, node: Layer) -> bool:
        return isinstance(trained(node), ZeroPadding)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        readers = consumers(model, node)
        windows = [trained(reader).window for reader in readers if is_linear(reader)]
        if not readers or len(windows) < len(readers) or any(window is None or any(window.padding) for window in windows):
            raise unsupported(node, "only convolutions with padding='valid' may read it; use padding='same', or move it there")
        for reader in readers:
            layer = trained(reader)
            padded = dataclasses.replace(layer.window, padding=trained(node).padding)
            reader.set_attr(TRAINED, dataclasses.replace(layer, window=padded))
        seen(model)[node.name].dropped = "it lies in the windows of the convolutions behind it"
        bypass(model, node)
        return True


class FoldBatchNorm(OptimizerPass):
    """Batch-norm goes into the activations that read it."""

    def match(self, node: Layer) -> bool:
        if not isinstance(trained(node), BatchNorm):
            return False
        readers = consumers(node.model, node)
        return bool(readers) and all(is_activation(r) and before_of(r).scale is None for r in readers)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        norm = trained(node)
        for reader in consumers(model, node):
            reader.set_attr("before", dataclasses.replace(before_of(reader), scale=norm.scale, shift=norm.shift))
        layer = seen(model)[node.name]
        layer.via, layer.norm, layer.dropped = source(node).name, norm, "it lies in the thresholds of the activation behind it"
        model.remove_node(node)
        return True


def before_of(activation: Layer) -> Before:
    """What was folded into an activation so far."""
    before: Before | None = activation.get_attr("before")
    return before or Before()


def _drop(model: ModelGraph, node: Layer) -> None:
    """Remove a layer that passes on what it reads."""
    seen(model)[node.name].via = source(node).name
    left = node.get_attr("left_to_host")
    if left:
        source(node).set_attr("left_to_host", left)
    model.remove_node(node)
