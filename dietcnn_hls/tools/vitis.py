# SPDX-License-Identifier: Apache-2.0
"""Running Vitis HLS on a generated project, and noticing each way in which it fails.

The tool's exit status is not to be trusted: a failed C simulation or synthesis can end with 0. So every step must leave
its own proof, a success line in the log or a fresh report, and known failure lines are looked for in all output.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dietcnn_hls.errors import ConfigError, OutputError, ToolError, suggest
from dietcnn_hls.reports.model import Latency, Resources
from dietcnn_hls.tools.vitis_report import VitisReport, find_solution, read_solution

STEPS = ("csim", "csynth", "export")
LOG_NAME = "vitis.log"
SCRIPT = "build_prj.tcl"

_LICENCE = re.compile(
    r"^(?=.*licen[cs]e)(?=.*(not found|fail|could not|cannot|unable|denied|expired|invalid|no valid)).*$", re.IGNORECASE
)
_CSIM_FAILED = re.compile(
    r"(ERROR: \[SIM 211-100\]|ERR: \[SIM 100\]|@E Simulation failed|CSim failed with errors|'csim_design' failed)"
)
_CSIM_DONE = re.compile(r"CSim done with 0 errors", re.IGNORECASE)
_COMPILE = re.compile(r"compilation error|undefined reference to|\berror: ")
_PHASE = re.compile(r"^\*{5} (?P<phase>.+?) \*{5}$|-- Implementing module '(?P<module>[^']+)'")
_SETUP = "Source the settings64.sh of a Vitis installation, or build with synthesis='yosys' or 'none'."


@dataclass(frozen=True, slots=True)
class VitisTool:
    """An installed Vitis HLS: its executable and whether it is the unified ``vitis-run`` or the older ``vitis_hls``."""

    executable: Path
    unified: bool

    def command(self, script: str) -> list[str]:
        """Command line that runs a Tcl script."""
        arguments = ["--mode", "hls", "--tcl", script] if self.unified else ["-f", script]
        return [str(self.executable), *arguments]


def find_vitis() -> VitisTool | None:
    """Vitis HLS on PATH, ``vitis-run`` (2023.2 and later) preferred; None when there is none."""
    for name, unified in (("vitis-run", True), ("vitis_hls", False)):
        executable = shutil.which(name)
        if executable is not None:
            return VitisTool(Path(executable), unified)
    return None


def run_vitis(
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
    tool = find_vitis()
    if tool is None:
        raise ToolError(f"Vitis HLS was not found: neither vitis-run nor vitis_hls is on PATH. {_SETUP}")
    _write_options(project, steps)
    before = _fingerprints(project)
    status, lines = _run(tool, project, timeout_s, progress or (lambda _: None))
    _check_output(tool, status, lines, steps, project / LOG_NAME)
    fresh = _fingerprints(project) - before
    if "csynth" in steps and not any(path.endswith("/syn/report/csynth.xml") for path, *_ in fresh):
        raise _no_output("csynth", "syn/report/csynth.xml", lines, project)
    if "export" in steps and not any("/impl/" in path and path.endswith(".zip") for path, *_ in fresh):
        raise _no_output("export", "impl/*.zip", lines, project)
    return read_solution(find_solution(project)) if "csynth" in steps else None


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


def _fingerprints(project: Path) -> set[tuple[str, int, int]]:
    """Reports and exported archives with time and size, so that those of an earlier run do not count as this one's."""
    found = set()
    for pattern in ("*_prj/solution1/syn/report/csynth.xml", "*_prj/solution1/impl/**/*.zip"):
        for path in project.glob(pattern):
            state = path.stat()
            found.add((path.as_posix(), state.st_mtime_ns, state.st_size))
    return found


def _run(tool: VitisTool, project: Path, timeout_s: float, progress: Callable[[str], None]) -> tuple[int, list[str]]:
    """Exit status and output lines; the log is written as it comes."""
    expired = threading.Event()
    try:
        process = subprocess.Popen(
            tool.command(SCRIPT),
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{tool.executable} cannot be started: {error.strerror}. {_SETUP}") from error

    def expire() -> None:
        expired.set()
        _kill(process)

    timer = threading.Timer(timeout_s, expire)
    timer.start()
    try:
        lines = _collect(process, project / LOG_NAME, progress)
        status = process.wait()
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
    if expired.is_set():
        raise ToolError(
            f"Vitis HLS was stopped after {timeout_s:g} s, at: {_last(lines)}. Raise the timeout or reduce the design"
            f" (larger reuse factors, io_stream). Log: {project / LOG_NAME}"
        )
    return status, lines


def _collect(process: subprocess.Popen[str], log: Path, progress: Callable[[str], None]) -> list[str]:
    assert process.stdout is not None  # Popen was given a pipe
    lines = []
    with open(log, "w", encoding="utf-8") as file:
        for line in process.stdout:
            file.write(line)
            file.flush()
            lines.append(line.rstrip())
            phase = _PHASE.search(lines[-1])
            if phase:
                progress(phase["phase"] if phase["phase"] else f"module {phase['module']}")
    return lines


def _kill(process: subprocess.Popen[str]) -> None:
    """End the tool and all it started: it runs in a session of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _check_output(tool: VitisTool, status: int, lines: list[str], steps: Sequence[str], log: Path) -> None:
    licence = _first(lines, _LICENCE.search)
    if licence:
        raise ToolError(
            f"Vitis HLS has no licence for this part or feature: {licence}. Set XILINXD_LICENSE_FILE, choose a part of the"
            f" free edition (xc7z020clg400-1), or build with synthesis='yosys'. Log: {log}"
        )
    failed = next((index for index, line in enumerate(lines) if _CSIM_FAILED.search(line)), None)
    if failed is not None:
        raise _csim_error(lines, failed, log)
    if status != 0:
        raise ToolError(f"{tool.executable.name} exited with status {status}: {_cause(lines)}. Log: {log}")
    if "csim" in steps and not _first(lines, _CSIM_DONE.search):
        raise ToolError(f"{tool.executable.name} ended well but never ran the C simulation: {_cause(lines)}. Log: {log}")


def _csim_error(lines: list[str], failed: int, log: Path) -> ToolError:
    before = [line for line in lines[:failed] if line.strip()][-4:]
    said = " / ".join(before) or "nothing"
    if any(_COMPILE.search(line) for line in [*lines[max(0, failed - 20) : failed], lines[failed]]):
        what = "C simulation did not compile"
    else:
        what = "C simulation failed: the C++ does not reproduce the expected outputs"
    return ToolError(f"Vitis: {what} ({lines[failed].strip()}). Before that: {said}. Log: {log}")


def _no_output(step: str, what: str, lines: list[str], project: Path) -> ToolError:
    return ToolError(
        f"Vitis HLS ended with status 0 but step '{step}' wrote no new {what}: {_cause(lines)}. Log: {project / LOG_NAME}"
    )


def _cause(lines: list[str]) -> str:
    return _first(lines, re.compile(r"^\s*(ERROR|CRITICAL|@E)\b").search) or f"last output: {_last(lines)}"


def _first(lines: Iterable[str], test: Callable[[str], object]) -> str:
    return next((line.strip() for line in lines if test(line)), "")


def _last(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
