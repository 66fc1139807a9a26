# SPDX-License-Identifier: Apache-2.0
"""Graphs on disk: what is read is what was written; whatever else a file holds is one error that names the file."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.errors import LoweringError, OutputError
from dietcnn_hls.lowered import LoweredGraph, storage
from dietcnn_hls.lowered.storage import load_graph, save_graph
from tests.graphs import branching_graph, random_codes, random_graph
from tests.kernels import every

GRAPH = branching_graph(7, every())


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "good.npz"
    save_graph(GRAPH, path)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def array(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


def described(path: Path, source: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a saved graph whose description `change` has edited."""
    content = members(source)
    description = json.loads(np.load(io.BytesIO(content["graph.npy"])).tobytes())
    change(description)
    text = json.dumps(description).encode()
    return write(path, content | {"graph.npy": array(np.frombuffer(text, np.uint8))})


def refused(path: Path, text: str = "") -> None:
    """The file is refused by its name in one typed error."""
    with pytest.raises(LoweringError, match=f"^{path.name} is not a saved lowered graph: .*{text}"):
        load_graph(path)


def test_a_file_of_nothing_but_the_package_is_read(saved: Path) -> None:
    """Kernels are found though nobody has imported their methods."""
    code = "from dietcnn_hls.lowered.storage import load_graph; import sys; print(load_graph(sys.argv[1]).name)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved)], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == "branching_net\n"


def test_what_is_read_computes_what_was_written(saved: Path) -> None:
    codes = random_codes(GRAPH, 4, 0)
    assert np.array_equal(reference.predict(load_graph(saved), codes), reference.predict(GRAPH, codes))


