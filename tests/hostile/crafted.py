# SPDX-License-Identifier: Apache-2.0
"""Files that nobody's tool wrote: archives cut at every boundary, descriptions and arrays with one thing wrong."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.errors import DietError

HUGE = 2**62
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 2**31, HUGE, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "x", "../x", "a\nb", "\0"),
    *([], [[]], {}, [1, 2], [-1, 0], {"array": "a0"}, {"array": "nope"}, {"array": ["a0"]}, {"type": "Node"}),
    *({"type": "Source"}, {"type": "os.system"}, {"type": ["Stream"]}, {"type": "Window", "size": [0, 0]}, {"tpye": "Encode"}),
)
"""What may stand in the place of any value of a JSON description."""


def strange_arrays(array: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The array with another type, shape or value."""
    yield array.astype(np.float64) + 0.5
    yield np.full(array.shape, np.nan)
    yield array.astype(str)
    yield array.astype(complex)
    yield array.astype(bool)
    yield array.reshape(-1)[: array.size // 2]
    yield array[np.newaxis]
    yield np.zeros((0, *array.shape[1:]), array.dtype)
    yield np.int64(3) + np.zeros((), np.int64)
    for value in (-1, 255, 2**15, 2**31, HUGE):
        changed = array.astype(np.int64)
        if changed.size:
            changed.reshape(-1)[int(rng.integers(changed.size))] = value
        yield changed


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values of a JSON description."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The description with `new` at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def removed(value: Any, path: tuple[Any, ...]) -> Any:
    """The description without what stands at a path."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = removed(value[path[0]], path[1:])
    return copy


def archive(path: Path, text: bytes, arrays: Mapping[str, np.ndarray]) -> Path:
    """An ``.npz`` as graphs are saved in, of any description."""
    with path.open("wb") as file:
        np.savez(file, graph=np.frombuffer(text, np.uint8), **arrays)
    return path


def cuts(data: bytes) -> Iterator[bytes]:
    """A zip archive cut before, within and behind each of its parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as content:
        starts = [info.header_offset for info in content.infolist()]
        directory = content.start_dir
    edges = {0, 1, 4, *starts, *(start + 30 for start in starts), directory, directory + 10, len(data) - 22, len(data) - 1}
    for edge in sorted(edge for edge in edges if edge < len(data)):
        yield data[:edge]


def flipped(data: bytes, rng: np.random.Generator, bits: int) -> bytes:
    """The data with some bits turned."""
    changed = bytearray(data)
    for position in rng.integers(0, 8 * len(data), bits):
        changed[position // 8] ^= 1 << position % 8
    return bytes(changed)


def liar(data: bytes) -> Iterator[bytes]:
    """A zip whose members state sizes that they have not."""
    for size in (0, 1, 2**31 - 1):
        changed = bytearray(data)
        start = 0
        while (start := changed.find(b"PK\x01\x02", start)) >= 0:
            struct.pack_into("<I", changed, start + 24, size)
            start += 4
        yield bytes(changed)


def deep(levels: int) -> str:
    """JSON and YAML that nests so deep."""
    return "[" * levels + "]" * levels


def stated(work: Callable[[], Any]) -> DietError | None:
    """The stated error of some work, None where it succeeds; any other exception is the test's failure."""
    try:
        work()
    except DietError as error:
        text = str(error)
        assert 0 < len(text) < 2000 and "\0" not in text, f"an error of {len(text)} characters: {text[:200]!r}"
        return error
    return None


def tree(folder: Path) -> dict[str, bytes | str]:
    """All that lies below a folder: content by relative path, links by their target."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
        else:
            found[name] = "folder"
    return found


def as_json(value: Any) -> bytes:
    """Bytes of a description; NaN and Inf are written as Python writes them."""
    return json.dumps(value).encode()
