# SPDX-License-Identifier: Apache-2.0
"""The baseline in QKeras: batch-norm folded, `quantized_bits` kernels and biases, `quantized_relu` between.

The model consists of QKeras' own layers, so stock hls4ml converts it as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.rebuild import Signal
from dietcnn_hls.training.tf import qkeras
from dietcnn_hls.training.uniform import UniformRebuilder, from_taps, is_depthwise, layer_arguments, tap_weights

if TYPE_CHECKING:
    from dietcnn_hls.methods.fixed_point import FixedPointOptions


class FixedPointRebuilder(UniformRebuilder):
    """QKeras layers with folded batch-norms."""

    def __init__(self, plan: Any, shape: tuple[int, ...], x: np.ndarray, name: str, options: FixedPointOptions) -> None:
        super().__init__(plan, shape, x, name, options.activation_bits)
        self.weight_bits = options.weight_bits
        self.finest = self.bits - 1  # QKeras' quantisers take no negative number of integer bits

    def activation(self, name: str, fraction: int, signed: bool) -> Any:
        integer = self.bits - fraction - signed
        words = f"quantized_bits({self.bits},{integer},alpha=1)" if signed else f"quantized_relu({self.bits},{integer})"
        return qkeras.QActivation(words, name=name)  # in words: QKeras cannot load an activation saved as an object

    def linear(self, step: Step, signal: Signal) -> Signal:
        weights = tap_weights(step)
        _, bias = step.gain_and_shift()
        assert signal.fraction is not None
        integer = covering_bits(weights)
        fraction = self.weight_bits - 1 - integer
        word = "depthwise" if is_depthwise(step) else "kernel"
        kind = {"Conv2D": qkeras.QConv2D, "Dense": qkeras.QDense, "DepthwiseConv2D": qkeras.QDepthwiseConv2D}
        options = {
            f"{word}_quantizer": quantized_bits(integer, fraction),
            # keeps the weights inside the stated bits where `quantized_bits` had to be given more
            f"{word}_constraint": qkeras.qlayers.Clip(-(2.0**integer), 2.0**integer - 2.0**-fraction),
            # on the accumulator's grid, so that adding the bias is exact; one bit more for training
            "bias_quantizer": quantized_bits(covering_bits(bias) + 1, signal.fraction + fraction),
        }
        layer = kind[type(step.layer).__name__](**layer_arguments(step), **options)
        layer.build(step.layer.input_shape)
        layer.set_weights([from_taps(step, weights).astype(np.float32), bias.astype(np.float32)])
        return self.apply(layer, signal)


def covering_bits(values: np.ndarray) -> int:
    """Integer bits, without sign and possibly negative, of the narrowest power-of-two range that holds all `values`."""
    return math.ceil(math.log2(float(np.abs(values).max(initial=0.0)) or 2.0**-8))


def quantized_bits(integer: int, fraction: int) -> Any:
    """A signed QKeras quantiser onto ``2**-fraction``; it spans [-1, 1) at least: QKeras takes no fewer than 0 integer bits."""
    integer = max(integer, 0)
    return qkeras.quantized_bits(max(2, 1 + integer + fraction), integer, alpha=1)
