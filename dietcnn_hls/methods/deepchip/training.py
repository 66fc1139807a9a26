# SPDX-License-Identifier: Apache-2.0
"""DeepChip in Keras: trained ternary weights, and the conversion of a float model into one that is trained further."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.methods.deepchip.scales import fitted_scales, scale_integers, ternarise
from dietcnn_hls.tf import tf
from dietcnn_hls.training.integer_layers import SMALLEST_GAIN, ShiftBatchNormalization
from dietcnn_hls.training.linear import from_taps, lookup_layer, to_taps
from dietcnn_hls.training.lookups import nearest_level
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.quantizers import KernelQuantizer
from dietcnn_hls.training.rebuild import FloatNetwork, Quantization, Signal, run_layer
from dietcnn_hls.training.uniform import UniformRebuilder

if TYPE_CHECKING:
    from dietcnn_hls.methods.deepchip import DeepChipOptions

LATENT_SPREAD = 0.2
"""Root mean square of a channel's latent weights after conversion: QKeras clips latent weights to [-1, 1]."""


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class Ternary(KernelQuantizer):
    """Weights in {-negative, 0, +positive}, one pair of trained scales a layer (trained ternary quantisation).

    The latent weights' gradient is scaled by `positive`, 1 and `negative` in the three zones; the scales' gradients are sums
    over their zones. Scales are snapped to integers on a grid, with a straight-through gradient.

    Args:
        threshold: weights up to this fraction of the largest magnitude are zero.
        fraction: scales are integers times ``2**-fraction``.
        scale_bits: width of those integers.
        power_of_two: scales are powers of two.
    """

    trainable = ("positive", "negative")

    def __init__(self, threshold: float, fraction: int, scale_bits: int = 4, power_of_two: bool = False) -> None:
        self.threshold, self.fraction = float(threshold), int(fraction)
        self.scale_bits, self.power_of_two = int(scale_bits), bool(power_of_two)
        self.levels = (scale_integers(self.scale_bits, self.power_of_two) * 2.0**-self.fraction).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        return {name: np.array(self.levels[len(self.levels) // 2]) for name in self.trainable}

    def fit(self, kernel: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {}

    def quantize(self, kernel: Any, state: Mapping[str, Any]) -> Any:
        levels = tf.constant(self.levels)

        @tf.custom_gradient
        def decode(latent: Any, positive: Any, negative: Any) -> Any:
            limit = tf.constant(self.threshold, tf.float32) * tf.reduce_max(tf.abs(latent))
            plus, minus = tf.cast(latent > limit, tf.float32), tf.cast(latent < -limit, tf.float32)
            up, down = nearest_level(positive, levels), nearest_level(negative, levels)

            def gradient(g: Any) -> tuple[Any, Any, Any]:
                latent_gradient = g * (plus * up + minus * down + (1.0 - plus - minus))
                return latent_gradient, tf.reduce_sum(g * plus), -tf.reduce_sum(g * minus)

            return plus * up - minus * down, gradient

        return decode(
            tf.convert_to_tensor(kernel), tf.convert_to_tensor(state["positive"]), tf.convert_to_tensor(state["negative"])
        )

    def get_config(self) -> dict[str, Any]:
        names = ("threshold", "fraction", "scale_bits", "power_of_two")
        return {name: getattr(self, name) for name in names}


class TernaryRebuilder(UniformRebuilder):
    """Ternary linear layers; hidden ones keep a batch-norm, of shifts, that training adapts."""

    def __init__(self, network: FloatNetwork, options: DeepChipOptions) -> None:
        super().__init__(network, options.activation_bits)
        self.options = options

    def linear(self, step: Step, signal: Signal) -> Signal:
        assert signal.fraction is not None
        weights = to_taps(step, step.kernel.astype(np.float64)) * signal.scale
        normed = not step.final
        factor = _channel_factors(step, weights) if normed else step.gain_and_shift()[0][:, None]
        quantizer, scales = self._quantizer(weights * factor)
        layer = lookup_layer(step, quantizer, None if normed else signal.fraction + quantizer.fraction, bias=not normed)
        tensor = layer(signal.tensor)
        layer.kernel.assign(from_taps(step, weights * factor).astype(np.float32))
        layer.set_state(scales)
        if not normed:
            layer.bias.assign(step.gain_and_shift()[1].astype(np.float32))
            return Signal(tensor, run_layer(layer, [signal.data]))
        return self._norm(
            step, Signal(tensor, run_layer(layer, [signal.data])), factor[:, 0], signal.fraction + quantizer.fraction
        )

    def _quantizer(self, weights: np.ndarray) -> tuple[Ternary, dict[str, np.ndarray]]:
        positive, negative = fitted_scales(weights, ternarise(weights, self.options.threshold))
        largest = int(scale_integers(self.options.scale_bits, self.options.power_of_two_scales)[-1])
        # training may raise a scale by half before its grid ends
        fraction = math.floor(math.log2(largest / (1.5 * max(positive, negative))))
        quantizer = Ternary(self.options.threshold, fraction, self.options.scale_bits, self.options.power_of_two_scales)
        return quantizer, {"positive": np.array(positive), "negative": np.array(negative)}

    def _norm(self, step: Step, raw: Signal, factor: np.ndarray, fraction: int) -> Signal:
        """The batch-norm behind a ternary layer: it brings the sums' statistics to what the float layer's outputs had."""
        axes = tuple(range(raw.data.ndim - 1))
        mean, variance = raw.data.mean(axes, dtype=np.float64), raw.data.var(axes, dtype=np.float64)
        if step.norm is None:
            epsilon = 1e-3
            gamma, beta = np.sqrt(variance + epsilon) / factor, mean / factor + step.bias
        else:
            epsilon = float(step.norm.epsilon)
            gamma = np.ones_like(mean) if step.norm.gamma is None else np.maximum(np.abs(step.norm.gamma.numpy()), SMALLEST_GAIN)
            beta = np.zeros_like(mean) if step.norm.beta is None else step.norm.beta.numpy()
        lowest, highest = _exponent_range(gamma / np.sqrt(variance + epsilon))
        name = self.fresh(f"{step.name}_norm") if step.norm is None else step.norm.name
        norm = ShiftBatchNormalization(lowest, highest, fraction - lowest, momentum=0.9, epsilon=epsilon, name=name)
        tensor = norm(raw.tensor)
        values = {"gamma": gamma, "beta": beta, "moving_mean": mean, "moving_variance": variance}
        for variable, value in values.items():
            getattr(norm, variable).assign(value.astype(np.float32))
        return Signal(tensor, run_layer(norm, [raw.data]))


def _channel_factors(step: Step, weights: np.ndarray) -> np.ndarray:
    """(outputs, 1) factors that bring channels to one spread, so that they share a threshold, and gains to positive signs.

    The batch-norm takes them back.
    """
    spread = np.sqrt(np.mean(weights**2, axis=1, keepdims=True))
    sign = np.where(step.gain_and_shift()[0] < 0, -1.0, 1.0)[:, None]
    return sign * LATENT_SPREAD / np.where(spread > 0, spread, 1.0)


def _exponent_range(gain: np.ndarray) -> tuple[int, int]:
    """Exponents that training may choose from: those of the present gains and one beside, four at most.

    With four, the shifter of a result costs one LUT a bit.
    """
    exponents = np.rint(np.log2(np.maximum(gain, 2.0**-30)))
    highest = int(exponents.max()) + 1
    return max(int(exponents.min()) - 1, highest - 3), highest


class _DeepChip(Quantization):
    objects = {"Ternary": Ternary}

    def rebuilder(self, network: FloatNetwork, options: DeepChipOptions) -> TernaryRebuilder:
        return TernaryRebuilder(network, options)


KERAS = _DeepChip()
