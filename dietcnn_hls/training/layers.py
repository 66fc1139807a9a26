# SPDX-License-Identifier: Apache-2.0
"""Keras layers whose inference is exactly what the hardware computes.

The lookup layers subclass QKeras' layers: pruning, constraints, regularisers and saving work as there. In training they run
in float32 with straight-through gradients; at inference every value is exact, on whatever machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import Grid
from dietcnn_hls.tf import qkeras, tf
from dietcnn_hls.training.codebooks import midpoints
from dietcnn_hls.training.functions import Scalar
from dietcnn_hls.training.lookups import clipped_gradient, lookup, straight_through
from dietcnn_hls.training.quantizers import KernelQuantizer

register = tf.keras.utils.register_keras_serializable(package="dietcnn_hls")

MAX_SYMBOLS = 256


def check_symbols(symbols: int, what: str) -> int:
    """`symbols` as int, or ConfigError when it lies outside 2..256."""
    if not isinstance(symbols, int | np.integer) or isinstance(symbols, bool) or not 2 <= symbols <= MAX_SYMBOLS:
        raise ConfigError(f"{what} of {symbols} symbols: a codebook holds 2 to {MAX_SYMBOLS}")
    return int(symbols)


class LookupLayer:
    """What the lookup layers share; mixed in before a QKeras layer.

    Attributes:
        bias_fraction: the bias is snapped, half up, to the grid ``2**-bias_fraction``; None leaves it as it is.
    """

    _quantizer_argument = "kernel_quantizer"

    def __init__(self, *args: Any, bias_fraction: int | None = None, **kwargs: Any) -> None:
        name = kwargs.get("name") or type(self).__name__
        if kwargs.pop("activation", None) not in (None, "linear", tf.keras.activations.linear):
            raise UnsupportedLayerError(f"layer '{name}' has a fused activation; put a CodebookActivation behind it")
        if kwargs.get("bias_quantizer") is not None:
            raise UnsupportedLayerError(f"layer '{name}' has a bias_quantizer; state bias_fraction instead")
        if kwargs.get("data_format") not in (None, "channels_last"):
            raise UnsupportedLayerError(f"layer '{name}': use data_format='channels_last'")
        quantizer = kwargs[self._quantizer_argument] = _restored(kwargs.get(self._quantizer_argument))
        initial = quantizer.initializer() if isinstance(quantizer, KernelQuantizer) else None
        if initial is not None:
            kwargs.setdefault(self._quantizer_argument.replace("quantizer", "initializer"), initial)
        super().__init__(*args, **kwargs)
        if not isinstance(self.quantizer, KernelQuantizer):
            raise ConfigError(
                f"layer '{name}' needs a codebook in {self._quantizer_argument}, got {self.quantizer!r}; "
                "for quantized_bits use QKeras' own layer"
            )
        self.bias_fraction = bias_fraction

    @property
    def quantizer(self) -> KernelQuantizer:
        return self.kernel_quantizer_internal  # type: ignore[attr-defined, no-any-return]

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)  # type: ignore[misc]
        self._state = {}
        for name, value in self.quantizer.state().items():
            variable = self.add_weight(  # type: ignore[attr-defined]
                name=name,
                shape=value.shape,
                initializer=tf.keras.initializers.Constant(value),
                trainable=name in self.quantizer.trainable,
            )
            setattr(self, name, variable)
            self._state[name] = variable

    def add_weight(self, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Keras' own; the latent kernel rests where the quantiser trains other variables in its place."""
        if name is not None and name.endswith("kernel") and not self.quantizer.latent:
            kwargs["trainable"] = False
        return super().add_weight(name, *args, **kwargs)  # type: ignore[misc]

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The quantiser's variables as numpy arrays, by short name."""
        return {name: variable.numpy() for name, variable in self._state.items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Assign the quantiser's variables."""
        for name, value in state.items():
            self._state[name].assign(np.asarray(value, np.float32))

    def refit(self) -> None:
        """Fit the quantiser's variables to the present kernel; LoweringError when it holds NaN or Inf."""
        kernel = self.kernel.numpy()  # type: ignore[attr-defined]
        if not np.isfinite(kernel).all():
            raise LoweringError(f"layer '{self.name}': weights hold NaN or Inf; the training diverged")  # type: ignore[attr-defined]
        self.set_state(self.quantizer.fit(kernel, self.state))

    def decoded_kernel(self) -> np.ndarray:
        """The kernel as the hardware sees it: every weight replaced by its symbol's centroid."""
        return self.quantizer.quantize(self.kernel, self._state).numpy()  # type: ignore[attr-defined, no-any-return]

    def correlate(self, x: Any, kernel: Any) -> Any:
        """The plain linear operation on decoded values, in the type of `x`."""
        raise NotImplementedError

    def columns(self, x: Any) -> Any:
        """(N, ...) inputs -> (R, taps, groups) windows, one row for each output position, taps in (kh, kw, channel) order."""
        raise NotImplementedError

    def kernel_columns(self, kernel: Any) -> Any:
        """A kernel in Keras' layout -> (taps, groups, outputs per group), to go with `columns`."""
        raise NotImplementedError

    def call(self, inputs: Any, training: Any = None) -> Any:
        fast = bool(training) if isinstance(training, bool | int) else False
        total = self.quantizer.linear(self, inputs, self.kernel, self._state, fast)  # type: ignore[attr-defined]
        if self.use_bias:  # type: ignore[attr-defined]
            total += tf.cast(self._snapped_bias(), total.dtype)
        return tf.cast(total, tf.float32)

    def _snapped_bias(self) -> Any:
        bias = self.bias  # type: ignore[attr-defined]
        if self.bias_fraction is None:
            return bias
        scale = 2.0**self.bias_fraction

        @tf.custom_gradient
        def snap(b: Any) -> Any:
            # in float64: adding one half in float32 would round and move values just below a midpoint
            return tf.cast(tf.floor(tf.cast(b, tf.float64) * scale + 0.5) / scale, tf.float32), lambda g: g

        return snap(tf.convert_to_tensor(bias))

    def get_config(self) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*constraints.serialize")  # QKeras serialises quantisers as constraints
            return {**super().get_config(), "bias_fraction": self.bias_fraction}  # type: ignore[misc]


def _restored(quantizer: Any) -> Any:
    """A registered quantiser from its Keras config; anything else as it is (QKeras looks among its own quantisers only)."""
    if not isinstance(quantizer, Mapping):
        return quantizer
    registered = tf.keras.saving.get_registered_object(quantizer.get("registered_name") or quantizer["class_name"])
    return quantizer if registered is None else registered.from_config(dict(quantizer["config"]))


@register
class LookupConv2D(LookupLayer, qkeras.QConv2D):
    """2-D convolution of codebook symbols, (N, H, W, C) -> (N, H', W', filters).

    Takes the arguments of ``QConv2D``, with ``kernel_quantizer`` a method's quantiser (for example dietcnn's ``Codebook``),
    and ``bias_fraction``.

    Raises:
        ConfigError: no codebook quantiser.
        UnsupportedLayerError: fused activation, bias quantiser, dilation, groups or channels_first.
    """

    def __init__(self, filters: int, kernel_size: Any, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        if self.dilation_rate != (1, 1) or self.groups != 1:
            raise UnsupportedLayerError(f"layer '{self.name}': dilation and groups have no lowering")

    def correlate(self, x: Any, kernel: Any) -> Any:
        return tf.nn.conv2d(x, kernel, self.strides, self.padding.upper())

    def columns(self, x: Any) -> Any:
        patches = _patches(x, self)
        return tf.reshape(patches, [-1, patches.shape[-1], 1])

    def kernel_columns(self, kernel: Any) -> Any:
        return tf.reshape(kernel, [-1, 1, self.filters])


@register
class LookupDense(LookupLayer, qkeras.QDense):
    """Dense layer of codebook symbols, (N, features) -> (N, units); arguments as `LookupConv2D`."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)

    def correlate(self, x: Any, kernel: Any) -> Any:
        return tf.linalg.matmul(x, kernel)

    def columns(self, x: Any) -> Any:
        return x[:, :, None]

    def kernel_columns(self, kernel: Any) -> Any:
        return kernel[:, None, :]


@register
class LookupDepthwiseConv2D(LookupLayer, qkeras.QDepthwiseConv2D):
    """Depthwise convolution of codebook symbols; the quantiser stands in ``depthwise_quantizer``, as in QKeras."""

    _quantizer_argument = "depthwise_quantizer"

    def __init__(self, kernel_size: Any, **kwargs: Any) -> None:
        super().__init__(kernel_size, **kwargs)
        if self.dilation_rate != (1, 1):
            raise UnsupportedLayerError(f"layer '{self.name}': dilation has no lowering")

    @property
    def kernel(self) -> Any:
        return self.depthwise_kernel

    @property
    def quantizer(self) -> KernelQuantizer:
        return self.depthwise_quantizer_internal  # type: ignore[no-any-return]

    @property
    def kernel_quantizer(self) -> Any:
        return self.depthwise_quantizer

    def correlate(self, x: Any, kernel: Any) -> Any:
        return tf.nn.depthwise_conv2d(x, kernel, (1, *self.strides, 1), self.padding.upper())

    def columns(self, x: Any) -> Any:
        return tf.reshape(_patches(x, self), [-1, self.kernel_size[0] * self.kernel_size[1], x.shape[-1]])

    def kernel_columns(self, kernel: Any) -> Any:
        return tf.reshape(kernel, [-1, *kernel.shape[2:]])


def _patches(x: Any, layer: Any) -> Any:
    """(N, H, W, C) -> (N, H', W', kh * kw * C), zeros outside."""
    sizes, strides = [1, *layer.kernel_size, 1], [1, *layer.strides, 1]
    return tf.image.extract_patches(x, sizes, strides, [1, 1, 1, 1], layer.padding.upper())


@register
class CodebookActivation(tf.keras.layers.Layer):
    """Encoder and decoder in one: ``levels[#{j : y >= thresholds[j]}]``, elementwise; also the network's input encoder.

    With a `function`, the levels stand for ``function(gain * y) / scale`` of what arrives; thresholds are where that crosses the
    levels' midpoints. Without one they stand for ``y / scale``, clipped by the levels: an encoder or a ReLU. What is computed
    is said by levels and thresholds alone; the function guides refits and the gradient.

    The gradient is straight-through, with the slope of what the levels stand for, inside the codebook's range.

    Args:
        symbols: K, 2..256.
        fraction: the levels are integers times ``2**-fraction``.
        bits: width of those integers, sign included; default `fraction`, which spans [0, 1).
        signed: negative levels are allowed (an activation without ReLU).
        group: activations of one group keep equal levels when codebooks are refitted; None stands alone.
        function: a `Scalar` in its dict form.
        gain: what its argument is multiplied by.
        scale: what its value is divided by.
    """

    def __init__(
        self,
        symbols: int,
        fraction: int,
        bits: int | None = None,
        signed: bool = False,
        group: str | None = None,
        function: Mapping[str, Any] | None = None,
        gain: float = 1.0,
        scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group = group
        self.function = None if function is None else Scalar.from_dict(function)
        self.gain, self._scale = float(gain), float(scale)
        if self.function is not None and not (0 < self.gain < np.inf and 0 < self._scale < np.inf):
            raise ConfigError(f"layer '{self.name}': gain {gain} and scale {scale} must be above 0")
        self.symbols = check_symbols(symbols, f"layer '{self.name}': a codebook")
        self.fraction = int(fraction)
        self.bits = int(fraction if bits is None else bits)
        self.signed = bool(signed)
        if self.symbols > 2**self.bits:
            raise ConfigError(f"layer '{self.name}': {symbols} symbols do not fit a grid of {self.bits} bits; use more bits")

    @property
    def grid(self) -> tuple[int, int]:
        """Smallest and largest grid integer a level may take."""
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)

    def build(self, input_shape: Any) -> None:
        lo, hi = self.grid
        levels = np.rint(np.linspace(lo, hi, self.symbols)) * 2.0**-self.fraction
        if self.signed:
            levels[np.abs(levels).argmin()] = 0.0
        constant = tf.keras.initializers.Constant
        self.levels = self.add_weight("levels", (self.symbols,), initializer=constant(levels), trainable=False)
        middles = (levels[:-1] + levels[1:]) / 2
        self.thresholds = self.add_weight("thresholds", middles.shape, initializer=constant(middles), trainable=False)
        super().build(input_shape)

    def set_codebook(self, levels: np.ndarray, thresholds: np.ndarray) -> None:
        """Assign K sorted levels on the grid and K-1 non-decreasing thresholds; LoweringError when they are not."""
        levels, thresholds = np.asarray(levels, np.float32), np.asarray(thresholds, np.float32)
        integers = levels.astype(np.float64) * 2.0**self.fraction
        if levels.shape != (self.symbols,) or thresholds.shape != (self.symbols - 1,):
            raise LoweringError(f"layer '{self.name}' takes {self.symbols} levels and {self.symbols - 1} thresholds")
        if (integers != np.rint(integers)).any() or (np.diff(levels) <= 0).any() or not (np.diff(thresholds) >= 0).all():
            raise LoweringError(f"layer '{self.name}': levels must increase on the grid 2^-{self.fraction}, thresholds not fall")
        self.levels.assign(levels)
        self.thresholds.assign(thresholds)

    def set_levels(self, levels: np.ndarray) -> None:
        """Assign K sorted levels on the grid, with thresholds where what they stand for crosses their midpoints."""
        if self.function is None:
            self.set_codebook(levels, midpoints(levels, self.scale))
        else:
            self.set_codebook(levels, self.function.preimages(midpoints(levels).astype(np.float64) * self._scale, self.gain))

    def stands_for(self, values: np.ndarray) -> np.ndarray:
        """What the levels stand for where `values` arrive, of any shape."""
        if self.function is not None:
            return self.function.values(values, self.gain) / self._scale
        return values / self.scale if self.signed else np.maximum(values / self.scale, 0)

    @property
    def scale(self) -> float:
        """What the activations are divided by on their way to the levels: thresholds are midpoints times this."""
        if self.function is not None:
            return self._scale
        slope, _, _ = straight_through(self.levels, self.thresholds)
        return 1 / float(slope)

    def call(self, inputs: Any, training: Any = None) -> Any:
        often = isinstance(training, bool | int) and bool(training)

        @tf.custom_gradient
        def encode(y: Any, levels: Any, thresholds: Any) -> Any:
            def gradient(g: Any) -> tuple[Any, None, None]:
                if self.function is not None:
                    return g * self._slope(y, levels), None, None
                return clipped_gradient(g, y, levels, thresholds), None, None

            return lookup(y, levels, thresholds, often), gradient

        return encode(inputs, tf.convert_to_tensor(self.levels), tf.convert_to_tensor(self.thresholds))

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("symbols", "fraction", "bits", "signed", "group")}
        if self.function is not None:
            own |= {"function": self.function.to_dict(), "gain": self.gain, "scale": self._scale}
        return {**super().get_config(), **own}

    def _slope(self, y: Any, levels: Any) -> Any:
        """Derivative of what the levels stand for; zero where they clip it."""
        assert self.function is not None
        with tf.GradientTape() as tape:
            tape.watch(y)
            value = self.function(y * self.gain) / self._scale
        inside = (value >= levels[0]) & (value <= levels[-1])
        return tf.where(inside, tape.gradient(value, y), 0.0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@register
class ExactBatchNormalization(tf.keras.layers.BatchNormalization):
    """Batch normalisation whose inference is one stated rounding, so that thresholds fold it exactly.

    ``y = float32(float64(x) * float64(scale) + float64(shift))`` with, in float64 before the rounding to float32,
    ``scale = gamma / sqrt(variance + epsilon)`` and ``shift = beta - mean * scale``. Training is Keras' own.
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if isinstance(training, bool | int) and training and self.trainable:
            return super().call(inputs, training=True, mask=mask)
        scale, shift = self.affine()
        return tf.cast(tf.cast(inputs, tf.float64) * tf.cast(scale, tf.float64) + tf.cast(shift, tf.float64), tf.float32)

    def affine(self) -> tuple[Any, Any]:
        """(scale, shift), float32 tensors of shape (channels,)."""
        variance = tf.cast(self.moving_variance, tf.float64) + float(self.epsilon)
        # the select keeps TensorFlow's graph optimiser from turning x / sqrt(v) into x * rsqrt(v), which rounds differently
        deviation = tf.where(variance > 0, tf.sqrt(variance), variance)
        gamma = 1.0 if self.gamma is None else tf.cast(self.gamma, tf.float64)
        beta = 0.0 if self.beta is None else tf.cast(self.beta, tf.float64)
        gain = gamma / deviation
        return tf.cast(gain, tf.float32), tf.cast(beta - tf.cast(self.moving_mean, tf.float64) * gain, tf.float32)


@register
class InputGrid(tf.keras.layers.Layer):
    """Says which values may enter the design, ``code * 2**-fraction`` for codes in [lo, hi]; computes nothing.

    It stands directly behind the input of a model whose inputs are no images / 256. Calibration and test data are checked
    against it, and conversion takes the design's input port from it.
    """

    def __init__(self, lo: int, hi: int, fraction: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.values = Grid(lo, hi, fraction)

    @property
    def grid(self) -> tuple[int, int]:
        """Smallest and largest code."""
        return self.values.lo, self.values.hi

    def call(self, inputs: Any) -> Any:
        return tf.identity(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lo": self.values.lo, "hi": self.values.hi, "fraction": self.values.fraction}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


LAYERS: tuple[type, ...] = (
    *(LookupConv2D, LookupDense, LookupDepthwiseConv2D),
    *(CodebookActivation, ExactBatchNormalization, InputGrid),
)
