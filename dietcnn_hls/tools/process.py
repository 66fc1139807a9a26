# SPDX-License-Identifier: Apache-2.0
"""The one place that starts programs: limits their time, keeps what they say, and ends them with all that they started.

A program runs in a session of its own. What it leaves behind when it ends is ended too, and so is everything when this process is
interrupted. Its output goes to a file, never through a pipe, so a child that lives on cannot hold up whoever waits.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dietcnn_hls.errors import OutputError, ToolError

LONG_S = 24 * 3600.0
"""Limit, in seconds, for work that has no limit of its own."""

_log = logging.getLogger(__name__)

_FULL_BYTES = 1 << 16
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.1


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    Attributes:
        status: its exit status; negative: the number of the signal that ended it.
        output: its standard output; with a log, all that it printed.
        errors: its standard error; empty with a log.
        cpu_s: CPU seconds that it took, with the children that it waited for.
    """

    status: int
    output: str
    errors: str
    cpu_s: float


class CannotStart(ToolError):
    """A program that cannot be started: it is gone, is not executable, or its interpreter is missing. `reason` says which."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program} cannot be started: {reason}. Install it again.")
        self.reason = reason


class OutOfTime(ToolError):
    """A program that was ended because its time was up; `output` is what it had printed."""

    def __init__(self, program: str, seconds: float, output: str) -> None:
        super().__init__(f"{program} did not finish within {seconds:g} s and was stopped")
        self.output = output


def run(
    command: Sequence[str | Path],
    folder: Path | None = None,
    *,
    timeout_s: float,
    log: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a program to its end; it reads nothing from standard input.

    Args:
        command: the program and its arguments.
        folder: where it runs; the current one when None.
        timeout_s: wall-clock limit.
        log: file that takes standard output and standard error as they come; its folder must exist.
        on_line: called with each line of the log soon after it was written.

    Raises:
        CannotStart: see there.
        OutOfTime: see there.
        OutputError: the log cannot be written, or the program failed and a disk that it writes to is full.
    """
    program = Path(command[0]).name
    _log.debug("%s", shlex.join(map(str, command)))
    with _outputs(log) as (output, errors):
        tail, child = _Tail(output, on_line), _Child()
        try:
            child.start([str(word) for word in command], folder, output, errors)
            cpu_s = _wait(child, program, timeout_s, tail)
        finally:
            child.end()
        tail.finish()
        if cpu_s is None:
            raise OutOfTime(program, timeout_s, _text(output))
        if child.returncode != 0:
            _blame_full_disks(f"{program} failed", folder or Path.cwd(), Path(tempfile.gettempdir()))
        elif log is None and not os.fstat(output.fileno()).st_size:  # few programs notice that what they say is lost
            _blame_full_disks(f"{program} said nothing", Path(tempfile.gettempdir()))
        return Finished(child.returncode, _text(output), "" if errors is output else _text(errors), cpu_s)


class _Child(subprocess.Popen[bytes]):
    """A process that can be ended from before its start on, so that no interruption loses it."""

    def __init__(self) -> None:
        self.pid = 0

    def start(self, command: list[str], folder: Path | None, output: IO[bytes], errors: IO[bytes]) -> None:
        """Start the program in a session of its own."""
        try:
            super().__init__(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True)
        except OSError as error:
            self.pid = 0
            raise CannotStart(command[0], error.strerror or str(error)) from error

    def end(self) -> None:
        """End the program where it still runs, and whatever it left behind."""
        if not self.pid:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self.returncode is None:
            self.wait()


def _blame_full_disks(what: str, *folders: Path) -> None:
    """Programs say anything but this when they cannot write any more."""
    for folder in folders:
        if shutil.disk_usage(folder).free < _FULL_BYTES:
            raise OutputError(f"{what}, and the disk of {folder} is full; free some space there")


@contextlib.contextmanager
def _outputs(log: Path | None) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files for standard output and standard error, which can be read again; one for both where there is a log."""
    if log is None:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            yield output, errors
        return
    try:
        stream = log.open("w+b")
    except OSError as error:
        raise OutputError(f"the log {log} cannot be written ({error.strerror})") from error
    with stream:
        yield stream, stream


def _wait(child: _Child, program: str, timeout_s: float, tail: _Tail) -> float | None:
    """CPU seconds of the process, or None when its time was up."""
    deadline = time.monotonic() + timeout_s
    pause = _SHORTEST_PAUSE_S
    while True:
        # wait4, not wait: it alone tells this child's CPU time when several run at once
        try:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        except ChildProcessError as error:
            child.returncode = -1
            raise ToolError(f"{program} ended, but how is lost: this process ignores SIGCHLD") from error
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() >= deadline:
            return None
        tail.follow()
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(1.3 * pause, _LONGEST_PAUSE_S)


def _text(stream: IO[bytes]) -> str:
    # at a position of our own: the program wrote through the same open file
    return os.pread(stream.fileno(), os.fstat(stream.fileno()).st_size, 0).decode("utf-8", "replace")


class _Tail:
    """Hands out the lines of a growing file."""

    def __init__(self, stream: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        self._stream, self._on_line = stream, on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._read, self._rest = 0, ""

    def follow(self) -> None:
        """Hand out what has become whole lines since the last call."""
        if self._on_line is None:
            return
        while new := os.pread(self._stream.fileno(), 1 << 16, self._read):
            self._read += len(new)
            *lines, self._rest = (self._rest + self._decoder.decode(new)).split("\n")
            for line in lines:
                self._on_line(line.rstrip("\r"))

    def finish(self) -> None:
        """Hand out the rest, with or without a newline."""
        self.follow()
        if self._on_line is not None and self._rest:
            self._on_line(self._rest)


__all__ = ["LONG_S", "CannotStart", "Finished", "OutOfTime", "run"]
