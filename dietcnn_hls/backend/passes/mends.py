# SPDX-License-Identifier: Apache-2.0
"""Passes before hls4ml's own or in place of them, for models that these stumble over or compute nonsense of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hls4ml.model.layers import BatchNormalization, DepthwiseConv1D, DepthwiseConv2D
from hls4ml.model.optimizer import OptimizerPass
from hls4ml.model.optimizer.passes.bn_fuse import FuseBatchNormalization
from hls4ml.model.optimizer.passes.convert_to_channels_last import RemoveTransposeBeforeFlatten

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph
    from hls4ml.model.layers import Layer


class NameParts(OptimizerPass):
    """The two layers that a separable convolution becomes have no attribute 'name', which scales of quantisers ask for."""

    name = "name_parts"

    def match(self, node: Layer) -> bool:
        return node.get_attr("name") is None

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        node.set_attr("name", node.name)
        return False


class FuseDepthwiseBatchNorm(OptimizerPass):
    """A batch-norm behind a depthwise convolution: hls4ml scales the kernel by its last axis, which is the multiplier's."""

    name = "fuse_depthwise_batch_norm"

    def match(self, node: Layer) -> bool:
        if not isinstance(node, BatchNormalization) or not isinstance(node.get_input_node(), DepthwiseConv1D | DepthwiseConv2D):
            return False
        return bool(FuseBatchNormalization().match(node))

    def transform(self, model: ModelGraph, node: Layer) -> bool:
        parent = node.get_input_node()
        shape = parent.weights["weight"].data.shape
        parent.weights["weight"].data = parent.weights["weight"].data.reshape(*shape[:-2], -1)
        done = FuseBatchNormalization().transform(model, node)
        parent.weights["weight"].data = parent.weights["weight"].data.reshape(shape)
        return bool(done)


class MoveTransposeIntoWeights(RemoveTransposeBeforeFlatten):  # type: ignore[misc]
    """A transposition before Flatten and Dense in io_parallel: hls4ml turns the weights for the two that it makes itself only."""

    name = "move_transpose_into_weights"

    def match(self, node: Layer) -> bool:
        return bool(super().match(node)) and list(node.get_input_node().get_attr("perm")) in ([1, 0], [2, 0, 1])


__all__ = ["FuseDepthwiseBatchNorm", "MoveTransposeIntoWeights", "NameParts"]
