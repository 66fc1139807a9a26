# SPDX-License-Identifier: Apache-2.0
"""Rebuilds a planned float model layer by layer, with the calibration images running through what has been built.

Each method subclasses `Rebuilder` and says what becomes of the input, of linear layers and of activations. Later layers are
thus calibrated on what the earlier, already quantised ones really yield.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dietcnn_hls.errors import DatasetError
from dietcnn_hls.training.integer_layers import SumPooling2D
from dietcnn_hls.training.layers import ExactBatchNormalization
from dietcnn_hls.training.plan import INPUT, Plan, Step
from dietcnn_hls.training.tf import tf

CALIBRATION_IMAGES = 1024
"""Images that calibrate; more of them are thinned out evenly."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A tensor of the model under construction.

    Attributes:
        tensor: the Keras tensor.
        data: its values on the calibration images, float32.
        scale: the float model's value is about ``scale * data``.
        fraction: grid of the values when they are coded (what hardware streams), else None: they need an encoder.
        encoder: name of the layer that coded them.
    """

    tensor: Any
    data: np.ndarray
    scale: float = 1.0
    fraction: int | None = None
    encoder: str | None = None


class Rebuilder(ABC):
    """Walks a plan; `build` gives the new model."""

    def __init__(self, plan: Plan, input_shape: tuple[int, ...], x_calibration: np.ndarray, name: str) -> None:
        self.plan = plan
        self.name = name
        self.images = check_calibration(x_calibration, input_shape)
        self._signals: dict[str, Signal] = {}

    def build(self) -> Any:
        """The rebuilt model, calibrated."""
        entry = tf.keras.layers.Input(self.images.shape[1:], name=INPUT)
        self._signals = {INPUT: self.input(Signal(entry, self.images))}
        for step in self.plan:
            inputs = [self._signals[name] for name in step.inputs]
            self._signals[step.name] = getattr(self, f"_{step.kind}")(step, inputs)
            self._forget(step)
        return tf.keras.Model(entry, self._signals[self.plan[-1].name].tensor, name=self.name)

    def _forget(self, done: Step) -> None:
        """Drop the data that no later step reads; large networks would not fit otherwise."""
        later = {name for step in self.plan[self.plan.index(done) + 1 :] for name in step.inputs}
        for name in [name for name in self._signals if name not in later and name != done.name]:
            del self._signals[name]

    def apply(self, layer: Any, *signals: Signal, scale: float = 1.0, fraction: int | None = None) -> Signal:
        """Call `layer` on the tensors and on the calibration data."""
        tensors = [s.tensor for s in signals]
        tensor = layer(tensors if len(tensors) > 1 else tensors[0])
        encoder = None if fraction is None else layer.name
        return Signal(tensor, run_layer(layer, [s.data for s in signals]), scale, fraction, encoder)

    def is_output(self, step: Step) -> bool:
        """True for the linear layer whose sums are the network's logits."""
        last = self.plan[-1]
        return step is last or (last.kind == "softmax" and last.inputs == (step.name,))

    # ---- what a method decides

    @abstractmethod
    def input(self, signal: Signal) -> Signal:
        """Images -> coded signal."""

    @abstractmethod
    def coded(self, signal: Signal, name: str) -> Signal:
        """A signal that feeds a linear layer, an add or a mean without an activation: encode it unless it is coded."""

    @abstractmethod
    def linear(self, step: Step, signal: Signal) -> Signal:
        """A linear layer with its batch-norm, on a coded signal."""

    @abstractmethod
    def relu(self, step: Step, signal: Signal) -> Signal:
        """A ReLU -> coded signal."""

    # ---- what is the same for all

    def _linear(self, step: Step, inputs: list[Signal]) -> Signal:
        return self.linear(step, self.coded(inputs[0], f"{step.name}_encode"))

    def _relu(self, step: Step, inputs: list[Signal]) -> Signal:
        return self.relu(step, inputs[0])

    def _add(self, step: Step, inputs: list[Signal]) -> Signal:
        coded = [self.coded(signal, f"{step.name}_encode{i}") for i, signal in enumerate(inputs)]
        return self.add(step, coded)

    def add(self, step: Step, signals: list[Signal]) -> Signal:
        """A residual add of two coded signals."""
        return self.apply(copy_layer(step.layer), *signals, scale=signals[0].scale)

    def _batch_norm(self, step: Step, inputs: list[Signal]) -> Signal:
        """A batch-norm behind an add or a mean: it lies in the thresholds of the activations that read it."""
        norm, source = step.layer, inputs[0]
        variance = norm.moving_variance.numpy().astype(np.float64)
        gain = 1 / np.sqrt(variance + norm.epsilon)
        gain = gain if norm.gamma is None else gain * norm.gamma.numpy()
        beta = np.zeros_like(gain) if norm.beta is None else norm.beta.numpy()
        mean, variance = norm.moving_mean.numpy() / source.scale, variance / source.scale**2
        new = ExactBatchNormalization(name=step.name, momentum=norm.momentum, epsilon=norm.epsilon)
        new.build(source.data.shape)
        gamma = gain * source.scale * np.sqrt(variance + norm.epsilon)
        new.set_weights([v.astype(np.float32) for v in (gamma, beta, mean, variance)])
        return self.apply(new, source)

    def _mean(self, step: Step, inputs: list[Signal]) -> Signal:
        """Average pooling: a sum whose grid moves by a power of two; the rest of the division is left to the signal's scale."""
        source, layer = self.coded(inputs[0], f"{step.name}_encode"), step.layer
        whole = source.data.shape[1:3]
        size, strides = getattr(layer, "pool_size", whole), getattr(layer, "strides", whole)
        count = int(np.prod(size))
        shift = count.bit_length() - 1
        scale = source.scale * 2.0**shift / count
        total = self.apply(SumPooling2D(size, strides, shift, name=step.name), source, scale=scale)
        if len(layer.output_shape) == 2:
            total = self.apply(tf.keras.layers.Flatten(name=f"{step.name}_flat"), total, scale=scale)
        return total

    def _keep(self, step: Step, inputs: list[Signal]) -> Signal:
        source = inputs[0]
        kept = self.apply(copy_layer(step.layer), source)
        return replace(kept, scale=source.scale, fraction=source.fraction, encoder=source.encoder)

    def _softmax(self, step: Step, inputs: list[Signal]) -> Signal:
        return self.apply(tf.keras.layers.Activation("softmax", name=step.name), inputs[0])


