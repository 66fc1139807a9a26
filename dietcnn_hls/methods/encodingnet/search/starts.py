# SPDX-License-Identifier: Apache-2.0
"""Where a search starts: the greedy baseline (matching pursuit over AND and XOR) and multiplier tiles cut to size.

The baseline is the one that our searched encoders must beat; both give columns, weighted bits as the search moves them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.encodingnet.netlist import OPERAND_BITS, PAIRS, Gate, Netlist, exact_products
from dietcnn_hls.methods.encodingnet.search.cones import Cone, Formula, build, essential, synthesise, truth_of


@dataclass(frozen=True)
class Column:
    """One bit of an encoder: its function and its position weight."""

    cone: Cone
    position: int


def residual(columns: list[Column]) -> np.ndarray:
    """(65536,) int32: exact product minus the weighted bits, without constant."""
    rest = exact_products().ravel().astype(np.int32)
    for column in columns:
        rest -= np.int32(column.position) * column.cone.values
    return rest


def netlist_of(columns: list[Column]) -> Netlist:
    """Columns as a netlist with the constant that halves the worst error; constant cones vanish into it."""
    rest = residual(columns)
    formulas: list[Formula] = []
    positions: list[int] = []
    shift = 0
    for column in columns:
        cone = column.cone
        formula = synthesise(cone.support, cone.truth) if cone.formula is None else cone.formula
        if isinstance(formula, bool):
            shift += column.position * formula
        else:
            formulas.append(formula)
            positions.append(column.position)
    middle = (int(rest.max()) + int(rest.min())) // 2
    return build(formulas, positions, middle + shift)


def partial_products() -> list[Column]:
    """The 64 ANDs of an exact multiplier, position weights with the signs of two's complement."""

    def weight(i: int) -> int:
        return -(1 << i) if i == OPERAND_BITS - 1 else 1 << i

    pairs = itertools.product(range(OPERAND_BITS), repeat=2)
    return [Column(Cone.of_formula((Gate.AND, i, OPERAND_BITS + j)), weight(i) * weight(j)) for i, j in pairs]


def greedy_columns(bits: int) -> list[Column]:
    """The baseline: `bits` ANDs and XORs of one bit of x and one of w, by orthogonal matching pursuit, weights rounded.

    Each step takes the candidate that correlates best with what the chosen ones leave of all 65,536 products; least squares
    with a constant give the weights. 64 bits are the 64 ANDs, which are exact.

    Raises:
        ConfigError: not 1..64 bits.
    """
    if not 1 <= bits <= OPERAND_BITS**2:
        raise ConfigError(f"an encoder of {bits} bits: give 1 to {OPERAND_BITS**2}")
    if bits == OPERAND_BITS**2:
        return partial_products()
    pairs = itertools.product(range(OPERAND_BITS), range(OPERAND_BITS, 2 * OPERAND_BITS))
    cones = [Cone.of_formula((kind, i, j)) for i, j in pairs for kind in (Gate.AND, Gate.XOR)]
    planes = np.array([cone.values for cone in cones], dtype=np.float32)
    planes -= planes.mean(axis=1, keepdims=True)
    gram = (planes @ planes.T).astype(np.float64) / PAIRS
    # to 1e-6 of the products' range, so that ties do not hang on the order of a matrix product's sums
    target = np.round((planes @ exact_products().ravel().astype(np.float32)).astype(np.float64) / PAIRS, 2)
    chosen: list[int] = []
    weights = np.zeros(0)
    for _ in range(bits):
        left = np.abs(target - gram[:, chosen] @ weights) / np.sqrt(np.diag(gram))
        left[chosen] = -1.0
        chosen.append(int(np.round(left, 6).argmax()))
        weights = np.linalg.lstsq(gram[np.ix_(chosen, chosen)], target[chosen], rcond=None)[0]
    return [Column(cones[i], int(weight)) for i, weight in zip(chosen, np.rint(weights), strict=True)]


def tile_columns(widths_x: tuple[int, ...], widths_w: tuple[int, ...]) -> list[Column]:
    """An exact multiplier cut into tiles whose products are binary: a 3 x 3-bit tile costs 6 bits instead of 9.

    The tiles' widths must sum to 8 on both sides. Every bit is a function of the tile's operand bits.
    """
    columns = []
    for low_x, width_x in _ranges(widths_x):
        for low_w, width_w in _ranges(widths_w):
            columns += _tile(range(low_x, low_x + width_x), range(low_w, low_w + width_w))
    return columns


def _ranges(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(itertools.accumulate((0, *widths[:-1])), widths, strict=True))


def _tile(bits_x: range, bits_w: range) -> list[Column]:
    support = (*bits_x, *(OPERAND_BITS + j for j in bits_w))
    cells = np.arange(1 << len(support))

    def value(bits: range, first: int) -> np.ndarray:
        weights = [-(1 << i) if i == OPERAND_BITS - 1 else 1 << i for i in bits]
        total = np.zeros_like(cells)
        for n, weight in enumerate(weights):
            total += ((cells >> (first + n)) & 1) * weight
        return total >> bits.start

    product = value(bits_x, 0) * value(bits_w, len(bits_x))
    product -= product.min()
    base = bits_x.start + bits_w.start
    return [Column(Cone(support, truth_of((product >> k) & 1)), 1 << (base + k)) for k in range(int(product.max()).bit_length())]


def adder_tile_columns() -> list[Column]:
    """An exact multiplier of 58 bits within three gate levels: x in tiles of 3, 3 and 2 bits, w in tiles of 2.

    A 3 x 2-bit tile needs 5 bits: its sums p0, p1, p2 and, both of weight 8, x2 w1 and the carry w0 w1 x1 (x2 | x0). Tiles with
    an operand's sign bit stay plain ANDs, of which those of one sign bit count negative.
    """
    columns = []
    for x in ((0, 1, 2), (3, 4, 5), (6, 7)):
        for w in ((8, 9), (10, 11), (12, 13), (14, 15)):
            signed = 15 in w or 7 in x
            columns += _plain_tile(x, w) if signed or len(x) == 2 else _adder_tile(x, w)
    return columns


def _plain_tile(x: tuple[int, ...], w: tuple[int, ...]) -> list[Column]:
    sign = {7: -1, 15: -1}
    return [
        Column(Cone.of_formula((Gate.AND, i, j)), (1 << (i + j - OPERAND_BITS)) * sign.get(i, 1) * sign.get(j, 1))
        for i in x
        for j in w
    ]


def _adder_tile(x: tuple[int, ...], w: tuple[int, ...]) -> list[Column]:
    (x0, x1, x2), (w0, w1) = x, w
    base = 1 << (x0 + w0 - OPERAND_BITS)
    cross: Formula = (Gate.AND, (Gate.AND, x1, w0), (Gate.AND, x0, w1))
    high: Formula = (Gate.XOR, (Gate.AND, x2, w0), (Gate.AND, x1, w1))
    carry: Formula = (Gate.AND, (Gate.AND, (Gate.AND, w0, w1), x1), (Gate.OR, x2, x0))
    bits: list[tuple[Formula, int]] = [
        ((Gate.AND, x0, w0), 1),
        ((Gate.XOR, (Gate.AND, x1, w0), (Gate.AND, x0, w1)), 2),
        ((Gate.XOR, high, cross), 4),
        ((Gate.AND, x2, w1), 8),
        (carry, 8),
    ]
    return [Column(Cone.of_formula(formula), weight * base) for formula, weight in bits]


def booth_columns() -> list[Column]:
    """An exact multiplier of 40 bits of at most five inputs: w in radix-4 Booth digits, each digit times x in one's complement.

    A digit -2..2 comes from three neighbouring bits of w. Its row has nine bits of x, shifted, cleared or inverted as the digit
    says, and one bit, w's uppermost of the three, that completes the negation.
    """
    columns = []
    for row in range(OPERAND_BITS // 2):
        high, middle, low = (OPERAND_BITS + 2 * row + k for k in (1, 0, -1))
        for j in range(OPERAND_BITS + 1):
            support = sorted({high, middle, *([low] if row else []), min(j, OPERAND_BITS - 1), *([j - 1] if j else [])})
            cells = np.arange(1 << len(support))
            bit = {net: (cells >> k) & 1 for k, net in enumerate(support)}
            below, here = bit[low] if row else 0 * cells, bit[min(j, OPERAND_BITS - 1)]
            once, twice = bit[middle] ^ below, (bit[high] ^ bit[middle]) & (1 - (bit[middle] ^ below))
            value = ((once & here) | (twice & (bit[j - 1] if j else 0 * cells))) ^ bit[high]
            weight = (1 << (2 * row + j)) * (-1 if j == OPERAND_BITS else 1)
            columns.append(Column(Cone(*essential(tuple(support), truth_of(value))), weight))
        columns.append(Column(Cone.of_formula(high), 1 << (2 * row)))
    return columns


def largest(columns: list[Column], bits: int) -> list[Column]:
    """The `bits` columns of largest weight (the paper's cut); the order of equal weights is kept."""
    order = sorted(range(len(columns)), key=lambda i: -abs(columns[i].position))
    return [columns[i] for i in sorted(order[:bits])]


__all__ = ["Column", "adder_tile_columns", "booth_columns", "greedy_columns", "largest", "netlist_of", "residual", "tile_columns"]
