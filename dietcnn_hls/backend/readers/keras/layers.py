# SPDX-License-Identifier: Apache-2.0
"""Keras layers, QKeras' and our own, to neutral trained layers: one function a kind of layer, one registry by class.

Arguments are checked before (`arguments`), so a function finds what it knows only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dietcnn_hls.arguments import check_arguments
from dietcnn_hls.backend.readers.keras.activations import read_activation
from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS
from dietcnn_hls.backend.readers.keras.refusals import float_weights, unknown, unsupported
from dietcnn_hls.backend.readers.keras.schemes import read_scheme
from dietcnn_hls.backend.readers.keras.source import KerasLayer, Shape, arguments_of
from dietcnn_hls.backend.trained import (
    Addition,
    BatchNorm,
    Codebook,
    FinalSoftmax,
    GridStatement,
    Identity,
    MaxPooling,
    ModelInput,
    Reshaping,
    SumPooling,
    Trained,
    TrainedLinear,
    Uniform,
    ZeroPadding,
)
from dietcnn_hls.errors import ConfigError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import Grid, Window
from dietcnn_hls.methods.base import Scheme, grid_integers
from dietcnn_hls.methods.qkeras_reader import quantized_bits

_DEPTHWISE = ("QDepthwiseConv2D", "LookupDepthwiseConv2D")


def read_layer(layer: KerasLayer, shapes: Sequence[Shape]) -> Trained:
    """The neutral value of a layer that reads tensors of `shapes` (without the batch).

    Raises:
        UnsupportedLayerError: no lowering; names the layer and the remedy.
        LoweringError: weights that are not finite or off their grid.
    """
    check_layer(layer)
    return _READERS[layer.kind](layer, shapes)


def read_fused(layer: KerasLayer) -> Trained:
    """The activation that a linear layer has as an argument."""
    live = layer.live
    return read_activation(
        layer.name, layer.kind, layer.config.get("activation"), None if live is None else getattr(live, "activation", None)
    )


def check_layer(layer: KerasLayer) -> None:
    """UnsupportedLayerError for a class, an argument or a quantiser without lowering. Looks at no weights."""
    if layer.kind not in _READERS:
        raise unknown(layer)
    check_arguments(layer.name, layer.kind, layer.config, ARGUMENTS[layer.kind])
    if layer.kind in _WITHOUT_WEIGHTS:
        _WITHOUT_WEIGHTS[layer.kind](layer)


def _input(layer: KerasLayer, shapes: Sequence[Shape]) -> ModelInput:
    shape = tuple(layer.config["batch_input_shape"][1:])
    if any(n is None for n in shape):
        raise unsupported(
            layer.name, "Input", f"its shape {shape} leaves sizes open; a design needs a fixed one, such as (28, 28, 1)"
        )
    if len(shape) not in (1, 3):
        raise unsupported(layer.name, "Input", _input_remedy(shape))
    return ModelInput(shape)


def _input_remedy(shape: Shape) -> str:
    text = f"its shape is {shape}, and inputs are images (H, W, C) or vectors (N,)"
    if len(shape) != 2:
        return f"{text}: build the model for one of them"
    steps, channels = shape
    return (
        f"{text}: build the model for images of height 1, Input((1, {steps}, {channels})), with QConv2D of kernel_size=(1, k), "
        "MaxPooling2D of pool_size=(1, p) and Flatten before dense layers"
    )


def _quantised_linear(layer: KerasLayer, shapes: Sequence[Shape]) -> TrainedLinear:
    """A layer of QKeras."""
    kernel, bias = _kernel_and_bias(layer, "depthwise_kernel" if layer.kind in _DEPTHWISE else "kernel")
    scheme, quantizer = _quantised_scheme(layer), _bias_quantizer(layer)
    if scheme.weight_range is not None:
        _check_straight_through(layer, "weights", kernel, Uniform(*scheme.weight_range))
    if bias is not None and quantizer is not None:
        _check_straight_through(layer, "bias", bias, quantizer)
        bias = quantizer.values(bias.astype(np.float32))
    return TrainedLinear(
        layer.name,
        kernel,
        scheme,
        _unless_zero(bias),
        _linear_window(layer, kernel, shapes[0]),
        float32=True,
        finer_bias="give it bias_quantizer=quantized_bits(b, i, alpha=1) with b - i - 1 = {fraction} or less, or a grid of "
        "weights that is as fine",
    )


def _lookup_linear(layer: KerasLayer, shapes: Sequence[Shape]) -> TrainedLinear:
    """A layer of ours: the quantiser's variables lie beside kernel and bias."""
    prefix = "depthwise_" if layer.kind in _DEPTHWISE else ""
    kernel, bias = _kernel_and_bias(layer, f"{prefix}kernel")
    state = {name: value for name, value in layer.variables().items() if name not in (f"{prefix}kernel", "bias")}
    scheme = read_scheme(layer.name, layer.config[f"{prefix or 'kernel_'}quantizer"], state)
    fraction = layer.config["bias_fraction"]
    if bias is not None and fraction is not None:
        bias = np.floor(bias * 2.0**fraction + 0.5) * 2.0**-fraction
    return TrainedLinear(layer.name, kernel, scheme, _unless_zero(bias), _linear_window(layer, kernel, shapes[0]))


