# SPDX-License-Identifier: Apache-2.0
"""Lowered graphs on disk: one ``.npz`` with a JSON description and the arrays. Same graph, same bytes; no pickles.

The description names the classes of operations and kernels; only registered ones are made, and each checks itself. A file may
come from anywhere: nothing of it is believed before it is checked.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.atomic import atomic_write_npz
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered.graph import LoweredGraph, Node
from dietcnn_hls.lowered.kernel import kernel_type
from dietcnn_hls.lowered.operation import OPERATIONS
from dietcnn_hls.lowered.stream import Stream, Window

SCHEMA = 1

SMALL_BYTES = 1 << 28
"""What a file may unpack to, whatever its own size."""

PACKING = 64
"""How many times its own size a larger file may unpack to: several times more than weights compress."""

_KEYS = {"schema", "name", "metadata", "nodes"}


def save_graph(graph: LoweredGraph, path: Path) -> None:
    """Write `graph`, whole or not at all.

    Raises:
        OutputError: the file system refuses.
        LoweringError: an operation or kernel that is not registered, so that the file could not be read again.
    """
    arrays: dict[str, np.ndarray] = {}
    description = {
        "schema": SCHEMA,
        "name": graph.name,
        "metadata": graph.metadata,
        "nodes": [_pack(node, arrays) for node in graph.nodes],
    }
    if graph.results:
        description["results"] = list(graph.results)
    text = np.frombuffer(json.dumps(description, sort_keys=True).encode(), dtype=np.uint8)
    atomic_write_npz(Path(path), {"graph": text, **arrays})


def load_graph(path: Path) -> LoweredGraph:
    """Read a graph written by `save_graph`.

    Raises:
        LoweringError: the file is missing, damaged or something else, names a kernel that no installed method has, or holds a
            graph that does not check; the message begins with the file's name.
    """
    path = Path(path)
    try:
        return _graph(_read(path))
    except OSError as error:
        raise LoweringError(f"{path.name} is not a saved lowered graph: {error.strerror or error}") from error
    except Exception as error:  # a damaged file makes zipfile, zlib, json and numpy raise what has no common class
        raise LoweringError(f"{path.name} is not a saved lowered graph: {str(error)[:300] or type(error).__name__}") from error


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size, limit = sum(member.file_size for member in members), max(SMALL_BYTES, PACKING * path.stat().st_size)
        if size > limit:
            raise LoweringError(f"it would unpack to {size} bytes, more than the {limit} that graphs of its size do")
        names = [member.filename.removesuffix(".npy") for member in members]
        if len(set(names)) != len(names):
            raise LoweringError("two arrays have one name")
        return {name: _array(name, archive.read(member)) for name, member in zip(names, members, strict=True)}


def _array(name: str, content: bytes) -> np.ndarray:
    """One array in numpy's format, if its content is as long as its header says."""
    file = io.BytesIO(content)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    if version not in readers:
        raise LoweringError(f"array '{name}' is of numpy's format {version}")
    shape, _, dtype = readers[version](file)  # type: ignore[no-untyped-call]
    size = dtype.itemsize
    for side in shape:
        size *= int(side)
    if dtype.kind not in "iub" or size != len(content) - file.tell():
        raise LoweringError(f"array '{name}' says that it holds {shape} of {dtype}, which its {len(content)} bytes do not")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call, no-any-return]


def _graph(arrays: dict[str, np.ndarray]) -> LoweredGraph:
    if "graph" not in arrays:
        raise LoweringError("it has no description")
    text = arrays.pop("graph").tobytes().decode("utf-8")
    description = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    if not isinstance(description, dict) or set(description) - {"results"} != _KEYS:
        raise LoweringError(f"its description must have the keys {', '.join(sorted(_KEYS))}")
    if description["schema"] != SCHEMA:
        raise LoweringError(f"it has schema {description['schema']}; this version reads {SCHEMA}")
    unread = set(arrays)
    results = description.get("results", [])
    if not isinstance(results, list):
        raise LoweringError("its results are no list of names")
    nodes = _unpack(description["nodes"], arrays, unread)
    graph = LoweredGraph(description["name"], nodes, description["metadata"], tuple(results))
    if unread:
        raise LoweringError(f"nothing reads its array '{min(unread)}'")
    return graph


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LoweringError("its description has a key twice")
    return found


def _refuse_constant(word: str) -> Any:
    raise LoweringError(f"its description holds {word}")


_PARTS: dict[str, type] = {cls.__name__: cls for cls in (Node, Stream, Window)}


def _type(name: str) -> type:
    """The class that a file names: a part of graphs, an operation or a kernel."""
    return _PARTS.get(name) or OPERATIONS.get(name) or kernel_type(name)


def _pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Dataclasses -> {"type", fields}; arrays -> {"array": key}; tuples -> lists; scalars as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        if _type(name) is not type(value):
            raise LoweringError(f"'{name}' is another class than the registered one of that name")
        return {"type": name} | {f.name: _pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        key = f"a{len(arrays)}"
        arrays[key] = value
        return {"array": key}
    return [_pack(item, arrays) for item in value] if isinstance(value, tuple) else value


def _unpack(value: Any, arrays: dict[str, np.ndarray], unread: set[str]) -> Any:
    """The inverse of `_pack`; takes the names of arrays that it meets out of `unread`."""
    if isinstance(value, list):
        return tuple(_unpack(item, arrays, unread) for item in value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"array"}:
        key = value["array"]
        if not isinstance(key, str) or key not in arrays:
            raise LoweringError(f"its array {key!r} is missing")
        unread.discard(key)
        return arrays[key]
    name = value.get("type")
    if not isinstance(name, str):
        raise LoweringError(f"a part of its description is neither array nor class: {', '.join(map(repr, value))}")
    cls = _type(name)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    given = {key: _unpack(item, arrays, unread) for key, item in value.items() if key != "type"}
    missing = [key for key, field in fields.items() if key not in given and field.default is dataclasses.MISSING]
    unknown = [key for key in given if key not in fields]
    if missing or unknown:
        raise LoweringError(f"its {name} has no '{missing[0]}'" if missing else f"its {name} has an unknown field '{unknown[0]}'")
    return cls(**given)


def to_plain(value: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """A part of a graph, such as an operation or a stream, as JSON data and the arrays that those name."""
    arrays: dict[str, np.ndarray] = {}
    return _pack(value, arrays), arrays


def from_plain(description: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Inverse of `to_plain`."""
    return _unpack(description, arrays, set(arrays))


__all__ = ["from_plain", "load_graph", "save_graph", "to_plain"]
