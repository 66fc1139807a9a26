# SPDX-License-Identifier: Apache-2.0
"""Random codebooks and input streams for tests of single kernels."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Stream


def levels(rng: np.random.Generator, count: int, bits: int, signed: bool) -> tuple[int, ...]:
    """`count` sorted distinct grid integers with an exact zero."""
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    others = rng.choice(np.setdiff1d(np.arange(low, high), [0]), count - 1, replace=False)
    return tuple(sorted([0, *(int(v) for v in others)]))


def stream(rng: np.random.Generator) -> Stream:
    """A stream of shape (1,), what any layer may hand to any kernel: unsigned and signed grids, symbols of a codebook."""
    kind = int(rng.integers(3))
    if kind == 2:
        values = np.sort(rng.choice(np.arange(-64, 64), int(rng.integers(2, 17)), replace=False))
        return Stream((1,), 0, len(values) - 1, 4, tuple(int(v) for v in values))
    bits = int(rng.integers(2, 9))
    return Stream((1,), 0, (1 << bits) - 1, bits) if kind == 0 else Stream((1,), -(1 << bits), (1 << bits) - 1, bits)
