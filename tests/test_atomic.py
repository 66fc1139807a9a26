# SPDX-License-Identifier: Apache-2.0
"""Atomic writes leave the old file or the new one; content keys differ exactly where contents differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dietcnn_hls import atomic
from dietcnn_hls.atomic import (
    atomic_write_bytes,
    atomic_write_json,
    atomic_write_npz,
    atomic_write_text,
    content_key,
    read_kept,
    write_kept,
)
from dietcnn_hls.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_kind_replaces_the_old_file_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for _ in range(2):
        atomic_write_bytes(path, b"\x00\xff")
        assert path.read_bytes() == b"\x00\xff"
        atomic_write_text(path, "grün\n")
        assert path.read_bytes() == "grün\n".encode()
        atomic_write_json(path, {"b": np.int64(3), "a": [np.float32(0.5), None, np.True_]})
        assert path.read_text() == '{\n  "b": 3,\n  "a": [\n    0.5,\n    null,\n    true\n  ]\n}\n'
        atomic_write_npz(path, {"w": np.arange(3), "b": np.zeros((2, 0))})
        with np.load(path) as content:
            assert content["w"].tolist() == [0, 1, 2] and content["b"].shape == (2, 0)
    assert names(tmp_path) == ["f"]


def test_files_are_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    atomic_write_text(tmp_path / "atomic", "x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_npz_of_equal_arrays_has_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        atomic_write_npz(tmp_path / name, {"w": np.arange(1000)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_interrupted_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    atomic_write_text(tmp_path / "f", "old")
    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(error):
        atomic_write_text(tmp_path / "f", "new and longer")
    assert (tmp_path / "f").read_text() == "old" and names(tmp_path) == ["f"]


def test_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(OutputError, match=f"^{tmp_path / 'f'} cannot be written \\(No space left on device\\)$"):
        atomic_write_text(tmp_path / "f", "x")
    assert names(tmp_path) == []


@pytest.mark.parametrize("below", ["missing/f", "file/f"])
def test_folder_that_is_not_there(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=f"^{tmp_path / below} cannot be written \\("):
        atomic_write_text(tmp_path / below, "x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"accuracy": float("nan")}, "report.json cannot hold this as JSON: Out of range float values"),
        ({"x": np.zeros(2)}, "report.json cannot hold this as JSON: a ndarray is no JSON value"),
        ({"x": np.float64("inf")}, "report.json cannot hold this as JSON: Out of range float values"),
        ({(1, 2): 3}, "report.json cannot hold this as JSON: keys must be str"),
    ],
)
def test_json_that_is_none(tmp_path: Path, value: Any, text: str) -> None:
    with pytest.raises(OutputError) as caught:
        atomic_write_json(tmp_path / "report.json", value)
    assert str(caught.value).startswith(text) and names(tmp_path) == []


def test_npz_of_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"f\.npz: array 'w' holds Python objects; give it a numeric type"):
        atomic_write_npz(tmp_path / "f.npz", {"w": np.array([{}])})
    assert names(tmp_path) == []


def test_kept_arrays_come_back_under_their_key_only(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "f.npz"
    arrays = {"w": np.arange(6).reshape(2, 3)[:, ::2], "text": np.array('{"a": 1}'), "none": np.zeros((0, 3))}
    write_kept(path, "k", arrays)
    found = read_kept(path, "k")
    assert found is not None and found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) and found[name].dtype == arrays[name].dtype for name in arrays)
    assert read_kept(path, "other") is None and read_kept(tmp_path / "nowhere", "k") is None


def test_kept_scalars_of_numpy_come_back(tmp_path: Path) -> None:
    write_kept(tmp_path / "f.npz", "k", {"step": np.int64(7), "rate": np.float32(0.5), "w": np.ones(2)})  # type: ignore[dict-item]
    found = read_kept(tmp_path / "f.npz", "k")
    assert found is not None and found["step"] == 7 and found["rate"] == np.float32(0.5) and found["w"].tolist() == [1, 1]


def test_kept_arrays_that_are_not_as_written_are_none(tmp_path: Path) -> None:
    """Whatever became of the file: bytes turned, cut, arrays dropped, changed or added, another format."""
    path = tmp_path / "f.npz"
    write_kept(path, "k", {"w": np.arange(1000), "b": np.array("text")})
    data, whole = path.read_bytes(), dict(np.load(path))
    rng = np.random.default_rng(1)
    for _ in range(60):
        changed = bytearray(data)
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed[: None if rng.random() < 0.7 else int(rng.integers(len(data)))])
        found = read_kept(path, "k")
        assert found is None or np.array_equal(found["w"], np.arange(1000))
    for other in (
        {name: array for name, array in whole.items() if name != "w"},
        {name: array for name, array in whole.items() if name != "digest"},
        whole | {"w": np.arange(1000)[::-1]},
        whole | {"more": np.zeros(1)},
        whole | {"w": whole["w"].astype(np.int32)},
    ):
        atomic_write_npz(path, other)
        assert read_kept(path, "k") is None
    for content in (b"", b"PK\x03\x04 torn", b"\x93NUMPY\x01\x00", b"\x80\x04N."):
        path.write_bytes(content)
        assert read_kept(path, "k") is None
    np.savez(path, w=np.array([{}], object), key=np.array("k"))
    assert read_kept(path, "k") is None


def test_a_file_that_cannot_be_read_has_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "f").write_text("x")
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OutputError, match=r"f cannot be read \(Permission denied\), so no stage can be made from it"):
        content_key(tmp_path)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(PLAIN, PLAIN)
def test_keys_are_equal_exactly_where_values_are(one: Any, other: Any) -> None:
    assert (content_key(one) == content_key(other)) == (repr(canonical(one)) == repr(canonical(other)))


def canonical(value: Any) -> Any:
    """Sort dicts; `repr` of the rest tells 1, 1.0 and True apart where ``==`` does not."""
    if isinstance(value, dict):
        return {key: canonical(value[key]) for key in sorted(value)}
    return [canonical(item) for item in value] if isinstance(value, list) else value


def test_keys_tell_shapes_types_and_groupings_apart() -> None:
    variants = [
        (np.arange(4),),
        (np.arange(4).reshape(2, 2),),
        (np.arange(4, dtype=np.int32),),
        (np.arange(4, dtype=">i8"),),
        ([0, 1, 2, 3],),
        (0, 1, 2, 3),
        ("ab", "c"),
        ("a", "bc"),
        (["ab"], "c"),
        (b"ab", "c"),
    ]
    assert len({content_key(*variant) for variant in variants}) == len(variants)
    assert content_key(np.int64(3), np.arange(6)[::2]) == content_key(3, np.array([0, 2, 4]))
    assert content_key((1, 2)) == content_key([1, 2])


def test_key_is_the_same_in_every_process() -> None:
    assert content_key("a", 1, {"b": [0.1, None]}, np.arange(3, dtype=np.int16)) == (
        "06c98ac51fb8820bae42653b5967e00c17a937b8a57d4a6da74372712b90a74d"
    )


def test_paths_count_by_their_content(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "f").write_text("x")
    same = content_key(tmp_path / "a")
    assert same == content_key(tmp_path / "b")
    (tmp_path / "b" / "__pycache__").mkdir()
    (tmp_path / "b" / "__pycache__" / "f.pyc").write_text("x")
    assert same == content_key(tmp_path / "b")
    (tmp_path / "b" / "sub" / "f").rename(tmp_path / "b" / "sub" / "g")
    assert same != content_key(tmp_path / "b")
    (tmp_path / "a" / "sub" / "f").write_text("y")
    assert same != content_key(tmp_path / "a")


def test_what_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="a stage key cannot stand for a object; give its numbers, text, arrays or files"):
        content_key(object())
    with pytest.raises(OutputError, match=r"nowhere does not exist, so no stage can be made from it"):
        content_key(tmp_path / "nowhere")
