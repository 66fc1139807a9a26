# SPDX-License-Identifier: Apache-2.0
"""What sits in one slice with its driver, so that the net between them costs nothing, and what leaving a slice costs.

A LUT may stand before one pin each of a carry chain, a wide multiplexer and a register; a chain's sum and a multiplexer before
one register; a chain's carry before the next. Of several candidates the first by cell and pin is taken, whatever the order of
the cells. Where something else than a LUT drives a chain's S or a MUXF7's data, a LUT is passed on the way in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dietcnn_hls.tools.yosys.netlist import DSP, LUT, LUT_MEMORY, REGISTER, Cell
from dietcnn_hls.tools.yosys.paths import Graph, Load, chained
from dietcnn_hls.tools.yosys.primitives import BLOCK_RAM, CHAINS, SHIFT_REGISTER, Behaviour, behaviour

Packed = frozenset[tuple[int, str, str]]
"""Net, cell and pin of every connection inside a slice."""


def is_lut(kind: str) -> bool:
    """Whether cells of this type are look-up tables; an inverter is one."""
    return kind == "INV" or LUT.fullmatch(kind) is not None


def packed(graph: Graph) -> Packed:
    """The connections that stay inside a slice."""
    found = set()
    for bit, driver in graph.drivers.items():
        for fits in _neighbours(driver.cell.kind):
            load = next((load for load in graph.loads.get(bit, ()) if fits(load)), None)
            if load is not None:
                found.add((bit, load.cell.name, load.pin))
        found |= {(bit, load.cell.name, load.pin) for load in graph.loads.get(bit, ()) if dedicated(graph, bit, load)}
    return frozenset(found)


def dedicated(graph: Graph, bit: int, load: Load) -> bool:
    """Whether a net is a wire of its own between neighbours: carry to carry, DSP to DSP."""
    if load.cell.kind in CHAINS:
        return chained(graph, bit, load.pin)
    return DSP.fullmatch(load.cell.kind) is not None and load.pin.split("[")[0].endswith(("CIN", "SIGNIN"))


def passes_lut(load: Load) -> bool:
    """Whether a pin is reached through a LUT only: S of a chain and the data of a MUXF7."""
    return _is_select(load) or (load.cell.kind == "MUXF7" and load.pin != "S")


def sink_kind(load: Load) -> str:
    """The kind of pin that a net reaches, as the net model tells them apart."""
    kind, pin = load.cell.kind, load.pin.split("[")[0]
    if is_lut(kind):
        return "lut"
    if kind in CHAINS:
        return "carry"
    if REGISTER.fullmatch(kind):
        return {"D": "data", "CE": "enable"}.get(pin, "reset")
    if BLOCK_RAM.fullmatch(kind):
        return "block ram"
    if DSP.fullmatch(kind):
        return "dsp"
    if kind in LUT_MEMORY or SHIFT_REGISTER.fullmatch(kind):
        return "lut memory"
    return "other"


def source_kind(kind: str | None) -> str:
    """The kind of cell that drives a net, as the net model tells them apart; a port (None) is a register outside."""
    return "from register" if kind is None or REGISTER.fullmatch(kind) else "from logic"


def leaving(kind: str) -> str | None:
    """Name of the delay on the way out of a slice, in the table's ``SLICE``; None for what has a pin of its own."""
    if kind in CHAINS:
        return "carry->out"
    return "mux->out" if kind.startswith("MUXF") else None


def _is_select(load: Load) -> bool:
    return load.cell.kind in CHAINS and load.pin.startswith("S")


def _is_data(load: Load) -> bool:
    return REGISTER.fullmatch(load.cell.kind) is not None and load.pin == "D"


def _is_mux(kind: str) -> Callable[[Load], bool]:
    return lambda load: load.cell.kind == kind and load.pin != "S"


def _neighbours(kind: str) -> tuple[Callable[[Load], bool], ...]:
    """The kinds of pins of which one each can share the slice of a driver of type `kind`."""
    if is_lut(kind) or kind in LUT_MEMORY:
        return (_is_select, _is_mux("MUXF7"), _is_data) if is_lut(kind) else (_is_mux("MUXF7"), _is_data)
    if kind in CHAINS:
        return (_is_data,)
    following = {"MUXF7": "MUXF8", "MUXF8": "MUXF9"}.get(kind)
    return (_is_mux(following), _is_data) if following else ()


@dataclass(frozen=True)
class Fabric:
    """What a timing analysis asks of a device: what its cells do, which sit together, and how the ends of nets are told apart."""

    behaviour: Callable[[Cell], Behaviour]
    packed: Callable[[Graph], Packed]
    sink_kind: Callable[[Load], str]
    source_kind: Callable[[str | None], str]
    leaving: Callable[[str], str | None]
    passes_lut: Callable[[Load], bool]


XILINX = Fabric(behaviour, packed, sink_kind, source_kind, leaving, passes_lut)
