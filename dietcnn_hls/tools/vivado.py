# SPDX-License-Identifier: Apache-2.0
"""For users who have Vivado: a batch script that implements a generated design, and readers of the reports it leaves.

The script needs no project and no licence beyond the part's: it synthesises out of context, places, routes, and writes
``reports/utilization.rpt`` and ``reports/timing_summary.rpt`` beside itself. The readers know the text of Vivado 2019 to 2024,
whose tables differ by a column ("Prohibited") and by family ("Slice LUTs" or "CLB LUTs").
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.hardware.parts import lookup
from dietcnn_hls.reports.model import VIVADO, Resources

SCRIPT_NAME = "build_vivado.tcl"
CONSTRAINTS_NAME = "clock.xdc"
UTILIZATION = Path("reports/utilization.rpt")
TIMING = Path("reports/timing_summary.rpt")

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# Tcl gives no character between braces a meaning, except these.
_UNSAFE = re.compile(r"[{}\\\x00-\x1f\x7f]")
_HEADER = re.compile(r"^\|\s*(?P<key>[\w ]+?)\s*:\s*(?P<value>.*?)\s*(\|\s*)?$", re.MULTILINE)
_NUMBER = r"(-?\d+(?:\.\d+)?)"
_SUMMARY = re.compile(rf"^\s*WNS\(ns\)\s.*\n[\s-]+\n\s*({_NUMBER}|NA|inf)\s", re.MULTILINE)
_CLOCK = re.compile(rf"^\s*\S+\s+\{{[\d. ]+\}}\s+{_NUMBER}\s+{_NUMBER}\s*$", re.MULTILINE)
_SLACK = re.compile(rf"^Slack(?: \(\w+\))? ?:\s+{_NUMBER}ns", re.MULTILINE)
_LEVELS = re.compile(r"^\s*Logic Levels:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class VivadoReport:
    """What Vivado says of one design after its last step.

    Attributes:
        version, device, state: tool version such as ``2021.2``, the part, and ``Synthesized`` or ``Routed``.
        lut, ff, dsp, bram18, uram, muxf: sites used; a RAMB36 counts two, MUXF7 to MUXF9 together. `lut` contains `lutram`.
        carry: CARRY4 cells; a CARRY8 counts two.
        wns_ns: worst negative slack (setup); None without a timing report or when no path is constrained.
        period_ns: period of the clock it was held to (the shortest, if there are several).
        levels: logic levels of the worst path, every CARRY4 and MUXF counted; None as `wns_ns`.
    """

    version: str
    device: str
    state: str
    lut: int
    lutram: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    muxf: int
    carry: int
    wns_ns: float | None = None
    period_ns: float | None = None
    levels: int | None = None

    @property
    def met(self) -> bool | None:
        """Whether every setup path holds the clock; None when not known."""
        return None if self.wns_ns is None else self.wns_ns >= 0

    @property
    def reachable_ns(self) -> float | None:
        """Clock period that the worst path would just hold."""
        if self.wns_ns is None or self.period_ns is None:
            return None
        return round(self.period_ns - self.wns_ns, 3)

    def resources(self) -> Resources:
        """The figures as a report states them."""
        return Resources(
            lut=self.lut,
            ff=self.ff,
            dsp=self.dsp,
            bram18=self.bram18,
            uram=self.uram,
            muxf=self.muxf,
            carry=self.carry,
            levels=self.levels,
            source=VIVADO,
        )


def write_vivado(
    folder: Path,
    sources: Sequence[Path],
    top: str,
    *,
    part: str,
    clock_ns: float,
    clock_port: str = "clk",
    parameters: Mapping[str, int | str] | None = None,
    include_files: Sequence[Path] | Mapping[str, Path] = (),
    dsp: bool = True,
) -> Path:
    """Write ``build_vivado.tcl`` and its clock constraint into `folder`, for ``vivado -mode batch -source build_vivado.tcl``.

    Sources are named relative to `folder`, so the tree can be moved as a whole; files that the design reads by name
    (`include_files`, as in `dietcnn_hls.tools.yosys.synthesis.synthesise`) are copied beside the script, from where Vivado runs.

    Args:
        part: full part name.
        clock_ns: period of the clock at `clock_port`.
        dsp: whether multiplications may become DSP48s.

    Returns:
        The script.

    Raises:
        ConfigError: an unknown part, a clock that is not positive, a name that cannot stand in Tcl.
        OutputError: a file that is not there, or a folder that cannot be written.
    """
    lookup(part)
    if not clock_ns > 0:
        raise ConfigError(f"clock_ns is {clock_ns}; a clock period is positive.")
    for name in (top, clock_port, *(parameters or {})):
        if not _IDENTIFIER.fullmatch(name):
            raise ConfigError(f"'{name}' is no plain identifier; Vivado's script takes letters, digits and '_' only.")
    for path in sources:
        if not path.is_file():
            raise OutputError(f"{path} does not exist; Vivado needs it.")
    read = [_tcl(os.path.relpath(path, folder).replace(os.sep, "/")) for path in sources]
    options = [f"-top {_tcl(top)}", f"-part {_tcl(part)}", "-mode out_of_context", *([] if dsp else ["-max_dsp 0"])]
    options += [f"-generic {_generic(name, value)}" for name, value in (parameters or {}).items()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); choose another folder for Vivado.") from error
    copied = _copy(folder, include_files)
    lines = [
        f"# Implements {top} out of context and reports its cost and timing: vivado -mode batch -source {SCRIPT_NAME}",
        "# Written by dietcnn_hls.",
        "cd [file dirname [file normalize [info script]]]",
        f"file mkdir {UTILIZATION.parent}",
        f"create_project -in_memory -part {_tcl(part)}",
        *(f"read_verilog -sv {path}" for path in read),
        *(f"read_mem {_tcl(name)}" for name in copied),
        f"read_xdc -mode out_of_context {CONSTRAINTS_NAME}",
        f"synth_design {' '.join(options)}",
        "opt_design",
        "place_design",
        "phys_opt_design",
        "route_design",
        f"report_utilization -file {UTILIZATION}",
        f"report_utilization -hierarchical -file {UTILIZATION.parent}/utilization_hierarchical.rpt",
        f"report_timing_summary -max_paths 10 -file {TIMING}",
    ]
    clock = f"create_clock -name {clock_port} -period {clock_ns:.3f} [get_ports {_tcl(clock_port)}]\n"
    atomic_write_text(folder / CONSTRAINTS_NAME, clock)
    atomic_write_text(folder / SCRIPT_NAME, "\n".join(lines) + "\n")
    return folder / SCRIPT_NAME


def _tcl(text: str) -> str:
    """A word that Tcl takes as it stands."""
    if _UNSAFE.search(text):
        raise ConfigError(f"'{text}' holds a brace, a backslash or a control character, which a Tcl script cannot; rename it.")
    return f"{{{text}}}"


def _generic(name: str, value: int | str) -> str:
    if isinstance(value, str):
        if '"' in value:
            raise ConfigError(f"parameter {name}: text '{value}' holds a quotation mark, which Vivado's -generic cannot.")
        return _tcl(f'{name}="{value}"')
    return _tcl(f"{name}={int(value)}")


def _copy(folder: Path, files: Sequence[Path] | Mapping[str, Path]) -> list[str]:
    """Put files beside the script under the names that the design uses; returns the names."""
    named = dict(files) if isinstance(files, Mapping) else {path.name: path for path in files}
    if len(named) < len(files):
        raise ConfigError("two of the included files have one name; rename one of them.")
    for name, path in named.items():
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise ConfigError(f"include file '{name}' must stay inside the folder of the script.")
        _tcl(name)
        target = folder / name
        try:
            if not (target.exists() and target.samefile(path)):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        except OSError as error:
            raise OutputError(f"{path} cannot be copied to {target} ({error.strerror}).") from error
    return list(named)


def read_vivado(folder: Path) -> VivadoReport:
    """Read the reports that `write_vivado`'s script leaves in `folder`; without a timing report its fields are None.

    Raises:
        ToolError: no utilisation report, or a report that lacks what it should hold.
    """
    if not (folder / UTILIZATION).is_file():
        raise ToolError(f"{folder} has no {UTILIZATION}: run 'vivado -mode batch -source {SCRIPT_NAME}' there first.")
    report = read_utilization(folder / UTILIZATION)
    return read_timing(folder / TIMING, report) if (folder / TIMING).is_file() else report


def read_utilization(path: Path) -> VivadoReport:
    """Read a text report of ``report_utilization``, whole design; ToolError where it is none or lacks a row."""
    text = _text(path)
    header = {match["key"]: match["value"] for match in _HEADER.finditer(text)}
    rows = _rows(text)

    def used(*names: str) -> int:
        found = next((rows[name] for name in names if name in rows), None)
        if found is None:
            raise ToolError(f"{path} has no row '{names[0]}'; is it the text of report_utilization for a Xilinx FPGA?")
        return round(found)

    version = re.search(r"20\d\d\.\d", header.get("Tool Version", ""))
    return VivadoReport(
        version=version.group() if version else "",
        device=header.get("Device", ""),
        state=header.get("Design State", ""),
        lut=used("Slice LUTs", "CLB LUTs"),
        lutram=used("LUT as Memory"),
        ff=used("Slice Registers", "CLB Registers"),
        dsp=used("DSPs"),
        bram18=2 * used("RAMB36/FIFO") + used("RAMB18"),
        uram=round(rows.get("URAM", 0)),
        muxf=sum(round(rows.get(f"F{size} Muxes", 0)) for size in (7, 8, 9)),
        carry=round(rows.get("CARRY4", 0) + 2 * rows.get("CARRY8", 0)),
    )


def read_timing(path: Path, report: VivadoReport) -> VivadoReport:
    """Add what ``report_timing_summary`` says to a utilisation report; ToolError where the text is none."""
    text = _text(path)
    summary = _SUMMARY.search(text)
    if summary is None:
        raise ToolError(f"{path} has no design timing summary; is it the text of report_timing_summary?")
    if summary[1] in ("NA", "inf"):
        return report
    wns = float(summary[1])
    periods = [float(match[1]) for match in _CLOCK.finditer(text)]
    return replace(report, wns_ns=wns, period_ns=min(periods, default=None), levels=_levels(text, wns))


def _levels(text: str, wns: float) -> int | None:
    """Logic levels of the first detailed path whose slack is the worst one; hold paths stand in the same text."""
    for slack in _SLACK.finditer(text):
        if float(slack[1]) == wns:
            levels = _LEVELS.search(text, slack.end())
            return int(levels[1]) if levels else None
    return None


def _rows(text: str) -> dict[str, float]:
    """``{site type or primitive: used}`` of all tables; the first table that names one wins.

    "Used" is found by the table's own heading, because versions differ in the columns after it.
    """
    rows: dict[str, float] = {}
    column: int | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if "Used" in cells:
            column = cells.index("Used")
        elif column is not None and len(cells) > column and re.fullmatch(r"\d+(\.\d+)?", cells[column]):
            rows.setdefault(cells[0].rstrip("*"), float(cells[column]))
        elif not line.strip():
            column = None
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ToolError(f"{path} cannot be read ({error.strerror}); run Vivado again.") from error
