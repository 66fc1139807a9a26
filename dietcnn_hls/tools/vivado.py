# SPDX-License-Identifier: Apache-2.0
"""For users who have Vivado: a batch script that implements a generated design, running it, and reading the reports it leaves.

The script needs no project and no licence beyond the part's: it synthesises out of context, places, routes, and writes
``reports/utilization.rpt`` and ``reports/timing_summary.rpt`` beside itself.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.hardware.parts import lookup
from dietcnn_hls.tools import amd, doctor
from dietcnn_hls.tools.vivado_report import VivadoReport, read_timing, read_utilization

SCRIPT_NAME = "build_vivado.tcl"
LOG_NAME = "vivado.log"
CONSTRAINTS_NAME = "clock.xdc"
UTILIZATION = Path("reports/utilization.rpt")
TIMING = Path("reports/timing_summary.rpt")

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# Tcl gives no character between braces a meaning, except these.
_UNSAFE = re.compile(r"[{}\\\x00-\x1f\x7f]")
_STEP = re.compile(r"^Command: (\w+)")


@dataclass(frozen=True, slots=True)
class Vivado:
    """An installed Vivado; the version is that of its folder, None where that does not tell."""

    executable: Path
    version: str | None


def find() -> Vivado:
    """Vivado on PATH; ToolError with the remedy when there is none."""
    tool = doctor.require("vivado", "Vivado synthesis")
    return Vivado(tool.executable, tool.version)


def run(folder: Path, *, timeout_s: float = 6 * 3600.0, progress: Callable[[str], None] | None = None) -> VivadoReport:
    """Run the script that `write` has put into `folder`, and read its reports; all output is kept in ``vivado.log`` there.

    Args:
        folder: of the script.
        timeout_s: wall-clock limit of the whole run.
        progress: called with the name of each step, such as ``place_design``.

    Raises:
        ConfigError: a folder without the script.
        ToolError: when Vivado is missing, times out, has no licence, exits with an error, or ends without fresh reports.
    """
    if not (folder / SCRIPT_NAME).is_file():
        raise ConfigError(f"{folder} has no {SCRIPT_NAME}; it is no folder of a generated design. Build with synthesis='yosys'.")
    tool = find()
    reports = (str(UTILIZATION), str(TIMING))
    before = amd.seen(folder, *reports)
    # without its own log and journal: the one that is kept here holds the same
    command: list[str | Path] = [tool.executable, "-mode", "batch", "-nolog", "-nojournal", "-source", SCRIPT_NAME]
    log = folder / LOG_NAME
    status, lines = amd.run_logged("Vivado", command, log, timeout_s, lambda line: _tell(line, progress))
    if status != 0:
        raise ToolError(f"Vivado exited with status {status}: {amd.cause(lines)}. Log: {log}")
    fresh = {path for path, *_ in amd.seen(folder, *reports) - before}
    for report in reports:
        if (folder / report).as_posix() not in fresh:
            raise ToolError(f"Vivado ended with status 0 but wrote no new {report}: {amd.cause(lines)}. Log: {log}")
    return read(folder)


def _tell(line: str, progress: Callable[[str], None] | None) -> None:
    step = _STEP.search(line)
    if step and progress is not None:
        progress(step[1])


def read(folder: Path) -> VivadoReport:
    """Read the reports that the script leaves in `folder`; without a timing report its fields are None.

    Raises:
        ToolError: no utilisation report, or a report that lacks what it should hold.
    """
    if not (folder / UTILIZATION).is_file():
        raise ToolError(f"{folder} has no {UTILIZATION}: run 'vivado -mode batch -source {SCRIPT_NAME}' there first.")
    report = read_utilization(folder / UTILIZATION)
    return read_timing(folder / TIMING, report) if (folder / TIMING).is_file() else report


def write(
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


__all__ = ["SCRIPT_NAME", "TIMING", "UTILIZATION", "Vivado", "VivadoReport", "find", "read", "run", "write"]
