# SPDX-License-Identifier: Apache-2.0
"""What tools have made: whole or absent, made by one process at a time, and kept by content in one folder.

Work is done beside its place and renamed. A process that is killed leaves its half behind, and perhaps a compiler that still
writes there; whoever makes something next to it clears it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from dietcnn_hls.errors import OutputError

_LOCK, _PARTIAL = ".lock", ".partial"


def root() -> Path:
    """Folder of all entries: ``$DIETCNN_CACHE``, else ``dietcnn_hls`` in the user's cache folder."""
    chosen = os.environ.get("DIETCNN_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dietcnn_hls"


def entry(kind: str, key: str, make: Callable[[Path], None], whole: Callable[[Path], bool], folder: Path | None = None) -> Path:
    """The folder of an entry, made now unless it is there. Who wants the same entry meanwhile waits for it.

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

    def make_folder(new: Path) -> None:
        new.mkdir()
        make(new)

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _publish(place, make_folder, whole)
    except OSError as error:
        raise OutputError(
            f"the cache {base} cannot be written ({error.strerror or error}); name another folder in DIETCNN_CACHE"
        ) from error
    return place


def publish(place: Path, make: Callable[[Path], None]) -> None:
    """Make a file beside its place and rename it, under a lock, whatever is there.

    Args:
        place: in a folder that exists.
        make: makes it at the path that it is given.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        _publish(place, make, lambda _: False)
    except OSError as error:
        raise OutputError(f"{place} cannot be written ({error.strerror or error})") from error


def _publish(place: Path, make: Callable[[Path], None], whole: Callable[[Path], bool]) -> None:
    """Make a file or folder unless it is `whole` when the lock is held."""
    with _locked(_hidden(place, _LOCK)):
        if whole(place):
            return
        _sweep(place.parent)
        work = _hidden(place, _PARTIAL)
        _remove(work)
        work.mkdir()
        try:
            make(work / "new")
            if place.is_dir():
                place.rename(work / "old")
            (work / "new").replace(place)
        finally:
            _remove(work)


def _hidden(place: Path, suffix: str) -> Path:
    return place.with_name(f".{place.name}{suffix}")


def _sweep(folder: Path) -> None:
    """Remove the halves whose makers are gone: nobody holds their locks."""
    for work in folder.glob(f".*{_PARTIAL}"):
        path = work.with_suffix(_LOCK)
        with contextlib.suppress(OSError):
            descriptor = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _bears(path, descriptor):
                os.close(descriptor)
                continue
            with _released(path, descriptor):
                _remove(work)


def _remove(folder: Path) -> None:
    """A program that outlived its maker may write into a folder while it goes, and ends when it is gone."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for, and remove the file; the kernel drops the lock of a process that dies."""
    descriptor = _lock(path, fcntl.LOCK_EX)
    while not _bears(path, descriptor):
        os.close(descriptor)
        descriptor = _lock(path, fcntl.LOCK_EX)
    with _released(path, descriptor):
        yield


@contextlib.contextmanager
def _released(path: Path, descriptor: int) -> Iterator[None]:
    """Give a lock back in the end, and remove its file."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _lock(path: Path, how: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, how)
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


__all__ = ["entry", "publish", "root"]
