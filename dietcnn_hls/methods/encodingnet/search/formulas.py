# SPDX-License-Identifier: Apache-2.0
"""Cheapest formulas of all functions of four inputs within three levels of 2-input gates, found by enumeration.

The search asks for the cheapest function that has stated values in some cells and is free in the others; this database
answers in one vector operation. Costs are those of trees (a gate used twice within one cone is counted twice), in thirds of
a NAND2; sharing between cones is credited afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from dietcnn_hls.methods.encodingnet.netlist import AREA_THIRDS, Gate, apply
from dietcnn_hls.methods.encodingnet.search.cones import MAX_LEVELS, Formula, variable

INPUTS = 4
FUNCTIONS = 1 << (1 << INPUTS)
_MASK = FUNCTIONS - 1
_FAR = np.int64(1) << 60
_BINARY = (Gate.AND, Gate.NAND, Gate.OR, Gate.NOR, Gate.XOR, Gate.XNOR)


@dataclass(frozen=True, eq=False)
class FormulaDatabase:
    """``keys[level, truth]``: cost, gate kind and operands' truth tables packed in one sortable integer.

    Attributes:
        keys: (levels + 1, 65536) int64; unreachable functions hold 2^60.
    """

    keys: np.ndarray

    @cached_property
    def costs(self) -> np.ndarray:
        """(65536,) int32 thirds of a NAND2 within all levels; very large where unreachable."""
        return (self.keys[-1] >> 36).astype(np.int32)

    def formula(self, truth: int, support: tuple[int, ...], level: int = MAX_LEVELS) -> Formula:
        """The cheapest formula of a reachable function over a support of four operand bits."""
        key = int(self.keys[level, truth])
        kind, left, right = (key >> 32) & 15, (key >> 16) & _MASK, key & _MASK
        if kind == _LEAF:
            return support[left]
        if kind == Gate.NOT:
            inner = self.formula(left, support, level)
            return (Gate.NOT, inner, inner)
        return (kind, self.formula(left, support, level - 1), self.formula(right, support, level - 1))

    def cheapest(self, ones: int, zeros: int) -> int | None:
        """Truth table of a cheapest function that is 1 in the cells of `ones` and 0 in those of `zeros`; None if none is."""
        fits = (_TRUTHS & np.int32(ones | zeros)) == ones
        costs = np.where(fits, self.costs, np.int32(_UNREACHABLE))
        best = int(costs.argmin())
        return best if costs[best] < _UNREACHABLE else None


_LEAF = 15
_TRUTHS = np.arange(FUNCTIONS, dtype=np.int32)
_UNREACHABLE = 1 << 20


def _key(cost: int | np.ndarray, kind: int, left: int | np.ndarray, right: int | np.ndarray) -> np.ndarray:
    return (np.asarray(cost, np.int64) << 36) | (kind << 32) | (np.asarray(left, np.int64) << 16) | np.asarray(right, np.int64)


@cache
def database() -> FormulaDatabase:
    """The database, built in a few seconds on first use."""
    keys = np.full((MAX_LEVELS + 1, FUNCTIONS), _FAR, dtype=np.int64)
    for index in range(INPUTS):
        keys[0, variable(index, INPUTS)] = _key(0, _LEAF, index, 0)
    _invert(keys[0])
    for level in range(1, MAX_LEVELS + 1):
        keys[level] = _combine(keys[level - 1], keys[level])
        np.minimum(keys[level], keys[level - 1], out=keys[level])
        _invert(keys[level])
    return FormulaDatabase(keys)


def _invert(keys: np.ndarray) -> None:
    """Complement by an inverter where that is cheaper; in place."""
    reachable = np.flatnonzero(keys < _FAR)
    inverted = _key((keys[reachable] >> 36) + AREA_THIRDS[Gate.NOT], Gate.NOT, reachable, 0)
    target = ~reachable & _MASK
    np.minimum.at(keys, target, inverted)


def _combine(below: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """All gates over functions of the level below."""
    reachable = np.flatnonzero(below < _FAR)
    costs = below[reachable] >> 36
    for left, cost in zip(reachable.tolist(), costs.tolist(), strict=True):
        later = reachable >= left
        rights, sums = reachable[later], costs[later] + cost
        for kind in _BINARY:
            truths = apply(kind, np.full_like(rights, left), rights) & _MASK
            np.minimum.at(keys, truths, _key(sums + AREA_THIRDS[kind], kind, left, rights))
    return keys
