# SPDX-License-Identifier: Apache-2.0
"""EncodingNet in Keras: layers whose products come from the encoder's table, and the conversion of a float model.

The forward pass is the encoder's, computed through its exact low-rank form: one convolution for the product itself and one,
over more channels, for the encoder's error. That costs about as many multiply-accumulates as the table has terms, where a
gather of one table entry a product would be bound by memory. The backward pass is that of the exact product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.methods.encodingnet.lowering import WEIGHT_LIMIT, weight_integers
from dietcnn_hls.methods.encodingnet.lowrank import LowRank
from dietcnn_hls.methods.encodingnet.netlist import OPERAND_BITS, Netlist
from dietcnn_hls.tf import tf
from dietcnn_hls.training.layers import LookupDense
from dietcnn_hls.training.linear import from_taps, lookup_layer, tap_weights
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.quantizers import KernelQuantizer
from dietcnn_hls.training.rebuild import FloatNetwork, Quantization, Signal, run_layer
from dietcnn_hls.training.uniform import UniformRebuilder

if TYPE_CHECKING:
    from dietcnn_hls.methods.encodingnet import EncodingOptions
    from dietcnn_hls.training.layers import LookupLayer

_ACTIVATION_BITS = OPERAND_BITS - 1
"""Codes of a ReLU and of an image: signed operands that are never negative."""

_GRIDS = 4
"""Weight grids tried, each half the range of the one before; the first covers all weights."""


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class EncodedProducts(KernelQuantizer):
    """8-bit weights whose products with 8-bit inputs come from an encoder.

    Args:
        encoder: the netlist, in JSON form (`Netlist.to_dict`), so that a saved model is complete.
        fraction: weights are integers in [-127, 127] times ``2**-fraction``.
        input_fraction: inputs are integers in [-128, 127] times ``2**-input_fraction``.
    """

    def __init__(self, encoder: Mapping[str, Any], fraction: int, input_fraction: int) -> None:
        self.netlist = Netlist.from_dict(encoder)
        self.fraction, self.input_fraction = int(fraction), int(input_fraction)

    @cached_property
    def factors(self) -> LowRank:
        return LowRank.of(self.netlist.table)

    def max(self) -> float:
        return WEIGHT_LIMIT * 2.0**-self.fraction

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def fit(self, kernel: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {}

    def quantize(self, kernel: Any, state: Mapping[str, Any]) -> Any:
        @tf.custom_gradient
        def decode(weights: Any) -> Any:
            return self._integers(weights) * 2.0**-self.fraction, lambda g: g

        return decode(tf.convert_to_tensor(kernel))

    def _integers(self, kernel: Any) -> Any:
        # float64: adding one half in float32 would round, and move values just below a midpoint
        scaled = tf.floor(tf.cast(kernel, tf.float64) * 2.0**self.fraction + 0.5)
        return tf.cast(tf.clip_by_value(scaled, -float(WEIGHT_LIMIT), float(WEIGHT_LIMIT)), tf.float32)

    def linear(self, layer: LookupLayer, x: Any, kernel: Any, state: Mapping[str, Any], training: bool) -> Any:
        product = super().linear(layer, x, kernel, state, training)
        if self.factors.terms == 1:
            return product
        inputs = _codes(tf.round(tf.cast(x, tf.float32) * 2.0**self.input_fraction))
        weights = _codes(self._integers(kernel))
        error = tf.ensure_shape(_error(layer, inputs, weights, self.factors, product.dtype), product.shape)
        return product + tf.stop_gradient(error * 2.0 ** -(self.fraction + self.input_fraction))

    def get_config(self) -> dict[str, Any]:
        return {"encoder": self.netlist.to_dict(), "fraction": self.fraction, "input_fraction": self.input_fraction}


def _codes(integers: Any) -> Any:
    """Two's complement codes 0..255 of float integers."""
    return tf.bitwise.bitwise_and(tf.cast(integers, tf.int32), 255)


def _error(layer: LookupLayer, inputs: Any, weights: Any, factors: LowRank, dtype: Any) -> Any:
    """Sum over the taps of the encoder's error, in products' units; padded places hold the code 0 and err as it does."""
    terms = factors.terms - 1
    left = tf.gather(tf.constant(factors.left[:, 1:], dtype), _padded(layer, inputs))
    right = tf.gather(tf.constant(factors.right[:, 1:], dtype), weights)
    if isinstance(layer, LookupDense):
        flat = tf.reshape(tf.transpose(right, (0, 2, 1)), (-1, right.shape[1]))
        return tf.linalg.matmul(tf.reshape(left, (-1, flat.shape[0])), flat)
    height, width, channels, outputs = weights.shape
    features = tf.reshape(left, (-1, *left.shape[1:3], channels * terms))
    kernel = tf.reshape(tf.transpose(right, (0, 1, 2, 4, 3)), (height, width, channels * terms, outputs))
    return tf.nn.conv2d(features, kernel, layer.strides, "VALID")  # type: ignore[attr-defined]


