# SPDX-License-Identifier: Apache-2.0
"""What the primitives of the 7-series and UltraScale+ do between their pins, without a figure: combinational arcs, outputs that
a clock edge launches, and inputs that must be stable before one.

Names are those of delay tables: ``S[0]->CO[3]`` for an arc, ``clk->Q`` for a launch, ``setup D`` for a check. A bit of a bus is
written ``CO[3]``, a port of one bit ``CO``. Where a primitive's registers decide (block RAM, DSP), the name says which are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dietcnn_hls.tools.yosys.netlist import DSP, LUT, LUT_MEMORY, REGISTER, Bit, Cell

CHAINS = ("CARRY4", "CARRY8")
BLOCK_RAM = re.compile(r"RAMB(18|36)E[12]")
SHIFT_REGISTER = re.compile(r"SRL(C?)(16|32)E")


class Arc(NamedTuple):
    """A combinational way through a cell: the net at the input, the input's pin, and the name of its delay."""

    source: int
    pin: str
    name: str


class Output(NamedTuple):
    """A bit that a cell drives: through `arcs`, by a clock edge (`launches` names the delays after it), or by both."""

    bit: int
    pin: str
    arcs: tuple[Arc, ...] = ()
    launches: tuple[str, ...] = ()


class Check(NamedTuple):
    """An input that a clock edge samples, and the name of its setup time."""

    source: int
    pin: str
    name: str


class Behaviour(NamedTuple):
    """Outputs and checks of one cell; `inner` names ways from register to register inside it."""

    outputs: tuple[Output, ...] = ()
    checks: tuple[Check, ...] = ()
    inner: tuple[str, ...] = ()


def behaviour(cell: Cell) -> Behaviour:
    """What a cell does between its pins; nothing for the cells that neither compute nor store (GND, VCC, buffers of clocks)."""
    for kind, describe in _KINDS:
        if kind(cell.kind):
            return describe(cell)
    return Behaviour()


def _pins(cell: Cell, port: str) -> Iterator[tuple[str, Bit]]:
    """Pin name and net of each bit of a port; nothing where the cell has no such port."""
    bits = cell.inputs.get(port) or cell.outputs.get(port) or ()
    if len(bits) == 1:
        yield port, bits[0]
        return
    for index, bit in enumerate(bits):
        yield f"{port}[{index}]", bit


def _arcs(cell: Cell, ports: Iterable[str], target: str) -> tuple[Arc, ...]:
    """Arcs from all bits of `ports` to the pin `target`; constants launch nothing."""
    return tuple(Arc(bit, pin, f"{pin}->{target}") for port in ports for pin, bit in _pins(cell, port) if isinstance(bit, int))


def _checks(cell: Cell, ports: Iterable[str], name: str) -> tuple[Check, ...]:
    return tuple(Check(bit, pin, f"setup {name}") for port in ports for pin, bit in _pins(cell, port) if isinstance(bit, int))


def _outputs(cell: Cell, port: str, launches: tuple[str, ...], arcs: tuple[Arc, ...] = ()) -> tuple[Output, ...]:
    return tuple(Output(bit, pin, arcs, launches) for pin, bit in _pins(cell, port) if isinstance(bit, int))


# ---- logic


def _lut(cell: Cell) -> Behaviour:
    return Behaviour(_outputs(cell, "O", (), _arcs(cell, cell.inputs, "O")))


def _dual_lut(cell: Cell) -> Behaviour:
    """LUT6_2: O6 waits for all inputs, O5 for those of the lower five that its half of INIT heeds."""
    init = cell.number("INIT", (1 << 64) - 1)
    heeded = [port for place, port in enumerate(("I0", "I1", "I2", "I3", "I4")) if _heeds(init, place)]
    return Behaviour(
        (*_outputs(cell, "O6", (), _arcs(cell, cell.inputs, "O")), *_outputs(cell, "O5", (), _arcs(cell, heeded, "O")))
    )


def _heeds(init: int, place: int) -> bool:
    """Whether the lower 32 bits of a LUT's content depend on input `place`."""
    return any((init >> row ^ init >> (row | 1 << place)) & 1 for row in range(32) if not row >> place & 1)


