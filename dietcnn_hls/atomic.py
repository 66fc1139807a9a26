# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all, and keys that stand for the content of a stage's inputs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dietcnn_hls.errors import OutputError


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file beside `path` that replaces it when the block ends without an exception."""
    # Not tempfile: its files are private to the user, and an output folder is often shared.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error
        raise


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all; OutputError when the file system refuses."""
    with _replacing(path) as stream:
        stream.write(data)


def atomic_write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all; OutputError when the file system refuses."""
    atomic_write_bytes(path, text.encode())


def atomic_write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON in the order given, whole or not at all.

    Numpy scalars are written as numbers. OutputError when a value has no JSON form; NaN has none.
    """
    try:
        text = json.dumps(value, indent=2, allow_nan=False, default=_plain_number)
    except (TypeError, ValueError) as error:
        raise OutputError(f"{path.name} cannot hold this as JSON: {error}") from error
    atomic_write_text(path, text + "\n")


def _plain_number(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def atomic_write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays of any shape as a compressed ``.npz``, whole or not at all; equal arrays give equal bytes.

    OutputError for an array of Python objects, which only a pickle could hold.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise OutputError(f"{path.name}: array '{name}' holds Python objects; give it a numeric type")
    packed = io.BytesIO()  # an archive that a full disk cuts short would still try to close itself, and say so on stderr
    np.savez_compressed(packed, **arrays)
    atomic_write_bytes(path, packed.getvalue())


def read_npz(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays of a file written by `atomic_write_npz`; None where there is none, or something that is not us tore it."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return dict(content)
    except Exception:  # zipfile, zlib, struct, ast and numpy raise a dozen types on a damaged file, some of them when it is read
        return None


def write_kept(path: Path, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Keep the arrays of long work for `read_kept`, under the `content_key` of what they were made from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_npz(path, {**arrays, "key": np.array(key), "digest": np.array(_digest(key, arrays))})


def read_kept(path: Path, key: str) -> dict[str, NDArray[Any]] | None:
    """The arrays that `write_kept` kept under this key; None where there are none, others, or the file is not as written."""
    found = read_npz(path)
    if found is None or str(found.pop("key", None)) != key:
        return None
    digest = str(found.pop("digest", None))
    return found if not any(array.dtype.hasobject for array in found.values()) and digest == _digest(key, found) else None


def _digest(key: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    return content_key(key, {name: np.asarray(array) for name, array in arrays.items()})  # a numpy scalar is read as an array


def content_key(*inputs: object) -> str:
    """Return 64 hexadecimal digits that stand for the content of `inputs`.

    Numbers, text, bytes, None, lists, tuples, dicts (in any order), numpy arrays, and paths, which count by the content of
    the file or folder, not by where it stands. OutputError for anything else or for a path that is not there.
    """
    digest = hashlib.sha256()
    _feed(digest, inputs)
    return digest.hexdigest()


def _feed(digest: Any, value: object) -> None:
    """Add one value: its kind and length first, so that no two different inputs spell the same bytes."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        _add(digest, type(value).__name__, repr(value).encode())
    elif isinstance(value, (bytes, bytearray)):
        _add(digest, "bytes", bytes(value))
    elif isinstance(value, (list, tuple)):
        _add(digest, "list", str(len(value)).encode())
        for item in value:
            _feed(digest, item)
    elif isinstance(value, Mapping):
        _add(digest, "dict", str(len(value)).encode())
        for key in sorted(value, key=repr):
            _feed(digest, key)
            _feed(digest, value[key])
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        _add(digest, "array", f"{value.dtype.str} {value.shape}".encode())
        _add(digest, "data", np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Path):
        _feed_path(digest, value)
    else:
        raise OutputError(f"a stage key cannot stand for a {type(value).__name__}; give its numbers, text, arrays or files")


def _feed_path(digest: Any, path: Path) -> None:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        _add(digest, "folder", str(len(files)).encode())
        for file in files:
            _add(digest, "name", file.relative_to(path).as_posix().encode())
            _feed_path(digest, file)
    elif path.is_file():
        try:
            _add(digest, "file", path.read_bytes())
        except OSError as error:
            raise OutputError(f"{path} cannot be read ({error.strerror or error}), so no stage can be made from it") from error
    else:
        raise OutputError(f"{path} does not exist, so no stage can be made from it")


def _add(digest: Any, kind: str, data: bytes) -> None:
    digest.update(f"{kind} {len(data)}\n".encode())
    digest.update(data)