def test_cut_files(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    for length in (0, 1, 3, 30, 100, len(content) // 2, len(content) - 30, len(content) - 1):
        (tmp_path / "cut.npz").write_bytes(content[:length])
        refused(tmp_path / "cut.npz")


def test_changed_bytes(saved: Path, tmp_path: Path) -> None:
    """Any byte changed: refused, or read as a graph that computes (a change in what zip does not check)."""
    content, rng = bytearray(saved.read_bytes()), np.random.default_rng(3)
    for place in rng.choice(len(content), 300, replace=False).tolist():
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        (tmp_path / "changed.npz").write_bytes(changed)
        try:
            graph = load_graph(tmp_path / "changed.npz")
        except LoweringError as error:
            assert str(error).startswith("changed.npz is not a saved lowered graph: ")
            continue
        assert np.array_equal(
            reference.predict(graph, random_codes(GRAPH, 2, 0)), reference.predict(GRAPH, random_codes(GRAPH, 2, 0))
        )


@pytest.mark.parametrize(
    "content, text",
    [
        (b"no zip", "not a zip"),
        (b"\x80\x04\x95", "not a zip"),
        (array(np.arange(3)), "not a zip"),
        ({}, "no description"),
        ({"x.npy": array(np.arange(3))}, "no description"),
        ({"graph.npy": b""}, ""),
        ({"graph.npy": b"\x93NUMPY\x01\x00\x10\x00{'descr': (((((("}, ""),
        ({"graph.npy": b"\x93NUMPY\x01\x00\xe8\x03" + b"(" * 1000}, ""),
        ({"graph.npy": b"\x93NUMPY\x09\x00\x10\x00"}, "format"),
        ({"graph.npy": array(np.arange(3.0))}, "float64"),
        ({"graph.npy": array(np.array([{}], object))}, "object"),
        ({"graph.npy": array(np.frombuffer(b"\xff\xfe\x00", np.uint8))}, "utf-8"),
        ({"graph.npy": array(np.frombuffer(b"[" * 100_000, np.uint8))}, "recursion"),
        ({"graph.npy": array(np.frombuffer(b'{"schema": 1', np.uint8))}, ""),
        ({"graph.npy": array(np.frombuffer(b"[1, 2]", np.uint8))}, "keys metadata, name, nodes, schema"),
        ({"graph.npy": array(np.frombuffer(b'{"schema": 1, "schema": 1}', np.uint8))}, "twice"),
        ({"graph.npy": array(np.frombuffer(b'{"schema": NaN}', np.uint8))}, "NaN"),
        ({"graph.npy": array(np.frombuffer(b'{"schema": ' + b"9" * 10_000 + b"}", np.uint8))}, ""),
    ],
)
def test_files_that_are_something_else(tmp_path: Path, content: bytes | dict[str, bytes], text: str) -> None:
    path = tmp_path / "other.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write(path, content)
    refused(path, text)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    refused(tmp_path / "absent.npz", "No such file")
    (tmp_path / "folder.npz").mkdir()
    refused(tmp_path / "folder.npz", "directory")


def node_of(kind: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda description: next(n["op"] for n in description["nodes"] if n["op"]["type"] == kind)


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change, text",
    [
        (lambda d: d.update(schema=2), "schema 2"),
        (lambda d: d.update(name="../../up"), "identifier"),
        (lambda d: d.update(name=7), "identifier"),
        (lambda d: d.pop("name"), "keys"),
        (lambda d: d.update(more=1), "keys"),
        (lambda d: d.update(metadata=[]), "metadata"),
        (lambda d: d.update(metadata={"a": deep(60)}), "deep"),
        (lambda d: d.update(nodes=[]), "begins with its input"),
        (lambda d: d.update(nodes=None), "nodes"),
        (lambda d: d.update(nodes={"type": "Stream"}), "Stream"),
        (lambda d: d.update(nodes=[deep(900)]), ""),
        (lambda d: d["nodes"].pop(1), "encoder"),
        (lambda d: d["nodes"].append(d["nodes"][0]), "named 'image'"),
        (lambda d: d["nodes"].append({"type": "Node", "name": "n"}), "has no 'op'"),
        (lambda d: d["nodes"][0].update(name="a\nb"), "printable"),
        (lambda d: d["nodes"][0].update(type="Nodes"), "kernel 'Nodes'"),
        (lambda d: d["nodes"][0].update(type=["Node"]), "neither array nor class"),
        (lambda d: d["nodes"][0].update(type="Stream"), "no 'shape'"),
        (lambda d: d["nodes"][0].update(more=1), "unknown field 'more'"),
        (lambda d: d["nodes"][0]["stream"].update(shape=[10**9, 10**9, 10**9]), "codes"),
        (lambda d: d["nodes"][0]["stream"].update(hi=2**70), "bits"),
        (lambda d: d["nodes"][0]["stream"].update(hi="255"), "integer"),
        (lambda d: d["nodes"][0]["stream"].update(fraction=10**6), "fraction"),
        (lambda d: node_of("Encode")(d).update(flip={"array": "nowhere"}), "'nowhere' is missing"),
        (lambda d: node_of("Encode")(d).update(flip={"array": ["a0"]}), "missing"),
        (lambda d: node_of("Encode")(d).update(flip={"arrays": "a0"}), "neither array nor class"),
        (lambda d: node_of("Encode")(d).update(flip=None), "flip must be an array of booleans"),
        (lambda d: node_of("Linear")(d)["kernel"].update(type="PickleKernel"), "no installed method has a kernel 'PickleKernel'"),
        (lambda d: node_of("Linear")(d).update(kernel=None), "kernel of a linear layer"),
        (lambda d: node_of("Linear")(d).update(bias=None, kernel={"type": "Window", "size": [1, 1]}), "kernel"),
        (lambda d: node_of("Reshape")(d).update(shape=[]), "shape"),
    ],
)
def test_crafted_descriptions(saved: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], text: str) -> None:
    refused(described(tmp_path / "crafted.npz", saved, change), text)


def test_crafted_arrays(saved: Path, tmp_path: Path) -> None:
    content = members(saved)
    first = next(name for name in content if name != "graph.npy")
    huge = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.int8)) | {"shape": (10**15,)}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, huge)
    for replaced, text in (
        (array(np.array([None, {}], object)), "object"),
        (array(np.zeros(3)), "float64"),
        (array(np.array(["a"])), "<U1"),
        (array(np.zeros(3, "M8[s]")), "datetime64"),
        (array(np.zeros(3, [("a", "i4")])), "holds"),
        (header.getvalue() + b"\0" * 100, "1000000000000000"),
        (content[first][:-1], "holds"),
        (content[first] + b"\0", "holds"),
        (b"", ""),
    ):
        refused(write(tmp_path / "arrays.npz", content | {first: replaced}), text)
    refused(write(tmp_path / "more.npz", content | {"a9999.npy": array(np.arange(3))}), "nothing reads its array 'a9999'")
    refused(write(tmp_path / "up.npz", content | {"../a.npy": array(np.arange(3))}), "nothing reads its array '../a'")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        for name in (*content, first):
            archive.writestr(name, content[name])
    refused(tmp_path / "twice.npz", "two arrays have one name")


def test_a_file_that_unpacks_to_far_more_than_its_size(saved: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members(saved).items():
            archive.writestr(name, data)
        with archive.open("a9999.npy", "w", force_zip64=True) as file:
            for _ in range(5):
                file.write(bytes(storage.SMALL_BYTES // 4))
    assert (tmp_path / "bomb.npz").stat().st_size < 2**20
    refused(tmp_path / "bomb.npz", "unpack")


def test_a_graph_that_nobody_could_read_again_is_not_written(tmp_path: Path) -> None:
    kernel = GRAPH.linear_nodes[0].kernel

    class Foreign(type(kernel)):  # type: ignore[misc]
        """A kernel that no method owns."""

    node = GRAPH.linear_nodes[0]
    fields = {field.name: getattr(kernel, field.name) for field in dataclasses.fields(kernel)}
    op = dataclasses.replace(node.op, kernel=Foreign(**fields))
    nodes = tuple(dataclasses.replace(n, op=op) if n is node else n for n in GRAPH.nodes)
    with pytest.raises(LoweringError, match="no installed method has a kernel 'Foreign'"):
        save_graph(LoweredGraph("net", nodes), tmp_path / "g.npz")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"g\.npz cannot be written"):
        save_graph(GRAPH, tmp_path / "absent" / "g.npz")


def test_a_write_that_is_interrupted_leaves_the_old_file(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "g.npz"
    path.write_bytes(saved.read_bytes())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_graph(random_graph(1), path)
    assert path.read_bytes() == saved.read_bytes() and list(tmp_path.iterdir()) == [path]
