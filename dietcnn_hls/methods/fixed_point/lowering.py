# SPDX-License-Identifier: Apache-2.0
"""Weights on a uniform grid to integers."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.methods.fixed_point.scheme import UniformScheme


def lower(spec: LinearSpec) -> MultiplyKernel:
    """A layer of `UniformScheme` -> kernel.

    Raises:
        LoweringError: weights with NaN or Inf.
    """
    if not np.isfinite(spec.weights).all():
        raise LoweringError(f"layer '{spec.name}': weights hold NaN or Inf; the training diverged")
    scheme = spec.scheme
    assert isinstance(scheme, UniformScheme)
    # np.rint rounds half to even, as tf.round does; scaling by a power of two is exact in float32
    integers = np.rint(spec.weights.astype(np.float32) * np.float32(2.0**scheme.fraction))
    weights = np.clip(integers, scheme.lo, scheme.hi).astype(np.int64)
    return MultiplyKernel(weights, spec.inputs.fraction + scheme.fraction, spec.inputs.integers, spec.inputs.lo)
