# SPDX-License-Identifier: Apache-2.0
"""Output folders: one design a folder, stages that are whole or absent, resumable, and written by one process at a time.

A folder is ours when it holds the marker file. Work is done in *stages*, each a sub-folder: it is written as ``<name>.partial``
and renamed when finished, together with the key of what it was made from. So an interrupted build leaves finished stages
only, and the next run redoes no stage whose key still holds. What simulations gave is kept likewise, a file each.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from dietcnn_hls.atomic import atomic_write_json, read_kept, write_kept
from dietcnn_hls.errors import OutputError

MARKER = ".dietcnn_hls.json"
"""File that makes a folder ours: {"schema", "design"}."""

SCHEMA = 1
_OWN_PREFIX = ".dietcnn_hls."
_KEPT = ".measured"
_LOCK = f"{_OWN_PREFIX}lock"
_STAGE = f"{_OWN_PREFIX}stage.json"
_STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PARTIAL, _STALE = ".partial", ".stale"


Result = tuple[np.ndarray, dict[str, Any]]
"""An array and facts about it."""


class Workspace:
    """One design's output folder, locked while open; use it as a context manager, made by `Workspace.open`."""

    def __init__(self, root: Path, design: str, lock: _Lock) -> None:
        self.root = root
        self.design = design
        self._lock = lock

    @classmethod
    def open(cls, path: str | os.PathLike[str], design: str, *, overwrite: bool = False) -> Workspace:
        """Make or reopen the folder `path` for `design`.

        Args:
            path: the output folder; parents are made.
            design: name of the design; a folder serves one.
            overwrite: empty the folder first if it is ours, whatever design it holds. A stranger's folder stays refused.

        Raises:
            OutputError: `path` is a file, holds something else or another design, cannot be written, or is in use.
        """
        root = Path(path).absolute()
        try:
            if root.exists() and not root.is_dir():
                raise OutputError(f"output folder {root} is a file; choose another folder")
            root.mkdir(parents=True, exist_ok=True)
            _refuse_strangers(root)
            lock = _Lock(root)
        except (OSError, ValueError) as error:  # ValueError: a path that no file system could have
            raise OutputError(f"output folder {root} cannot be used ({error}); choose another folder") from error
        try:
            _claim(root, design, overwrite)
        except BaseException:
            lock.release()
            raise
        return cls(root, design, lock)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let other builds use the folder; harmless when done twice."""
        self._lock.release()

    def resolve(self, relative: str | os.PathLike[str]) -> Path:
        """Return the path of `relative` in this folder; OutputError when it would leave the folder (see `resolve_inside`)."""
        return resolve_inside(self.root, relative)

    def done(self, name: str, key: str) -> bool:
        """Whether stage `name` was finished from the inputs that `key` stands for, and its files still are what they were.

        Files added to a finished stage later do not count against it.
        """
        folder, record = self.root / _stage_name(name), self._record(name)
        try:
            return record.get("key") == key and record["files"].items() <= _digests(folder).items()
        except (KeyError, TypeError, AttributeError, OSError):
            return False

    def _record(self, name: str) -> dict[str, Any]:
        """What a finished stage says of itself; nothing where there is none, or none that can be read."""
        try:
            record = json.loads((self.root / _stage_name(name) / _STAGE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    @contextlib.contextmanager
    def stage(self, name: str, key: str) -> Iterator[Path]:
        """Give an empty folder to write stage `name` into; it becomes ``<root>/<name>`` when the block ends.

        On any exception, KeyboardInterrupt included, the folder goes and a stage finished earlier stays as it was. Files
        written here must not store the path of the folder, which changes at the end.

        Args:
            name: letters, digits, ``_`` and ``-``.
            key: `content_key` of all inputs of the stage; `done` compares it.

        Raises:
            OutputError: a bad name, a closed workspace, something of another's in the way, or a file system that refuses.
        """
        final = self.root / _stage_name(name)
        if self._lock.released:
            raise OutputError(f"stage '{name}' needs an open workspace; {self.root} was closed")
        if os.path.lexists(final) and not (final / _STAGE).is_file():
            raise OutputError(f"{final} is in the way of stage '{name}' and was not made by one; move it elsewhere")
        partial = final.with_name(name + _PARTIAL)
        try:
            _remove(partial)
            partial.mkdir()
            yield partial
            atomic_write_json(partial / _STAGE, {"key": key, "files": _digests(partial)})
            _replace_folder(partial, final)
        except BaseException as error:
            _remove(partial)
            if isinstance(error, OSError):
                raise OutputError(f"stage '{name}' cannot be written to {self.root} ({error}); choose another folder") from error
            raise

    def retire(self, name: str, unless: str = "", leaves: Iterable[str] = ()) -> None:
        """Remove what stage `name` has left, unless it was finished from what the key `unless` stands for.

        A folder of that name that no stage made stays.

        Args:
            leaves: files that it leaves beside the folders.
        """
        folder = self.root / _stage_name(name)
        if unless and self._record(name).get("key") == unless:
            return
        self.forget(name)
        for file in leaves:
            self.resolve(file).unlink(missing_ok=True)
        if (folder / _STAGE).is_file() and not folder.is_symlink():
            partial = folder.with_name(name + _PARTIAL)
            _remove(partial)
            folder.rename(partial)  # at one stroke: a build that is killed here leaves nothing that looks whole
            _remove(partial)

    def forget(self, name: str) -> None:
        """Forget what `kept` keeps under a name."""
        self.resolve(f"{_KEPT}/{_stage_name(name)}.npz").unlink(missing_ok=True)

    def kept(self, name: str, key: str, compute: Callable[[], Result]) -> Result:
        """What `compute` returns, or what an earlier call with the same key has left: simulations survive an interruption.

        Args:
            name: letters, digits, ``_`` and ``-``; what has this name under another key is replaced.
            key: `content_key` of all that the result depends on.
            compute: gives an array, and facts about it that have a JSON form.

        Raises:
            OutputError: a bad name, or a file that cannot be written.
        """
        path = self.resolve(f"{_KEPT}/{_stage_name(name)}.npz")
        found = read_kept(path, key)
        if found is not None:
            return found["array"], json.loads(str(found["facts"]))
        array, facts = compute()
        write_kept(path, key, {"array": array, "facts": np.array(json.dumps(facts))})
        return array, facts


def resolve_inside(root: Path, relative: str | os.PathLike[str]) -> Path:
    """Return ``root / relative``; the file need not exist.

    Raises:
        OutputError: an empty or absolute path, one with ``..``, or one that a symbolic link leads out of `root`.
    """
    text = os.fspath(relative)
    target = Path(text)
    inside = bool(target.parts) and not target.is_absolute() and ".." not in target.parts and "\0" not in text
    if inside:
        base = os.path.realpath(root)
        inside = os.path.commonpath([base, os.path.realpath(root / target)]) == base
    if not inside:
        raise OutputError(f"path {text!r} leaves the output folder {root}; give a relative path inside it")
    return root / target


class _Lock:
    """Exclusive lock on a folder. The kernel drops it with its process, so a dead build's lock needs no judging by pid."""

    def __init__(self, root: Path) -> None:
        self._descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise OutputError(
                f"another build (process {holder}) is at work in {root}; wait for it, stop it, or choose another folder"
            ) from None
        except BaseException:
            os.close(self._descriptor)
            raise
        os.truncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())
        self.released = False
        _held.add(self)

    def release(self) -> None:
        """Empty the file, so that it names no process, and drop the lock."""
        if not self.released:
            os.truncate(self._descriptor, 0)
            self.forget()

    def forget(self) -> None:
        """Close this process' handle; the lock itself ends when no process has one."""
        os.close(self._descriptor)
        self.released = True
        _held.discard(self)


