# SPDX-License-Identifier: Apache-2.0
"""The baseline in QKeras: batch-norm folded, `quantized_bits` kernels and biases, `quantized_relu` between.

The model consists of QKeras' own layers, so stock hls4ml converts it as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.tf import qkeras
from dietcnn_hls.training.integer_layers import UniformActivation
from dietcnn_hls.training.linear import from_taps, layer_arguments, replacement, tap_weights
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.rebuild import FloatNetwork, Quantization, Signal
from dietcnn_hls.training.uniform import UniformRebuilder

if TYPE_CHECKING:
    from dietcnn_hls.methods.fixed_point import FixedPointOptions


MAX_INTEGER = 30
"""Integer bits that QKeras' quantisers can have: they compute powers of two in 32-bit integers."""


class FixedPointRebuilder(UniformRebuilder):
    """QKeras layers with folded batch-norms."""

    def __init__(self, network: FloatNetwork, options: FixedPointOptions) -> None:
        super().__init__(network, options.activation_bits)
        self.weight_bits = options.weight_bits

    def rounding(self, name: str, fraction: int, signed: bool, highest: int | None) -> Any:
        integer = self.bits - fraction - signed
        if highest is not None or not 0 <= integer <= MAX_INTEGER:  # QKeras has none of these
            return UniformActivation(self.bits, fraction, signed, highest, name=name)
        words = f"quantized_bits({self.bits},{integer},alpha=1)" if signed else f"quantized_relu({self.bits},{integer})"
        return qkeras.QActivation(words, name=name)  # in words: QKeras cannot load an activation saved as an object

    def linear(self, step: Step, signal: Signal) -> Signal:
        weights = tap_weights(step) * signal.scale
        _, bias = step.gain_and_shift()
        assert signal.fraction is not None
        integer = covering_bits(weights)
        fraction = self.weight_bits - 1 - integer
        self._check_range(step, weights, bias, signal.fraction + fraction)
        word = "depthwise" if step.depthwise else "kernel"
        kind = replacement(step, qkeras.QConv2D, qkeras.QDepthwiseConv2D, qkeras.QDense)
        options = {
            f"{word}_quantizer": quantized_bits(integer, fraction),
            # keeps the weights inside the stated bits where `quantized_bits` had to be given more
            f"{word}_constraint": qkeras.qlayers.Clip(-(2.0**integer), 2.0**integer - 2.0**-fraction),
            # on the accumulator's grid, so that adding the bias is exact; one bit more for training
            "bias_quantizer": quantized_bits(covering_bits(bias) + 1, signal.fraction + fraction),
        }
        layer = kind(**layer_arguments(step), **options)
        layer.build((None, *step.input_shape))
        layer.set_weights([from_taps(step, weights).astype(np.float32), bias.astype(np.float32)])
        return self.apply(layer, signal)

    def _fraction(self, values: np.ndarray, signed: bool) -> int:
        """As fine as QKeras' quantisers go, which take no negative number of integer bits, unless too little were left."""
        best, finest = super()._fraction(values, signed), self.bits - 1
        return best if best > finest + self.bits // 2 else min(best, finest)

    def _check_range(self, step: Step, weights: np.ndarray, bias: np.ndarray, sums: int) -> None:
        """LoweringError where QKeras, which computes powers of two in 32-bit integers, cannot hold weights or bias."""
        if max(covering_bits(weights), covering_bits(bias) + 1) > MAX_INTEGER or sums > 2 * MAX_INTEGER:
            raise LoweringError(
                f"layer {step.words}: weights up to {np.abs(weights).max():.3g} and biases up to {np.abs(bias).max():.3g} are "
                "beyond the range of QKeras' quantisers; put a BatchNormalization behind the layers before it, or scale them"
            )


def covering_bits(values: np.ndarray) -> int:
    """Integer bits, without sign and possibly negative, of the narrowest power-of-two range that holds all `values`."""
    return math.ceil(math.log2(float(np.abs(values).max(initial=0.0)) or 2.0**-8))


def quantized_bits(integer: int, fraction: int) -> Any:
    """A signed QKeras quantiser onto ``2**-fraction``; it spans [-1, 1) at least: QKeras takes no fewer than 0 integer bits."""
    integer = max(integer, 0, 1 - fraction)
    return qkeras.quantized_bits(max(2, 1 + integer + fraction), integer, alpha=1)


class _FixedPoint(Quantization):
    def rebuilder(self, network: FloatNetwork, options: FixedPointOptions) -> FixedPointRebuilder:
        return FixedPointRebuilder(network, options)


KERAS = _FixedPoint()
