# SPDX-License-Identifier: Apache-2.0
"""Single-field corruptions of lowered graphs: one value, somewhere in a graph, becomes another of any kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from dietcnn_hls.lowered import Kernel, LoweredGraph, Node, Operation, Stream, Window

PARTS = (LoweredGraph, Node, Operation, Kernel, Stream, Window)
STRANGE = (None, True, -1, 0, 1, 7, 2**31, -(2**63), 2**64, 10**400, 0.5, float("nan"), "", "tree", "../x", b"x", (), (1, 2), {})
"""What a field may become, whatever it was."""


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths to all fields and items of a graph, those of its nodes, operations, kernels and tuples included."""
    if isinstance(value, PARTS):
        for field in dataclasses.fields(value):
            yield (*path, field.name)
            yield from places(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield (*path, i)
            yield from places(item, (*path, i))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What a path leads to."""
    for step in path:
        value = value[step] if isinstance(step, int) else getattr(value, step)
    return value


def put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy of `value` with `new` at the end of a path; everything on the way is made anew and so checks itself."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (*value[:step], put(value[step], rest, new), *value[step + 1 :])
    return dataclasses.replace(value, **{step: put(getattr(value, step), rest, new)})


def corrupted(rng: np.random.Generator, value: Any) -> Any:
    """Another value than this one: near it, or of another kind."""
    if isinstance(value, np.ndarray) and rng.random() < 0.9:
        return _corrupted_array(rng, value)
    if isinstance(value, tuple) and value and rng.random() < 0.6:
        return (value[:-1], (*value, value[-1]), value[::-1], list(value), (*value[:-1], None))[int(rng.integers(5))]
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.6:
        return value + (1, -1, 2, -300, 2**20, 2**40)[int(rng.integers(6))]
    return STRANGE[int(rng.integers(len(STRANGE)))]


def _corrupted_array(rng: np.random.Generator, value: np.ndarray) -> Any:
    kind = int(rng.integers(12))
    if kind < 4 and value.size:  # one entry
        changed = value.astype(np.int64)
        place = tuple(int(rng.integers(n)) for n in value.shape)
        changed[place] += int(rng.choice([1, -1, 1000, -1000, 2**33, -(2**33), 2**62]))
        return changed
    return (
        lambda: value.astype(np.float64),
        lambda: value.astype(object),
        lambda: value.astype(bool),
        lambda: value[:-1],
        lambda: value[..., None],
        lambda: value.reshape(-1),
        lambda: np.concatenate([value, value]),
        lambda: value[::-1].copy(),
        lambda: value.tolist(),
        lambda: np.zeros((0, *value.shape[1:]), value.dtype),
        lambda: value.astype(">i8"),
        lambda: value.astype("U8"),
    )[kind]()