def _chain(cell: Cell) -> Behaviour:
    """Bit by bit: O of a bit may feed logic that returns to a higher bit of the same cell, which is no loop."""
    outputs: list[Output] = []
    carry_in = [(pin, bit) for port in ("CI", "CI_TOP", "CYINIT") for pin, bit in _pins(cell, port)]
    select, data = list(_pins(cell, "S")), list(_pins(cell, "DI"))
    for port in ("O", "CO"):
        for number, (target, bit) in enumerate(_pins(cell, port)):
            if not isinstance(bit, int):
                continue
            last = number + 1 if port == "CO" else number
            sources = [*carry_in, *select[: number + 1], *data[:last]]
            arcs = tuple(Arc(net, pin, f"{pin}->{target}") for pin, net in sources if isinstance(net, int))
            outputs.append(Output(bit, target, arcs))
    return Behaviour(tuple(outputs))


# ---- registers and memories


def _register(cell: Cell) -> Behaviour:
    checks = [_checks(cell, ports, ports[0]) for ports in (("D",), ("CE",), ("R",), ("S",), ("CLR",), ("PRE",), ("GE",))]
    return Behaviour(_outputs(cell, "Q", ("clk->Q",)), tuple(check for found in checks for check in found))


def _shift_register(cell: Cell) -> Behaviour:
    address = [port for port in cell.inputs if port.rstrip("0123456789") == "A"]
    arcs = tuple(arc._replace(name="A->Q") for arc in _arcs(cell, address, "Q"))
    read = _outputs(cell, "Q", ("clk->Q",), arcs)
    last = [output for port in ("Q15", "Q31") for output in _outputs(cell, port, ("clk->Q31",))]
    return Behaviour((*read, *last), (*_checks(cell, ("D",), "D"), *_checks(cell, ("CE",), "CE")))


def _lut_memory(cell: Cell) -> Behaviour:
    """Reading is combinational: DPRA to DPO, ADDRx to DOx, else A to SPO and O. The last (or the only) address writes."""
    by_stem: dict[str, list[str]] = {}
    for port in cell.inputs:
        by_stem.setdefault(port if port.startswith(("ADDR", "DI")) else port.rstrip("0123456789"), []).append(port)
    outputs: list[Output] = []
    for port in cell.outputs:
        stem = "DPRA" if port == "DPO" else f"ADDR{port[2:]}" if port.startswith("DO") else "A"
        for pin, bit in _pins(cell, port):
            if isinstance(bit, int):
                arcs = tuple(arc._replace(name="A->O") for arc in _arcs(cell, by_stem.get(stem, ()), "O"))
                outputs.append(Output(bit, pin, arcs, ("clk->O",)))
    writes = [stem for stem in by_stem if stem.startswith("ADDR")]
    address = by_stem[max(writes)] if writes else by_stem.get("A", [])
    data = [port for port in cell.inputs if port == "D" or port.startswith("DI")]
    checks = (*_checks(cell, address, "A"), *_checks(cell, data, "D"), *_checks(cell, ("WE",), "WE"))
    return Behaviour(tuple(outputs), checks)


# pins of a block RAM by the setup time they have; E1 writes DIADI where E2 writes DINADIN
_BLOCK_CHECKS = {
    "ADDR": re.compile(r"ADDR.*"),
    "DI": re.compile(r"DIN?P?[AB]DIN?P?"),
    "WE": re.compile(r"WE.*"),
    "EN": re.compile(r"EN.*"),
    "REGCE": re.compile(r"REGCE.*"),
    "RST": re.compile(r"RST.*"),
}
_BLOCK_OUTPUT = re.compile(r"DO(?:UT)?P?([AB])D.*")


def _block_ram(cell: Cell) -> Behaviour:
    outputs: list[Output] = []
    for port in cell.outputs:
        side = _BLOCK_OUTPUT.fullmatch(port)
        if side:
            registered = cell.number(f"DO{side[1]}_REG", 0)
            outputs += _outputs(cell, port, ("clk->DO registered" if registered else "clk->DO",))
    checks: list[Check] = []
    for port in cell.inputs:
        name = next((name for name, pattern in _BLOCK_CHECKS.items() if pattern.fullmatch(port)), None)
        if name:
            checks += _checks(cell, (port,), name)
    return Behaviour(tuple(outputs), tuple(checks), ("period",))


# ---- DSP48E1 and DSP48E2: data goes from A, B, C and D (or the cascade inputs) through the registers that are used to P

_DSP_DATA = {"A": "AREG", "ACIN": "AREG", "B": "BREG", "BCIN": "BREG", "C": "CREG", "D": "DREG"}
_DSP_CONTROL = {"OPMODE": "OPMODEREG", "ALUMODE": "ALUMODEREG", "INMODE": "INMODEREG", "CARRYIN": "CARRYINREG"}
_DSP_CASCADE = ("PCIN", "CARRYCASCIN", "MULTSIGNIN")
_DSP_ENABLES = re.compile(r"(CE|RST)\w+")


