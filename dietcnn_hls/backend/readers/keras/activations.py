# SPDX-License-Identifier: Apache-2.0
"""Activations of Keras and QKeras, as layers or as arguments of others, by words, configs or objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.keras.source import arguments_of
from dietcnn_hls.backend.trained import FinalSoftmax, Identity, Uniform
from dietcnn_hls.methods.qkeras_reader import quantized_bits, quantized_relu

_QUANTIZERS: Mapping[str, Callable[[str, Mapping[str, Any]], tuple[int, int, int]]] = {
    "quantized_bits": quantized_bits,
    "quantized_relu": quantized_relu,
}
_REMEDY = "use CodebookActivation, or QActivation with quantized_relu or quantized_bits"
_PLAIN = {
    "relu": "use QActivation('quantized_relu(8,4)') or CodebookActivation, which also say how its values are rounded",
    "sigmoid": "where the model ends in it, leave it to the host: it does not change which class wins; " + _REMEDY,
}


def read_activation(layer: str, kind: str, given: Any, live: Any = None) -> Uniform | Identity | FinalSoftmax:
    """What an activation computes.

    Args:
        layer: name of the model's layer.
        kind: its class, for messages.
        given: None, a word such as 'linear' or 'quantized_relu(6,2)', or the config of an object.
        live: the object itself, where the model is in memory.

    Raises:
        UnsupportedLayerError: an activation, or an argument of it, without lowering; names the layer and the remedy.
    """
    if given is None or given == "linear":
        return Identity()
    if given == "softmax":
        return FinalSoftmax()
    name, config = _quantizer(given)
    if name not in _QUANTIZERS:
        raise unsupported(layer, f"{kind} '{name}'", _PLAIN.get(name, _REMEDY))
    return Uniform(*_QUANTIZERS[name](layer, arguments_of(config, live)))


def _quantizer(given: Any) -> tuple[str, Mapping[str, Any]]:
    """Class and config of an activation given by words or by its serialised form."""
    if isinstance(given, Mapping):
        config = given.get("config")
        return str(given["class_name"]).rsplit(">", 1)[-1], config if isinstance(config, Mapping) else {}
    word = str(given)
    if "(" not in word and word not in _QUANTIZERS:
        return word, {}
    from qkeras import quantizers  # what a word means is QKeras' to say

    found = quantizers.get_quantizer(word)
    return (type(found).__name__, found.get_config()) if hasattr(found, "get_config") else (word, {})


__all__ = ["read_activation"]
