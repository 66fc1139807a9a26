# SPDX-License-Identifier: Apache-2.0
"""Random input streams for kernel tests: unsigned and signed grids, and symbols of a codebook."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Stream


def stream(rng: np.random.Generator) -> Stream:
    """A stream of shape (1,): what any layer may hand to any kernel."""
    kind = int(rng.integers(3))
    if kind == 2:
        levels = np.sort(rng.choice(np.arange(-64, 64), int(rng.integers(2, 17)), replace=False))
        return Stream((1,), 0, len(levels) - 1, 4, tuple(int(v) for v in levels))
    bits = int(rng.integers(2, 9))
    return Stream((1,), 0, (1 << bits) - 1, bits) if kind == 0 else Stream((1,), -(1 << bits), (1 << bits) - 1, bits)
