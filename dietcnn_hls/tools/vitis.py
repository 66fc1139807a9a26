# SPDX-License-Identifier: Apache-2.0
"""Running Vitis HLS on a generated project, and noticing each way in which it fails (`amd` says why that takes care)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dietcnn_hls.errors import ConfigError, OutputError, ToolError, suggest
from dietcnn_hls.reports.model import Latency, Resources
from dietcnn_hls.tools import amd, doctor
from dietcnn_hls.tools.vitis_report import VitisReport, find_solution, read_solution

STEPS = ("csim", "csynth", "export")
LOG_NAME = "vitis.log"
SCRIPT = "build_prj.tcl"

_CSIM_FAILED = re.compile(
    r"(ERROR: \[SIM 211-100\]|ERR: \[SIM 100\]|@E Simulation failed|CSim failed with errors|'csim_design' failed)"
)
_CSIM_DONE = re.compile(r"CSim done with 0 errors", re.IGNORECASE)
_COMPILE = re.compile(r"compilation error|undefined reference to|\berror: ")
_PHASE = re.compile(r"^\*{5} (?P<phase>.+?) \*{5}$|-- Implementing module '(?P<module>[^']+)'")
_PROOF = ("*_prj/solution1/syn/report/csynth.xml", "*_prj/solution1/impl/**/*.zip")


@dataclass(frozen=True, slots=True)
class Vitis:
    """An installed Vitis HLS: its executable and whether it is the unified ``vitis-run`` or the older ``vitis_hls``."""

    executable: Path
    unified: bool

    def command(self, script: str) -> list[str]:
        """Command line that runs a Tcl script."""
        arguments = ["--mode", "hls", "--tcl", script] if self.unified else ["-f", script]
        return [str(self.executable), *arguments]


def find() -> Vitis:
    """Vitis HLS on PATH, ``vitis-run`` (2023.2 and later) preferred; ToolError with the remedy when there is none."""
    executable = doctor.require("vitis", "Vitis HLS synthesis").executable
    return Vitis(executable, unified=executable.name == "vitis-run")


def run(
    project: Path,
    steps: Sequence[str] = STEPS,
    *,
    timeout_s: float = 6 * 3600.0,
    progress: Callable[[str], None] | None = None,
) -> VitisReport | None:
    """Run steps of an hls4ml-style project folder (one with ``build_prj.tcl``) and read its reports.

    The tool's whole output is kept in ``vitis.log`` inside `project`; ``build_opt.tcl`` is written there, as hls4ml does.

    Args:
        project: generated output folder.
        steps: some of ``csim``, ``csynth``, ``export``.
        timeout_s: wall-clock limit of the whole run.
        progress: called with one line a phase or synthesised module.

    Returns:
        The synthesis reports, or None when ``csynth`` was not asked for.

    Raises:
        ConfigError: for an unknown step or a folder without ``build_prj.tcl``.
        ToolError: when Vitis is missing, times out, has no licence, exits with an error, fails the C simulation, or ends
            without having written what a step must write.
    """
    _check_request(project, steps)
    tool = find()
    _write_options(project, steps)
    before = amd.seen(project, *_PROOF)
    log = project / LOG_NAME
    status, lines = amd.run_logged("Vitis HLS", tool.command(SCRIPT), log, timeout_s, lambda line: _tell(line, progress))
    _check_output(tool, status, lines, steps, log)
    fresh = amd.seen(project, *_PROOF) - before
    if "csynth" in steps and not any(path.endswith("/syn/report/csynth.xml") for path, *_ in fresh):
        raise _no_output("csynth", "syn/report/csynth.xml", lines, log)
    if "export" in steps and not any("/impl/" in path and path.endswith(".zip") for path, *_ in fresh):
        raise _no_output("export", "impl/*.zip", lines, log)
    return read(project) if "csynth" in steps else None


def read(project: Path) -> VitisReport:
    """Read the C synthesis reports below an hls4ml-style output folder.

    Raises:
        ToolError: when the reports are missing or malformed; the message names the file.
    """
    return read_solution(find_solution(project))


def to_sections(report: VitisReport | None) -> dict[str, Latency | Resources]:
    """A report's ``latency`` and ``resources`` as Vitis estimates them; nothing when synthesis was not run."""
    return {} if report is None else {"latency": report.latency(), "resources": report.resources()}


def _check_request(project: Path, steps: Sequence[str]) -> None:
    for step in steps:
        if step not in STEPS:
            raise ConfigError(f"Unknown Vitis step '{step}'.{suggest(step, STEPS)}")
    if not steps:
        raise ConfigError(f"No Vitis step was asked for. Known: {', '.join(STEPS)}.")
    if not (project / SCRIPT).is_file():
        raise ConfigError(f"{project} has no {SCRIPT}; it is no generated HLS project. Convert the model first.")


def _write_options(project: Path, steps: Sequence[str]) -> None:
    values = {
        "reset": "csynth" in steps,
        "csim": "csim" in steps,
        "synth": "csynth" in steps,
        "cosim": False,
        "validation": False,
        "export": "export" in steps,
        "vsynth": False,
        "fifo_opt": False,
    }
    body = "".join(f"    {name:<10} {int(value)}\n" for name, value in values.items())
    try:
        (project / "build_opt.tcl").write_text(f"array set opt {{\n{body}}}\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write build_opt.tcl in {project}: {error.strerror}.") from error


def _tell(line: str, progress: Callable[[str], None] | None) -> None:
    phase = _PHASE.search(line.rstrip())
    if phase and progress is not None:
        progress(phase["phase"] if phase["phase"] else f"module {phase['module']}")


def _check_output(tool: Vitis, status: int, lines: list[str], steps: Sequence[str], log: Path) -> None:
    failed = next((index for index, line in enumerate(lines) if _CSIM_FAILED.search(line)), None)
    if failed is not None:
        raise _csim_error(lines, failed, log)
    if status != 0:
        raise ToolError(f"{tool.executable.name} exited with status {status}: {amd.cause(lines)}. Log: {log}")
    if "csim" in steps and not amd.first(lines, _CSIM_DONE.search):
        raise ToolError(f"{tool.executable.name} ended well but never ran the C simulation: {amd.cause(lines)}. Log: {log}")


def _csim_error(lines: list[str], failed: int, log: Path) -> ToolError:
    before = [line for line in lines[:failed] if line.strip()][-4:]
    said = " / ".join(before) or "nothing"
    if any(_COMPILE.search(line) for line in [*lines[max(0, failed - 20) : failed], lines[failed]]):
        what = "C simulation did not compile"
    else:
        what = "C simulation failed: the C++ does not reproduce the expected outputs"
    return ToolError(f"Vitis: {what} ({lines[failed].strip()}). Before that: {said}. Log: {log}")


def _no_output(step: str, what: str, lines: list[str], log: Path) -> ToolError:
    return ToolError(f"Vitis HLS ended with status 0 but step '{step}' wrote no new {what}: {amd.cause(lines)}. Log: {log}")


__all__ = ["LOG_NAME", "STEPS", "Vitis", "find", "read", "run", "to_sections"]
