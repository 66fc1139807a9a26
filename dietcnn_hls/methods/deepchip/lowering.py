# SPDX-License-Identifier: Apache-2.0
"""Layers trained with ternary weights to kernels."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.deepchip.scales import ternarise
from dietcnn_hls.methods.deepchip.scheme import TernaryScheme


def lower(spec: LinearSpec) -> TernaryKernel:
    """A layer of `TernaryScheme` -> kernel without shifts.

    Raises:
        LoweringError: NaN or Inf in weights.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    scheme = spec.scheme
    assert isinstance(scheme, TernaryScheme)
    return TernaryKernel(
        weights=ternarise(spec.weights, scheme.threshold),
        positive=scheme.positive,
        negative=scheme.negative,
        shifts=np.zeros(len(spec.weights), dtype=np.int64),
        fraction=spec.inputs.fraction + scheme.fraction,
        integers=spec.inputs.integers,
        lo=spec.inputs.lo,
    )
