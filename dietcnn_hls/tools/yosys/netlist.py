# SPDX-License-Identifier: Apache-2.0
"""A mapped netlist as Yosys writes it in JSON, its nets' names, and what it costs in cells.

What counts as a LUT: LUT1..LUT6 and INV (an inverter is a LUT1), and the LUTs that serve as memory, as Vivado's "Slice LUTs" do.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dietcnn_hls.errors import ToolError

Bit = int | str
"""A net's number, or a constant ``"0"``, ``"1"``, ``"x"``, ``"z"``."""

LUT = re.compile(r"LUT([1-6])(?:_2)?")
REGISTER = re.compile(r"(FD|LD)[A-Z]+(_1)?")
DSP = re.compile(r"DSP48E[12]?|MULT18X18\w*")
# LUTs that one memory cell occupies (UG474 and UG574: a 7-series SLICEM holds four LUT6s, an UltraScale+ one eight)
LUT_MEMORY = {
    **dict.fromkeys(("SRL16E", "SRLC16E", "SRLC32E", "RAM32X1S", "RAM64X1S"), 1),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D", "RAM128X1S"), 2),
    **dict.fromkeys(("RAM128X1D", "RAM256X1S", "RAM32M", "RAM64M"), 4),
    **dict.fromkeys(("RAM256X1D", "RAM512X1S", "RAM32M16", "RAM64M8", "RAM32X16DR8", "RAM64X8SW"), 8),
}
_BLOCK = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2, "FIFO18E1": 1, "FIFO36E1": 2}
_CARRY = {"CARRY4": 1, "CARRY8": 2}
_FREE = {"MUXF7", "MUXF8", "MUXF9", "URAM288", "GND", "VCC", "BUFG", "IBUF", "OBUF", "INV"}


@dataclass(frozen=True)
class Cell:
    """One instance: its type, its parameters as Yosys' text, and the bits at its ports, lowest first."""

    name: str
    kind: str
    parameters: Mapping[str, str]
    inputs: Mapping[str, tuple[Bit, ...]]
    outputs: Mapping[str, tuple[Bit, ...]]

    def number(self, name: str, default: int) -> int:
        """A parameter as a number; Yosys writes it as 32 binary digits."""
        text = self.parameters.get(name)
        return default if text is None else int(text.replace("x", "0"), 2)


@dataclass(frozen=True)
class Netlist:
    """A mapped module: its cells, what its nets are called in the source, and the nets at its ports.

    Attributes:
        names: by net, the hierarchical name that lies nearest to the top; nets that mapping made have none.
        inputs, outputs: port name (``data[3]`` in a bus) by net.
    """

    top: str
    cells: list[Cell]
    names: Mapping[int, str]
    inputs: Mapping[int, str]
    outputs: Mapping[int, str]


@dataclass(frozen=True)
class Counts:
    """Cells by what they occupy; `SynthesisResult` documents the fields of the same names."""

    lut: int
    lut_by_size: dict[str, int]
    lutram: int
    muxf: int
    carry4: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    cells: dict[str, int]


def read_netlist(path: Path, top: str) -> Netlist:
    """A flattened module from the JSON that Yosys wrote, as it is or compressed (``.gz``).

    Raises:
        ToolError: the file is no such netlist.
    """
    with _readable(path, top):
        return _netlist(top, _modules(path)[top])


def read_instances(path: Path, top: str) -> dict[str, Netlist]:
    """The netlist of each instance in a module, by the instance's name; under the module's own name what lies in it bare.

    Raises:
        ToolError: the file is no such netlist.
    """
    with _readable(path, top):
        modules = _modules(path)
        own = {name for name, module in modules.items() if "blackbox" not in module["attributes"]}
        kept = {name: cell["type"] for name, cell in modules[top]["cells"].items() if cell["type"] in own}
        parts = {name: _netlist(name, modules[kind]) for name, kind in kept.items()}
        bare = _netlist(top, modules[top], without=kept)
        return parts | ({top: bare} if bare.cells else {})


