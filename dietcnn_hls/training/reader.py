# SPDX-License-Identifier: Apache-2.0
"""Reads a float Keras model into a plan. What has no lowering is refused, by the user's own layer name and with the remedy.

Only layers and arguments that stand in `arguments.ARGUMENTS` are read. Layers that others are made of (a separable convolution,
a pooling over the whole image) become those; the plan is then brought into the order in which thresholds have a place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import Window
from dietcnn_hls.tf import tf
from dietcnn_hls.training.arguments import check_arguments
from dietcnn_hls.training.functions import LINEAR, SOFTMAX, Scalar, scalar_of
from dietcnn_hls.training.order import fresh, ordered
from dietcnn_hls.training.plan import INPUT, Plan, Step
from dietcnn_hls.training.remedies import remedy

_layers = tf.keras.layers


def read_plan(model: Any) -> Plan:
    """A built float Keras model, Sequential or functional, as steps in order of evaluation; the last one is its output.

    Raises:
        UnsupportedLayerError: a layer, argument, activation or wiring that has no lowering; names it and says what to use.
        LoweringError: weights that are NaN or Inf.
        ConfigError: no built Keras model with one input and one output.
    """
    _check_model(model)
    reader = _Reader(model)
    for layer in model.layers:
        if not isinstance(layer, _layers.InputLayer):
            reader.add(layer)
    return ordered(reader.finish())


def _check_model(model: Any) -> None:
    if not isinstance(model, tf.keras.Model):
        raise ConfigError(f"a built tf.keras model is needed, got {type(model).__name__}")
    graph = tf.keras.Sequential if isinstance(model, tf.keras.Sequential) else _Functional
    if not isinstance(model, graph) or type(model).call is not graph.call:
        raise ConfigError(
            f"model '{model.name}' of class {type(model).__name__} computes what its own code says, which cannot be read; build "
            "it from layers: tf.keras.Sequential([...]) or tf.keras.Model(inputs, outputs)"
        )
    if not model.built or not getattr(model, "inputs", None):
        raise ConfigError(f"a built tf.keras model is needed, got {type(model).__name__}; give its first layer an input shape")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigError(
            f"model '{model.name}' must be Sequential or functional, with one input and one output; it has "
            f"{len(model.inputs)} and {len(model.outputs)}"
        )
    entry, shape = model.inputs[0].node.layer, tuple(model.inputs[0].shape[1:])
    check_arguments(entry)
    if None in shape:
        raise UnsupportedLayerError(
            f"layer '{entry.name}': an input of shape {shape} leaves sizes open, which a design cannot; give all as numbers"
        )
    if len(shape) not in (1, 3):
        raise UnsupportedLayerError(
            f"layer '{entry.name}': an input of shape {shape} is neither an image (H, W, C) nor a vector (N,); sequences (W, C) "
            "are images (1, W, C)"
        )


_Functional = type(tf.keras.Model(_probe := _layers.Input((1,)), _probe))
"""Keras' class of functional models; ``tf.keras.Model`` is its base."""