def _kernel_and_bias(layer: KerasLayer, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """float32 kernel and float64 bias; LoweringError where one holds NaN or Inf."""
    found = layer.variables()
    kernel, bias = found[name], found.get("bias") if layer.config.get("use_bias", True) else None
    if not np.isfinite(kernel).all() or (bias is not None and not np.isfinite(bias).all()):
        raise LoweringError(f"layer '{layer.name}': weights hold NaN or Inf; the training diverged")
    return kernel, None if bias is None else bias.astype(np.float64)


def _check_straight_through(layer: KerasLayer, what: str, values: np.ndarray, quantizer: Uniform) -> None:
    """QKeras adds the rounding error to the value, in float32, which is exact unless values lie far beyond the quantiser's."""
    exact = quantizer.values(values.astype(np.float32)).astype(np.float32)
    given = values.astype(np.float32)
    if (given + (exact - given) != exact).any():
        most = quantizer.hi * 2.0**-quantizer.fraction
        raise LoweringError(
            f"layer '{layer.name}': its {what} reach {np.abs(values).max():g}, so far beyond {most:g}, the largest value of its "
            "quantiser, that Keras' own arithmetic rounds; clip them, or give the quantiser more integer bits"
        )


def _quantised_scheme(layer: KerasLayer) -> Scheme:
    word = "depthwise" if layer.kind in _DEPTHWISE else "kernel"
    quantizer = layer.config.get(f"{word}_quantizer")
    if quantizer is None:
        raise float_weights(layer)
    arguments = arguments_of(quantizer["config"], getattr(layer.live, f"{word}_quantizer_internal", None))
    return read_scheme(layer.name, {"class_name": quantizer["class_name"], "config": arguments}, {})


def _bias_quantizer(layer: KerasLayer) -> Uniform | None:
    """How QKeras rounds the bias; None where it leaves it as it is, or there is none."""
    quantizer = layer.config.get("bias_quantizer")
    if quantizer is None or not layer.config.get("use_bias", True):
        return None
    kind = str(quantizer["class_name"]).rsplit(">", 1)[-1]
    if kind != "quantized_bits":
        raise unsupported(layer.name, layer.kind, f"its bias_quantizer is {kind}; use quantized_bits")
    arguments = arguments_of(quantizer["config"], getattr(layer.live, "bias_quantizer_internal", None))
    return Uniform(*quantized_bits(layer.name, arguments))


def _check_quantised(layer: KerasLayer) -> None:
    """Quantisers and activation of a layer of QKeras."""
    _quantised_scheme(layer)
    _bias_quantizer(layer)
    read_fused(layer)


def _unless_zero(bias: np.ndarray | None) -> np.ndarray | None:
    return bias if bias is not None and bias.any() else None


def _linear_window(layer: KerasLayer, kernel: np.ndarray, shape: Shape) -> Window | None:
    if kernel.ndim == 4:
        return _window(layer, kernel.shape[:2], shape, kernel.shape[2] if layer.kind in _DEPTHWISE else 1)
    if len(shape) != 1:
        raise unsupported(
            layer.name,
            layer.kind,
            f"it reads an image of shape {shape}; put Flatten before it, or use a convolution of kernel_size=1, which does for "
            "each pixel what Keras does here",
        )
    return None


def _window(layer: KerasLayer, size: Sequence[int], shape: Shape, groups: int = 1) -> Window:
    kh, kw = (int(n) for n in size)
    stride = layer.config.get("strides") or size
    sh, sw = (int(n) for n in (stride if isinstance(stride, Sequence) else (stride, stride)))
    if str(layer.config.get("padding", "valid")).lower() == "same":
        return Window.same((kh, kw), (sh, sw), shape[0], shape[1], groups)
    return Window((kh, kw), (sh, sw), groups=groups)


def _max_pool(layer: KerasLayer, shapes: Sequence[Shape]) -> MaxPooling:
    return MaxPooling(_window(layer, layer.config["pool_size"], shapes[0]))


def _sum_pool(layer: KerasLayer, shapes: Sequence[Shape]) -> SumPooling:
    return SumPooling(_window(layer, layer.config["pool_size"], shapes[0]), int(layer.config["shift"]))


def _zero_padding(layer: KerasLayer, shapes: Sequence[Shape]) -> ZeroPadding:
    (top, bottom), (left, right) = layer.config["padding"]
    return ZeroPadding((int(top), int(bottom), int(left), int(right)))


def _flatten(layer: KerasLayer, shapes: Sequence[Shape]) -> Reshaping:
    return Reshaping((math.prod(shapes[0]),))


def _reshape(layer: KerasLayer, shapes: Sequence[Shape]) -> Reshaping:
    shape, size = tuple(int(n) for n in layer.config["target_shape"]), math.prod(shapes[0])
    if -1 in shape:
        known = -math.prod(shape)
        shape = tuple(size // known if n == -1 else n for n in shape)
    if len(shape) not in (1, 3):
        raise unsupported(layer.name, layer.kind, f"{shape} is neither an image (H, W, C) nor a vector (N,)")
    return Reshaping(shape)


def _add(layer: KerasLayer, shapes: Sequence[Shape]) -> Addition:
    if len(shapes) != 2:
        raise unsupported(layer.name, layer.kind, f"it joins {len(shapes)} branches; add them two at a time")
    if shapes[0] != shapes[1]:
        raise unsupported(layer.name, layer.kind, f"it adds {shapes[0]} and {shapes[1]}; both must have one shape")
    return Addition()


def _identity(layer: KerasLayer, shapes: Sequence[Shape]) -> Identity:
    return Identity()


def _activation(layer: KerasLayer, shapes: Sequence[Shape]) -> Trained:
    live, given = layer.live, layer.config["activation"]
    if layer.kind == "QActivation" and given in ("linear", "softmax"):  # hls4ml's parser takes them from Activation alone
        raise unsupported(layer.name, f"QActivation '{given}'", f"use Activation('{given}')")
    found = next((getattr(live, name) for name in ("quantizer", "activation") if hasattr(live, name)), None)
    return read_activation(layer.name, layer.kind, given, found if hasattr(found, "get_config") else None)


def _softmax(layer: KerasLayer, shapes: Sequence[Shape]) -> FinalSoftmax:
    axis = layer.config.get("axis", -1)
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    if axes not in ((-1,), (len(shapes[0]),)):
        raise unsupported(layer.name, layer.kind, f"axis={axis!r} is not the last one, along which classes lie; use axis=-1")
    return FinalSoftmax()


def _codebook(layer: KerasLayer, shapes: Sequence[Shape]) -> Codebook:
    found, fraction = layer.variables(), int(layer.config["fraction"])
    thresholds = found["thresholds"].astype(np.float32)
    if not np.isfinite(thresholds).all():
        raise LoweringError(f"layer '{layer.name}': thresholds hold NaN or Inf; fit the codebooks again")
    levels = tuple(int(v) for v in grid_integers(found["levels"], fraction, layer.name, "levels"))
    return Codebook(levels, fraction, thresholds)


def _uniform(layer: KerasLayer, shapes: Sequence[Shape]) -> Uniform:
    bits, highest = int(layer.config["bits"]), layer.config.get("highest")
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if layer.config["signed"] else (0, (1 << bits) - 1)
    return Uniform(lo, hi if highest is None else min(hi, int(highest)), int(layer.config["fraction"]), "half_up")


def _batch_norm(layer: KerasLayer, shapes: Sequence[Shape]) -> BatchNorm:
    axis = layer.config.get("axis", -1)
    if (tuple(axis) if isinstance(axis, Sequence) else (axis,)) not in ((-1,), (len(shapes[0]),)):
        raise unsupported(layer.name, layer.kind, f"axis={axis!r} is not the last one; use axis=-1")
    found = {name: value.astype(np.float64) for name, value in layer.variables().items()}
    variance = found["moving_variance"] + float(layer.config["epsilon"])
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = found.get("gamma", np.float64(1.0)) / np.sqrt(variance)
        if layer.kind == "ShiftBatchNormalization":
            gain, shift = _powers_of_two(gain, found, layer.config)
        else:
            shift = found.get("beta", np.float64(0.0)) - found["moving_mean"] * gain
        scale, shift = gain.astype(np.float32), shift.astype(np.float32)
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise LoweringError(f"layer '{layer.name}': batch-norm holds NaN, Inf or a variance below zero; the training diverged")
    return BatchNorm(scale, shift)


def _powers_of_two(gain: np.ndarray, found: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of a shift batch-norm: the nearest power of two, compared at 1.5 times the lower one."""
    lowest, highest = int(config["lowest"]), int(config["highest"])
    steps = np.ldexp(1.5, np.arange(lowest, highest))
    scale = np.ldexp(1.0, lowest + np.searchsorted(steps, gain, side="right"))
    grid = 2.0 ** int(config["fraction"])
    return scale, np.floor((found.get("beta", np.float64(0.0)) - found["moving_mean"] * scale) * grid + 0.5) / grid


def _grid(layer: KerasLayer, shapes: Sequence[Shape]) -> GridStatement:
    try:
        return GridStatement(Grid(*(layer.config[key] for key in ("lo", "hi", "fraction"))))
    except ConfigError as error:
        raise UnsupportedLayerError(f"layer '{layer.name}': {error}") from error


def _check_float(layer: KerasLayer) -> None:
    raise float_weights(layer)


_WITHOUT_WEIGHTS: Mapping[str, Callable[[KerasLayer], object]] = {
    "InputLayer": lambda layer: _input(layer, ()),
    **dict.fromkeys(("QConv2D", "QDepthwiseConv2D", "QDense"), _check_quantised),
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "Dense"), _check_float),
    **dict.fromkeys(("Activation", "QActivation"), lambda layer: _activation(layer, ())),
}
"""What can be checked of a layer beside its arguments before its weights are read."""

_READERS: Mapping[str, Callable[[KerasLayer, Sequence[Shape]], Trained]] = {
    "InputLayer": _input,
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "Dense"), _quantised_linear),
    **dict.fromkeys(("QConv2D", "QDepthwiseConv2D", "QDense"), _quantised_linear),
    **dict.fromkeys(("LookupConv2D", "LookupDepthwiseConv2D", "LookupDense"), _lookup_linear),
    "MaxPooling2D": _max_pool,
    "SumPooling2D": _sum_pool,
    "ZeroPadding2D": _zero_padding,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Add": _add,
    "Dropout": _identity,
    "Activation": _activation,
    "QActivation": _activation,
    "Softmax": _softmax,
    "CodebookActivation": _codebook,
    "UniformActivation": _uniform,
    **dict.fromkeys(("ExactBatchNormalization", "ShiftBatchNormalization"), _batch_norm),
    "InputGrid": _grid,
}


__all__ = ["check_layer", "read_fused", "read_layer"]
