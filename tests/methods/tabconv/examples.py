# SPDX-License-Identifier: Apache-2.0
"""Random kernels of product quantisation, with decision trees and with prototypes, and of tables of single taps."""

from __future__ import annotations

import functools

import numpy as np

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel
from dietcnn_hls.methods.tabconv.taps import TapTableKernel
from tests.kernels import Example


def pq_kernel(
    rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int, encoder: str = "tree"
) -> ProductQuantKernel:
    """Any trees over subspaces that the engine serves, thresholds out of reach included; or prototypes, some of them equal."""
    sizes = [s for s in range(1, source.channels + 1) if source.channels % s == 0 and taps % source.channels == 0]
    tree, size = encoder == "tree", int(rng.choice(sizes or [1]))
    count, leaves = taps // size, 1 << int(rng.integers(1, 5)) if tree else symbols
    return ProductQuantKernel(
        encoder=encoder,  # type: ignore[arg-type]
        members=np.arange(taps).reshape(count, size),
        elements=rng.integers(0, size, (count, leaves - 1 if tree else 0)).astype(np.uint16),
        thresholds=rng.integers(source.lo, source.hi + 2, (count, leaves - 1 if tree else 0)),
        prototypes=rng.choice(source.integers, (count, leaves, 0 if tree else size)),
        table=rng.integers(-128, 128, (outputs, count, leaves)),
        shifts=rng.integers(0, 4, outputs),
        table_width=8,
        fraction=source.fraction + 4,
        integers=source.integers,
        lo=source.lo,
    )


def plain_symbol(kernel: ProductQuantKernel, part: list[int], c: int) -> int:
    """The symbol of one subspace's codes."""
    if kernel.encoder == "tree":
        node = 0
        while node < kernel.symbols - 1:
            node = 2 * node + 1 + (part[int(kernel.elements[c, node])] >= int(kernel.thresholds[c, node]))
        return node - (kernel.symbols - 1)
    values = [int(kernel.integers[code - kernel.lo]) for code in part]
    distances = [sum((v - int(p)) ** 2 for v, p in zip(values, row, strict=True)) for row in kernel.prototypes[c]]
    return distances.index(min(distances))


def plain(kernel: ProductQuantKernel, codes: list[int], output: int) -> int:
    chosen = [plain_symbol(kernel, [codes[tap] for tap in taps], c) for c, taps in enumerate(kernel.members.tolist())]
    total = sum(int(kernel.table[output, c, k]) for c, k in enumerate(chosen))
    return total * 2 ** int(kernel.shifts[output])


def tap_kernel(rng: np.random.Generator, source: Stream, outputs: int, taps: int, symbols: int) -> TapTableKernel:
    """Tables that look at other bits of the code pair by pair, narrower ones and constants among them."""
    entries = 1 << int(rng.integers(0, 6))
    table = rng.integers(-40, 90, (outputs, taps, entries))
    for pair in np.ndindex(outputs, taps):
        seen = 1 << int(rng.integers(0, entries.bit_length()))
        table[pair] = np.tile(table[pair][:seen], entries // seen)
    shifts = rng.integers(0, int(rng.integers(1, 5)), (outputs, taps))
    return TapTableKernel(table, shifts, str(rng.choice(["floor", "half_up"])), source.fraction + 2, source.lo, source.hi)


def plain_entry(kernel: TapTableKernel, codes: list[int], output: int) -> int:
    total = 0
    for tap, code in enumerate(codes):
        step = 2 ** int(kernel.shifts[output, tap])
        index = (code + (step // 2 if kernel.rounding == "half_up" else 0)) // step
        total += int(kernel.table[output, tap, index % kernel.table.shape[2]])
    return total


EXAMPLES = {
    "taps": Example(TapTableKernel, tap_kernel, plain_entry),
    "pq": Example(ProductQuantKernel, pq_kernel, plain),
    "pq_exact": Example(
        ProductQuantKernel, functools.partial(pq_kernel, encoder="exact"), plain, hardware=False, multiplies=True
    ),
}
