# SPDX-License-Identifier: Apache-2.0
"""Trained ternary quantisation in numbers: zones, scales, their grids, and the cost of a constant scaling.

Zones and threshold as in trained ternary quantisation (Zhu et al., ICLR 2017), which DeepChip trains with.
"""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.integers import signed_digits


def ternarise(weights: np.ndarray, threshold: float) -> np.ndarray:
    """Latent weights -> {-1, 0, 1}, int8: zero where ``|w| <= threshold * max|w|``, compared in float32 as Keras does."""
    latent = weights.astype(np.float32)
    limit = np.float32(threshold) * np.abs(latent).max(initial=np.float32(0))
    return (latent > limit).astype(np.int8) - (latent < -limit).astype(np.int8)


def fitted_scales(weights: np.ndarray, zones: np.ndarray) -> tuple[float, float]:
    """(positive, negative) scales with the least squared weight error: the means of the magnitudes in the zones."""
    parts = (weights[zones > 0], -weights[zones < 0])
    positive, negative = (float(p.mean()) if p.size else 0.0 for p in parts)
    largest = max(positive, negative) or 1.0
    return positive or largest, negative or largest


def scale_integers(bits: int, power_of_two: bool) -> np.ndarray:
    """The integers that a scale may take, increasing; ConfigError for fewer than one or more than eight bits."""
    if not 1 <= bits <= 8:
        raise ConfigError(f"ternary scales of {bits} bits: use 1 to 8")
    return 1 << np.arange(bits) if power_of_two else np.arange(1, 1 << bits)


def adders(value: int) -> int:
    """Adders of a multiplication by the constant `value` > 0; 0 for powers of two."""
    return sum(digit != 0 for digit in signed_digits(value)) - 1
