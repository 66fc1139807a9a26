# SPDX-License-Identifier: Apache-2.0
"""Linear steps of a plan: their weights by taps, the windows that they see, and the lookup layer that takes a step's place."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.integers import im2col
from dietcnn_hls.lowered import Window
from dietcnn_hls.tf import tf
from dietcnn_hls.training.layers import LookupConv2D, LookupDense, LookupDepthwiseConv2D
from dietcnn_hls.training.plan import Plan, Step
from dietcnn_hls.training.quantizers import KernelQuantizer

WINDOWS = 16384
"""Windows of a layer that calibrate it, evenly chosen over images and places."""


def lookup_layer(step: Step, quantizer: KernelQuantizer, bias_fraction: int | None, *, bias: bool = True) -> Any:
    """The lookup layer of a step's geometry and name, unbuilt; without a bias `bias_fraction` has no meaning."""
    kind = replacement(step, LookupConv2D, LookupDepthwiseConv2D, LookupDense)
    return kind(**{kind._quantizer_argument: quantizer}, use_bias=bias, bias_fraction=bias_fraction, **layer_arguments(step))


def replacement(step: Step, conv: type, depthwise: type, dense: type) -> Any:
    """That of three layer classes which takes a step's place."""
    if step.depthwise:
        return depthwise
    return dense if isinstance(step.layer, tf.keras.layers.Dense) else conv


def layer_arguments(step: Step) -> dict[str, Any]:
    """Name and geometry of a linear step, as arguments of a layer that takes its place."""
    config = step.layer.get_config()
    wanted = ("name", "filters", "kernel_size", "strides", "padding", "units", "depth_multiplier")
    return {key: config[key] for key in wanted if key in config}


def correlate(step: Step, x: Any) -> Any:
    """The products and sums of a linear step in float32, without bias and activation."""
    layer = step.layer
    if step.depthwise:
        return tf.nn.depthwise_conv2d(x, layer.depthwise_kernel, (1, *layer.strides, 1), layer.padding.upper())
    if isinstance(layer, tf.keras.layers.Conv2D):
        return tf.nn.conv2d(x, layer.kernel, layer.strides, layer.padding.upper())
    return tf.linalg.matmul(x, layer.kernel)


def sample_windows(step: Step, data: np.ndarray) -> np.ndarray:
    """Input windows of a linear step from (N, ...) data, at most `WINDOWS`: (N', positions, channels), one position for dense."""
    if data.ndim == 2:
        return data[:WINDOWS, None, :]
    size, stride = tuple(step.layer.kernel_size), tuple(step.layer.strides)
    same = step.layer.padding == "same"
    window = Window.same(size, stride, *data.shape[1:3]) if same else Window(size, stride)
    view = im2col(data, size, stride, window.padding, 0)
    places = view.shape[1] * view.shape[2]
    count = min(WINDOWS, len(data) * places)
    image, place = np.divmod(np.arange(count) * (len(data) * places) // count, places)
    row, column = np.divmod(place, view.shape[2])
    return view[image, row, column].reshape(count, -1, data.shape[-1])


def channels_of(plan: Plan, step: Step, taps: int) -> int:
    """How many channels the taps of a linear step fall into, innermost: those before a flatten, where there is one.

    Taps of one channel at different places belong together statistically; a plain dense input has one tap a channel.
    """
    while len(step.input_shape) == 1:
        source = next((s for s in plan if s.name == step.inputs[0]), None)
        if source is None or source.kind in ("linear", "add"):
            return taps
        step = source
    return int(step.input_shape[-1])


def tap_weights(step: Step) -> np.ndarray:
    """A linear step's float weights with its batch-norm folded in: float64 (outputs, taps), taps in (kh, kw, channel) order."""
    gain, _ = step.gain_and_shift()
    return to_taps(step, step.kernel.astype(np.float64)) * gain[:, None]


def to_taps(step: Step, kernel: np.ndarray) -> np.ndarray:
    """Keras' layout of a kernel to (outputs, taps)."""
    if step.depthwise:
        return kernel.reshape(-1, kernel.shape[2] * kernel.shape[3]).T
    return kernel.reshape(-1, kernel.shape[-1]).T


def from_taps(step: Step, weights: np.ndarray) -> np.ndarray:
    """Inverse of `to_taps`."""
    return weights.T.reshape(step.kernel.shape)
