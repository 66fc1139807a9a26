# SPDX-License-Identifier: Apache-2.0
"""Boolean functions of a few operand bits ("cones") and the gates that make them: what the encoder search puts together.

A *formula* is an operand bit (an int, the net's number) or a tuple (kind, left, right) of `Gate` and formulas. A *cone* is a
function by its truth table over a support: bit ``cell`` of ``truth`` is the value where operand bit ``support[j]`` is bit j of
``cell``. Formulas give gate area; truth tables make every cone of at most six inputs one LUT6, whatever its gates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dietcnn_hls.methods.encodingnet.netlist import AREA_THIRDS, INPUTS, OPERAND_BITS, PAIRS, Gate, Netlist, apply, gate_array

Formula = int | tuple[int, "Formula", "Formula"]

LUT_INPUTS = 6
MAX_LEVELS = 3
"""Levels of 2-input gates a gate-level cone may have, the paper's limit."""


def pair_bit(net: int) -> int:
    """Weight of an operand bit in the number of a pair (x code * 256 + w code)."""
    return 1 << (OPERAND_BITS + net) if net < OPERAND_BITS else 1 << (net - OPERAND_BITS)


def _spread(nets: Sequence[int]) -> np.ndarray:
    """(2^len(nets),) sums of the pair bits of `nets`: entry j takes those whose bit is set in j."""
    values = np.zeros(1, dtype=np.int64)
    for net in nets:
        values = np.concatenate([values, values + pair_bit(net)])
    return values


def pairs_by_cell(support: tuple[int, ...]) -> np.ndarray:
    """(cells, pairs a cell) numbers of the pairs in which the support takes each of its values."""
    rest = [net for net in range(INPUTS) if net not in support]
    return np.add.outer(_spread(support), _spread(rest))


@dataclass(frozen=True)
class Cone:
    """A Boolean function of operand bits.

    Attributes:
        support: the operand bits read, increasing.
        truth: its truth table, 2^len(support) bits.
        formula: gates that compute it; None where only the number of LUTs counts.
    """

    support: tuple[int, ...]
    truth: int
    formula: Formula | None = None

    @cached_property
    def cells(self) -> np.ndarray:
        """(2^len(support),) values, uint8."""
        return truth_bits(self.truth, 1 << len(self.support))

    @cached_property
    def values(self) -> np.ndarray:
        """(65536,) uint8 values over all pairs."""
        values = np.empty(PAIRS, dtype=np.uint8)
        values[pairs_by_cell(self.support)] = self.cells[:, None]
        return values

    @classmethod
    def of_formula(cls, formula: Formula) -> Cone:
        """Cone of a formula, its support reduced to the bits that matter."""
        support, truth = essential(leaves(formula), _evaluate(formula, leaves(formula)))
        return cls(support, truth, formula)


