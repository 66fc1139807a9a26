# SPDX-License-Identifier: Apache-2.0
"""What tools have made, kept by content: one folder, entries that are whole or absent, made by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dietcnn_hls.errors import OutputError


def root() -> Path:
    """Folder of all entries: ``$DIETCNN_CACHE``, else ``dietcnn_hls`` in the user's cache folder."""
    chosen = os.environ.get("DIETCNN_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dietcnn_hls"


def entry(kind: str, key: str, make: Callable[[Path], None], whole: Callable[[Path], bool], folder: Path | None = None) -> Path:
    """The folder of an entry, made now unless it is there.

    It is made beside its place and renamed, so nobody sees half of it. Who wants the same entry meanwhile waits for it.

    Args:
        kind: of entries, a sub-folder.
        key: name of the entry, which stands for the content of all that it is made from.
        make: writes the entry into an empty folder, whose path must not end up in the files; what it raises leaves nothing.
        whole: whether a folder holds an entry; one that is damaged is made again.
        folder: of all entries; `root` when None.

    Raises:
        OutputError: the folder cannot be written.
    """
    base = folder or root()
    place = base / kind / key
    if whole(place):
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place.with_name(f".{key}.lock")):
            if not whole(place):
                _make(place, make)
    except OSError as error:
        raise OutputError(
            f"the cache {base} cannot be written ({error.strerror or error}); name another folder in DIETCNN_CACHE"
        ) from error
    return place


def _make(place: Path, make: Callable[[Path], None]) -> None:
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=place.parent))
    try:
        (work / "new").mkdir()
        make(work / "new")
        if place.exists():
            place.rename(work / "damaged")
        (work / "new").rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for, and remove the file; the kernel drops the lock of a process that dies."""
    descriptor = _lock(path)
    while not _bears(path, descriptor):
        os.close(descriptor)
        descriptor = _lock(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _bears(path: Path, descriptor: int) -> bool:
    """Whether the file still has its name: who held the lock before has removed it, and another may bear the name by now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


__all__ = ["entry", "root"]
