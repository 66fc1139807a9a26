# SPDX-License-Identifier: Apache-2.0
"""The longest run of logic between registers in a mapped netlist, counted in levels.

One level: a LUT, a read of LUT memory, a DSP without registers on the way, or a whole carry chain, however many CARRY4s it
passes: entering one through S, DI, CYINIT or a CI that logic drives costs the level, going on from CO to the next CI costs
nothing. A MUXF7/8/9 costs nothing: it sits in the slice of the LUTs that it selects. Ports of the design count as registers,
as they would be in a larger one. Vivado counts each CARRY4 and MUXF of a path as a level of its own; `Path.cells` gives the
cells, whose sum is its figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools.yosys.netlist import DSP, LUT, LUT_MEMORY, Bit, Cell

_CHAIN = ("CARRY4", "CARRY8")
# input register(s) of each data pin of a DSP48; A, B and D also pass the multiplier's
_DSP_REGISTERS = {"A": ("AREG", "MREG"), "B": ("BREG", "MREG"), "D": ("DREG", "ADREG", "MREG"), "C": ("CREG",)}


@dataclass(frozen=True)
class Path:
    """`levels` of logic, and how many `cells` of each type lie on (one of) the longest paths."""

    levels: int
    cells: dict[str, int]


@dataclass(frozen=True)
class _Arc:
    """One combinational output bit: the cell that drives it, and which input bits it waits for at which cost."""

    cell: Cell
    sources: tuple[tuple[int, int], ...]


def longest_path(cells: Sequence[Cell]) -> Path:
    """Longest path between registers.

    Raises:
        ToolError: a combinational loop, named by one of its cells.
    """
    arcs: dict[Bit, _Arc] = {}
    chained = {bit for cell in cells if cell.kind in _CHAIN for bit in cell.outputs.get("CO", ())}
    for cell in cells:
        for out, sources in _arcs(cell, chained):
            arcs[out] = _Arc(cell, tuple((bit, cost) for bit, cost in sources if isinstance(bit, int)))
    # (levels, cells) of each bit, and the input through which its longest path comes
    depth: dict[Bit, tuple[int, int]] = {}
    through: dict[Bit, int | None] = {}
    for bit in arcs:
        _visit(bit, arcs, depth, through)
    end = max(depth, key=lambda bit: depth[bit], default=None)
    if end is None:
        return Path(0, {})
    on_path: Counter[str] = Counter()
    here: Bit | None = end
    while here is not None and here in arcs:
        on_path[arcs[here].cell.kind] += 1
        here = through[here]
    return Path(depth[end][0], dict(sorted(on_path.items())))


def _visit(start: Bit, arcs: dict[Bit, _Arc], depth: dict[Bit, tuple[int, int]], through: dict[Bit, int | None]) -> None:
    """Depth-first with a stack of our own: a path is longer than Python's."""
    stack = [start]
    open_bits: set[Bit] = set()
    while stack:
        bit = stack[-1]
        if bit in depth:
            stack.pop()
            continue
        waiting = [source for source, _ in arcs[bit].sources if source in arcs and source not in depth]
        if not waiting:
            stack.pop()
            open_bits.discard(bit)
            _settle(bit, arcs[bit], depth, through)
            continue
        open_bits.add(bit)
        looped = next((source for source in waiting if source in open_bits), None)
        if looped is not None:
            cell = arcs[looped].cell
            raise ToolError(
                f"combinational loop through {cell.kind} '{cell.name}': the design has logic that waits for itself. Put a"
                " register into the path (most often a ready that depends on its own valid)."
            )
        stack.extend(waiting)


def _settle(bit: Bit, arc: _Arc, depth: dict[Bit, tuple[int, int]], through: dict[Bit, int | None]) -> None:
    best, source = (0, 0), None
    # a LUT of constants waits for nothing and is no level
    for came_from, cost in arc.sources:
        levels, cells = depth.get(came_from, (0, 0))
        if (levels + cost, cells + 1) > best:
            best, source = (levels + cost, cells + 1), came_from
    depth[bit], through[bit] = best, source


def _arcs(cell: Cell, chained: set[Bit]) -> Iterator[tuple[Bit, list[tuple[Bit, int]]]]:
    """Each combinational output bit of a cell with the input bits that it depends on and the levels between them."""
    if LUT.fullmatch(cell.kind) or cell.kind == "INV":
        yield cell.outputs["O"][0], [(bit, 1) for bits in cell.inputs.values() for bit in bits]
    elif cell.kind.startswith("MUXF"):
        yield cell.outputs["O"][0], [(bit, 0) for bits in cell.inputs.values() for bit in bits]
    elif cell.kind in _CHAIN:
        yield from _chain_arcs(cell, chained)
    elif cell.kind in LUT_MEMORY:
        yield from _memory_arcs(cell)
    elif DSP.fullmatch(cell.kind):
        yield from _dsp_arcs(cell)


def _chain_arcs(cell: Cell, chained: set[Bit]) -> Iterator[tuple[Bit, list[tuple[Bit, int]]]]:
    """Bit by bit: O of a bit may feed logic that returns to a higher bit of the same cell, which is no loop."""
    carry_in = [(bit, 0 if bit in chained else 1) for port in ("CI", "CI_TOP") for bit in cell.inputs.get(port, ())]
    carry_in += [(bit, 1) for bit in cell.inputs.get("CYINIT", ())]
    select, data = cell.inputs["S"], cell.inputs["DI"]
    for i in range(len(select)):
        before = carry_in + [(bit, 1) for bit in (*select[:i], *data[:i])]
        if i < len(cell.outputs.get("O", ())):
            yield cell.outputs["O"][i], [*before, (select[i], 1)]
        if i < len(cell.outputs.get("CO", ())):
            yield cell.outputs["CO"][i], [*before, (select[i], 1), (data[i], 1)]


def _memory_arcs(cell: Cell) -> Iterator[tuple[Bit, list[tuple[Bit, int]]]]:
    """Reading is combinational: DPRA to DPO, else A to SPO, O and Q, or ADDRx to DOx; Q31 is a register's."""
    for port, bits in cell.outputs.items():
        if port == "DPO":
            address = ["DPRA"]
        elif port.startswith("DO"):
            address = [f"ADDR{port[2:]}"]
        else:
            address = [] if port in ("Q15", "Q31") else ["A"]
        names = [name for name in cell.inputs if any(name.rstrip("0123456789") == stem for stem in address)]
        for bit in bits:
            yield bit, [(source, 1) for name in names for source in cell.inputs[name]]


def _dsp_arcs(cell: Cell) -> Iterator[tuple[Bit, list[tuple[Bit, int]]]]:
    """From the data pins without a register to P and PCOUT; with PREG set there are none."""
    if cell.number("PREG", 1):
        return
    sources: list[tuple[Bit, int]] = [(bit, 1) for bit in cell.inputs.get("PCIN", ())]
    for pin, registers in _DSP_REGISTERS.items():
        if not any(cell.number(name, 1) for name in registers):
            sources += [(bit, 1) for bit in cell.inputs.get(pin, ())]
    for port in ("P", "PCOUT"):
        for bit in cell.outputs.get(port, ()):
            yield bit, sources