class _Reader:
    """Collects steps; `_names` maps a Keras tensor to the step that makes it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._names = {id(model.inputs[0]): INPUT}
        self._steps: dict[str, Step] = {}
        own = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
        self._nodes = {layer.name: [n for n in layer.inbound_nodes if id(n) in own] for layer in model.layers}
        self._taken = set(self._nodes)

    def add(self, layer: Any) -> None:
        handler = _HANDLERS.get(type(layer))
        if handler is None:
            raise UnsupportedLayerError(f"layer '{layer.name}' of type {type(layer).__name__} {remedy(layer, _HANDLERS)}")
        node = self._node(layer)
        check_arguments(layer)
        for weight in layer.weights:
            if not np.isfinite(weight.numpy()).all():
                raise LoweringError(f"layer '{layer.name}': weights hold NaN or Inf; the training diverged")
        sources = tuple(self._names[id(t)] for t in _tensors(node))
        self._names[id(node.outputs)] = handler(self, layer, node, sources)

    def _node(self, layer: Any) -> Any:
        """Where the model calls the layer; calls by other models do not count."""
        nodes = self._nodes[layer.name]
        if len(nodes) != 1:
            raise UnsupportedLayerError(f"layer '{layer.name}' is used more than once; give each use a layer of its own")
        extra = {f"argument {i}": v for i, v in enumerate(nodes[0].call_args[1:], start=2)} | nodes[0].call_kwargs
        for name, value in extra.items():
            if value is not None and not (name == "training" and value in (False, 0)):
                raise UnsupportedLayerError(
                    f"layer '{layer.name}' is called with {name}={value!r}, which has no lowering; call it with its input alone"
                )
        return nodes[0]

    def finish(self) -> list[Step]:
        output, steps = self._names[id(self.model.outputs[0])], list(self._steps.values())
        if not any(step.kind == "linear" for step in steps):
            raise UnsupportedLayerError(
                f"model '{self.model.name}' has no Conv2D, DepthwiseConv2D or Dense layer: there is nothing to compute by tables"
            )
        read = {name for step in steps for name in step.inputs}
        for step in steps:
            if step.name == output and step.name in read:
                raise UnsupportedLayerError(f"layer '{step.name}' is the output and is read by others; a design has one output")
            if step.name != output and step.name not in read:
                raise UnsupportedLayerError(f"layer '{step.name}' leads to no output; leave it out of the model")
        return sorted(steps, key=lambda step: step.name == output)

    # ---- what makes steps

    def _append(self, name: str, kind: Any, layer: Any, inputs: tuple[str, ...], tensor: Any, **more: Any) -> str:
        shape, output = more.pop("input_shape", None), more.pop("output_shape", None)
        shape = tuple(tensor.shape[1:]) if shape is None else shape
        self._steps[name] = Step(name, kind, layer, inputs, shape, shape if output is None else output, tensor, **more)
        self._taken.add(name)
        return name

    def fresh(self, name: str) -> str:
        return fresh(name, self._taken)

    def linear(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        tensor = _tensors(node)[0]
        if isinstance(layer, _layers.Dense) and len(tensor.shape) != 2:
            raise UnsupportedLayerError(
                f"layer '{layer.name}': a dense layer reads flat data; put a Flatten before it, or use a Conv2D with a 1x1 kernel"
            )
        name = self._append(layer.name, "linear", layer, inputs, tensor, output_shape=tuple(node.outputs.shape[1:]))
        return self._activated(layer, name, layer.activation)

    def separable(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        """A depthwise convolution and a 1x1 convolution; float layers of the same weights stand for them."""
        config, tensor = layer.get_config(), _tensors(node)[0]
        shared = {key: config[key] for key in ("kernel_size", "strides", "padding", "depth_multiplier")}
        first = _layers.DepthwiseConv2D(use_bias=False, name=self.fresh(f"{layer.name}_depthwise"), **shared)
        second = _layers.Conv2D(layer.filters, 1, use_bias=layer.use_bias, name=layer.name)
        middle = first(tensor)
        output = second(middle)
        first.set_weights([layer.depthwise_kernel.numpy()])
        second.set_weights([layer.pointwise_kernel.numpy(), *([layer.bias.numpy()] if layer.use_bias else [])])
        shape = tuple(middle.shape[1:])
        name = self._append(first.name, "linear", first, inputs, tensor, output_shape=shape, part_of=layer.name)
        name = self._append(second.name, "linear", second, (name,), middle, output_shape=tuple(output.shape[1:]))
        return self._activated(layer, name, layer.activation)

    def activation(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        return self._activated(layer, inputs[0], layer, node)

    def _activated(self, layer: Any, source: str, function: Any, node: Any = None) -> str:
        """An activation behind `source`, fused into `layer` or a layer itself; `node` is where that is called."""
        shape = self._shape(source) if node is None else tuple(node.outputs.shape[1:])
        found = _function(function, layer.name, len(shape))
        if found == LINEAR:
            return source
        word = "softmax" if found is None else found.kind
        name = layer.name if node is not None else self.fresh(f"{layer.name}_{word}")
        if found is None:
            return self._append(name, "softmax", layer, (source,), None, input_shape=shape)
        tensor = None if node is None else _tensors(node)[0]
        return self._append(name, "activation", None, (source,), tensor, input_shape=shape, function=found)

    def _shape(self, name: str) -> tuple[int, ...]:
        return self._steps[name].output_shape if name else tuple(self.model.inputs[0].shape[1:])

    def norm(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        tensor = _tensors(node)[0]
        axes = layer.axis if isinstance(layer.axis, int) else [int(a) for a in layer.axis]
        if axes not in (-1, [-1], len(tensor.shape) - 1, [len(tensor.shape) - 1]):
            raise UnsupportedLayerError(
                f"layer '{layer.name}': axis={axes!r} has no lowering: only a batch-norm over the last axis has; leave it out"
            )
        if (layer.moving_variance.numpy() + layer.epsilon <= 0).any():
            raise LoweringError(f"layer '{layer.name}': a variance below zero; the training diverged")
        return self._append(layer.name, "batch_norm", layer, inputs, tensor)

    def add_streams(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        tensors = _tensors(node)
        if len(inputs) != 2:
            raise UnsupportedLayerError(f"layer '{layer.name}' adds {len(inputs)} tensors; add two at a time")
        if len({tuple(t.shape) for t in tensors}) != 1:
            shapes = " and ".join(str(tuple(t.shape[1:])) for t in tensors)
            raise UnsupportedLayerError(f"layer '{layer.name}' adds shapes {shapes}; only equal shapes can be added")
        return self._append(layer.name, "add", layer, inputs, tensors[0])

    def keep(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        return self._append(layer.name, "keep", layer, inputs, _tensors(node)[0], output_shape=tuple(node.outputs.shape[1:]))

    def reshape(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        shape = tuple(node.outputs.shape[1:])  # without the -1 that the layer may have
        return self.keep(_layers.Reshape(shape, name=layer.name), node, inputs)

    def whole_pool(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        """Maximum pooling over the whole image."""
        tensor = _tensors(node)[0]
        size, channels = tuple(tensor.shape[1:3]), int(tensor.shape[-1])
        pool = _layers.MaxPooling2D(size, name=layer.name if layer.keepdims else self.fresh(f"{layer.name}_pool"))
        name = self._append(pool.name, "keep", pool, inputs, tensor, output_shape=(1, 1, channels))
        if layer.keepdims:
            return name
        flat = _layers.Reshape((channels,), name=layer.name)
        return self._append(layer.name, "keep", flat, (name,), None, input_shape=(1, 1, channels), output_shape=(channels,))

    def mean(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        tensor = _tensors(node)[0]
        padded = getattr(layer, "padding", "valid") != "valid"
        if padded and any(Window.same(layer.pool_size, layer.strides, *tensor.shape[1:3]).padding):
            raise UnsupportedLayerError(
                f"layer '{layer.name}': an average over padded windows has no lowering; use padding='valid'"
            )
        return self._append(layer.name, "mean", layer, inputs, tensor, output_shape=tuple(node.outputs.shape[1:]))

    def identity(self, layer: Any, node: Any, inputs: tuple[str, ...]) -> str:
        """Noise, penalties and the like, which do nothing at inference; they are left out."""
        return inputs[0]


def _function(function: Any, name: str, rank: int) -> Scalar | None:
    """An activation function, or a layer that is one, as a `Scalar`; None for softmax."""
    if not isinstance(function, _layers.Layer):
        return None if id(function) in SOFTMAX else scalar_of(function, name)
    made = _FUNCTIONS.get(type(function))
    if made is None:
        word = type(function).__name__
        raise UnsupportedLayerError(f"layer '{name}': an activation of type {word} {remedy(function, _FUNCTIONS)}")
    check_arguments(function)
    if isinstance(function, _layers.Activation):
        return _function(function.activation, name, rank)
    if isinstance(function, _layers.Softmax):
        if function.axis not in (-1, rank, [-1], [rank]):
            raise UnsupportedLayerError(f"layer '{name}': axis={function.axis!r} has no lowering; leave softmax to the last axis")
        return None
    scalar: Scalar = made(function)
    if scalar.cap == 0:
        raise UnsupportedLayerError(f"layer '{name}': max_value=0 leaves nothing but zeros; give it a bound above 0")
    for parameter, value in scalar.parameters:
        if value < 0 or not math.isfinite(value):
            word = "negative_slope" if isinstance(function, _layers.ReLU) and parameter == "alpha" else parameter
            raise UnsupportedLayerError(
                f"layer '{name}': {word}={value:g} has no lowering: thresholds need a function that never falls; use 0 or more"
            )
    return scalar


def _relu(layer: Any) -> Scalar:
    given = {} if layer.max_value is None else {"max_value": float(layer.max_value)}
    more = {"alpha": float(layer.negative_slope), "threshold": float(layer.threshold)}
    return Scalar.of("relu", **given, **{name: value for name, value in more.items() if value})


_FUNCTIONS: dict[type, Callable[[Any], Any]] = {
    _layers.Activation: lambda layer: None,
    _layers.Softmax: lambda layer: None,
    _layers.ReLU: _relu,
    _layers.LeakyReLU: lambda layer: Scalar.of("leaky_relu", alpha=float(layer.alpha)),
    _layers.ELU: lambda layer: Scalar.of("elu", alpha=float(layer.alpha)),
    _layers.ThresholdedReLU: lambda layer: Scalar.of("thresholded_relu", theta=float(layer.theta)),
}
"""Layers that are a function of each number; what it is follows from their arguments."""

_HANDLERS: dict[type, Callable[[_Reader, Any, Any, tuple[str, ...]], str]] = {
    _layers.Conv2D: _Reader.linear,
    _layers.DepthwiseConv2D: _Reader.linear,
    _layers.SeparableConv2D: _Reader.separable,
    _layers.Dense: _Reader.linear,
    _layers.BatchNormalization: _Reader.norm,
    **dict.fromkeys(_FUNCTIONS, _Reader.activation),
    _layers.Add: _Reader.add_streams,
    _layers.MaxPooling2D: _Reader.keep,
    _layers.GlobalMaxPooling2D: _Reader.whole_pool,
    _layers.AveragePooling2D: _Reader.mean,
    _layers.GlobalAveragePooling2D: _Reader.mean,
    _layers.Flatten: _Reader.keep,
    _layers.Reshape: _Reader.reshape,
    _layers.ZeroPadding2D: _Reader.keep,
    _layers.Dropout: _Reader.keep,
    **dict.fromkeys(
        (
            *(_layers.SpatialDropout2D, _layers.GaussianDropout, _layers.GaussianNoise, _layers.AlphaDropout),
            *(_layers.ActivityRegularization, _layers.Identity),
        ),
        _Reader.identity,
    ),
}


def _tensors(node: Any) -> list[Any]:
    return list(node.keras_inputs)