def truth_bits(truth: int, cells: int) -> np.ndarray:
    """Truth table as (cells,) uint8."""
    return np.unpackbits(np.frombuffer(truth.to_bytes(max(1, cells // 8), "little"), np.uint8), bitorder="little")[:cells]


def truth_of(cells: np.ndarray) -> int:
    """Inverse of `truth_bits`."""
    return int.from_bytes(np.packbits(cells.astype(np.uint8), bitorder="little").tobytes(), "little")


def leaves(formula: Formula) -> tuple[int, ...]:
    """Operand bits of a formula, increasing."""
    if isinstance(formula, int):
        return (formula,)
    return tuple(sorted({*leaves(formula[1]), *leaves(formula[2])}))


def variable(index: int, inputs: int) -> int:
    """Truth table of input `index` among `inputs`."""
    block = ((1 << (1 << index)) - 1) << (1 << index)
    repeats = range(0, 1 << inputs, 2 << index)
    return sum(block << start for start in repeats)


def _evaluate(formula: Formula, support: tuple[int, ...]) -> int:
    if isinstance(formula, int):
        return variable(support.index(formula), len(support))
    kind, left, right = formula
    mask = (1 << (1 << len(support))) - 1
    return int(apply(kind, _evaluate(left, support), _evaluate(right, support))) & mask  # type: ignore[arg-type]


def cofactor(truth: int, index: int, inputs: int, value: int) -> int:
    """Truth table over the other inputs where input `index` is `value`."""
    cells = truth_bits(truth, 1 << inputs)
    return truth_of(cells.reshape(-1, 2, 1 << index)[:, value].ravel())


def essential(support: tuple[int, ...], truth: int) -> tuple[tuple[int, ...], int]:
    """Drop the inputs on which the function does not depend."""
    for index in range(len(support)):
        low, high = (cofactor(truth, index, len(support), value) for value in (0, 1))
        if low == high:
            return essential(support[:index] + support[index + 1 :], low)
    return support, truth


def synthesise(support: tuple[int, ...], truth: int) -> Formula | bool:
    """Gates of any function by Shannon expansion with the usual shortcuts; a constant comes back as a bool."""
    support, truth = essential(support, truth)
    inputs = len(support)
    if not inputs:
        return bool(truth & 1)
    split = [(cofactor(truth, i, inputs, 0), cofactor(truth, i, inputs, 1)) for i in range(inputs)]
    ones = (1 << (1 << (inputs - 1))) - 1
    index = min(range(inputs), key=lambda i: _split_cost(*split[i], ones))
    (low, high), net, rest = split[index], support[index], support[:index] + support[index + 1 :]
    if inputs == 1:
        return net if high else (Gate.NOT, net, net)
    if low ^ high == ones:
        return (Gate.XOR, net, _formula(rest, low))
    if low in (0, ones) or high in (0, ones):
        return _one_sided(net, rest, low, high, ones)
    negated: Formula = (Gate.NOT, net, net)
    return (Gate.OR, (Gate.AND, net, _formula(rest, high)), (Gate.AND, negated, _formula(rest, low)))


def _split_cost(low: int, high: int, ones: int) -> int:
    """How little a split leaves to do: one branch constant, then branches complementary, then whatever is sparse."""
    if low in (0, ones) or high in (0, ones):
        return 0
    return 1 if low ^ high == ones else 2 + min(low.bit_count(), high.bit_count())


def _one_sided(net: int, rest: tuple[int, ...], low: int, high: int, ones: int) -> Formula:
    negated: Formula = (Gate.NOT, net, net)
    if low == 0:
        return (Gate.AND, net, _formula(rest, high))
    if low == ones:
        return (Gate.OR, negated, _formula(rest, high))
    if high == 0:
        return (Gate.AND, negated, _formula(rest, low))
    return (Gate.OR, net, _formula(rest, low))


def _formula(support: tuple[int, ...], truth: int) -> Formula:
    formula = synthesise(support, truth)
    assert not isinstance(formula, bool), "a branch of a split on an essential input is not constant here"
    return formula


def levels(formula: Formula) -> int:
    """2-input gates on the longest path; inverters are free."""
    if isinstance(formula, int):
        return 0
    kind, left, right = formula
    return levels(left) if kind == Gate.NOT else 1 + max(levels(left), levels(right))


def subformulas(formula: Formula, into: set[Formula]) -> None:
    """Add every gate of a formula to `into`; equal gates are one, which is how shared logic is counted once."""
    if not isinstance(formula, int) and formula not in into:
        into.add(formula)
        subformulas(formula[1], into)
        subformulas(formula[2], into)


def shared_area(formulas: Iterable[Formula]) -> int:
    """Thirds of a NAND2 of all formulas together, equal gates counted once."""
    gates: set[Formula] = set()
    for formula in formulas:
        subformulas(formula, gates)
    return sum(AREA_THIRDS[Gate(gate[0])] for gate in gates if not isinstance(gate, int))


def build(formulas: Sequence[Formula], positions: Sequence[int], constant: int) -> Netlist:
    """Formulas as one netlist with equal gates shared and, in it, one bit a formula."""
    nets: dict[Formula, int] = {}
    gates: list[tuple[int, int, int]] = []

    def net(formula: Formula) -> int:
        if isinstance(formula, int):
            return formula
        if formula not in nets:
            left, right = net(formula[1]), net(formula[2])
            gates.append((int(formula[0]), left, right))
            nets[formula] = INPUTS + len(gates) - 1
        return nets[formula]

    outputs = np.array([net(formula) for formula in formulas], dtype=np.int32)
    return Netlist(gate_array(gates), outputs, np.array(positions, dtype=np.int32), constant)


def formula_of(netlist: Netlist, net: int) -> Formula:
    """The formula of one net of a netlist."""
    if net < INPUTS:
        return net
    kind, left, right = netlist.gates[net - INPUTS].tolist()
    return (kind, formula_of(netlist, left), formula_of(netlist, right))


def lut_cones(netlist: Netlist) -> int:
    """Number of <= 6-input LUTs that cover the bits of a netlist; bits that are operand bits cost nothing.

    Exact where every bit depends on at most six operand bits (one LUT a different bit); a wider bit is cut where fewest gates
    are left below, which bounds the count from above.
    """
    roots: set[int] = set()
    pending = [net for net in netlist.outputs.tolist() if net >= INPUTS]
    while pending:
        root = pending.pop()
        if root in roots:
            continue
        roots.add(root)
        if len(Cone.of_formula(formula_of(netlist, root)).support) > LUT_INPUTS:
            pending.extend(net for net in _cut(netlist, root) if net >= INPUTS)
    return len(roots)


def _cut(netlist: Netlist, root: int) -> frozenset[int]:
    """At most six nets from which `root` follows: of all such cuts the one with the fewest gates left to make."""
    first = frozenset(netlist.gates[root - INPUTS, 1:].tolist())
    cuts, pending = {first}, [first]
    while pending:
        cut = pending.pop()
        for net in cut:
            if net >= INPUTS:
                grown = (cut - {net}) | set(netlist.gates[net - INPUTS, 1:].tolist())
                if len(grown) <= LUT_INPUTS and grown not in cuts:
                    cuts.add(grown)
                    pending.append(grown)
    return min(cuts, key=lambda cut: (sum(net >= INPUTS for net in cut), len(cut), sorted(cut)))
