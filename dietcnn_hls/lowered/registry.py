# SPDX-License-Identifier: Apache-2.0
"""What a target keeps for each type of operation: how the reference evaluates it, how C++ or SystemVerilog spell it.

A target has one registry. An operation that is added registers itself with each; a test holds all of them complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from dietcnn_hls.errors import LoweringError, UnsupportedLayerError

if TYPE_CHECKING:
    from dietcnn_hls.lowered.operation import Operation

Entry = TypeVar("Entry")
Given = TypeVar("Given")


class Registry(Generic[Entry]):
    """Entries of one target by type of operation.

    Args:
        target: who keeps it, as "the reference", for messages.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._entries: dict[type[Operation], Entry] = {}

    def register(self, operation: type[Operation]) -> Callable[[Given], Given]:
        """Decorator: what follows is this target's entry for `operation`.

        Raises:
            LoweringError: the target has another entry already; `forget` that first.
        """

        def add(entry: Given) -> Given:
            known: object = self._entries.setdefault(operation, entry)  # type: ignore[arg-type]
            if known is not entry:
                raise LoweringError(f"{self.target} has an entry for {operation.__name__} already; forget it first")
            return entry

        return add

    def forget(self, operation: type[Operation]) -> None:
        """Undo `register`; nothing happens where there is no entry."""
        self._entries.pop(operation, None)

    def of(self, operation: Operation, layer: str) -> Entry:
        """The entry for this operation; UnsupportedLayerError naming the layer where there is none."""
        try:
            return self._entries[type(operation)]
        except KeyError:
            raise UnsupportedLayerError(
                f"layer '{layer}': {self.target} does not know the operation '{operation.kind}'"
            ) from None

    def entries(self) -> list[Entry]:
        """All entries, in the order of registration."""
        return list(self._entries.values())

    def __iter__(self) -> Iterator[type[Operation]]:
        return iter(self._entries)


__all__ = ["Registry"]
