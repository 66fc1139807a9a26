# SPDX-License-Identifier: Apache-2.0
"""Rebuilds a planned float model layer by layer, with the calibration images running through what has been built.

Each method subclasses `Rebuilder` and says what becomes of the input, of linear layers and of activations. Later layers are
thus calibrated on what the earlier, already quantised ones really yield.
"""

from __future__ import annotations

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dietcnn_hls.data.datasets import IMAGE
from dietcnn_hls.errors import DatasetError, ExactnessWarning, LoweringError
from dietcnn_hls.lowered import Grid
from dietcnn_hls.tf import tf
from dietcnn_hls.training.codebooks import activation_fraction
from dietcnn_hls.training.functions import LINEAR
from dietcnn_hls.training.integer_layers import SumPooling2D, UniformActivation
from dietcnn_hls.training.layers import CodebookActivation, ExactBatchNormalization, InputGrid, LookupLayer
from dietcnn_hls.training.order import fresh, mean_window, missing_factor
from dietcnn_hls.training.plan import INPUT, Plan, Step
from dietcnn_hls.training.reader import read_plan

CALIBRATION_IMAGES = 1024
"""Images that calibrate; more of them are thinned out evenly."""

OUTPUT_BITS = 8
"""Bits of an activation, or of what a mean takes in, whose values leave the design."""

EXACT_FLOAT32 = 2**24
"""Integers below it are exact in float32."""

FINEST_SUMS = 100
"""Fractional bits beyond which sums come near the smallest numbers of float32."""


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """What is rebuilt.

    Attributes:
        model: the float Keras model.
        plan: its steps.
        images: float32 calibration images on the grid, (N, *input shape).
        grid: the values that may enter the design.
    """

    model: Any
    plan: Plan
    images: np.ndarray
    grid: Grid = IMAGE

    @classmethod
    def read(cls, model: Any, x_calibration: np.ndarray, input_grid: Grid | Sequence[int] | None = None) -> FloatNetwork:
        """Read a model and check the calibration images; errors as `read_plan` and `calibration_images`."""
        grid = IMAGE if input_grid is None else Grid.given(input_grid)
        with plain_layers():
            plan = read_plan(model)
        return cls(model, plan, calibration_images(x_calibration, model.input_shape[1:], grid), grid)

    def calibrated_on(self, images: np.ndarray) -> FloatNetwork:
        """The same network with other images, which are some of its own."""
        return replace(self, images=images)


@contextlib.contextmanager
def plain_layers() -> Iterator[None]:
    """New Keras layers are float32 and channels-last, whatever a user has set for models of his own."""
    policy, order = tf.keras.mixed_precision.global_policy(), tf.keras.backend.image_data_format()
    tf.keras.mixed_precision.set_global_policy("float32")
    tf.keras.backend.set_image_data_format("channels_last")
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
        tf.keras.backend.set_image_data_format(order)


@dataclass(frozen=True, eq=False)
class Signal:
    """A tensor of the model under construction.

    Attributes:
        tensor: the Keras tensor.
        data: its values on the calibration images, float32.
        scale: the float model's value is about ``scale * data``.
        fraction: grid of the values when they are coded (what hardware streams), else None: they need an encoder.
        encoder: name of the layer that coded them.
        bounds: smallest and largest integer on that grid.
        symbols: they are a codebook's symbols; else plain integers.
    """

    tensor: Any
    data: np.ndarray
    scale: float = 1.0
    fraction: int | None = None
    encoder: str | None = None
    bounds: tuple[int, int] = (0, 0)
    symbols: bool = False

    @property
    def reach(self) -> int:
        """Largest magnitude of the integers."""
        return max(-self.bounds[0], self.bounds[1])


