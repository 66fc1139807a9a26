# SPDX-License-Identifier: Apache-2.0
"""QKeras' layers on Keras 3 (qkeras-v3): its own quantisers say weights, and what an activation makes of each integer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dietcnn_hls.backend.readers.keras3 import layers
from dietcnn_hls.backend.readers.keras3.values import Making, Value, applied
from dietcnn_hls.backend.readers.origin import package_of

ACTIVATIONS = (
    *("quantized_bits", "quantized_linear", "quantized_relu", "quantized_tanh", "quantized_sigmoid", "quantized_ulaw"),
    *("quantized_po2", "quantized_relu_po2", "quantized_hswish", "binary", "ternary"),
)
"""QKeras' quantisers of data that have a lowering."""


class _Quantised:
    """A layer with the names by which HGQ2's have their quantised weights."""

    def __init__(self, make: Making, layer: Any) -> None:
        self._make, self._layer, self.activation = make, layer, None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def _weights(self, word: str) -> Any:
        if getattr(self._layer, f"{word}_quantizer") is None:
            raise self._make.refused(f"its {word} has no quantiser; give it {word}_quantizer")
        return getattr(self._layer, f"{word}_quantizer_internal")(getattr(self._layer, word))

    @property
    def qkernel(self) -> Any:
        if getattr(self._layer, "_mask", None) is not None:
            raise self._make.refused("a mask has no lowering; leave it out")
        return self._weights("kernel")

    @property
    def qbias(self) -> Any:
        return self._weights("bias") if self._layer.use_bias else None


def dense(make: Making, layer: Any, value: Value) -> Value:
    """QDense."""
    return _active(make, layers.dense(make, _Quantised(make, layer), value), layer.activation)


def convolution(make: Making, layer: Any, value: Value) -> Value:
    """QConv1D and QConv2D."""
    return _active(make, layers.convolution(make, _Quantised(make, layer), value), layer.activation)


def activation(make: Making, layer: Any, value: Value) -> Value:
    """QActivation."""
    return _active(make, value, layer.activation)


def _active(make: Making, value: Value, function: Any) -> Value:
    """A quantiser of data, or one of Keras' activations."""
    if function is None or package_of(function) != "qkeras":
        return layers.activated(value, function, make)
    name = type(function).__name__
    if name not in ACTIVATIONS:
        raise make.refused(f"the quantiser '{name}' has no lowering for data; use {', '.join(ACTIVATIONS)}")
    if isinstance(getattr(function, "alpha", None), str) or getattr(function, "use_stochastic_rounding", False):
        raise make.refused(f"{name} scales by the data, or rounds at random; use alpha=1 and no stochastic rounding")
    make.tabulated(value, applied(function), "activation")
    return make.value


def norm(make: Making, layer: Any, value: Value) -> Value:
    """A batch-norm in floats, which is left to the quantiser behind."""
    rank = len(value.stream.shape)
    axis = layer.axis[0] if isinstance(layer.axis, list | tuple) else layer.axis
    if axis not in (-1, rank):
        raise make.refused("a batch-norm over another axis than the last has no lowering")
    return value.then(applied(lambda tensor: layer(tensor, training=False)), f"the batch-norm '{make.name}'")


QKERAS: Mapping[str, layers.Handler] = {
    "QDense": dense,
    "QConv1D": convolution,
    "QConv2D": convolution,
    "QActivation": activation,
    "QBatchNormalization": norm,
}
"""QKeras' layers."""

__all__ = ["ACTIVATIONS", "QKERAS", "norm"]
