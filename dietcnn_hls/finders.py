# SPDX-License-Identifier: Apache-2.0
"""Functions that load what registers itself, called when something is asked for that nobody has registered yet.

Lower rooms ask here, so that they need not name the rooms above them. It imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable

_FINDERS: list[Callable[[], object]] = []


def add(finder: Callable[[], object]) -> None:
    """Have `finder` called by `find`."""
    _FINDERS.append(finder)


def find() -> None:
    """Call all finders; what they load registers itself."""
    for finder in _FINDERS:
        finder()


__all__ = ["add", "find"]
