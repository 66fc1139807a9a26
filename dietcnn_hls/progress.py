# SPDX-License-Identifier: Apache-2.0
"""Progress of long work on stderr: bars on a terminal, one plain line a step elsewhere. Stdout is never touched."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

T = TypeVar("T")


def track(iterable: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items of `iterable` under a bar; silent where stderr is no terminal.

    Args:
        iterable: what to go through.
        description: what is being done, as "C-simulation".
        total: number of items, where `iterable` has no length.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with _display.task(description, total) as advance:
        for item in iterable:
            yield item
            advance()


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
        _display.say(f"{description} ({time.monotonic() - start:.1f} s)")


def note(line: str) -> None:
    """Show a line that stays, such as what an outside tool is at."""
    if _is_terminal():
        _display.say(line)
    elif sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more: no reason to end long work
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _is_terminal() -> bool:
    # Not rich's own test, which environment variables can turn: a log must stay free of escape codes.
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


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
        console=Console(stderr=True),
        transient=True,
        # Rich would otherwise send what others print to stdout through this console, that is to stderr.
        redirect_stdout=False,
    )


_display = _Display()
