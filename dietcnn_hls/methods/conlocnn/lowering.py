# SPDX-License-Identifier: Apache-2.0
"""Layers with signed-digit weights to kernels."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.conlocnn.compensation import nearest
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel


def lower(spec: LinearSpec) -> SignedDigitKernel:
    """LinearSpec with quantiser `SignedDigits` -> kernel.

    The quantiser's config holds ``positions`` (for each digit its shifts) and ``fraction`` (grid of the weights). Latent
    weights take their nearest level, so weights that were rounded otherwise must already lie on levels.

    Raises:
        LoweringError: weights with NaN or Inf, or a bad format.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    config = spec.quantizer["config"]
    digits = DigitFormat(tuple(tuple(int(p) for p in shifts) for shifts in config["positions"]))
    fraction = int(config["fraction"])
    weights = digits.levels[nearest(spec.weights, digits.levels * 2.0**-fraction)]
    return SignedDigitKernel(
        words=digits.encode(weights),
        positions=digits.positions,
        fraction=spec.inputs.fraction + fraction,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )
