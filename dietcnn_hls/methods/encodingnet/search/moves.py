# SPDX-License-Identifier: Apache-2.0
"""The steps of the encoder search: replace one bit of the encoder by a better or cheaper one.

With all bits but one fixed, the best new bit over a chosen support follows from the range of what is left in each of the
support's cells: a bit that is 1 in a cell lowers that range by the position weight, and the worst error (with the best
constant) is half the span of all ranges. So the new bit is found exactly, not by trial.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dietcnn_hls.methods.encodingnet.netlist import INPUTS, OPERAND_BITS, POSITION_BITS, Gate
from dietcnn_hls.methods.encodingnet.search.cones import (
    LUT_INPUTS,
    MAX_LEVELS,
    Cone,
    Formula,
    essential,
    levels,
    pairs_by_cell,
    shared_area,
    truth_of,
)
from dietcnn_hls.methods.encodingnet.search.formulas import INPUTS as SMALL
from dietcnn_hls.methods.encodingnet.search.formulas import database
from dietcnn_hls.methods.encodingnet.search.starts import Column

POWERS = tuple(1 << k for k in range(POSITION_BITS - 1))
_NEVER = np.int64(1) << 40


@dataclass(frozen=True)
class Ranges:
    """Lowest and highest remainder in each cell of a support, (cells,) int64."""

    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(rest: np.ndarray, support: tuple[int, ...]) -> Ranges:
        cells = rest[pairs_by_cell(support)]
        return Ranges(cells.min(axis=1).astype(np.int64), cells.max(axis=1).astype(np.int64))

    def span(self, ones: np.ndarray, position: int) -> int:
        """Span of the remainder when the cells of `ones` (0/1) are lowered by `position`."""
        return int((self.high - position * ones).max() - (self.low - position * ones).min())

    def best_cells(self, position: int) -> tuple[int, np.ndarray]:
        """(span, cells): the function that leaves the smallest span for a position weight, cells uint8."""
        lows = np.stack([self.low, self.low - position])
        highs = np.stack([self.high, self.high - position])
        floors = np.unique(lows)
        # per candidate floor and cell: the lower of the tops that stay above the floor; a 1 only where it is needed
        tops = np.where(lows[None] >= floors[:, None, None], highs[None], _NEVER)
        ceiling = tops.min(axis=1).max(axis=1)
        best = int((ceiling - floors).argmin())
        zero_fits = (lows[0] >= floors[best]) & (highs[0] <= ceiling[best])
        return int(ceiling[best] - floors[best]), (~zero_fits).astype(np.uint8)

    def forced(self, position: int, floor: int, span: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Cells that must be (1, 0) for the remainder to lie in [floor, floor + span]; None where a cell fits neither way."""
        zero = (self.low >= floor) & (self.high <= floor + span)
        one = (self.low - position >= floor) & (self.high - position <= floor + span)
        return None if not (zero | one).all() else (~zero, ~one)


class Objective(ABC):
    """What area means, and which single-bit steps a search may take.

    Attributes:
        name: word in settings and files.
    """

    name: str

    @abstractmethod
    def area(self, columns: Sequence[Column]) -> int:
        """Area of an encoder in the objective's smallest unit."""

    @abstractmethod
    def propose(self, rng: np.random.Generator, rest: np.ndarray, old: Column, span: int) -> Column | None:
        """A new bit for `old` (already taken out of `rest`) that should leave a span of at most `span`, or None."""

    def regroup(
        self, rng: np.random.Generator, rest: np.ndarray, columns: Sequence[Column]
    ) -> tuple[list[Column], list[Column]] | None:
        """Several bits to take out (still in `rest`) and those to put in their place, or None where the objective has none."""
        return None