class Rebuilder(ABC):
    """Walks a plan; `build` gives the new model."""

    def __init__(self, network: FloatNetwork) -> None:
        self.network, self.plan, self.images, self.grid = network, network.plan, network.images, network.grid
        norms = {step.norm.name for step in self.plan if step.norm is not None}
        self._taken = {step.name for step in self.plan} | norms
        self.entry = self.fresh("image")
        self._signals: dict[str, Signal] = {}

    def fresh(self, name: str) -> str:
        """A name for a layer that the float model does not have: `name`, or one like it that is free."""
        name = fresh(name, self._taken)
        self._taken.add(name)
        return name

    def build(self) -> Any:
        """The rebuilt model, calibrated."""
        for step in self.plan:
            if step.kind == "linear":
                self.check(step)
        with plain_layers():
            entry = tf.keras.layers.Input(self.images.shape[1:], name=self.entry)
            image = Signal(entry, self.images)
            if self.grid != IMAGE:
                name = self.fresh(f"{self.entry}_grid")
                image = self.apply(InputGrid(self.grid.lo, self.grid.hi, self.grid.fraction, name=name), image)
            self._signals = {INPUT: self.input(image)}
            for step in self.plan:
                inputs = [self._signals[name] for name in step.inputs]
                self._signals[step.name] = getattr(self, f"_{step.kind}")(step, inputs)
                self._forget(step)
            return tf.keras.Model(entry, self._signals[self.plan[-1].name].tensor, name=self.network.model.name)

    def _forget(self, done: Step) -> None:
        """Drop the data that no later step reads; large networks would not fit otherwise."""
        later = {name for step in self.plan[self.plan.index(done) + 1 :] for name in step.inputs}
        for name in [name for name in self._signals if name not in later and name != done.name]:
            del self._signals[name]

    def apply(self, layer: Any, *signals: Signal, scale: float = 1.0, fraction: int | None = None) -> Signal:
        """Call `layer` on the tensors and on the calibration data."""
        tensors = [s.tensor for s in signals]
        tensor = layer(tensors if len(tensors) > 1 else tensors[0])
        data = run_layer(layer, [s.data for s in signals])
        if fraction is None:
            return Signal(tensor, data, scale)
        return Signal(tensor, data, scale, fraction, layer.name, bounds_of(layer), isinstance(layer, CodebookActivation))

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
    def activation(self, step: Step, signal: Signal) -> Signal:
        """An activation, ``step.function`` of the float model's values -> coded signal."""

    def check(self, step: Step) -> None:  # noqa: B027  (most methods take every linear layer)
        """Refuse a linear layer that the method cannot compute, before any work."""

    def takes(self, signal: Signal) -> bool:
        """Whether the method's kernels read this coded signal, which another method may have coded."""
        return True

    # ---- what is the same for all

    def _linear(self, step: Step, inputs: list[Signal]) -> Signal:
        signal = inputs[0]
        if signal.fraction is None or not self.takes(signal):
            signal = self.coded(signal, self.fresh(f"{step.name}_encode"))
        result = self.linear(step, signal)
        check_sums(step, result)
        return result if step.factor == 1 else replace(result, scale=result.scale / step.factor)

    def _coded(self, signal: Signal, name: str) -> Signal:
        return signal if signal.fraction is not None else self.coded(signal, self.fresh(name))

    def _activation(self, step: Step, inputs: list[Signal]) -> Signal:
        if step.final:
            return self._final(step, inputs[0])
        if step.function == LINEAR:
            return self.encoder(step, inputs[0])
        return self.activation(step, inputs[0])

    def encoder(self, step: Step, signal: Signal) -> Signal:
        """An encoder that no activation gives."""
        return signal if signal.fraction is not None else self.coded(signal, step.name)

    def _final(self, step: Step, signal: Signal) -> Signal:
        """The activation that makes the output: in the float model's units, whatever the method's own activations are."""
        values = step.function.values(signal.data, signal.scale) * step.factor
        signed = bool(values.min() < 0)
        fraction = activation_fraction(values, OUTPUT_BITS, signed)
        layer = uniform_codebook(step, signal, OUTPUT_BITS, fraction, signed)
        return self.apply(layer, signal, scale=1 / step.factor, fraction=fraction)

    def _add(self, step: Step, inputs: list[Signal]) -> Signal:
        coded = [self._coded(signal, f"{step.name}_encode{i}") for i, signal in enumerate(inputs)]
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
        source, size = self._summed(step, inputs[0]), mean_window(step)
        count = int(np.prod(size))
        if source.reach * count >= EXACT_FLOAT32:
            raise LoweringError(
                f"layer '{step.name}': sums of {count} values of up to {source.reach} steps exceed the 2^24 steps up to which "
                "float32 is exact; take the mean in two steps, with an AveragePooling2D before it"
            )
        shift = count.bit_length() - 1
        total = SumPooling2D(size, getattr(step.layer, "strides", size), shift, name=step.name)
        result = self.apply(total, source, scale=source.scale * missing_factor(step))
        if len(step.output_shape) == 1:
            flat = tf.keras.layers.Flatten(name=self.fresh(f"{step.name}_flat"))
            result = self.apply(flat, result, scale=result.scale)
        if step.final:  # a mean that follows needs no encoder
            assert source.fraction is not None
            low, high = (bound * count for bound in source.bounds)
            return replace(result, fraction=source.fraction + shift, encoder=step.name, bounds=(low, high))
        return result

    def _summed(self, step: Step, signal: Signal) -> Signal:
        """What a mean adds up: coded values."""
        if not step.final or signal.fraction is not None:
            return self._coded(signal, f"{step.name}_encode")
        # sums of the last linear layer: they keep their units, whatever the method's own encoders do
        signed = bool(signal.data.min() < 0)
        fraction = activation_fraction(signal.data, OUTPUT_BITS, signed)
        layer = UniformActivation(OUTPUT_BITS, fraction, signed, name=self.fresh(f"{step.name}_encode"))
        return self.apply(layer, signal, scale=signal.scale, fraction=fraction)

    def _keep(self, step: Step, inputs: list[Signal]) -> Signal:
        source = inputs[0]
        kept = self.apply(copy_layer(step.layer), source)
        return replace(source, tensor=kept.tensor, data=kept.data)

    def _softmax(self, step: Step, inputs: list[Signal]) -> Signal:
        return self.apply(tf.keras.layers.Activation("softmax", name=step.name), inputs[0])


