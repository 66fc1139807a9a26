# SPDX-License-Identifier: Apache-2.0
"""Layers with signed-digit weights to kernels."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.conlocnn.compensation import nearest
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.conlocnn.scheme import SignedDigitScheme


def lower(spec: LinearSpec) -> SignedDigitKernel:
    """A layer of `SignedDigitScheme` -> kernel.

    Latent weights take their nearest level, so weights that were rounded otherwise must already lie on levels.

    Raises:
        LoweringError: weights with NaN or Inf, or a bad format.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    scheme = spec.scheme
    assert isinstance(scheme, SignedDigitScheme)
    digits = DigitFormat(scheme.positions)
    weights = digits.levels[nearest(spec.weights, digits.levels * 2.0**-scheme.fraction)]
    return SignedDigitKernel(
        words=digits.encode(weights),
        positions=digits.positions,
        fraction=spec.inputs.fraction + scheme.fraction,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )
