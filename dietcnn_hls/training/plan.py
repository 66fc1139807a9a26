# SPDX-License-Identifier: Apache-2.0
"""Reads a float Keras model into a plan: linear layers with their batch-norm, activations and what lies between.

Methods rebuild a model from its plan; what has no lowering is refused here, before any long work, by name and remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError, LoweringError, UnsupportedLayerError
from dietcnn_hls.training.tf import tf

_layers = tf.keras.layers


@dataclass(frozen=True, eq=False)
class Step:
    """One operation of the network.

    Attributes:
        name: the Keras layer's name.
        kind: 'linear', 'relu', 'softmax', 'add', 'mean' (average pooling), 'batch_norm' (one that stands alone) or 'keep'
            (maximum pooling, reshaping, dropout: rebuilt as it is).
        layer: the Keras layer.
        inputs: names of the steps it reads; the network's input is called ``INPUT``.
        norm: the batch-norm behind a linear layer, or None.
    """

    name: str
    kind: str
    layer: Any
    inputs: tuple[str, ...]
    norm: Any = None

    @property
    def kernel(self) -> np.ndarray:
        """A linear step's kernel in Keras' layout."""
        return (self.layer.depthwise_kernel if hasattr(self.layer, "depthwise_kernel") else self.layer.kernel).numpy()

    @property
    def bias(self) -> np.ndarray:
        """A linear step's bias, zeros where it has none; shape (channels,)."""
        if self.layer.bias is not None:
            return self.layer.bias.numpy()
        return np.zeros(self.layer.compute_output_shape(self.layer.input_shape)[-1], np.float32)

    def gain_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        """The affine map behind a linear step's products, batch-norm and bias together: float64, (channels,) each."""
        bias = self.bias.astype(np.float64)
        if self.norm is None:
            return np.ones_like(bias), bias
        variance = self.norm.moving_variance.numpy().astype(np.float64)
        gain = 1 / np.sqrt(variance + self.norm.epsilon)
        if self.norm.gamma is not None:
            gain = gain * self.norm.gamma.numpy()
        shift = (bias - self.norm.moving_mean.numpy()) * gain
        return gain, shift if self.norm.beta is None else shift + self.norm.beta.numpy()


INPUT = "image"

Plan = tuple[Step, ...]


def read_plan(model: Any) -> Plan:
    """A built float Keras model, Sequential or functional, as steps in order of evaluation; the last one is its output.

    Raises:
        UnsupportedLayerError: a layer, activation or wiring that has no lowering; names it and says what to use.
        LoweringError: weights that are NaN or Inf.
        ConfigError: no built Keras model with one input and one output.
    """
    if not isinstance(model, tf.keras.Model) or not model.built or not hasattr(model, "layers"):
        raise ConfigError(f"a built tf.keras model is needed, got {type(model).__name__}; give its first layer an input shape")
    if getattr(model, "inputs", None) is None or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigError(f"model '{model.name}' must be Sequential or functional, with one input and one output")
    reader = _Reader(model)
    for layer in model.layers:
        if not isinstance(layer, _layers.InputLayer):
            reader.add(layer)
    return reader.finish()


class _Reader:
    """Collects steps; `_names` maps a Keras tensor to the step that makes it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._names = {id(model.inputs[0]): INPUT}
        self._steps: dict[str, Step] = {}

    def add(self, layer: Any) -> None:
        handler = _HANDLERS.get(type(layer))
        if handler is None:
            raise UnsupportedLayerError(f"layer '{layer.name}' of type {type(layer).__name__} {_remedy(layer)}")
        if len(layer.inbound_nodes) != 1:
            raise UnsupportedLayerError(f"layer '{layer.name}' is used more than once; give each use a layer of its own")
        for weight in layer.weights:
            if not np.isfinite(weight.numpy()).all():
                raise LoweringError(f"layer '{layer.name}': weights hold NaN or Inf; the training diverged")
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        name = handler(self, layer, tuple(self._names[id(t)] for t in tensors))
        self._names[id(layer.output)] = name

    def finish(self) -> Plan:
        output = self._names[id(self.model.outputs[0])]
        steps = tuple(self._steps.values())
        for step in steps:
            if step.kind == "softmax" and step.name != output:
                raise UnsupportedLayerError(f"layer '{step.name}': softmax has a lowering as the last layer only; use relu")
        if steps and steps[-1].kind == "batch_norm" and steps[-1].name == output:
            raise UnsupportedLayerError(
                f"layer '{output}': a batch-norm lies in the thresholds of an activation; put one behind it"
            )
        read = {name for step in steps for name in step.inputs}
        if not steps or output in read or any(s.name not in read for s in steps if s.name != output):
            raise UnsupportedLayerError(f"model '{self.model.name}' must end in one output that every layer leads to")
        return steps

    def _append(self, name: str, kind: str, layer: Any, inputs: tuple[str, ...]) -> str:
        self._steps[name] = Step(name, kind, layer, inputs)
        return name

    def linear(self, layer: Any, inputs: tuple[str, ...]) -> str:
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise UnsupportedLayerError(f"layer '{layer.name}': use data_format='channels_last'")
        if getattr(layer, "groups", 1) != 1 or tuple(getattr(layer, "dilation_rate", (1, 1))) != (1, 1):
            raise UnsupportedLayerError(f"layer '{layer.name}': dilation and groups have no lowering; use a plain convolution")
        if isinstance(layer, _layers.Dense) and len(layer.input_shape) != 2:
            raise UnsupportedLayerError(f"layer '{layer.name}': a dense layer reads flat data; put a Flatten before it")
        name = self._append(layer.name, "linear", layer, inputs)
        return self._function(layer, name, layer.activation)

    def activation(self, layer: Any, inputs: tuple[str, ...]) -> str:
        return self._function(layer, inputs[0], layer.activation)

    def _function(self, layer: Any, source: str, function: Callable[..., Any]) -> str:
        """A fused or separate activation behind `source`."""
        word = getattr(function, "__name__", str(function))
        if word == "linear":
            return source
        if word not in ("relu", "softmax"):
            raise UnsupportedLayerError(
                f"layer '{layer.name}': activation '{word}' has no lowering; use relu (softmax at the end)"
            )
        name = layer.name if layer.name not in self._steps else f"{layer.name}_{word}"
        return self._append(name, word, layer, (source,))

    def relu(self, layer: Any, inputs: tuple[str, ...]) -> str:
        if layer.negative_slope or layer.threshold:
            raise UnsupportedLayerError(f"layer '{layer.name}': only a plain ReLU has a lowering; drop slope and threshold")
        return self._append(layer.name, "relu", layer, inputs)

    def softmax(self, layer: Any, inputs: tuple[str, ...]) -> str:
        return self._append(layer.name, "softmax", layer, inputs)

    def norm(self, layer: Any, inputs: tuple[str, ...]) -> str:
        if layer.axis not in (-1, [len(layer.input_shape) - 1], (len(layer.input_shape) - 1,)):
            raise UnsupportedLayerError(f"layer '{layer.name}': only a batch-norm over the last axis has a lowering")
        if self._root(inputs[0]) not in ("linear", "batch_norm"):
            return self._append(layer.name, "batch_norm", layer, inputs)
        source = self._steps[inputs[0]]
        if source.kind != "linear" or source.norm is not None or self._read(inputs[0]):
            raise UnsupportedLayerError(
                f"layer '{layer.name}': a batch-norm folds into the convolution or dense layer right before it; move it there"
            )
        self._steps[source.name] = replace(source, norm=layer)
        return source.name

    def _root(self, name: str) -> str:
        """Kind of the step that makes what arrives at `name`, past pooling and reshaping."""
        while name in self._steps and self._steps[name].kind == "keep":
            name = self._steps[name].inputs[0]
        return self._steps[name].kind if name in self._steps else INPUT

    def _read(self, name: str) -> bool:
        return any(name in step.inputs for step in self._steps.values())

    def add_streams(self, layer: Any, inputs: tuple[str, ...]) -> str:
        if len(inputs) != 2:
            raise UnsupportedLayerError(f"layer '{layer.name}' adds {len(inputs)} tensors; add two at a time")
        return self._append(layer.name, "add", layer, inputs)

    def pool(self, layer: Any, inputs: tuple[str, ...]) -> str:
        if layer.data_format != "channels_last":
            raise UnsupportedLayerError(f"layer '{layer.name}': use data_format='channels_last'")
        return self.keep(layer, inputs)

    def mean(self, layer: Any, inputs: tuple[str, ...]) -> str:
        if layer.data_format != "channels_last":
            raise UnsupportedLayerError(f"layer '{layer.name}': use data_format='channels_last'")
        if getattr(layer, "padding", "valid") != "valid":
            raise UnsupportedLayerError(
                f"layer '{layer.name}': an average over padded windows has no lowering; use padding='valid'"
            )
        return self._append(layer.name, "mean", layer, inputs)

    def keep(self, layer: Any, inputs: tuple[str, ...]) -> str:
        return self._append(layer.name, "keep", layer, inputs)


_HANDLERS: dict[type, Callable[[_Reader, Any, tuple[str, ...]], str]] = {
    _layers.Conv2D: _Reader.linear,
    _layers.DepthwiseConv2D: _Reader.linear,
    _layers.Dense: _Reader.linear,
    _layers.BatchNormalization: _Reader.norm,
    _layers.ReLU: _Reader.relu,
    _layers.Activation: _Reader.activation,
    _layers.Softmax: _Reader.softmax,
    _layers.Add: _Reader.add_streams,
    _layers.MaxPooling2D: _Reader.pool,
    _layers.AveragePooling2D: _Reader.mean,
    _layers.GlobalAveragePooling2D: _Reader.mean,
    _layers.Flatten: _Reader.keep,
    _layers.Reshape: _Reader.keep,
    _layers.Dropout: _Reader.keep,
}


def _remedy(layer: Any) -> str:
    if type(layer).__module__.startswith(("qkeras", "dietcnn_hls")):
        return "is quantised already; pass the float model"
    return f"has no lowering; supported: {', '.join(t.__name__ for t in _HANDLERS)}"
