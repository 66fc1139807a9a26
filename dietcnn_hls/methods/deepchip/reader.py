# SPDX-License-Identifier: Apache-2.0
"""Keras' `Ternary` quantiser to a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import QuantizerReader
from dietcnn_hls.methods.deepchip.scales import scale_integers
from dietcnn_hls.methods.deepchip.scheme import TernaryScheme


def read_ternary(layer: str, config: Mapping[str, Any], state: Mapping[str, np.ndarray]) -> TernaryScheme:
    """The config holds ``threshold``, ``scale_bits``, ``power_of_two`` and ``fraction``; the state the latent scales, shape ().

    Raises:
        LoweringError: NaN or Inf in the scales.
    """
    latent = np.array([float(state[name]) for name in ("positive", "negative")], dtype=np.float32)
    if not np.isfinite(latent).all():
        raise LoweringError(f"layer '{layer}': scales hold NaN or Inf; the training diverged")
    fraction = int(config["fraction"])
    grid = scale_integers(int(config["scale_bits"]), bool(config["power_of_two"]))
    levels = (grid * 2.0**-fraction).astype(np.float32)
    positive, negative = grid[np.searchsorted(levels[:-1] + levels[1:], 2 * latent, side="right")]
    return TernaryScheme(float(config["threshold"]), int(positive), int(negative), fraction)


QUANTIZERS: Mapping[str, QuantizerReader] = {"Ternary": read_ternary}