_held: set[_Lock] = set()


def _forget_after_fork() -> None:
    """Close handles in a forked child: an orphaned worker would otherwise hold the lock of a build that was killed."""
    for lock in list(_held):
        lock.forget()


os.register_at_fork(after_in_child=_forget_after_fork)


def _refuse_strangers(root: Path) -> None:
    """Raise OutputError when the folder has no marker but holds anything."""
    strangers = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith(_OWN_PREFIX))
    if strangers and not _is_file(root / MARKER):
        shown = ", ".join(strangers[:3]) + (", ..." if len(strangers) > 3 else "")
        raise OutputError(
            f"output folder {root} is not empty and was not made by dietcnn-hls (it holds {shown}); choose a new or empty folder"
        )


def _claim(root: Path, design: str, overwrite: bool) -> None:
    """Make the locked folder serve `design`: check or write the marker, and clear what an interrupted build left."""
    marker = root / MARKER
    if _is_file(marker) and not overwrite:
        _check_marker(root, design)
        _sweep(root)
        return
    if _is_file(marker):
        # The marker stays (it is replaced below), so that a clearing cut short leaves a folder that is still ours.
        for entry in list(root.iterdir()):
            if entry.name not in (MARKER, _LOCK):
                _remove(entry)
    atomic_write_json(marker, {"schema": SCHEMA, "design": design})


def _check_marker(root: Path, design: str) -> None:
    try:
        record = json.loads((root / MARKER).read_text(encoding="utf-8"))
        schema, other = record["schema"], record["design"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError(f"{root / MARKER} is damaged ({error}); overwrite the folder or choose another") from error
    if schema != SCHEMA:
        raise OutputError(
            f"output folder {root} was written with schema {schema}, this version writes {SCHEMA}; "
            "overwrite it or choose another folder"
        )
    if other != design:
        raise OutputError(f"output folder {root} holds the design '{other}', not '{design}'; overwrite it or choose another")


def _sweep(root: Path) -> None:
    """Clear what a killed build left: half-written stages and files go, a stage it was about to replace comes back."""
    for entry in list(root.iterdir()):
        stage = _STAGE_NAME.fullmatch(entry.stem) is not None and entry.is_dir()
        if entry.suffix == _PARTIAL and (stage or entry.name.startswith(".")):
            _remove(entry)
        elif entry.suffix == _STALE and stage:
            if os.path.lexists(entry.with_suffix("")):
                _remove(entry)
            else:
                entry.rename(entry.with_suffix(""))


def _replace_folder(partial: Path, final: Path) -> None:
    """Put `partial` in the place of `final`; a folder cannot be replaced at one stroke, so the old one steps aside."""
    stale = final.with_name(final.name + _STALE)
    _remove(stale)
    if os.path.lexists(final):
        final.rename(stale)
    partial.rename(final)
    _remove(stale)


def _stage_name(name: str) -> str:
    if not _STAGE_NAME.fullmatch(name):
        raise OutputError(f"stage name {name!r} must be letters, digits, '_' and '-'")
    return name


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below `folder` by relative path; links are none, and lead to none."""
    if folder.is_symlink():
        return {}
    found = {}
    for path in sorted(Path(base) / name for base, _, names in os.walk(folder) for name in names):
        if _is_file(path):
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _is_file(path: Path) -> bool:
    """Whether a file stands there itself, and not a link to one."""
    return path.is_file() and not path.is_symlink()


def _remove(path: Path) -> None:
    """Delete a file, a folder or a link (not what the link points to); nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
