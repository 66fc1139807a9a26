# SPDX-License-Identifier: Apache-2.0
"""QKeras ``quantized_bits`` kernels to integer weights."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel


def quantized_bits_integers(values: np.ndarray, config: dict, layer: str) -> tuple[np.ndarray, int]:
    """What QKeras' ``quantized_bits(bits, integer, symmetric, alpha=None or 1)`` computes, as integers and their grid.

    Returns:
        (int64 array, fraction) with value = integer * 2**-fraction.

    Raises:
        LoweringError: NaN/Inf, or a trained scale (``alpha``), which would need a multiplier per channel.
    """
    if not np.isfinite(values).all():
        raise LoweringError(f"layer '{layer}': weights hold NaN or Inf; the training diverged")
    if config.get("alpha") not in (None, 1, 1.0):
        raise LoweringError(f"layer '{layer}': quantized_bits with alpha={config['alpha']!r}; train with alpha=1")
    keep_negative = int(bool(config.get("keep_negative", True)))
    unsigned_bits = int(config["bits"]) - keep_negative
    fraction = unsigned_bits - int(config.get("integer", 0))
    symmetric = bool(config.get("symmetric", 0))
    low = (-(2**unsigned_bits) + symmetric) if keep_negative else 0
    # np.rint rounds half to even, as tf.round does; scaling by a power of two is exact in float32
    integers = np.rint(np.asarray(values, dtype=np.float32) * np.float32(2.0**fraction))
    return np.clip(integers, low, 2**unsigned_bits - 1).astype(np.int64), fraction


def lower(spec: LinearSpec) -> MultiplyKernel:
    """LinearSpec with quantiser `quantized_bits` -> kernel."""
    weights, fraction = quantized_bits_integers(spec.weights, dict(spec.quantizer["config"]), spec.name)
    return MultiplyKernel(weights, spec.inputs.fraction + fraction, spec.inputs.integers, spec.inputs.lo)
