# SPDX-License-Identifier: Apache-2.0
"""What a user chose under ``method:``: one method for the model, and others for layers named under ``layers:``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.lowered import Grid
from dietcnn_hls.methods.base import Method, MethodOptions
from dietcnn_hls.validation import shown, validate


@dataclass(frozen=True)
class MethodChoice:
    """A method with its options, and those of single layers.

    Attributes:
        method: for every conv and dense layer that `layers` does not name.
        options: its options.
        layers: (method, options) by layer name.
    """

    method: Method
    options: MethodOptions
    layers: Mapping[str, tuple[Method, MethodOptions]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Names of the methods, as reports put them."""
        return "+".join(sorted({self.method.name, *(method.name for method, _ in self.layers.values())}))

    def key(self) -> object:
        """What the choice comes to, as plain data."""
        layers = {name: (method.name, options.model_dump()) for name, (method, options) in self.layers.items()}
        return self.method.name, self.options.model_dump(), layers

    def quantize(self, model: Any, x_calibration: np.ndarray, input_grid: Grid | None = None) -> Any:
        """Float Keras model -> the model of these methods; see `Method.quantize`.

        Raises:
            ConfigError: a layer that the model lacks, or a method that takes whole models only.
        """
        if not self.layers:
            return self.method.quantize(model, x_calibration, self.options, input_grid)
        from dietcnn_hls.training.mixed import MixedRebuilder
        from dietcnn_hls.training.rebuild import FloatNetwork

        network = FloatNetwork.read(model, x_calibration, input_grid)
        default = self.method.keras.rebuilder(network, self.options)
        owners = {name: method.keras.rebuilder(network, options) for name, (method, options) in self.layers.items()}
        return MixedRebuilder(network, default, owners).build()


def method_choice(data: str | Mapping[str, Any], source: str) -> MethodChoice:
    """``{name, options ..., layers: {layer: the same}}``, or a method's name, to methods with validated options.

    Raises:
        ConfigError: no name, an unknown method, an option that it does not have or a value out of range.
    """
    if not isinstance(data, (str, Mapping)):
        raise ConfigError(f"{source}: give a method's name, or `{{name: ..., options}}` (got {shown(data)})")
    given = {"name": data} if isinstance(data, str) else dict(data)
    layers = given.pop("layers", None) or {}
    if not isinstance(layers, Mapping):
        raise ConfigError(
            f"{source}.layers: give a method for each layer, as `layers: {{conv1: fixed_point}}` (got {shown(layers)})"
        )
    method, options = _one_method(given, source)
    chosen = {str(layer): _one_method(of, f"{source}.layers.{layer}") for layer, of in layers.items()}
    return MethodChoice(method, options, chosen)


def _one_method(data: Any, source: str) -> tuple[Method, MethodOptions]:
    given = dict(data) if isinstance(data, Mapping) else {"name": data}
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{source}: give the name of a method.{suggest('', methods.available())}")
    method = methods.get(name)
    return method, validate(method.options, given, source)


__all__ = ["MethodChoice", "method_choice"]
