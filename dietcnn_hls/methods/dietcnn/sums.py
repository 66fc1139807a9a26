# SPDX-License-Identifier: Apache-2.0
"""Symbolic sums in Keras: every product and partial sum is a symbol of one codebook, and a table adds two symbols.

The tensors here compute what `kernel.SymbolicKernel` defines, bit for bit; `fit_sums` chooses the codebook that loses least.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from dietcnn_hls.methods.dietcnn.lowering import nearest
from dietcnn_hls.tf import tf

SUM_BITS = 12
"""Width of the integers that centroids of sums may take; bounds the table from products to symbols."""

BLOCK = 1_000_000
"""Products that are summed at a time."""


def symbolic_sums(columns: Any, kernel: Any, levels: Any, fraction: int, order: str) -> Any:
    """Sums of products through the add table.

    Args:
        columns: (R, taps, groups) float32 decoded inputs.
        kernel: (taps, groups, outputs per group) float32 decoded weights.
        levels: (Ks,) sorted centroids of products and sums, float32 on the grid ``2**-fraction``.
        fraction: that grid; centroids lie below ``2**(SUM_BITS - 1)`` steps.
        order: 'tree' or 'ripple'.

    Returns:
        (R, groups * outputs per group) float32, entries of `levels`.
    """
    return _compiled(fraction, order, tuple(kernel.shape), levels.shape[0])(columns, kernel, levels)


@cache
def _compiled(fraction: int, order: str, shape: tuple[int, int, int], count: int) -> Any:
    """The graph for one grid, order, kernel shape and number of levels, in blocks of rows.

    XLA fuses products, look-ups and adds of a block into loops over its caches, some 25 times as fast as separate operations.
    Blocks of one size are compiled once, whatever the batch.
    """

    taps, groups, outputs = shape
    rows = max(8, BLOCK // (taps * groups * outputs))

    @partial(tf.function, jit_compile=True)
    def block_sums(columns: Any, kernel: Any, levels: Any) -> Any:
        middles = levels[:-1] + levels[1:]
        pairs = tf.reshape(2.0 * (levels[:, None] + levels[None, :]), [-1])
        add = tf.searchsorted(middles, pairs, side="right")
        symbols = _product_symbols(columns, kernel, middles, fraction)
        total = _tree(symbols, add, count) if order == "tree" else _ripple(symbols, add, count)
        return tf.gather(levels, tf.reshape(total, [-1, total.shape[1] * total.shape[2]]))

    @partial(tf.function, input_signature=[tf.TensorSpec(s) for s in ((None, taps, groups), shape, (count,))])
    def sums(columns: Any, kernel: Any, levels: Any) -> Any:
        given = tf.shape(columns)[0]
        padded = tf.pad(columns, [[0, -given % rows], [0, 0], [0, 0]])
        blocks = tf.reshape(padded, [-1, rows, taps, groups])
        result = tf.map_fn(lambda block: block_sums(block, kernel, levels), blocks, parallel_iterations=2)
        return tf.reshape(result, [-1, groups * outputs])[:given]

    return sums


def _product_symbols(columns: Any, kernel: Any, middles: Any, fraction: int) -> Any:
    """(R, taps, groups, outputs) symbols of the products.

    ``2 * p >= level[j] + level[j+1]`` has integers on its right side, in steps of the grid, so the floor of the left side
    decides, and a table over its range gives the symbol.
    """
    reach = 2**SUM_BITS
    doubled = tf.range(-reach, reach, dtype=tf.float32) * 2.0**-fraction
    table = tf.searchsorted(middles, doubled, side="right")
    products = columns[:, :, :, None] * (kernel * 2.0 ** (fraction + 1))[None]
    steps = tf.clip_by_value(tf.floor(products), -float(reach), reach - 1.0)
    return tf.gather(table, tf.cast(steps, tf.int32) + reach)


def _tree(symbols: Any, add: Any, count: int) -> Any:
    while symbols.shape[1] > 1:
        even = symbols.shape[1] // 2 * 2
        pairs = tf.gather(add, symbols[:, 0:even:2] * count + symbols[:, 1:even:2])
        symbols = tf.concat([pairs, symbols[:, even:]], axis=1)
    return symbols[:, 0]


def _ripple(symbols: Any, add: Any, count: int) -> Any:
    taps = tf.transpose(symbols, [1, 0, 2, 3])

    def step(tap: Any, total: Any) -> tuple[Any, Any]:
        return tap + 1, tf.gather(add, total * count + taps[tap])

    return tf.while_loop(lambda tap, _: tap < taps.shape[0], step, (1, taps[0]))[1]


@dataclass(frozen=True, eq=False)
class SumCodebook:
    """Centroids of products and partial sums: integers (Ks,) and their grid."""

    levels: np.ndarray
    fraction: int


def fit_sums(columns: np.ndarray, kernel: np.ndarray, symbols: int, order: str) -> SumCodebook:
    """The codebook whose sums follow the exact ones most closely on calibration windows.

    A uniform grid adds without loss until it saturates; coarser outer steps widen its range for the late sums of the tree. The
    search is over how far the fine middle reaches, how fast the steps then double, and the step itself. Closeness is
    correlation: batch-norm and bias take up an offset and a factor.

    Args:
        columns: (n, taps) decoded inputs of sampled windows.
        kernel: (n, taps) decoded weights of an output sampled for each.
        symbols: Ks.
        order: 'tree' or 'ripple'.
    """
    products = np.asarray(columns, np.float64) * kernel
    exact = products.sum(axis=1)
    spread = float(exact.std()) or 1.0
    best, found = -np.inf, None
    for shape in _shapes(symbols):
        for top in (2.2, 2.7, 3.3, 4.0, 5.0, 6.5):
            candidate = _placed(shape, top * spread)
            score = _correlation(exact, _simulate(products, candidate, order))
            if score > best:
                best, found = score, candidate
    assert found is not None
    return found


def _shapes(symbols: int) -> list[np.ndarray]:
    """Symmetric level patterns: unit steps up to a middle, then steps that double after every `run` levels."""
    half = symbols // 2
    found = {}
    for middle in (8, 6, 4, 3, 2):
        for run in (4, 3, 2, 1):
            positive, step = list(range(max(1, half * middle // 8))), 1
            while len(positive) <= half:
                step *= 2
                positive += [positive[-1] + step * (i + 1) for i in range(max(1, half * run // 8))]
            levels = np.array([-v for v in positive[half:0:-1]] + positive[: symbols - half])
            if positive[half] < 2 ** (SUM_BITS - 1) // 4:
                found[levels.tobytes()] = levels
    return list(found.values())


def _placed(shape: np.ndarray, top: float) -> SumCodebook:
    """The pattern with its end near `top`: each step is 4 to 7 steps of a power-of-two grid."""
    unit = top / int(np.abs(shape).max())
    fraction = 2 - math.floor(math.log2(unit))
    factor = min(7, max(4, round(unit * 2.0**fraction)))
    return SumCodebook(shape * factor, fraction)


def _simulate(products: np.ndarray, codebook: SumCodebook, order: str) -> np.ndarray:
    """(n, taps) products -> (n,) symbolic sums, in numpy."""
    levels = codebook.levels
    add = nearest(np.add.outer(levels, levels), levels)
    symbols = nearest(products * 2.0**codebook.fraction, levels)
    if order == "ripple":
        total = symbols[:, 0]
        for tap in range(1, symbols.shape[1]):
            total = add[total, symbols[:, tap]]
        return levels[total] * 2.0**-codebook.fraction
    while symbols.shape[1] > 1:
        even = symbols.shape[1] // 2 * 2
        symbols = np.concatenate([add[symbols[:, 0:even:2], symbols[:, 1:even:2]], symbols[:, even:]], axis=1)
    return levels[symbols[:, 0]] * 2.0**-codebook.fraction


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else 0.0
