# SPDX-License-Identifier: Apache-2.0
"""Linear layers of a front end to kernels and integer biases; numpy only."""

from __future__ import annotations

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.backend.trained import TrainedLinear
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Kernel, Stream
from dietcnn_hls.methods.base import LinearSpec

MAX_FRACTION = 40
"""Finest grid on which a bias is looked for."""


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


def bias_integers(layer: TrainedLinear, fraction: int) -> np.ndarray:
    """The layer's bias, zeros without one, as int64 on the grid ``2**-fraction``; LoweringError when it is finer."""
    if layer.bias is None:
        return np.zeros(layer.outputs, np.int64)
    scaled = layer.bias * 2.0**fraction
    if (scaled != np.rint(scaled)).any():
        remedy = layer.finer_bias.format(fraction=fraction)
        raise LoweringError(f"layer '{layer.name}': the bias is not on the accumulator's grid 2^-{fraction}; {remedy}")
    return scaled.astype(np.int64)


def bias_fraction(bias: np.ndarray, layer: str) -> int:
    """The coarsest grid that holds the bias; LoweringError beyond `MAX_FRACTION` bits."""
    for fraction in range(MAX_FRACTION + 1):
        if (bias * 2.0**fraction == np.rint(bias * 2.0**fraction)).all():
            return fraction
    raise LoweringError(f"layer '{layer}': the bias lies on no grid of {MAX_FRACTION} bits; set bias_fraction")


__all__ = ["bias_fraction", "bias_integers", "lower_kernel"]
