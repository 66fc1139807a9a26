# SPDX-License-Identifier: Apache-2.0
"""Layers trained with ternary weights to kernels."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.deepchip.scales import scale_integers, ternarise


def lower(spec: LinearSpec) -> TernaryKernel:
    """LinearSpec with quantiser `Ternary` -> kernel without shifts.

    The quantiser's config holds ``threshold``, ``scale_bits``, ``power_of_two`` and ``fraction`` (grid of the scales); its
    state holds ``positive`` and ``negative``, the latent scales, shape ().

    Raises:
        LoweringError: NaN or Inf in weights or scales.
    """
    latent_scales = np.array([float(spec.state[name]) for name in ("positive", "negative")], dtype=np.float32)
    if not np.isfinite(spec.weights).all() or not np.isfinite(latent_scales).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    config = spec.quantizer["config"]
    fraction = int(config["fraction"])
    grid = scale_integers(int(config["scale_bits"]), bool(config["power_of_two"]))
    levels = (grid * 2.0**-fraction).astype(np.float32)
    positive, negative = grid[np.searchsorted(levels[:-1] + levels[1:], 2 * latent_scales, side="right")]
    return TernaryKernel(
        weights=ternarise(spec.weights, float(config["threshold"])),
        positive=int(positive),
        negative=int(negative),
        shifts=np.zeros(len(spec.weights), dtype=np.int64),
        fraction=spec.inputs.fraction + fraction,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )
