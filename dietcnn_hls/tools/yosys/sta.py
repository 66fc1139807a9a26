# SPDX-License-Identifier: Apache-2.0
"""Static timing analysis of a mapped netlist: the clock period that its slowest path needs, and which paths those are.

Cells take what the part's delay table says, nets what its fitted model says of their fan-out and of the pin they reach, nothing
where `slices` puts both ends into one slice. Nothing is placed. Ports count as registers outside, one net away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dietcnn_hls.hardware.timing import Delays
from dietcnn_hls.tools.yosys.netlist import Cell, Netlist
from dietcnn_hls.tools.yosys.paths import Load, Weight, arrivals, build_graph, chained, level, trace
from dietcnn_hls.tools.yosys.primitives import CHAINS, Arc
from dietcnn_hls.tools.yosys.slices import XILINX, Fabric

WORST = 10
"""How many paths are told."""

PORT = "port"
"""Stands before the names of ports."""

_NEVER = -(1 << 50)
_OUTSIDE = Cell("(outside)", "PORT", {}, {}, {})


@dataclass(frozen=True)
class Step:
    """A cell on a path: the net that leads to its pin, and the way through it, ps."""

    cell: str
    kind: str
    way: str
    fan_out: int
    net_ps: int
    cell_ps: int


@dataclass(frozen=True)
class TimedPath:
    """One path from register to register.

    Attributes:
        start, end: the registers, memories or ports between which it runs, with their pins.
        modules: instances of the top in which it starts and ends.
        launch: the first cell's type and its clock-to-output delay.
        steps: the cells between.
        last: the net to the last cell, and that cell's setup time together with the clock's uncertainty.
        levels: of logic, as `paths` counts them.
    """

    start: str
    end: str
    modules: tuple[str, str]
    launch: Step
    steps: tuple[Step, ...]
    last: Step
    levels: int

    @property
    def logic_ps(self) -> int:
        """Cells on the path, clock-to-output, setup and uncertainty included."""
        return sum(step.cell_ps for step in (self.launch, *self.steps, self.last))

    @property
    def net_ps(self) -> int:
        """Nets on the path."""
        return sum(step.net_ps for step in (*self.steps, self.last))

    @property
    def period_ps(self) -> int:
        """The shortest clock period at which the path works."""
        return self.logic_ps + self.net_ps


def worst_paths(
    netlist: Netlist, delays: Delays, number: int = WORST, *, ports: bool = True, fabric: Fabric = XILINX
) -> list[TimedPath]:
    """The slowest path of each pair of modules, slowest first, at most `number` of them.

    Args:
        ports: whether ports count as registers outside; else paths from and to them are left out.
        fabric: what the cells of the netlist do and how they sit together.

    Raises:
        ToolError: a combinational loop, or a cell that the delay table lacks.
    """
    return _Analysis(netlist, delays, ports, fabric).worst(number)


class _End(NamedTuple):
    """Where a path ends: the net, the pin that samples it, and the name of its setup time."""

    source: int
    load: Load
    setup: str


class _Analysis:
    """One netlist's graph, and what its parts cost in picoseconds."""

    def __init__(self, netlist: Netlist, delays: Delays, ports: bool, fabric: Fabric) -> None:
        self.netlist, self.delays, self.ports, self.fabric = netlist, delays, ports, fabric
        self.graph = build_graph(netlist.cells, fabric.behaviour)
        self.packed = fabric.packed(self.graph)
        self.found = arrivals(self.graph, self._launch, self._weight)
        self.starts: dict[int, int] = {}
        for bit, arrival in self.found.items():
            self.starts[bit] = bit if arrival.arc is None else self.starts.get(arrival.arc.source, arrival.arc.source)

    def worst(self, number: int) -> list[TimedPath]:
        """See `worst_paths`."""
        slowest: dict[tuple[str, str], tuple[tuple[int, str], _End]] = {}
        for end in self._ends():
            name = self._end_name(end)
            if self._total(end) < 0:
                continue  # from a port, where those do not count
            pair, rank = (module(self._start(end.source)), module(name)), (-self._total(end), name)
            if pair not in slowest or rank < slowest[pair][0]:
                slowest[pair] = rank, end
        chosen = sorted((rank, pair) for pair, (rank, _) in slowest.items())[:number]
        paths = [self._path(slowest[pair][1], pair) for _, pair in chosen]
        return slowest_first([*paths, *self._inner()])[:number]

    # ---- what things cost

    def _launch(self, bit: int) -> Weight:
        """A clock edge to a net, where one drives it."""
        cell, output = self.graph.drivers[bit]
        constant = 0 if self.ports or not output.arcs else _NEVER
        return Weight(max((self.delays.cell(cell.kind, name) for name in output.launches), default=constant), 0)

    def _weight(self, arc: Arc, bit: int) -> Weight:
        """An arc with the net before it, and the register outside where that net is a port's."""
        cell = self.graph.drivers[bit].cell
        outside = 0 if arc.source in self.graph.drivers else self._outside()
        return Weight(self._net(arc.source, Load(cell, arc.pin)) + self._through(arc, cell) + outside)

    def _net(self, source: int, load: Load) -> int:
        if (source, load.cell.name, load.pin) in self.packed:
            return 0
        driver = self.graph.drivers.get(source)
        kind = self.fabric.source_kind(driver.cell.kind if driver else None)
        return self.delays.nets.delay(kind, self.fabric.sink_kind(load), self._fan_out(source))

    def _through(self, arc: Arc, cell: Cell) -> int:
        """From an arc's pin to its output, and what it takes to leave the slice before and to enter this one."""
        name = arc.name
        if cell.kind in CHAINS and arc.pin == "CI" and not chained(self.graph, arc.source, arc.pin):
            name = name.replace("CI->", "CYINIT->")  # a carry-in from the fabric enters by the other pin
        return self._between(arc.source, Load(cell, arc.pin)) + self.delays.cell(cell.kind, name)

    def _between(self, source: int, load: Load) -> int:
        """Cells of the slices on the way from a driver to a pin of another slice."""
        if (source, load.cell.name, load.pin) in self.packed:
            return 0
        driver = self.graph.drivers.get(source)
        out = self.fabric.leaving(driver.cell.kind) if driver else None
        into = self.delays.cell("SLICE", "through LUT") if self.fabric.passes_lut(load) else 0
        return into + (self.delays.cell("SLICE", out) if out else 0)

    def _outside(self) -> int:
        return self.delays.cell(_OUTSIDE.kind, "clk->Q") if self.ports else _NEVER

    def _fan_out(self, source: int) -> int:
        return len(self.graph.loads.get(source, ())) + (source in self.netlist.outputs)

    # ---- where paths end

    def _ends(self) -> Iterator[_End]:
        for cell, check in self.graph.checks():
            load = Load(cell, check.pin)
            inside = self.fabric.sink_kind(load) == "data" and (check.source, cell.name, check.pin) in self.packed
            yield _End(check.source, load, f"{check.name} in slice" if inside else check.name)
        for bit in self.netlist.outputs if self.ports else ():
            yield _End(bit, Load(_OUTSIDE, "D"), "setup D")

    def _setup(self, end: _End) -> int:
        kind = end.load.cell.kind
        return self._between(end.source, end.load) + self.delays.cell(kind, end.setup) + self.delays.uncertainty

    def _total(self, end: _End) -> int:
        before = self.found[end.source].cost if end.source in self.found else self._outside()
        return before + self._net(end.source, end.load) + self._setup(end)

    # ---- names

    def _start(self, source: int) -> str:
        """What launches the dearest path to a net."""
        first = self.starts.get(source, source)
        driver = self.graph.drivers.get(first)
        if driver is None:
            return f"{PORT}.{self.netlist.inputs.get(first, f'net {first}')}"
        return self._pin_name(driver.cell, driver.output.pin)

    def _end_name(self, end: _End) -> str:
        if end.load.cell is _OUTSIDE:
            return f"{PORT}.{self.netlist.outputs[end.source]}"
        return self._pin_name(end.load.cell, end.load.pin)

    def _pin_name(self, cell: Cell, pin: str) -> str:
        """A register goes by the net it drives (with the pin where it is not D or Q), all else by cell and pin."""
        outputs = [net for nets in cell.outputs.values() for net in nets if isinstance(net, int)]
        known = next((self.netlist.names[net] for net in outputs if net in self.netlist.names), None)
        if cell.name.startswith("$") and known:
            return known if pin in ("D", "Q") else f"{known}/{pin}"
        return f"{cell.name}/{pin}"

    # ---- paths

    def _path(self, end: _End, modules: tuple[str, str]) -> TimedPath:
        arcs = [(arc, bit) for bit, arc in trace(self.found, end.source) if arc is not None]
        first = arcs[0][0].source if arcs else end.source
        source, load = end.source, end.load
        name, net = self._end_name(end), self._net(source, load)
        return TimedPath(
            self._start(source),
            name,
            modules,
            self._launching(first, self._start(source)),
            tuple(self._step(arc, bit) for arc, bit in arcs),
            Step(name, load.cell.kind, end.setup, self._fan_out(source), net, self._setup(end)),
            sum(level(self.graph, arc, bit) for arc, bit in arcs),
        )

    def _launching(self, bit: int, name: str) -> Step:
        """The clock edge that starts a path at a net."""
        driver = self.graph.drivers.get(bit)
        if driver is None:
            return Step(name, "register outside", "clk->Q", 0, 0, self._outside())
        kind = driver.cell.kind
        way = max(driver.output.launches, key=lambda name: self.delays.cell(kind, name), default="constant")
        return Step(name, kind, way, 0, 0, self._launch(bit).cost)

    def _step(self, arc: Arc, bit: int) -> Step:
        cell = self.graph.drivers[bit].cell
        net = self._net(arc.source, Load(cell, arc.pin))
        name = self.netlist.names.get(bit, cell.name.replace("$flatten\\", "").replace(".\\", "."))
        return Step(name, cell.kind, arc.name, self._fan_out(arc.source), net, self._through(arc, cell))

    def _inner(self) -> Iterator[TimedPath]:
        """The slowest way from register to register inside one cell."""
        ways = {(cell.kind, name): cell for cell, found in self.graph.behaviours.values() for name in found.inner}
        if not ways:
            return
        (kind, name), cell = max(sorted(ways.items(), key=lambda item: item[0]), key=lambda item: self.delays.cell(*item[0]))
        place = self._pin_name(cell, name)
        step = Step(place, kind, name, 0, 0, self.delays.cell(kind, name))
        yield TimedPath(place, place, (module(place), module(place)), step, (), Step(place, kind, "", 0, 0, 0), 0)


def slowest_first(paths: Iterable[TimedPath]) -> list[TimedPath]:
    """Paths by their periods, equal ones by their names."""
    return sorted(paths, key=lambda path: (-path.period_ps, path.start, path.end))


def module(name: str) -> str:
    """The instance of the top that a name lies in; the name itself where it is one of the top's own nets."""
    return name.split("/")[0].split(".")[0].split("[")[0]