class LutCones(Objective):
    """Area in LUTs: every bit of at most `inputs` operand bits is one, whatever its function; weights are powers of two.

    Bits whose weights are powers of two are added as they are, in carry chains. With five inputs (``carry_cones``) the LUT that
    makes a bit is the LUT that adds it; with six, the widest LUT of an FPGA, adding takes one more.
    """

    def __init__(self, name: str = "lut_cones", inputs: int = LUT_INPUTS) -> None:
        self.name, self.inputs = name, inputs

    def area(self, columns: Sequence[Column]) -> int:
        return len({(c.cone.support, c.cone.truth) for c in columns if len(c.cone.support) > 1})

    def propose(self, rng: np.random.Generator, rest: np.ndarray, old: Column, span: int) -> Column | None:
        support = _neighbour(rng, old.cone.support, self.inputs)
        ranges = Ranges.of(rest, support)
        if (ranges.high - ranges.low).max() > span:
            return None
        near = {old.position, 2 * old.position, old.position // 2} & set(POWERS)
        candidates = POWERS if rng.random() < 0.3 else tuple(near) or POWERS
        position, (_, cells) = min(((p, ranges.best_cells(p)) for p in candidates), key=lambda item: item[1][0])
        return Column(Cone(*essential(support, truth_of(cells))), position)

    def regroup(
        self, rng: np.random.Generator, rest: np.ndarray, columns: Sequence[Column]
    ) -> tuple[list[Column], list[Column]] | None:
        """All bits within the supports of two of them, written anew as the binary digits of what they sum to in each cell.

        Nine partial products of 3 x 3 operand bits so become the six bits of their product.
        """
        first, second = (columns[int(i)].cone.support for i in rng.integers(len(columns), size=2))
        support = tuple(sorted({*first, *second}))
        if len(support) > self.inputs:
            return None
        support = _widened(rng, support, int(rng.integers(len(support), self.inputs + 1)))
        inside = [c for c in columns if set(c.cone.support) <= set(support)]
        if len(inside) < 3:
            return None
        whole = rest.astype(np.int64)
        for column in inside:
            whole += column.position * column.cone.values.astype(np.int64)
        ranges = Ranges.of(whole, support)
        values = (ranges.low + ranges.high) // 2
        step = min(abs(c.position) for c in inside) << int(rng.integers(2))
        digits = (values - values.min() + step // 2) // step
        planes = [((digits >> k) & 1, step << k) for k in range(int(digits.max()).bit_length())]
        new = [Column(Cone(*essential(support, truth_of(cells))), weight) for cells, weight in planes if cells.any()]
        return (inside, new) if len(new) < len(inside) else None


class GateArea(Objective):
    """Area in NAND2 units (counted in thirds), bits within three levels of 2-input gates; any signed 16-bit weight."""

    name = "nand2"

    def area(self, columns: Sequence[Column]) -> int:
        return shared_area(c.cone.formula for c in columns if c.cone.formula is not None)

    def propose(self, rng: np.random.Generator, rest: np.ndarray, old: Column, span: int) -> Column | None:
        if rng.random() < 0.35:
            return self._mutated(rng, rest, old)
        support = _neighbour(rng, old.cone.support, SMALL)
        ranges = Ranges.of(rest, support)
        if (ranges.high - ranges.low).max() > span:
            return None
        position = int(rng.choice(self._weights(rng, ranges, old.position)))
        reached, _ = ranges.best_cells(position)
        # half of the time take the best function, otherwise spend the slack up to `span` on a cheaper one
        goal = reached if reached > span or rng.random() < 0.5 else span
        return self._cheapest(rng, ranges, support, position, goal)

    @staticmethod
    def _weights(rng: np.random.Generator, ranges: Ranges, old: int) -> list[int]:
        """Position weights worth a try: powers of two, the old one, steps between the middles of two cells."""
        middles = (ranges.low + ranges.high) // 2
        steps = np.abs(rng.choice(middles, 4) - rng.choice(middles, 4)).tolist()
        tries = [*POWERS, *[abs(old)] * 8, abs(old) + int(rng.integers(-3, 4)), *steps]
        return [t for t in tries if 0 < t < 1 << (POSITION_BITS - 1)]

    @staticmethod
    def _cheapest(rng: np.random.Generator, ranges: Ranges, support: tuple[int, ...], position: int, goal: int) -> Column | None:
        """The cheapest function within `goal` at a random admissible floor, of either polarity."""
        floors = np.unique(np.concatenate([ranges.low, ranges.low - position]))
        rng.shuffle(floors)
        for floor in floors.tolist():
            cells = ranges.forced(position, floor, goal)
            if cells is None:
                continue
            ones, zeros = (truth_of(c) for c in cells)
            options = [(database().cheapest(ones, zeros), position), (database().cheapest(zeros, ones), -position)]
            known = [(truth, p) for truth, p in options if truth is not None]
            if known:
                truth, signed = min(known, key=lambda o: int(database().costs[o[0]]))
                return _column(database().formula(truth, support), signed)
        return None

    @staticmethod
    def _mutated(rng: np.random.Generator, rest: np.ndarray, old: Column) -> Column | None:
        """The old bit with one random change in its gates, its weight set to the best for the new function."""
        assert old.cone.formula is not None
        formula = _mutate(rng, old.cone.formula)
        if levels(formula) > MAX_LEVELS:
            return None
        cone = Cone.of_formula(formula)
        if not cone.support:
            return None
        ranges, ones = Ranges.of(rest, cone.support), cone.cells.astype(bool)
        lowered, kept = (int(ranges.low[m].min() + ranges.high[m].max()) for m in (ones, ~ones))
        position = (lowered - kept) // 2
        return Column(cone, position) if 0 < abs(position) < 1 << (POSITION_BITS - 1) else None


def _column(formula: Formula, position: int) -> Column | None:
    cone = Cone.of_formula(formula)
    return Column(cone, position) if cone.support else None


def _widened(rng: np.random.Generator, support: tuple[int, ...], size: int) -> tuple[int, ...]:
    """A support widened to `size` operand bits, each new one next to an old one in its operand."""
    chosen = list(support)
    while len(chosen) < size:
        nets = [net + step for net in chosen for step in (-1, 1) if 0 <= net % OPERAND_BITS + step < OPERAND_BITS]
        chosen.append(int(rng.choice([net for net in nets if net not in chosen])))
    return tuple(sorted(chosen))


def _neighbour(rng: np.random.Generator, support: tuple[int, ...], size: int) -> tuple[int, ...]:
    """A support of `size` operand bits: the old one with one or two bits exchanged, or a random one."""
    chosen = [int(net) for net in support]
    if rng.random() < 0.25:
        chosen = []
    for _ in range(1 + int(rng.random() < 0.4)):
        if len(chosen) >= size:
            chosen.pop(int(rng.integers(len(chosen))))
    while len(chosen) > size:
        chosen.pop(int(rng.integers(len(chosen))))
    others = [net for net in range(INPUTS) if net not in chosen]
    chosen += rng.choice(others, size - len(chosen), replace=False).tolist()
    return tuple(sorted(chosen))


_MUTATED = (Gate.AND, Gate.NAND, Gate.OR, Gate.NOR, Gate.XOR, Gate.XNOR)


def _mutate(rng: np.random.Generator, formula: Formula) -> Formula:
    """Change a leaf, a gate's kind, invert or drop a branch, or grow a leaf into a gate; at one random place."""
    if isinstance(formula, int) or rng.random() < 0.4:
        return _change(rng, formula)
    kind, left, right = formula
    if kind == Gate.NOT:
        inner = _mutate(rng, left)
        return (Gate.NOT, inner, inner)
    return (kind, _mutate(rng, left), right) if rng.random() < 0.5 else (kind, left, _mutate(rng, right))


def _change(rng: np.random.Generator, formula: Formula) -> Formula:
    leaf = int(rng.integers(INPUTS))
    if isinstance(formula, int):
        grown = _MUTATED[int(rng.integers(len(_MUTATED)))]
        return leaf if rng.random() < 0.6 or leaf == formula else (grown, formula, leaf)
    kind, left, right = formula
    choice = rng.random()
    if choice < 0.4 and kind != Gate.NOT:
        return (_MUTATED[int(rng.integers(len(_MUTATED)))], left, right)
    if choice < 0.6:
        return left if rng.random() < 0.5 else right
    return (Gate.NOT, formula, formula) if kind != Gate.NOT else left


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective for objective in (LutCones(), LutCones("carry_cones", 5), GateArea())
}

__all__ = ["OBJECTIVES", "GateArea", "LutCones", "Objective", "Ranges"]
