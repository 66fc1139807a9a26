# SPDX-License-Identifier: Apache-2.0
"""Random kernels of codebook products: exact sums, and sums of symbols in both orders."""

from __future__ import annotations

import functools

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.dietcnn.kernel import SymbolicKernel, TableKernel
from tests.kernels import Example, nonnegative
from tests.streams import levels


def table_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> TableKernel:
    """Either products of two codebooks or an arbitrary table: the hardware must not care."""
    weight_levels = np.array(levels(rng, symbols, max(3, symbols.bit_length() + 1), True))
    if rng.random() < 0.5:
        table = np.multiply.outer(source.integers, weight_levels)
    else:
        table = rng.integers(-100, 100, (len(source.integers), symbols))
    weights = rng.integers(0, symbols, (outputs, taps)).astype(np.uint16)
    return TableKernel(table.astype(np.int32), weights, source.fraction + 4)


def symbolic_kernel(
    rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int, order: str = "tree"
) -> SymbolicKernel:
    """Arbitrary product and add tables: order matters, as it must for the test to mean something."""
    count = int(rng.integers(3, 33))
    sums = levels(rng, count, 7, True)
    return SymbolicKernel(
        product=rng.integers(0, count, (len(source.integers), symbols)).astype(np.uint16),
        add=rng.integers(0, count, (count, count)).astype(np.uint16),
        weights=rng.integers(0, symbols, (outputs, taps)).astype(np.uint16),
        levels=sums,
        fraction=4,
        order=order,
    )


def plain_table(kernel: TableKernel, codes: list[int], output: int) -> int:
    return sum(int(kernel.table[a, w]) for a, w in zip(codes, kernel.weights[output], strict=True))


def plain_symbolic(kernel: SymbolicKernel, codes: list[int], output: int) -> int:
    symbols = [int(kernel.product[a, w]) for a, w in zip(codes, kernel.weights[output], strict=True)]
    while len(symbols) > 1:
        if kernel.order == "ripple":
            symbols = [int(kernel.add[symbols[0], symbols[1]]), *symbols[2:]]
        else:
            symbols = [
                int(kernel.add[symbols[i], symbols[i + 1]]) if i + 1 < len(symbols) else symbols[i]
                for i in range(0, len(symbols), 2)
            ]
    return symbols[0]


EXAMPLES = {
    "table": Example(TableKernel, table_kernel, plain_table, nonnegative),
    "symbolic": Example(SymbolicKernel, symbolic_kernel, plain_symbolic, nonnegative),
    "symbolic_ripple": Example(
        SymbolicKernel, functools.partial(symbolic_kernel, order="ripple"), plain_symbolic, nonnegative, hardware=False
    ),
}
