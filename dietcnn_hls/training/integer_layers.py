# SPDX-License-Identifier: Apache-2.0
"""Layers whose hardware is a shift, an add and a clip: no multiplier and no thresholds.

`UniformActivation` rounds to a power-of-two grid; unlike QKeras' quantisers its range may lie below 1. Before it,
`ShiftBatchNormalization` has gains that are powers of two. `SumPooling2D` is average pooling without its division.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.tf import tf
from dietcnn_hls.training.layers import ExactBatchNormalization


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class UniformActivation(tf.keras.layers.Layer):
    """``clip(floor(x * 2**fraction + 1/2), lo, hi) * 2**-fraction``: ReLU (or, signed, identity) on a uniform grid.

    The gradient is straight-through inside the range and zero outside.

    Args:
        bits: width of a code, sign included.
        fraction: fractional bits of the grid; any integer.
        signed: codes in [-2**(bits-1), 2**(bits-1) - 1] instead of [0, 2**bits - 1].
        highest: largest code, where it is smaller than that: a ReLU's upper bound.
    """

    def __init__(self, bits: int, fraction: int, signed: bool = False, highest: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bits, self.fraction, self.signed = int(bits), int(fraction), bool(signed)
        self.highest = None if highest is None else int(highest)
        if not 1 <= self.bits <= 16:
            raise ConfigError(f"layer '{self.name}': activations of {bits} bits; use 1 to 16")
        if self.highest is not None and self.highest < 1:
            raise ConfigError(f"layer '{self.name}': highest={highest} leaves no code above 0; use 1 or more")

    @property
    def grid(self) -> tuple[int, int]:
        """Smallest and largest code."""
        low, high = (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)
        return low, high if self.highest is None else min(high, self.highest)

    def call(self, inputs: Any) -> Any:
        lo, hi = self.grid
        scale = 2.0**self.fraction

        @tf.custom_gradient
        def quantize(x: Any) -> Any:
            # in float64: adding one half in float32 would round and move values just below a midpoint
            codes = tf.clip_by_value(tf.floor(tf.cast(x, tf.float64) * scale + 0.5), float(lo), float(hi))

            def gradient(g: Any) -> Any:
                return tf.where((x * scale >= lo - 0.5) & (x * scale <= hi + 0.5), g, 0.0)

            return tf.cast(codes / scale, tf.float32), gradient

        return quantize(tf.convert_to_tensor(inputs))

    def get_config(self) -> dict[str, Any]:
        bound = {} if self.highest is None else {"highest": self.highest}
        return {**super().get_config(), "bits": self.bits, "fraction": self.fraction, "signed": self.signed, **bound}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


SMALLEST_GAIN = 2.0**-10
"""Gammas stay at or above it: a power of two has no zero and one sign."""


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class ShiftBatchNormalization(ExactBatchNormalization):
    """``y = x * 2**exponent + shift`` per channel, the exponent being that of the gain, rounded.

    The idea is the shift-based batch-norm of Courbariaux et al. (arXiv 1602.02830, 2016). Training normalises with the batch's
    mean and takes the exponents from the moving variance, so that they rest; gradients are those of the ordinary layer. The
    gain ``gamma / sqrt(variance + epsilon)`` must stay positive, to which gamma is constrained.

    Args:
        lowest: smallest exponent.
        highest: largest exponent.
        fraction: the shift is rounded, half up, to the grid ``2**-fraction``.
    """

    def __init__(self, lowest: int, highest: int, fraction: int, **kwargs: Any) -> None:
        kwargs.setdefault("gamma_constraint", PositiveGain())
        super().__init__(**kwargs)
        self.lowest, self.highest, self.fraction = int(lowest), int(highest), int(fraction)
        if self.lowest > self.highest:
            raise ConfigError(f"layer '{self.name}': exponents from {lowest} to {highest} leave none")

    @property
    def exponents(self) -> Any:
        """(channels,) int32 tensor: each gain's nearest power of two, compared at 1.5 times the lower one."""
        steps = tf.constant(np.ldexp(1.5, np.arange(self.lowest, self.highest)), tf.float64)
        return self.lowest + tf.searchsorted(steps, self._gain(), side="right")

    def affine(self) -> tuple[Any, Any]:
        powers = tf.constant(np.ldexp(1.0, np.arange(self.lowest, self.highest + 1)), tf.float64)
        scale = tf.gather(powers, self.exponents - self.lowest)
        beta = 0.0 if self.beta is None else tf.cast(self.beta, tf.float64)
        grid = 2.0**self.fraction
        shift = tf.floor((beta - tf.cast(self.moving_mean, tf.float64) * scale) * grid + 0.5) / grid
        return tf.cast(scale, tf.float32), tf.cast(shift, tf.float32)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if not (isinstance(training, bool | int) and training and self.trainable):
            return super().call(inputs, training=False, mask=mask)
        plain = tf.keras.layers.BatchNormalization.call(self, inputs, training=True, mask=mask)
        beta = 0.0 if self.beta is None else self.beta
        _, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
        gamma = 1.0 if self.gamma is None else self.gamma
        wanted = tf.pow(2.0, tf.cast(self.exponents, tf.float32)) * tf.sqrt(variance + self.epsilon) / gamma
        return (plain - beta) * tf.stop_gradient(wanted) + beta

    def _gain(self) -> Any:
        variance = tf.cast(self.moving_variance, tf.float64) + float(self.epsilon)
        gamma = tf.ones_like(variance) if self.gamma is None else tf.cast(self.gamma, tf.float64)
        # the select keeps TensorFlow from computing rsqrt instead, which rounds differently
        return gamma / tf.where(variance > 0, tf.sqrt(variance), variance)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lowest": self.lowest, "highest": self.highest, "fraction": self.fraction}


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class PositiveGain(tf.keras.constraints.Constraint):
    """Keeps gammas at `SMALLEST_GAIN` or more."""

    def __call__(self, gamma: Any) -> Any:
        return tf.maximum(gamma, SMALLEST_GAIN)


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class SumPooling2D(tf.keras.layers.Layer):
    """Sums over windows without padding, times ``2**-shift``: (N, H, W, C) -> (N, H', W', C), exact for values on a grid.

    A mean over n values is this with ``shift = log2(n)``; where n is no power of two, the rest belongs into the thresholds or
    the weights behind it. In hardware the shift is the position of the binary point.

    Args:
        pool_size: (kh, kw).
        strides: (sh, sw); default `pool_size`.
        shift: halvings of the sum.
    """

    def __init__(self, pool_size: Any, strides: Any = None, shift: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = _pair(pool_size, "pool_size", self.name)
        self.strides = self.pool_size if strides is None else _pair(strides, "strides", self.name)
        self.shift = int(shift)

    def call(self, inputs: Any) -> Any:
        x = tf.cast(inputs, tf.float64)  # sums of integers are exact in it, in any order
        (height, width), (kh, kw), (sh, sw) = x.shape[1:3], self.pool_size, self.strides
        if (kh, kw) == (height, width):
            total = tf.reduce_sum(x, axis=(1, 2), keepdims=True)
        else:
            rows, columns = (height - kh) // sh * sh + 1, (width - kw) // sw * sw + 1
            total = tf.add_n([x[:, i : i + rows : sh, j : j + columns : sw] for i in range(kh) for j in range(kw)])
        return tf.cast(total * 2.0**-self.shift, tf.float32)

    def get_config(self) -> dict[str, Any]:
        own = {"pool_size": self.pool_size, "strides": self.strides, "shift": self.shift}
        return {**super().get_config(), **own}

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, channels = input_shape
        (kh, kw), (sh, sw) = self.pool_size, self.strides
        return batch, (height - kh) // sh + 1, (width - kw) // sw + 1, channels


def _pair(value: Any, what: str, layer: str) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(n, int) and n >= 1 for n in pair):
        raise ConfigError(f"layer '{layer}': {what} {value!r} is neither a whole number from 1 on nor two of them")
    return pair


LAYERS: tuple[type, ...] = (UniformActivation, ShiftBatchNormalization, PositiveGain, SumPooling2D)
