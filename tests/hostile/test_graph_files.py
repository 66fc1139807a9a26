# SPDX-License-Identifier: Apache-2.0
"""Saved graphs that nobody saved: refused when they are loaded, in one line, or graphs that every room takes as they are."""

from __future__ import annotations

import json
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.errors import DietError, LoweringError
from dietcnn_hls.hardware.folding import solve
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.rtl.design import generate
from tests import graphs, kernels
from tests.free_graphs import free_graph
from tests.hostile.crafted import (
    VALUES,
    archive,
    as_json,
    cuts,
    deep,
    flipped,
    liar,
    places,
    removed,
    replaced,
    stated,
    strange_arrays,
)

SMALL = graphs.Shape(side=4, channels=2, symbols=4)


@cache
def graph(kernel: str) -> LoweredGraph:
    """A small network with one kind of kernel, and what takes negative codes beside it."""
    return graphs.random_graph(3, (kernel, "multiply"), SMALL)


@cache
def parts(kernel: str) -> tuple[Any, dict[str, np.ndarray], bytes]:
    """Description and arrays of a saved graph, and its file."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "graph.npz"
        save_graph(graph(kernel), path)
        with np.load(path) as content:
            arrays = dict(content)
        return json.loads(arrays.pop("graph").tobytes()), arrays, path.read_bytes()


def taken(path: Path) -> bool:
    """Whether a file loads; then its codes stay where its streams say, and both spellings can be written or say why not."""
    error = stated(lambda: load_graph(path))
    if error is not None:
        assert isinstance(error, LoweringError) and path.name in str(error)
        return False
    found = load_graph(path)
    codes = graphs.random_codes(found, 3, 0)
    for name, values in reference.run(found, codes, keep=True).items():
        stream = found[name].stream
        assert values.shape == (3, *stream.shape) and stream.lo <= values.min() and values.max() <= stream.hi
    with tempfile.TemporaryDirectory() as folder:
        stated(lambda: hls.generate(found, Path(folder) / "project"))
    stated(lambda: generate(found, solve(found)))
    return True


@pytest.mark.parametrize("kernel", kernels.every())
def test_any_value_in_any_place_of_the_description(kernel: str, tmp_path: Path) -> None:
    description, arrays, _ = parts(kernel)
    rng, paths, refused = np.random.default_rng(1), list(places(description)), 0
    for _ in range(25):
        path = paths[int(rng.integers(1, len(paths)))]
        value = VALUES[int(rng.integers(len(VALUES)))]
        for changed in (replaced(description, path, value), removed(description, path)):
            refused += not taken(archive(tmp_path / "g.npz", as_json(changed), arrays))
    assert refused > 25


@pytest.mark.parametrize("kernel", kernels.every())
def test_any_type_shape_and_value_of_an_array(kernel: str, tmp_path: Path) -> None:
    description, arrays, _ = parts(kernel)
    rng, refused = np.random.default_rng(2), 0
    for name in arrays:
        for number, changed in enumerate(strange_arrays(arrays[name], rng)):
            if number % 3 == len(name) % 3:
                refused += not taken(archive(tmp_path / "g.npz", as_json(description), arrays | {name: changed}))
    assert refused > len(arrays)


@pytest.mark.parametrize("kernel", ["table", "pq"])
def test_cut_turned_and_lying_archives(kernel: str, tmp_path: Path) -> None:
    data, path, rng = parts(kernel)[2], tmp_path / "g.npz", np.random.default_rng(3)
    for content in cuts(data):
        path.write_bytes(content)
        assert not taken(path)
    for content in (*liar(data), *(flipped(data, rng, bits) for bits in (1, 1, 2, 5) * 8)):
        path.write_bytes(content)
        taken(path)


def test_descriptions_that_are_none(tmp_path: Path) -> None:
    description, arrays, _ = parts("table")
    text = as_json(description)
    for content in (
        *(
            b"",
            b"null",
            b"[]",
            b"3",
            b"\xff\xfe",
            text[:-1],
            text + b"}",
            b"[" * 10**6,
            deep(10**5).encode(),
            b"NaN",
            b"9" * 10**5,
        ),
        *(text[:-1] + b',"name":"twice"}', text.replace(b'"schema": 1', b'"schema": 2'), b'{"schema": 1}'),
        *(as_json(description | {"metadata": value}) for value in (3, [1], {"seed": float("nan")})),
    ):
        assert not taken(archive(tmp_path / "g.npz", content, arrays)), content[:60]


def test_archives_of_other_members(tmp_path: Path) -> None:
    description, arrays, data = parts("table")
    path = tmp_path / "g.npz"
    assert not taken(archive(path, as_json(description), dict(list(arrays.items())[1:])))
    assert not taken(archive(path, as_json(description), {name: np.array([{}], object) for name in arrays}))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../pwned.npy", b"x")
        file.writestr("graph.npy", b"x")
    assert not taken(path)
    path.write_bytes(data)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("graph.npy", b"x")
    assert not taken(path)
    np.save(tmp_path / "one.npy", np.arange(3))
    (tmp_path / "one.npy").rename(path)
    assert not taken(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["g.npz"]


@pytest.mark.parametrize("seed", range(3))
def test_a_saved_graph_of_any_operations_loads(seed: int, tmp_path: Path) -> None:
    save_graph(free_graph(seed), tmp_path / "g.npz")
    assert taken(tmp_path / "g.npz")


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "g.npz").mkdir()
    for path in (tmp_path / "g.npz", tmp_path / "nowhere.npz", Path("/dev/null"), Path("a\0.npz")):
        with pytest.raises(DietError):
            load_graph(path)
