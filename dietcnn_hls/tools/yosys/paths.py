# SPDX-License-Identifier: Apache-2.0
"""The graph of a mapped netlist between its registers, and the longest paths through it by any cost that adds up along a path.

`longest_path` counts levels of logic. One level: a LUT, a read of LUT memory, a DSP without registers on the way, or a whole
carry chain, however many CARRY4s it passes: entering one through S, DI, CYINIT or a CI that logic drives costs the level, going
on from CO to the next CI costs nothing. A MUXF7/8/9 costs nothing: it sits in the slice of the LUTs that it selects. Ports of
the design count as registers, as they would be in a larger one. Vivado counts each CARRY4 and MUXF of a path as a level of its
own; `Path.cells` gives the cells, whose sum is its figure. `sta` sums picoseconds over the same graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools.yosys.netlist import Bit, Cell
from dietcnn_hls.tools.yosys.primitives import CHAINS, Arc, Behaviour, Check, Output, behaviour


class Driver(NamedTuple):
    """A net's source: the cell, and what its output waits for."""

    cell: Cell
    output: Output


class Load(NamedTuple):
    """One pin that a net reaches."""

    cell: Cell
    pin: str


class Weight(NamedTuple):
    """What one step of a path costs, and by which number of cells equal paths are told apart."""

    cost: int
    cells: int = 1


class Arrival(NamedTuple):
    """The dearest way to a net: its cost and cells, and the arc by which it comes (None: it starts at this net)."""

    cost: int
    cells: int
    arc: Arc | None


@dataclass(frozen=True)
class Graph:
    """A netlist between its registers.

    Attributes:
        drivers: by net, in an order in which every net stands behind those it waits for.
        loads: the pins that each net reaches, sorted by cell and pin.
        behaviours: what each cell does, by the cell's name.
    """

    drivers: Mapping[int, Driver]
    loads: Mapping[int, Sequence[Load]]
    behaviours: Mapping[str, tuple[Cell, Behaviour]]

    def checks(self) -> list[tuple[Cell, Check]]:
        """Where paths end: every input that a clock edge samples."""
        return [(cell, check) for cell, found in self.behaviours.values() for check in found.checks]


def build_graph(cells: Sequence[Cell], describe: Callable[[Cell], Behaviour] = behaviour) -> Graph:
    """The graph of a netlist, whose cells do what `describe` says; the same whatever the order of the cells.

    Raises:
        ToolError: a combinational loop, named by one of its cells.
    """
    behaviours = {cell.name: (cell, describe(cell)) for cell in sorted(cells, key=lambda cell: cell.name)}
    drivers = {output.bit: Driver(cell, output) for cell, found in behaviours.values() for output in found.outputs}
    loads: dict[int, list[Load]] = {}
    for cell, _ in behaviours.values():
        for port, bits in sorted(cell.inputs.items()):
            for index, bit in enumerate(bits):
                if isinstance(bit, int):
                    loads.setdefault(bit, []).append(Load(cell, port if len(bits) == 1 else f"{port}[{index}]"))
    order: dict[int, Driver] = {}
    for bit in drivers:
        _visit(bit, drivers, order)
    return Graph(order, loads, behaviours)


def _visit(start: int, drivers: Mapping[int, Driver], order: dict[int, Driver]) -> None:
    """Depth-first with a stack of our own: a path is longer than Python's."""
    stack = [start]
    open_bits: set[int] = set()
    while stack:
        bit = stack[-1]
        if bit in order:
            stack.pop()
            continue
        waiting = [arc.source for arc in drivers[bit].output.arcs if arc.source in drivers and arc.source not in order]
        if not waiting:
            stack.pop()
            open_bits.discard(bit)
            order[bit] = drivers[bit]
            continue
        open_bits.add(bit)
        looped = next((source for source in waiting if source in open_bits), None)
        if looped is not None:
            cell = drivers[looped].cell
            raise ToolError(
                f"combinational loop through {cell.kind} '{cell.name}': the design has logic that waits for itself. Put a"
                " register into the path (most often a ready that depends on its own valid)."
            )
        stack.extend(waiting)


def arrivals(graph: Graph, launch: Callable[[int], Weight], step: Callable[[Arc, int], Weight]) -> dict[int, Arrival]:
    """The dearest path to every net.

    Args:
        launch: cost of starting at a net that a cell drives.
        step: cost of an arc to a net (the way to the arc's pin included).
    """
    found: dict[int, Arrival] = {}
    for bit, driver in graph.drivers.items():
        best = Arrival(*launch(bit), None)
        for arc in driver.output.arcs:
            before = found.get(arc.source)
            cost, cells = step(arc, bit)
            if before is not None:
                cost, cells = cost + before.cost, cells + before.cells
            if (cost, cells) > (best.cost, best.cells):
                best = Arrival(cost, cells, arc)
        found[bit] = best
    return found


def trace(found: Mapping[int, Arrival], bit: int) -> list[tuple[int, Arc | None]]:
    """The path that ends at a net, from its start: each net with the arc by which it is reached."""
    path: list[tuple[int, Arc | None]] = []
    here: int | None = bit
    while here is not None and here in found:
        arc = found[here].arc
        path.append((here, arc))
        here = arc.source if arc else None
    return path[::-1]


@dataclass(frozen=True)
class Path:
    """`levels` of logic, and how many `cells` of each type lie on (one of) the longest paths."""

    levels: int
    cells: dict[str, int]


def longest_path(graph: Graph) -> Path:
    """Longest path between registers in levels."""
    found = arrivals(graph, lambda bit: Weight(0, 0), lambda arc, bit: Weight(level(graph, arc, bit)))
    end = max(found, key=lambda bit: found[bit][:2], default=None)
    if end is None:
        return Path(0, {})
    on_path = Counter(graph.drivers[bit].cell.kind for bit, arc in trace(found, end) if arc)
    return Path(found[end].cost, dict(sorted(on_path.items())))


def level(graph: Graph, arc: Arc, bit: int) -> int:
    """Levels of logic that an arc to a net costs."""
    kind = graph.drivers[bit].cell.kind
    if kind.startswith("MUXF"):
        return 0
    return 0 if kind in CHAINS and chained(graph, arc.source, arc.pin) else 1


def chained(graph: Graph, source: Bit, pin: str) -> bool:
    """Whether the net at a chain's pin comes from another chain's carry output."""
    before = graph.drivers.get(source) if isinstance(source, int) else None
    return pin.startswith("CI") and before is not None and before.cell.kind in CHAINS and before.output.pin.startswith("CO")
