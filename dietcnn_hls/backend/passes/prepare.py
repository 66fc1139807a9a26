# SPDX-License-Identifier: Apache-2.0
"""Passes before lowering: refuse what has no lowering, drop identities, fold batch-norm, move pools behind activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hls4ml.model.layers import Layer
from hls4ml.model.optimizer import ModelOptimizerPass, OptimizerPass

from dietcnn_hls.backend.edit import consumers, source, swap
from dietcnn_hls.backend.support import check_keras_model, check_layer, check_options, unsupported

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


def is_identity(node: Layer) -> bool:
    return node.class_name == "Activation" and node.get_attr("activation") == "linear" and not is_activation(node)


def is_activation(node: Layer) -> bool:
    """A codebook, uniform or QKeras' quantised activation."""
    quantised = node.class_name == "Activation" and node.get_attr("activation_quantizer") is not None
    return node.class_name in ("CodebookActivation", "UniformActivation") or quantised


def is_pool(node: Layer) -> bool:
    return node.class_name == "Pooling2D"


def is_linear(node: Layer) -> bool:
    return node.class_name in (
        *("LookupConv2D", "LookupDepthwiseConv2D", "LookupDense"),
        *("Conv2D", "DepthwiseConv2D", "Dense"),
    )


class CheckModel(ModelOptimizerPass):
    """Refuses, before anything is changed, what has no lowering; hls4ml alone would drop it or read it wrongly."""

    name = "check_model"

    def __init__(self) -> None:
        """Nothing to configure; the base class would want a function."""

    def transform(self, model: ModelGraph) -> bool:
        keras_model: Any = model.config.config.get("KerasModel")
        if keras_model is not None and not isinstance(keras_model, str):
            check_keras_model(keras_model)
        check_options(model)
        for node in model.graph.values():
            check_layer(model, node)
        return True


class ReadInputGrid(OptimizerPass):
    """What the model says of its input's grid becomes an attribute of the input."""

    def match(self, node: Layer) -> bool:
        return node.class_name == "InputGrid"

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        others = [reader.name for reader in consumers(model, source(node)) if reader is not node]
        if others:
            raise unsupported(node.name, "InputGrid", f"'{others[0]}' reads the input past it; let that read this layer")
        source(node).set_attr("input_grid", node.get_attr("input_grid"))
        model.remove_node(node)
        return True


class DropIdentity(OptimizerPass):
    """Linear activations, and the softmax at the very end: the design ends at the logits."""

    def match(self, node: Layer) -> bool:
        return is_identity(node) or node.class_name == "Softmax"

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        model.remove_node(node)
        return True


class MovePool(OptimizerPass):
    """Linear -> pool -> activation becomes linear -> activation -> pool: exact, because activations never fall.

    Batch-norm with a negative scale turns the order around; then the pool stays and compares accumulators.
    """

    def match(self, node: Layer) -> bool:
        if not is_activation(node) or not is_pool(source(node)):
            return False
        pool, scale = source(node), node.get_attr("scale")
        behind_linear = is_linear(source(pool)) or source(pool).class_name == "ExactBatchNormalization"
        return behind_linear and len(consumers(node.model, pool)) == 1 and (scale is None or bool((scale >= 0).all()))

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        swap(model, source(node), node)
        return True


class FoldBatchNorm(OptimizerPass):
    """Batch-norm becomes attributes ``scale`` and ``shift`` of the activations that read it."""

    def match(self, node: Layer) -> bool:
        if node.class_name != "ExactBatchNormalization":
            return False
        readers = consumers(node.model, node)
        return bool(readers) and all(is_activation(r) and r.get_attr("scale") is None for r in readers)

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        for reader in consumers(model, node):
            reader.set_attr("scale", node.get_attr("scale"))
            reader.set_attr("shift", node.get_attr("shift"))
        model.remove_node(node)
        return True
