# SPDX-License-Identifier: Apache-2.0
"""Lowered graphs on disk: one ``.npz`` with a JSON description and the arrays. Same graph, same bytes; no pickles."""

from __future__ import annotations

import dataclasses
import json
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


def save_graph(graph: LoweredGraph, path: Path) -> None:
    """Write `graph`, whole or not at all; OutputError when the file system refuses."""
    arrays: dict[str, np.ndarray] = {}
    description = {
        "schema": SCHEMA,
        "name": graph.name,
        "metadata": graph.metadata,
        "nodes": [_pack(node, arrays) for node in graph.nodes],
    }
    text = np.frombuffer(json.dumps(description, sort_keys=True).encode(), dtype=np.uint8)
    atomic_write_npz(path, {"graph": text, **arrays})


def load_graph(path: Path) -> LoweredGraph:
    """Read a graph written by `save_graph`; LoweringError when the file is something else."""
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        description = json.loads(arrays.pop("graph").tobytes())
        if description["schema"] != SCHEMA:
            raise LoweringError(f"{path.name} has schema {description['schema']}; this version reads {SCHEMA}")
        nodes = tuple(_unpack(node, arrays) for node in description["nodes"])
        return LoweredGraph(description["name"], nodes, description["metadata"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise LoweringError(f"{path.name} is not a saved lowered graph: {error}") from error


_PARTS: dict[str, type] = {cls.__name__: cls for cls in (Node, Stream, Window)}


def _type(name: str) -> type:
    """The class that a file names: a part of graphs, an operation or a kernel."""
    return _PARTS.get(name) or OPERATIONS.get(name) or kernel_type(name)


def _pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Dataclasses -> {"type", fields}; arrays -> {"array": key}; tuples -> lists; scalars as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _pack(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, np.ndarray):
        key = f"a{len(arrays)}"
        arrays[key] = value
        return {"array": key}
    if isinstance(value, (tuple, list)):
        return [_pack(item, arrays) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise LoweringError(f"a lowered graph cannot hold a {type(value).__name__}")


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return tuple(_unpack(item, arrays) for item in value)
    if isinstance(value, dict):
        if set(value) == {"array"}:
            return arrays[value["array"]]
        cls = _type(value["type"])
        return cls(**{key: _unpack(item, arrays) for key, item in value.items() if key != "type"})
    return value


__all__ = ["load_graph", "save_graph"]
