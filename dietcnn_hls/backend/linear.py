# SPDX-License-Identifier: Apache-2.0
"""Linear layers of a front end to kernels and integer biases; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Kernel, Stream, Window
from dietcnn_hls.methods.base import LinearSpec, Scheme

MAX_FRACTION = 40
"""Finest grid on which a bias is looked for."""


@dataclass(frozen=True)
class TrainedLinear:
    """A trained linear layer.

    Attributes:
        name: for messages.
        kernel: (kh, kw, channels, filters), depthwise (kh, kw, channels, multiplier), or (inputs, outputs).
        scheme: how its weights are coded.
        bias: float64 by output, exact, or None.
        window: geometry of a convolution; ``groups`` equals the channels when depthwise.
    """

    name: str
    kernel: np.ndarray
    scheme: Scheme
    bias: np.ndarray | None
    window: Window | None

    @property
    def weights(self) -> np.ndarray:
        """(outputs, taps), taps in (kh, kw, channel) order."""
        if self.window is not None and self.window.groups > 1:
            taps = self.kernel.shape[0] * self.kernel.shape[1]
            return self.kernel.reshape(taps, -1).T
        return self.kernel.reshape(-1, self.kernel.shape[-1]).T


def lower_kernel(layer: TrainedLinear, source: Stream) -> Kernel:
    """The kernel that the method of the layer's scheme makes of it.

    Raises:
        UnsupportedLayerError: no method knows the scheme.
        LoweringError: off its grid, NaN/Inf, or padding where the input has no exact zero.
    """
    if layer.window is not None and any(layer.window.padding) and source.levels is not None and 0 not in source.levels:
        raise LoweringError(
            f"layer '{layer.name}' pads with zero, but the codebook that it reads has no exact zero; "
            "refit it with zero=True, or use padding='valid'"
        )
    return methods.for_scheme(layer.scheme, layer.name).lower(LinearSpec(layer.name, layer.weights, layer.scheme, source))


def snapped_bias(bias: np.ndarray | None, fraction: int | None) -> np.ndarray | None:
    """Float32 bias -> float64, snapped half up to the grid ``2**-fraction`` (None: as it is); None where it is all zero."""
    if bias is None:
        return None
    values = bias.astype(np.float64)
    if fraction is not None:
        values = np.floor(values * 2.0**fraction + 0.5) * 2.0**-fraction
    return values if values.any() else None


def bias_integers(bias: np.ndarray, fraction: int, layer: str) -> np.ndarray:
    """A bias as int64 on the grid ``2**-fraction``; LoweringError when it is finer."""
    scaled = bias * 2.0**fraction
    if (scaled != np.rint(scaled)).any():
        raise LoweringError(
            f"layer '{layer}': the bias is not on the accumulator's grid 2^-{fraction}; set bias_fraction to at most {fraction}"
        )
    return scaled.astype(np.int64)


def bias_fraction(bias: np.ndarray, layer: str) -> int:
    """The coarsest grid that holds the bias; LoweringError beyond `MAX_FRACTION` bits."""
    for fraction in range(MAX_FRACTION + 1):
        if (bias * 2.0**fraction == np.rint(bias * 2.0**fraction)).all():
            return fraction
    raise LoweringError(f"layer '{layer}': the bias lies on no grid of {MAX_FRACTION} bits; set bias_fraction")


__all__ = ["TrainedLinear", "bias_fraction", "bias_integers", "lower_kernel", "snapped_bias"]