def _padded(layer: LookupLayer, codes: Any) -> Any:
    """Codes with the layer's padding made explicit."""
    if isinstance(layer, LookupDense) or layer.padding == "valid":  # type: ignore[attr-defined]
        return codes
    size, stride = layer.kernel_size, layer.strides  # type: ignore[attr-defined]
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(codes.shape[1:3], size, stride, strict=True)]
    return tf.pad(codes, [(0, 0), *((t // 2, t - t // 2) for t in totals), (0, 0)])


class EncodingRebuilder(UniformRebuilder):
    """Dresses linear layers with encoded products; batch-norms are folded into weights and biases.

    Images and activations are 7-bit codes, signed operands that are never negative. With ``options.correct_bias`` the mean
    error of the encoder on the calibration images is taken off the biases, at no cost in hardware.
    """

    def __init__(self, network: FloatNetwork, options: EncodingOptions) -> None:
        super().__init__(network, _ACTIVATION_BITS)
        self.netlist = options.netlist()
        self.correct_bias = options.correct_bias

    def input(self, signal: Signal) -> Signal:
        fraction = self.grid.fraction + self.bits - (max(-self.grid.lo, self.grid.hi + 1) - 1).bit_length()
        layer = self.rounding(self.fresh(f"{self.entry}_encode"), fraction, self.grid.signed, None)
        return self.apply(layer, signal, fraction=fraction)

    def width(self, signed: bool) -> int:
        return self.bits + signed

    def takes(self, signal: Signal) -> bool:
        return signal.bounds[0] >= -(1 << self.bits) and signal.bounds[1] < 1 << self.bits

    def check(self, step: Step) -> None:
        if step.depthwise:
            raise UnsupportedLayerError(f"layer {step.words}: encoded products have no depthwise form; keep it fixed_point")

    def linear(self, step: Step, signal: Signal) -> Signal:
        assert signal.fraction is not None
        weights = tap_weights(step) * signal.scale
        fraction = _weight_fraction(weights)
        quantizer = EncodedProducts(self.netlist.to_dict(), fraction, signal.fraction)
        layer = lookup_layer(step, quantizer, signal.fraction + fraction)
        layer.build(signal.data.shape)
        bias = step.gain_and_shift()[1]
        layer.set_weights([from_taps(step, weights).astype(np.float32), bias.astype(np.float32)])
        result = self.apply(layer, signal)
        return self._corrected(layer, signal, result) if self.correct_bias else result

    def _corrected(self, layer: Any, source: Signal, result: Signal) -> Signal:
        """The layer with the encoder's mean error on the calibration data taken off its bias."""
        bias = layer.bias.numpy().astype(np.float64)
        exact = run_layer(_Exact(layer), [source.data]) + bias
        error = (result.data - exact).mean(axis=tuple(range(result.data.ndim - 1)), dtype=np.float64)
        layer.bias.assign((bias - error).astype(np.float32))
        return Signal(result.tensor, run_layer(layer, [source.data]))


class _Exact:
    """The layer's linear operation with exact products, callable as `run_layer` expects."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self, x: Any, training: bool) -> Any:
        layer = self.layer
        return layer.correlate(x, layer.quantizer.quantize(layer.kernel, {}))


def _weight_fraction(weights: np.ndarray) -> int:
    """Grid of 8-bit weights with the least squared error."""
    largest = float(np.abs(weights).max(initial=0.0)) or 1.0
    covering = math.floor(math.log2(WEIGHT_LIMIT / largest))

    def error(fraction: int) -> float:
        return float(np.square(weight_integers(weights, fraction) * 2.0**-fraction - weights).sum())

    return min(range(covering, covering + _GRIDS), key=error)


class _EncodingNet(Quantization):
    objects = {"EncodedProducts": EncodedProducts}

    def rebuilder(self, network: FloatNetwork, options: EncodingOptions) -> EncodingRebuilder:
        return EncodingRebuilder(network, options)


KERAS = _EncodingNet()