class Quantization:
    """How a method turns float models into its own; its ``training`` module holds one as ``KERAS``."""

    objects: Mapping[str, type] = {}
    """Custom objects for ``tf.keras.models.load_model``."""

    def rebuilder(self, network: FloatNetwork, options: Any) -> Rebuilder:
        """What dresses the layers of a network, alone or beside others' in one model."""
        raise NotImplementedError

    def quantize(self, model: Any, x_calibration: np.ndarray, options: Any, input_grid: Grid | None = None) -> Any:
        """Float Keras model -> Keras model whose forward pass is what the hardware computes."""
        return self.rebuilder(FloatNetwork.read(model, x_calibration, input_grid), options).build()


def uniform_codebook(step: Step, signal: Signal, bits: int, fraction: int, signed: bool) -> CodebookActivation:
    """An activation of any function on all codes of `bits` bits, the values times ``step.factor``."""
    levels = np.arange(1 << bits) - (signed << (bits - 1))
    layer = CodebookActivation(
        *(1 << bits, fraction, bits, signed),
        function=step.function.to_dict(),
        gain=signal.scale,
        scale=1 / step.factor,
        name=step.name,
    )
    layer.build(signal.data.shape)
    layer.set_levels(levels * 2.0**-fraction)
    return layer


def calibration_images(x: np.ndarray, input_shape: tuple[int, ...], grid: Grid) -> np.ndarray:
    """At most `CALIBRATION_IMAGES` float32 images, evenly chosen; DatasetError when they cannot calibrate or cannot enter."""
    x = np.asarray(x)
    if x.ndim != len(input_shape) + 1 or x.shape[1:] != tuple(input_shape):
        raise DatasetError(f"calibration data of shape {x.shape} for a model of input (N, {', '.join(map(str, input_shape))})")
    if not len(x):
        raise DatasetError("calibration data is empty; pass some hundred training images")
    x = x[:: max(1, len(x) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
    if x.dtype == np.uint8 and grid == IMAGE:
        raise DatasetError("calibration data is uint8; pass what the model is trained on: dietcnn_hls.data.datasets.to_float(x)")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DatasetError("calibration data holds NaN or Inf")
    return grid.values(grid.codes(x, "calibration data"))


def run_layer(layer: Any, inputs: list[np.ndarray], batch: int = 256) -> np.ndarray:
    """A layer's inference on arrays (N, ...), in batches."""
    parts = []
    for start in range(0, len(inputs[0]), batch):
        chunk = [tf.convert_to_tensor(x[start : start + batch]) for x in inputs]
        parts.append(layer(chunk if len(chunk) > 1 else chunk[0], training=False).numpy())
    return np.concatenate(parts)


def check_sums(step: Step, result: Signal) -> None:
    """That float32 holds what a lookup layer with a bias yields: LoweringError where it cannot, a warning where it may not.

    Products on a grid so fine that the bias is beyond 2^24 of its steps vanish beside it in float32, but not in integers.
    """
    layer = result.tensor.node.layer
    if not isinstance(layer, LookupLayer) or layer.bias_fraction is None or not layer.use_bias:  # type: ignore[attr-defined]
        return
    steps = 2.0**layer.bias_fraction
    bias = float(np.abs(layer.bias.numpy()).max())  # type: ignore[attr-defined]
    if bias * steps >= EXACT_FLOAT32 or layer.bias_fraction > FINEST_SUMS:
        beside = f", beside a bias of {bias:.3g}" if bias else ""
        raise LoweringError(
            f"layer {step.words}: its products lie on the grid 2^-{layer.bias_fraction}{beside}, which is beyond what "
            "float32, in which Keras computes, holds; put a BatchNormalization behind the layer, or scale its weights up"
        )
    reach = float(np.abs(result.data).max()) * steps
    if reach >= EXACT_FLOAT32:
        warnings.warn(
            f"layer {step.words}: sums reach {reach:.3g} steps of their grid on the calibration data, beyond the 2^24 that "
            "float32 holds exactly, so Keras itself may round; use fewer bits",
            ExactnessWarning,
            stacklevel=2,
        )


def bounds_of(layer: Any) -> tuple[int, int]:
    """Smallest and largest integer that an activation, ours or QKeras', can yield."""
    if hasattr(layer, "grid"):
        low, high = layer.grid
        return int(low), int(high)
    limit = 1 << int(layer.quantizer.bits)
    return -limit, limit


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
