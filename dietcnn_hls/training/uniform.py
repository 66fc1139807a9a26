# SPDX-License-Identifier: Apache-2.0
"""Rebuilds a float model with uniform activations on power-of-two grids, calibrated for the least squared error.

What methods share whose inputs are plain integers: the image as it comes, ReLUs and encoders as `UniformActivation`, which
lowers to a shift with rounding and clipping. The method adds what becomes of a linear layer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dietcnn_hls.training.integer_layers import UniformActivation
from dietcnn_hls.training.plan import Plan, Step
from dietcnn_hls.training.rebuild import Rebuilder, Signal, constant_gain

IMAGE_FRACTION = 8
"""Images are uint8 codes, value = code / 256."""

_GRIDS = 5
"""Grids tried, each half the range of the one before; the first covers all calibration values."""


def activation_fraction(values: np.ndarray, bits: int, signed: bool) -> int:
    """Fractional bits of the power-of-two grid that rounds and clips `values` to `bits` bits with the least squared error.

    Args:
        values: calibration values of any shape; below zero they count only where `signed`.
        bits: width of a code, sign included.
        signed: codes in [-2**(bits-1), 2**(bits-1) - 1] instead of [0, 2**bits - 1].
    """
    x = np.asarray(values, np.float64).ravel()
    x = x if signed else np.maximum(x, 0)
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    largest = float(np.abs(x).max(initial=0.0)) or 1.0
    covering = math.floor(math.log2(hi / largest))

    def error(fraction: int) -> float:
        return float(np.square(np.clip(np.rint(x * 2.0**fraction), lo, hi) * 2.0**-fraction - x).sum())

    return min(range(covering, covering + _GRIDS), key=error)


class UniformRebuilder(Rebuilder):
    """A `Rebuilder` whose activations are `bits`-bit integers; subclasses define `linear`."""

    def __init__(self, plan: Plan, input_shape: tuple[int, ...], x_calibration: np.ndarray, name: str, bits: int) -> None:
        super().__init__(plan, input_shape, x_calibration, name)
        self.bits = bits

    def input(self, signal: Signal) -> Signal:
        return Signal(signal.tensor, signal.data, 1.0, IMAGE_FRACTION)

    def coded(self, signal: Signal, name: str) -> Signal:
        return signal if signal.fraction is not None else self._activated(signal, name, signed=bool(signal.data.min() < 0))

    def relu(self, step: Step, signal: Signal) -> Signal:
        return self._activated(signal, step.name, signed=False)

    def activation(self, name: str, fraction: int, signed: bool) -> Any:
        """The Keras layer that rounds and clips to `bits`-bit codes; methods with layers of their own override it."""
        return UniformActivation(self.bits, fraction, signed, name=name)

    finest: int | None = None
    """Largest fraction that `activation` can have, where that is limited."""

    def _activated(self, signal: Signal, name: str, signed: bool) -> Signal:
        if signal.scale != 1:  # a mean over a number of values that is no power of two: thresholds take what is left
            signal = self.apply(constant_gain(f"{name}_gain", signal.scale, signal.data.shape), signal)
        fraction = activation_fraction(signal.data, self.bits, signed)
        fraction = fraction if self.finest is None else min(fraction, self.finest)
        return self.apply(self.activation(name, fraction, signed), signal, fraction=fraction)


def channels_of(plan: Plan, step: Step, taps: int) -> int:
    """How many channels the taps of a linear step fall into, innermost: those before a flatten, where there is one.

    Taps of one channel at different places belong together statistically; a plain dense input has one tap a channel.
    """
    shape = step.layer.input_shape
    while len(shape) == 2:
        source = next((s for s in plan if s.name == step.inputs[0]), None)
        if source is None or source.kind == "linear":
            return taps
        step, shape = source, source.layer.input_shape
        if isinstance(shape, list):
            return taps
    return int(shape[-1])


def tap_weights(step: Step) -> np.ndarray:
    """A linear step's float weights with its batch-norm folded in: float64 (outputs, taps), taps in (kh, kw, channel) order."""
    gain, _ = step.gain_and_shift()
    return to_taps(step, step.kernel.astype(np.float64)) * gain[:, None]


def to_taps(step: Step, kernel: np.ndarray) -> np.ndarray:
    """Keras' layout of a kernel to (outputs, taps)."""
    if is_depthwise(step):
        return kernel.reshape(-1, kernel.shape[2] * kernel.shape[3]).T
    return kernel.reshape(-1, kernel.shape[-1]).T


def from_taps(step: Step, weights: np.ndarray) -> np.ndarray:
    """Inverse of `to_taps`."""
    return weights.T.reshape(step.kernel.shape)


def is_depthwise(step: Step) -> bool:
    return hasattr(step.layer, "depthwise_kernel")


def layer_arguments(step: Step) -> dict[str, Any]:
    """Name and geometry of a linear step, as arguments of a layer that takes its place."""
    config = step.layer.get_config()
    wanted = ("name", "filters", "kernel_size", "strides", "padding", "units", "depth_multiplier")
    return {key: config[key] for key in wanted if key in config}
