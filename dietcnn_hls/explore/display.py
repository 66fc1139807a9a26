# SPDX-License-Identifier: Apache-2.0
"""Progress of a search on stderr: on a terminal the front as it is and what is being done, elsewhere a line a trial."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dietcnn_hls import progress
from dietcnn_hls.explore import results
from dietcnn_hls.explore.space import Point, Space

ROWS = 12
"""Designs of the front that are shown."""


class Display:
    """Shows a search while it is at work; use it as a context manager."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._live: Live | None = None
        self._front: results.Front | None = None
        self._doing = "looking at the study"

    def __enter__(self) -> Display:
        if sys.stderr is not None and sys.stderr.isatty():
            self._live = Live(
                console=Console(stderr=True), refresh_per_second=4, redirect_stdout=False, get_renderable=self._drawn
            )
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def doing(self, trial: int, rung: str, point: Point) -> None:
        """Say which design is made, and how far."""
        self._doing = f"trial {trial}, {rung}: " + ", ".join(f"{key} {value}" for key, value in point.items())

    def show(self, front: results.Front, study: Any) -> None:
        """Take up the front as it is now."""
        self._front = front

    def say(self, line: str) -> None:
        """A line that stays."""
        if self._live is None:
            progress.note(line)
        else:
            self._live.console.print(line, markup=False, highlight=False)

    def _drawn(self) -> Group:
        if self._front is None:
            return Group(Text(self._doing))
        done = self._front.trials["measured"] + self._front.trials["stopped"]
        table = Table(title=f"{self.space.study}: {done} of {self.space.trials} trials", title_justify="left")
        head, cells = results.rows(self.space, self._front)
        for name in head:
            table.add_column(name, justify="right", overflow="fold")
        for row in cells[:ROWS]:
            table.add_row(*row)
        return Group(table, Text(self._doing))


__all__ = ["Display"]