def _dsp(cell: Cell) -> Behaviour:
    checks: list[Check] = []
    arcs: dict[str, list[Arc]] = {"P": [], "PCOUT": []}
    launches: list[str] = []
    inner: list[str] = []
    output = _used(cell, "PREG")
    for pin in (*_DSP_DATA, *_DSP_CONTROL, *_DSP_CASCADE):
        if pin in _dsp_idle(cell) or not any(isinstance(bit, int) for bit in cell.inputs.get(pin, ())):
            continue
        register = (_DSP_DATA | _DSP_CONTROL).get(pin)
        way, stop = _dsp_way(cell, pin)
        label = pin[0] if pin in _DSP_DATA else pin  # ACIN goes A's way
        if register and _used(cell, register):
            checks += _checks(cell, (pin,), f"{label} register")
            (inner if stop else launches).append(f"{register}->{stop or 'P'}{way}")
        elif stop:
            checks += _checks(cell, (pin,), f"{label}->{stop}{way}")
        else:
            for port, found in arcs.items():
                found += [Arc(arc.source, arc.pin, f"{label}->{port}{way}") for arc in _arcs(cell, (pin,), port)]
    if cell.parameters.get("USE_MULT") != "NONE":
        for register, stop in _dsp_middle(cell):
            (inner if stop else launches).append(f"{register}->{stop or 'P'}")
    checks += [check for pin in cell.inputs if _DSP_ENABLES.fullmatch(pin) for check in _checks(cell, (pin,), pin)]
    outputs: list[Output] = []
    for port, found in arcs.items():
        names = ["PREG->P"] if output else launches
        outputs += _outputs(cell, port, tuple(name.replace("->P", f"->{port}", 1) for name in names), tuple(found))
    for port in ("ACOUT", "BCOUT"):
        outputs += _outputs(cell, port, (f"{port[0]}REG->{port}",))
    return Behaviour(tuple(outputs), tuple(checks), tuple(inner))


def _used(cell: Cell, register: str) -> bool:
    return cell.number(register, 1) > 0


def _dsp_idle(cell: Cell) -> tuple[str, ...]:
    """Pins whose data goes nowhere: D without the pre-adder, and what steers a product that is not made."""
    if cell.parameters.get("USE_MULT") == "NONE":
        return "D", "INMODE"
    return () if cell.parameters.get("USE_DPORT") == "TRUE" else ("D",)


def _dsp_way(cell: Cell, pin: str) -> tuple[str, str | None]:
    """What a pin's data passes (`` preadd``, `` mult``, `` alu``; nothing for other pins), and the register it then meets."""
    last = "PREG" if _used(cell, "PREG") else None
    if pin not in ("A", "ACIN", "B", "BCIN", "D"):
        return "", last
    if cell.parameters.get("USE_MULT") == "NONE":
        return " alu", last
    middle = "MREG" if _used(cell, "MREG") else last
    if cell.parameters.get("USE_DPORT") == "TRUE" and pin in ("A", "ACIN", "D"):
        return " preadd", "ADREG" if _used(cell, "ADREG") else middle
    return " mult", middle


def _dsp_middle(cell: Cell) -> Iterator[tuple[str, str | None]]:
    """The registers between a product's operands and P that are used, each with the register behind it."""
    last = "PREG" if _used(cell, "PREG") else None
    if _used(cell, "MREG"):
        yield "MREG", last
    if cell.parameters.get("USE_DPORT") == "TRUE" and _used(cell, "ADREG"):
        yield "ADREG", "MREG" if _used(cell, "MREG") else last


_KINDS: tuple[tuple[Callable[[str], object], Callable[[Cell], Behaviour]], ...] = (
    (lambda kind: kind == "LUT6_2", _dual_lut),
    (lambda kind: LUT.fullmatch(kind) or kind == "INV" or kind.startswith("MUXF"), _lut),
    (lambda kind: kind in CHAINS, _chain),
    (REGISTER.fullmatch, _register),
    (SHIFT_REGISTER.fullmatch, _shift_register),
    (lambda kind: kind in LUT_MEMORY, _lut_memory),
    (BLOCK_RAM.fullmatch, _block_ram),
    (DSP.fullmatch, _dsp),
)
