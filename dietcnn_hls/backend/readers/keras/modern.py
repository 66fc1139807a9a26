# SPDX-License-Identifier: Apache-2.0
"""Models of Keras 3's own layers in Keras 2's words, so that one reader does for both.

The layers are the same, and so are their weights; what differs is how an architecture is written: shapes of inputs, types,
calls, and two names. What only Keras 3 has is left in place where it says something, to be refused by its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from dietcnn_hls.backend.readers.origin import is_keras3, package_of

_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
"""Arguments that have other names in Keras 2, by class."""

_WEIGHTS = {kind: {"kernel": "depthwise_kernel"} for kind in ("DepthwiseConv1D", "DepthwiseConv2D")}
"""Weights likewise."""

_NEW: dict[str, Any] = {
    "sparse": False,
    "ragged": False,
    "optional": False,
    "lora_rank": None,
    "lora_alpha": None,
    "quantization_config": None,
}
_NEW |= {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
"""Arguments that Keras 2 does not have, and the values at which they say nothing."""

_FUNCTIONS = {"silu": "swish"}
"""Functions that have other names in Keras 2."""


def is_plain_keras3(model: Any) -> bool:
    """Whether a model is one of Keras 3 and all its layers, inside models too, are Keras' own."""
    return is_keras3(model) and all(package_of(layer) == "keras" for layer in _layers(model))


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        yield from _layers(layer) if hasattr(layer, "layers") else ()


def in_keras2_words(model: Any) -> Any:
    """A plain model of Keras 3 as one that speaks as Keras 2 does; any other as it is."""
    return InKeras2Words(model) if is_plain_keras3(model) else model


class InKeras2Words:
    """A Keras 3 model whose `to_json` is as Keras 2 writes it; everything else is the model's."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def to_json(self) -> str:
        """The architecture as Keras 2 writes it."""
        return json.dumps(translated(json.loads(self._model.to_json())))

    def get_layer(self, name: str) -> Any:
        """A layer, or a model among the layers, by its name; its weights have the names that Keras 2 gives them."""
        layer = self._model.get_layer(name)
        if hasattr(layer, "layers"):
            return InKeras2Words(layer)
        return _Renamed(layer) if type(layer).__name__ in _WEIGHTS else layer


class _Renamed:
    """A layer whose weights have other names in Keras 2."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    @property
    def weights(self) -> list[_Weight]:
        names = _WEIGHTS[type(self._layer).__name__]
        return [_Weight(names.get(weight.name, weight.name), weight) for weight in self._layer.weights]


class _Weight(NamedTuple):
    name: str
    weight: Any

    def numpy(self) -> np.ndarray:
        """Its values."""
        return np.asarray(self.weight.numpy())


def translated(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a layer, or of a model and its layers, in Keras 2's words."""
    kind, config = str(entry["class_name"]), dict(entry["config"])
    if "batch_shape" in config:
        config["batch_input_shape"] = config.pop("batch_shape")
    config = {_RENAMED.get(kind, {}).get(key, key): value for key, value in config.items() if _NEW.get(key, config) != value}
    if config.get("activation") == "linear" and kind != "Activation":
        del config["activation"]  # hls4ml's parser of Keras 3 makes no layer of it, and so gives it no type
    for key, value in config.items():
        if key == "dtype":
            config[key] = _type(value)
        elif key == "activation" and isinstance(value, str):
            config[key] = _FUNCTIONS.get(value, value)
        elif key in ("input_layers", "output_layers") and value and isinstance(value[0], str):
            config[key] = [value]  # a model's only one
        elif key == "layers":
            config[key] = [translated(each) for each in value]
        elif key == "layer":
            config[key] = translated(value)
    found = {**entry, "config": config}
    if "inbound_nodes" in entry:
        found["inbound_nodes"] = [_call(node) for node in entry["inbound_nodes"]]
    return found


def _type(given: Any) -> Any:
    """A policy of a type as its name."""
    if isinstance(given, Mapping) and given.get("class_name") == "DTypePolicy":
        return given["config"]["name"]
    return given


def _call(node: Mapping[str, Any]) -> list[list[Any]]:
    """One call of a layer: what it reads, with its further arguments behind each."""
    arguments = {key: value for key, value in node["kwargs"].items() if value is not None}
    reads = [_history(tensor) for given in node["args"] for tensor in (given if isinstance(given, list) else [given])]
    return [[*read, arguments] for read in reads]


def _history(tensor: Any) -> list[Any]:
    """Layer, call and place of a tensor; the value itself of what is none."""
    if isinstance(tensor, Mapping) and tensor.get("class_name") == "__keras_tensor__":
        return list(tensor["config"]["keras_history"])
    return [tensor, 0, 0]


__all__ = ["InKeras2Words", "in_keras2_words", "is_plain_keras3", "translated"]
