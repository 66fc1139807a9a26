# SPDX-License-Identifier: Apache-2.0
"""The reader of Keras models, as hls4ml's Keras front end takes them apart: in memory, from .h5, from .json and .h5.

hls4ml makes one of its layers of each Keras layer, and one more of an activation that a layer has as an argument. What the
layer *is* is read here, from Keras' own configuration and variables, because hls4ml's reading drops arguments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dietcnn_hls.backend.readers.keras.architecture import prepared, read_architecture
from dietcnn_hls.backend.readers.keras.handlers import register_handlers
from dietcnn_hls.backend.readers.keras.layers import read_fused, read_layer
from dietcnn_hls.backend.readers.keras.network import check_network, check_object
from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.keras.source import KerasLayer, KerasNetwork
from dietcnn_hls.backend.trained import TRAINED, ModelInput, Trained, trained
from dietcnn_hls.errors import ConfigError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph
    from hls4ml.model.layers import Layer


class KerasReader:
    """Reads what hls4ml's ``keras_v2_to_hls`` has parsed."""

    def reads(self, config: Mapping[str, Any]) -> bool:
        """Whether a configuration names a Keras model."""
        return any(key in config for key in ("KerasModel", "KerasJson", "KerasH5"))

    def read(self, model: ModelGraph) -> None:
        """Give every layer of `model` its neutral value.

        Raises:
            UnsupportedLayerError: what has no lowering; names the layer and the remedy.
            LoweringError: weights that are not finite or off their grid.
        """
        for node, value in self.check(model).items():
            model.graph[node].set_attr(TRAINED, value)

    def check(self, model: ModelGraph) -> dict[str, Trained]:
        """The neutral value of every layer that has none; errors as in `read`. Nothing is changed."""
        network = network_of(model)
        check_network(network, model.graph)
        return {name: _value(node, network) for name, node in model.graph.items() if trained(node) is None}


def network_of(model: ModelGraph) -> KerasNetwork:
    """The Keras model that a ModelGraph was made from."""
    made = read_architecture(model.config.config)
    return KerasNetwork.of(made.architecture, made.reader)


def check_model(model: Any) -> None:
    """Check a model in memory before hls4ml's parser sees it; errors as in `KerasReader.read`, but for its weights."""
    if not hasattr(model, "to_json") or not hasattr(model, "layers"):
        raise ConfigError(f"convert() takes a Keras model or a LoweredGraph, not {type(model).__name__}")
    check_object(model)
    from hls4ml.converters.keras_v2_to_hls import KerasModelReader

    made = prepared(json.loads(model.to_json()), KerasModelReader(model))
    check_network(KerasNetwork.of(made.architecture, made.reader))


def _value(node: Layer, network: KerasNetwork) -> Trained:
    shapes = [tuple(int(n) for n in node.get_input_variable(name).shape) for name in node.inputs if node.class_name != "Input"]
    if node.name in network.layers:
        return read_layer(network.layers[node.name], shapes)
    if node.class_name == "Input":  # hls4ml's own, where a Sequential model has none
        return ModelInput(tuple(int(n) for n in node.get_attr("input_shape")))
    owner = node.get_input_node()
    if owner is None or owner.name not in network.layers or not _is_fused(node.name, network.layers[owner.name]):
        raise unsupported(node.name, node.class_name)
    return read_fused(network.layers[owner.name])


def _is_fused(name: str, owner: KerasLayer) -> bool:
    """Whether hls4ml calls the activation that `owner` has as an argument so."""
    given = owner.config.get("activation")
    return name == f"{owner.name}_{given['class_name'] if isinstance(given, Mapping) else given}"


__all__ = ["KerasReader", "check_model", "network_of", "register_handlers"]
