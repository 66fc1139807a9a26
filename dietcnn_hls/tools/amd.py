# SPDX-License-Identifier: Apache-2.0
"""What Vitis HLS and Vivado have in common: how they say in a log that something is wrong, and that their word is not enough.

Either can end with status 0 though it failed. So each step must leave proof of its own, a fresh report, and known failure lines
are looked for in all output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dietcnn_hls.errors import ToolError
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.tools import process

_LICENCE = re.compile(
    r"^(?=.*licen[cs]e)(?=.*(not found|fail|could not|cannot|unable|denied|expired|invalid|no valid)).*$", re.IGNORECASE
)
_ERROR = re.compile(r"^\s*(ERROR|CRITICAL|@E)\b")

Seen = set[tuple[str, int, int]]
"""Files as they were: path, time and size."""


def run_logged(
    name: str, command: Sequence[str | Path], log: Path, timeout_s: float, on_line: Callable[[str], None]
) -> tuple[int, list[str]]:
    """Run a tool in the folder of its log; exit status and lines of output.

    Raises:
        ToolError: it cannot be started, has no licence, or took too long; the message names the log.
    """
    try:
        done = process.run(command, log.parent, timeout_s=timeout_s, log=log, on_line=on_line)
    except process.OutOfTime as error:
        raise ToolError(
            f"{name} was stopped after {timeout_s:g} s, at: {last(error.output.splitlines())}. Raise the timeout or reduce the"
            f" design (larger reuse factors). Log: {log}"
        ) from error
    lines = done.output.splitlines()
    licence = first(lines, _LICENCE.search)
    if licence:
        raise ToolError(
            f"{name} has no licence for this part or feature: {licence}. Set XILINXD_LICENSE_FILE, choose a part of the"
            f" free edition ({DEFAULT_PART}), or build with synthesis='yosys'. Log: {log}"
        )
    return done.status, lines


def cause(lines: Sequence[str]) -> str:
    """The first line that says ERROR, else the last line."""
    return first(lines, _ERROR.search) or f"last output: {last(lines)}"


def first(lines: Iterable[str], test: Callable[[str], object]) -> str:
    """The first line that passes a test, without its margins; empty when there is none."""
    return next((line.strip() for line in lines if test(line)), "")


def last(lines: Sequence[str]) -> str:
    """The last line that is not empty."""
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def seen(folder: Path, *patterns: str) -> Seen:
    """The files that match, so that those of an earlier run do not count as those of the next."""
    found = set()
    for pattern in patterns:
        for path in folder.glob(pattern):
            state = path.stat()
            found.add((path.as_posix(), state.st_mtime_ns, state.st_size))
    return found


__all__ = ["Seen", "cause", "first", "last", "run_logged", "seen"]
