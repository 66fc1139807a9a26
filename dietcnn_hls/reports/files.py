# SPDX-License-Identifier: Apache-2.0
"""Files that this room writes: whole or not at all, and an error that says what could not be written."""

from __future__ import annotations

from pathlib import Path

from dietcnn_hls.atomic import atomic_write_bytes
from dietcnn_hls.errors import OutputError


def write_file(path: Path, data: bytes, what: str) -> None:
    """Write `data` to `path`, whole or not at all; OutputError names `what` when the file system refuses."""
    try:
        atomic_write_bytes(path, data)
    except OutputError as error:
        raise OutputError(f"Cannot write {what}: {error}.") from error


__all__ = ["write_file"]
