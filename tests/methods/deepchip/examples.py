# SPDX-License-Identifier: Apache-2.0
"""Random kernels of ternary weights."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from tests.kernels import Example


def ternary_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> TernaryKernel:
    """Sparse or dense, one scale or two, with and without shifts."""
    zeros = rng.random()
    weights = rng.choice([0, 1, -1], (outputs, taps), p=[zeros, (1 - zeros) * 0.6, (1 - zeros) * 0.4]).astype(np.int8)
    shifts = rng.integers(0, 4, outputs) if rng.random() < 0.5 else np.zeros(outputs, np.int64)
    positive, negative = (int(v) for v in rng.integers(1, 16, 2))
    return TernaryKernel(weights, positive, negative, shifts, source.fraction + 4, source.integers, source.lo)


def plain(kernel: TernaryKernel, codes: list[int], output: int) -> int:
    values = [int(kernel.integers[code - kernel.lo]) for code in codes]
    weights = kernel.weights[output].tolist()
    plus = sum(v for v, w in zip(values, weights, strict=True) if w > 0)
    minus = sum(v for v, w in zip(values, weights, strict=True) if w < 0)
    return (kernel.positive * plus - kernel.negative * minus) * 2 ** int(kernel.shifts[output])


EXAMPLES = {"ternary": Example(TernaryKernel, ternary_kernel, plain)}
