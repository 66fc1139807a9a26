# SPDX-License-Identifier: Apache-2.0
"""Lowered graphs on disk: one ``.npz`` with a JSON description and the arrays. Same graph, same bytes; no pickles."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, get_args

import numpy as np

from dietcnn_hls import methods
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered.graph import LoweredGraph, Node
from dietcnn_hls.lowered.ops import Op
from dietcnn_hls.lowered.stream import Stream, Window

SCHEMA = 1


def save_graph(graph: LoweredGraph, path: Path) -> None:
    """Write `graph` beside `path`, then rename."""
    arrays: dict[str, np.ndarray] = {}
    description = {
        "schema": SCHEMA,
        "name": graph.name,
        "metadata": graph.metadata,
        "nodes": [_pack(node, arrays) for node in graph.nodes],
    }
    text = np.frombuffer(json.dumps(description, sort_keys=True).encode(), dtype=np.uint8)
    temporary = path.with_name(f".{path.name}.partial")
    with open(temporary, "wb") as file:
        np.savez_compressed(file, graph=text, **arrays)
    os.replace(temporary, path)


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


def _types() -> dict[str, type]:
    own = {cls.__name__: cls for cls in (Node, Stream, Window, *get_args(Op))}
    return own | methods.kernel_types()


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
        cls = _types()[value["type"]]
        return cls(**{key: _unpack(item, arrays) for key, item in value.items() if key != "type"})
    return value


__all__ = ["load_graph", "save_graph"]