def check_calibration(x: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    """At most `CALIBRATION_IMAGES` float32 images, evenly chosen; DatasetError when they cannot calibrate."""
    x = np.asarray(x)
    if x.ndim != len(input_shape) + 1 or x.shape[1:] != tuple(input_shape):
        raise DatasetError(f"calibration data of shape {x.shape} for a model of input (N, {', '.join(map(str, input_shape))})")
    if not len(x):
        raise DatasetError("calibration data is empty; pass some hundred training images")
    x = x[:: max(1, len(x) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
    if x.dtype == np.uint8:
        raise DatasetError("calibration data is uint8; pass what the model is trained on: dietcnn_hls.data.datasets.to_float(x)")
    x = x.astype(np.float32)
    if not np.isfinite(x).all():
        raise DatasetError("calibration data holds NaN or Inf")
    return x


def run_layer(layer: Any, inputs: list[np.ndarray], batch: int = 256) -> np.ndarray:
    """A layer's inference on arrays (N, ...), in batches."""
    parts = []
    for start in range(0, len(inputs[0]), batch):
        chunk = [tf.convert_to_tensor(x[start : start + batch]) for x in inputs]
        parts.append(layer(chunk if len(chunk) > 1 else chunk[0], training=False).numpy())
    return np.concatenate(parts)


def constant_gain(name: str, gain: float, shape: tuple[int, ...]) -> ExactBatchNormalization:
    """A factor, as the batch-norm that thresholds fold; it rests in training."""
    layer = ExactBatchNormalization(epsilon=0.0, trainable=False, name=name)
    layer.build(shape)
    ones = np.ones(shape[-1], np.float32)
    layer.set_weights([ones * np.float32(gain), ones * 0, ones * 0, ones])
    return layer


def copy_layer(layer: Any) -> Any:
    """A new layer of the same configuration."""
    return type(layer).from_config(layer.get_config())
