# SPDX-License-Identifier: Apache-2.0
"""ConLoCNN in Keras: the signed-digit quantiser, and the conversion of a float model without retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.methods.conlocnn.compensation import Moments, Rounded, compensate, round_nearest
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.search import Choice, choose
from dietcnn_hls.tf import tf
from dietcnn_hls.training.linear import channels_of, from_taps, lookup_layer, sample_windows, tap_weights
from dietcnn_hls.training.lookups import nearest_level
from dietcnn_hls.training.plan import Plan, Step
from dietcnn_hls.training.quantizers import KernelQuantizer
from dietcnn_hls.training.rebuild import FloatNetwork, Quantization, Signal, run_layer
from dietcnn_hls.training.uniform import UniformRebuilder

if TYPE_CHECKING:
    from dietcnn_hls.methods.conlocnn import ConLoOptions


@tf.keras.utils.register_keras_serializable(package="dietcnn_hls")
class SignedDigits(KernelQuantizer):
    """Weights are sums of one or two signed powers of two; latent weights take the nearest such value.

    Args:
        positions: for each digit, the shifts it may take, increasing.
        fraction: weights are integers times ``2**-fraction``.
    """

    def __init__(self, positions: Sequence[Sequence[int]], fraction: int) -> None:
        self.format = DigitFormat(tuple(tuple(int(p) for p in shifts) for shifts in positions))
        self.fraction = int(fraction)

    @property
    def levels(self) -> np.ndarray:
        """The values that weights take, float32, increasing."""
        return (self.format.levels * 2.0**-self.fraction).astype(np.float32)

    def max(self) -> float:
        return float(self.levels[-1])

    def state(self) -> dict[str, np.ndarray]:
        return {}

    def fit(self, kernel: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {}

    def quantize(self, kernel: Any, state: Mapping[str, Any]) -> Any:
        levels = tf.constant(self.levels)

        @tf.custom_gradient
        def decode(weights: Any) -> Any:
            return nearest_level(weights, levels), lambda g: g

        return decode(tf.convert_to_tensor(kernel))

    def get_config(self) -> dict[str, Any]:
        return {"positions": [list(shifts) for shifts in self.format.positions], "fraction": self.fraction}


class SignedDigitRebuilder(UniformRebuilder):
    """Signed-digit weights and uniform activations; batch-norms are folded, nothing is retrained.

    Layer after layer, on what the layers before it yield: format search, rounding, compensation.
    """

    def __init__(self, network: FloatNetwork, options: ConLoOptions) -> None:
        super().__init__(network, options.activation_bits)
        self.options = options

    def linear(self, step: Step, signal: Signal) -> Signal:
        assert signal.fraction is not None
        weights = tap_weights(step) * signal.scale
        choice = self.choose(step, weights, signal.data)
        quantizer = SignedDigits(choice.format.positions, choice.fraction)
        layer = lookup_layer(step, quantizer, signal.fraction + choice.fraction)
        tensor = layer(signal.tensor)
        kernel = from_taps(step, choice.rounded.weights)
        bias = step.gain_and_shift()[1] + choice.rounded.bias_shift
        layer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
        return Signal(tensor, run_layer(layer, [signal.data]))

    def choose(self, step: Step, weights: np.ndarray, data: np.ndarray) -> Choice:
        """Format, grid and rounded weights of a layer, from its inputs on calibration images (N, ...)."""
        compensated = self.options.rounding == "compensated"
        bits, limit = self.options.weight_bits, self.options.digit_positions
        groups = layer_moments(self.plan, step, data)
        if len(groups) == 1:
            return choose(weights, groups[0], bits, compensated, limit)
        mean, second = (np.mean([getattr(m, name) for m in groups], axis=0) for name in ("mean", "second"))
        choice = choose(weights, Moments(mean, second, 1), bits, compensated, limit)
        levels = choice.format.levels * 2.0**-choice.fraction
        return Choice(choice.format, choice.fraction, _round_groups(weights, levels, groups, compensated), choice.error)


def _round_groups(weights: np.ndarray, levels: np.ndarray, groups: list[Moments], compensated: bool) -> Rounded:
    """Depthwise rows, each with the moments of its own channel."""
    rows = np.split(weights, len(groups))
    parts = [compensate(r, levels, m) if compensated else round_nearest(r, levels) for r, m in zip(rows, groups, strict=True)]
    return Rounded(
        np.concatenate([p.weights for p in parts]), np.concatenate([p.bias_shift for p in parts]), sum(p.moves for p in parts)
    )


def layer_moments(plan: Plan, step: Step, data: np.ndarray) -> list[Moments]:
    """Moments of a linear step's inputs on calibration data (N, ...): one, or for depthwise one a channel."""
    windows = sample_windows(step, data)
    if step.depthwise:
        return [Moments.of(windows[..., c], 1) for c in range(windows.shape[-1])]
    flat = windows.reshape(len(windows), -1)
    return [Moments.of(flat, channels_of(plan, step, flat.shape[1]))]


class _ConLoCNN(Quantization):
    objects = {"SignedDigits": SignedDigits}

    def rebuilder(self, network: FloatNetwork, options: ConLoOptions) -> SignedDigitRebuilder:
        return SignedDigitRebuilder(network, options)


KERAS = _ConLoCNN()
