# SPDX-License-Identifier: Apache-2.0
"""The Yosys script of one synthesis: plain `synth_xilinx`, or the carry flow around it. All names in it are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from dietcnn_hls.errors import ConfigError, suggest

Flow = Literal["default", "carry"]
NETLIST_JSON = "netlist.json"
NETLIST_VERILOG = "netlist.v"
CARRY_MAP = "carry.v"

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_TEXT = re.compile(r"[\w./+-]*", re.ASCII)

# A forced LUT ROM is `distributed` to Vivado; to Yosys that word means a RAM of LUTs, which cannot hold a ROM, and `logic`
# is the ROM of LUTs.
_ROM_STYLE = 'setattr -set rom_style "logic" a:rom_style=distributed'
# Cores that spell out what Yosys does not infer ask for the part's primitives by these.
_MACROS = {"xc7": "-D DIETCNN_CARRY4 "}
# What other commands left behind costs nothing and stands for no hardware.
_LEFTOVERS = "delete t:$scopeinfo t:$print t:$check t:$assert t:$assume t:$cover"
_CARRY = f"techmap -map {CARRY_MAP} t:$add t:$sub t:$mul"
# For simulation only, after the cells are in the JSON: nets of one bit, and outputs apart from what logic reads. A vector of
# which one bit depends on another looks to Verilator like a loop, and its 5.006 settles some of those wrongly.
_BITS = ("iopadmap -bits -outpad OBUF I:O", "splitnets")


def synthesis_script(
    files: Sequence[str],
    top: str,
    parameters: Mapping[str, int | str],
    *,
    family: str,
    flow: Flow,
    dsp: bool,
    shift_registers: bool,
    hierarchy: bool = False,
) -> str:
    """The script, for files that lie in the working folder (`CARRY_MAP` among them); it writes the two netlists.

    Args:
        files: SystemVerilog sources, relative to the working folder.
        parameters: values of the top module's parameters; text may hold letters, digits and ``_ . / + -``.
        family: as `synth_xilinx` names it: ``xc7``, ``xcu``, ``xcup``.
        dsp: whether products may become DSP48s; `shift_registers`: whether chains of registers may become SRLs.
        hierarchy: keep the instances in the top module apart, each flattened in itself.

    Raises:
        ConfigError: a name or value that cannot stand in a script, or an unknown flow.
    """
    if flow not in get_args(Flow):
        raise ConfigError(f"unknown synthesis flow '{flow}'.{suggest(flow, get_args(Flow))}")
    chosen = ["-flatten", "-noiopad", "-noclkbuf", *([] if dsp else ["-nodsp"]), *([] if shift_registers else ["-nosrl"])]
    options = f"-family {family} {' '.join(chosen)} -top {check_name(top, 'top module')}"
    settings = " ".join(f"-set {check_name(name, 'parameter')} {_value(name, value)}" for name, value in parameters.items())
    lines = [
        # -defer: modules are elaborated with their real parameters only, so a ROM without its default file is no error
        f"read_verilog -sv -defer -I. {_MACROS.get(family, '')}{' '.join(files)}",
        *([f"chparam {settings} $abstract\\{top}"] if settings else []),
        *([f"synth_xilinx {options} -run begin:prepare", f"setattr -set keep_hierarchy 1 {top}/c:*"] if hierarchy else []),
        f"synth_xilinx {options} -run {'prepare' if hierarchy else 'begin'}:coarse",
        _ROM_STYLE,
        *([_CARRY] if flow == "carry" else []),
        f"synth_xilinx {options} -run coarse:edif",
        _LEFTOVERS,
        f"json -o {NETLIST_JSON} {'' if hierarchy else top}".rstrip(),
        *([] if hierarchy else _BITS),
        f"write_verilog -noattr {NETLIST_VERILOG}",
    ]
    return "\n".join(lines) + "\n"


def check_name(name: str, what: str) -> str:
    """`name` where it is a plain identifier; ConfigError names `what` it should have named otherwise."""
    if not _IDENTIFIER.fullmatch(name):
        raise ConfigError(f"{what} '{name}' is no plain identifier; use letters, digits and '_'.")
    return name


def _value(name: str, value: int | str) -> str:
    """A parameter value as Yosys reads it; it knows no minus sign and no decimal above 31 bits."""
    if isinstance(value, str):
        if not _TEXT.fullmatch(value):
            raise ConfigError(f"parameter {name}: text '{value}' may hold letters, digits and '_ . / + -' only.")
        return f'"{value}"'
    value = int(value)
    if 0 <= value < 1 << 31:
        return str(value)
    if value >= 0:
        return f"{value.bit_length()}'h{value:x}"
    width = max(32, value.bit_length() + 1)
    return f"{width}'sb{value & ((1 << width) - 1):0{width}b}"
