# SPDX-License-Identifier: Apache-2.0
"""Random kernels of ordinary products."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from tests.kernels import Example


def multiply_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> MultiplyKernel:
    """Weights of 8 bits."""
    weights = rng.integers(-128, 128, (outputs, taps))
    return MultiplyKernel(weights, source.fraction + 7, source.integers, source.lo)


def plain(kernel: MultiplyKernel, codes: list[int], output: int) -> int:
    values = {code: int(v) for code, v in enumerate(kernel.integers, kernel.lo)}
    return sum(values[a] * int(w) for a, w in zip(codes, kernel.weights[output], strict=True))


EXAMPLES = {"multiply": Example(MultiplyKernel, multiply_kernel, plain, multiplies=True)}
