# SPDX-License-Identifier: Apache-2.0
"""Progress of long work on stderr: bars on a terminal, one plain line a step elsewhere. Stdout is never touched.

Lines that stay are records of the logger ``dietcnn_hls`` at level INFO, whose handler writes them; an application may put its own
in that one's place, and ``logging.getLogger("dietcnn_hls").setLevel("WARNING")`` ends them. Bars stay.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

T = TypeVar("T")

EVERY_S = 60.0
"""Seconds between two plain lines of one `track`, where there is no terminal for a bar."""

_log = logging.getLogger("dietcnn_hls")

_silenced = 0
"""Blocks of `silent` that are at work."""


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items of `iterable` under a bar; where stderr is no terminal, a line a minute says how far it is.

    Args:
        iterable: what to go through.
        description: what is being done, as "C-simulation".
        total: number of items, where `iterable` has no length.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    start = said = time.monotonic()
    with _display.task(description, total) as advance:
        for done, item in enumerate(iterable, start=1):
            yield item
            advance()
            now = time.monotonic()
            if now - said >= EVERY_S and not _is_terminal():
                said = now
                note(_so_far(description, done, total, now - start))


def _so_far(description: str, done: int, total: int | None, seconds: float) -> str:
    """How far a loop is, and when it is likely to end."""
    if total is None:
        return f"{description}: {done:,}"
    left = seconds * max(total - done, 0) / done
    return (
        f"{description}: {done:,} of {total:,}, {left / 60:.0f} min left"
        if left >= 90
        else f"{description}: {done:,} of {total:,}"
    )


@contextlib.contextmanager
def step(description: str) -> Iterator[None]:
    """Show that `description` is being done while the block runs, and on a terminal how long it took.

    Elsewhere (a log, a pipe) one line is written when the step starts. Steps and tracks may be nested.
    """
    terminal = _is_terminal()
    if not terminal:
        note(description)
    start = time.monotonic()
    with _display.task(description, None):
        yield
    if terminal:
        note(f"{description} ({time.monotonic() - start:.1f} s)")


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Show nothing of the steps, tracks and notes inside the block: work of which there are hundreds has its own display."""
    global _silenced
    _silenced += 1
    try:
        yield
    finally:
        _silenced -= 1


def note(line: str) -> None:
    """Show a line that stays, such as what an outside tool is at."""
    if not _silenced:
        _log.info("%s", line)


class _Lines(logging.Handler):
    """Writes the package's records to stderr as it is at that time: above running bars on a terminal, plainly elsewhere."""

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if _is_terminal():
            _display.say(line)
        elif sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more: no reason to end long work
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()


def _is_terminal() -> bool:
    # Not rich's own test, which environment variables can turn: a log must stay free of escape codes.
    return not _silenced and sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


class _Display:
    """The one live display of the process, which older versions of rich insist on; it lives while any task does."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Callable[[], None]]:
        """Show a task while the block runs; gives a function that advances it by one."""
        if not _is_terminal():
            yield lambda: None
            return
        progress = self._enter()
        try:
            identity = progress.add_task(description, total=total)
            try:
                yield lambda: progress.advance(identity)
            finally:
                progress.remove_task(identity)
        finally:
            self._leave()

    def say(self, line: str) -> None:
        """Print a line that stays, above the tasks that still run."""
        with self._lock:
            console = self._progress.console if self._progress else Console(stderr=True)
        console.print(line, markup=False, highlight=False)

    def _enter(self) -> Progress:
        with self._lock:
            if self._progress is None:
                self._progress = _new_progress()
                self._progress.start()
            self._tasks += 1
            return self._progress

    def _leave(self) -> None:
        with self._lock:
            self._tasks -= 1
            if self._tasks == 0 and self._progress is not None:
                self._progress.stop()
                self._progress = None


class _Left(TimeRemainingColumn):
    """Time left of what has an end; empty for a step, which has none."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text("")


class _Count(MofNCompleteColumn):
    """Items done of all; empty for a step, which has none."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text("")


def _new_progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _Count(),
        TimeElapsedColumn(),
        _Left(),
        console=Console(stderr=True),
        transient=True,
        # Rich would otherwise send what others print to stdout through this console, that is to stderr.
        redirect_stdout=False,
    )


_display = _Display()
_log.addHandler(_Lines())
_log.setLevel(logging.INFO)
_log.propagate = False  # packages that we import give the root logger handlers, which would say every line again