@contextmanager
def _readable(path: Path, top: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error) as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise ToolError(f"{path.name} is no netlist of '{top}' as Yosys writes it ({what}).") from error


def _modules(path: Path) -> dict[str, Any]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(text)["modules"]  # type: ignore[no-any-return]


def _netlist(top: str, module: Mapping[str, Any], without: Iterable[str] = ()) -> Netlist:
    left_out = set(without)
    ports: dict[str, dict[int, str]] = {"input": {}, "output": {}}
    for name, port in module.get("ports", {}).items():
        if port["direction"] in ports:
            ports[port["direction"]].update(_named(name, port))
    return Netlist(
        top,
        [_cell(name, cell) for name, cell in module["cells"].items() if name not in left_out],
        _names(module.get("netnames", {})),
        ports["input"],
        ports["output"],
    )


def _named(name: str, net: Mapping[str, Any]) -> dict[int, str]:
    bits, first = net["bits"], net.get("offset", 0)
    one = len(bits) == 1
    return {bit: name if one else f"{name}[{index}]" for index, bit in enumerate(bits, first) if isinstance(bit, int)}


def _names(nets: Mapping[str, Any]) -> dict[int, str]:
    """The name nearest to the top of each net, the shortest of those, the first of those by the alphabet."""
    found: dict[int, tuple[int, int, str]] = {}
    for name, net in nets.items():
        if net.get("hide_name"):
            continue
        for bit, text in _named(name, net).items():
            rank = (text.count("."), len(text), text)
            if bit not in found or rank < found[bit]:
                found[bit] = rank
    return {bit: text for bit, (_, _, text) in found.items()}


def _cell(name: str, cell: dict[str, dict[str, list[Bit]]]) -> Cell:
    directions: Mapping[str, object] = cell["port_directions"]
    ports = {port: tuple(bits) for port, bits in cell["connections"].items()}
    return Cell(
        name,
        str(cell["type"]),
        {key: str(value) for key, value in cell["parameters"].items()},
        {port: bits for port, bits in ports.items() if directions[port] != "output"},
        {port: bits for port, bits in ports.items() if directions[port] == "output"},
    )


def count_cells(cells: Iterable[Cell]) -> Counts:
    """Add up what the cells occupy.

    Raises:
        ToolError: a cell that is no primitive of the part (logic left unmapped, a missing module) or whose cost is unknown.
    """
    cells = list(cells)
    kinds = Counter(cell.kind for cell in cells)
    for kind in kinds:
        _check_known(kind, next(cell.name for cell in cells if cell.kind == kind))
    sizes: Counter[str] = Counter()
    for kind, number in kinds.items():
        found = LUT.fullmatch(kind)
        if found or kind == "INV":
            sizes[found[1] if found else "1"] += number
    lutram = _weighted(kinds, LUT_MEMORY)
    return Counts(
        lut=sizes.total() + lutram,
        lut_by_size=dict(sorted(sizes.items())),
        lutram=lutram,
        muxf=sum(number for kind, number in kinds.items() if kind.startswith("MUXF")),
        carry4=_weighted(kinds, _CARRY),
        ff=sum(number for kind, number in kinds.items() if REGISTER.fullmatch(kind)),
        dsp=sum(number for kind, number in kinds.items() if DSP.fullmatch(kind)),
        bram18=_weighted(kinds, _BLOCK),
        uram=kinds["URAM288"],
        cells=dict(sorted(kinds.items())),
    )


def _weighted(kinds: Counter[str], weights: Mapping[str, int]) -> int:
    return sum(kinds[kind] * weight for kind, weight in weights.items())


def _check_known(kind: str, name: str) -> None:
    known = kind in LUT_MEMORY or kind in _BLOCK or kind in _CARRY or kind in _FREE
    if not (known or LUT.fullmatch(kind) or REGISTER.fullmatch(kind) or DSP.fullmatch(kind)):
        raise ToolError(
            f"the mapped netlist holds a cell of type '{kind}' ({name}), whose cost is not known: logic that Yosys could not map,"
            " or a module without its source. Add the missing source, or rewrite what it stands for."
        )
