# SPDX-License-Identifier: Apache-2.0
"""Output folders: refusals by their text, stages that are whole or absent under real signals, locks of living and dead builds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.build.workspace import MARKER, Workspace, resolve_inside
from dietcnn_hls.errors import OutputError


def refused(path: Path, design: str = "lenet", *, overwrite: bool = False) -> str:
    with pytest.raises(OutputError) as caught:
        Workspace.open(path, design, overwrite=overwrite)
    return str(caught.value)


def tree(folder: Path) -> set[str]:
    """Return everything below `folder` but the lock, which stays for the next build."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")} - {".dietcnn_hls.lock"}


def build(path: Path, key: str = "k", text: str = "whole") -> None:
    """Finish one stage `train` in `path`."""
    with Workspace.open(path, "lenet") as workspace, workspace.stage("train", key) as folder:
        (folder / "weights").write_text(text)


TRAIN = {MARKER, "train", "train/weights", "train/.dietcnn_hls.stage.json"}


# ---- which folders are taken


def test_new_folder_gets_a_marker(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "a" / "b", "lenet") as workspace:
        assert workspace.root == tmp_path / "a" / "b" and workspace.design == "lenet"
    assert tree(tmp_path / "a") == {"b", f"b/{MARKER}", "b/.dietcnn_hls.lock"}
    assert json.loads((tmp_path / "a" / "b" / MARKER).read_text()) == {"schema": 1, "design": "lenet"}


def test_empty_folder_and_own_folder_are_taken(tmp_path: Path) -> None:
    for _ in range(2):
        Workspace.open(tmp_path, "lenet").close()


def test_relative_path_survives_a_change_of_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Workspace.open("out", "lenet") as workspace:
        monkeypatch.chdir("/")
        assert workspace.resolve("report.json") == tmp_path / "out" / "report.json"


def test_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    assert refused(tmp_path / "out") == f"output folder {tmp_path / 'out'} is a file; choose another folder"


@pytest.mark.parametrize("below", ["below", "be/low"])
def test_folder_below_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    text = refused(tmp_path / "file" / below)
    assert text.startswith(f"output folder {tmp_path / 'file' / below} cannot be used (") and "choose another folder" in text


def test_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    assert refused(tmp_path / "out").startswith(f"output folder {tmp_path / 'out'} cannot be used (")


@pytest.mark.parametrize("overwrite", [False, True])
def test_strangers_folder_is_refused_and_left_as_it_was(tmp_path: Path, overwrite: bool) -> None:
    for name in ("d", "c", "b", "a"):
        (tmp_path / name).write_text(name)
    assert refused(tmp_path, overwrite=overwrite) == (
        f"output folder {tmp_path} is not empty and was not made by dietcnn-hls (it holds a, b, c, ...); "
        "choose a new or empty folder"
    )
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "c", "d"}, "not even a lock file is left"


def test_other_design_is_refused(tmp_path: Path) -> None:
    build(tmp_path)
    assert refused(tmp_path, "vgg") == (
        f"output folder {tmp_path} holds the design 'lenet', not 'vgg'; overwrite it or choose another"
    )
    build(tmp_path, key="the refusal gave the lock back")


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"design": "lenet"}'])
def test_damaged_marker_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / MARKER).write_text(content)
    text = refused(tmp_path)
    assert text.startswith(f"{tmp_path / MARKER} is damaged (")
    assert text.endswith("overwrite the folder or choose another")


def test_marker_of_another_schema_is_refused(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text('{"schema": 2, "design": "lenet"}')
    assert f"output folder {tmp_path} was written with schema 2, this version writes 1" in refused(tmp_path)


@pytest.mark.parametrize("design", ["lenet", "vgg"])
def test_overwrite_empties_our_folder_and_follows_no_link(tmp_path: Path, design: str) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    build(out)
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    (out / "link").symlink_to(elsewhere)
    (out / "report.json").write_text("{}")
    Workspace.open(out, design, overwrite=True).close()
    assert tree(out) == {MARKER} and json.loads((out / MARKER).read_text())["design"] == design
    assert (elsewhere / "precious").exists()


# ---- stages


def test_stage_appears_whole_and_is_known_by_its_key(tmp_path: Path) -> None:
    with Workspace.open(tmp_path, "lenet") as workspace:
        assert not workspace.done("train", "k")
        with workspace.stage("train", "k") as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "weights").write_text("1234")
            assert not (tmp_path / "train").exists()
        assert (tmp_path / "train" / "sub" / "weights").read_text() == "1234"
        assert workspace.done("train", "k") and not workspace.done("train", "other")
    with Workspace.open(tmp_path, "lenet") as later:
        assert later.done("train", "k")


def test_stale_stage_is_replaced_with_nothing_left_over(tmp_path: Path) -> None:
    build(tmp_path, "old", "old")
    (tmp_path / "train" / "extra").write_text("x")
    build(tmp_path, "new", "new")
    assert tree(tmp_path) == TRAIN and (tmp_path / "train" / "weights").read_text() == "new"


def test_finished_stage_whose_files_changed_is_redone(tmp_path: Path) -> None:
    build(tmp_path)
    with Workspace.open(tmp_path, "lenet") as workspace:
        (tmp_path / "train" / "added").write_text("a user's note does no harm")
        assert workspace.done("train", "k")
        (tmp_path / "train" / "weights").write_text("longer than before")
        assert not workspace.done("train", "k")
        (tmp_path / "train" / "weights").unlink()
        assert not workspace.done("train", "k")


@pytest.mark.parametrize("content", ["", "[]", '{"key": "k"}', '{"key": "k", "files": 3}'])
def test_damaged_stage_record_is_redone(tmp_path: Path, content: str) -> None:
    build(tmp_path)
    (tmp_path / "train" / ".dietcnn_hls.stage.json").write_text(content)
    with Workspace.open(tmp_path, "lenet") as workspace:
        assert not workspace.done("train", "k")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_leaves_the_finished_stage_only(tmp_path: Path, error: type[BaseException]) -> None:
    build(tmp_path, "old", "old")
    with Workspace.open(tmp_path, "lenet") as workspace:
        with pytest.raises(error), workspace.stage("train", "new") as folder:
            (folder / "weights").write_text("half")
            raise error
        assert workspace.done("train", "old") and not workspace.done("train", "new")
    assert tree(tmp_path) == TRAIN and (tmp_path / "train" / "weights").read_text() == "old"


def test_strangers_file_in_the_way_of_a_stage_stays(tmp_path: Path) -> None:
    with Workspace.open(tmp_path, "lenet") as workspace:
        (tmp_path / "train").mkdir()
        (tmp_path / "train" / "mine").write_text("x")
        with pytest.raises(OutputError, match="is in the way of stage 'train' and was not made by one; move it elsewhere"):
            with workspace.stage("train", "k"):
                raise AssertionError("the stage must not start")
    assert (tmp_path / "train" / "mine").exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a.partial", "a b", "/abs", "-x"])
def test_bad_stage_name(tmp_path: Path, name: str) -> None:
    with Workspace.open(tmp_path, "lenet") as workspace:
        with pytest.raises(OutputError, match="must be letters, digits, '_' and '-'"), workspace.stage(name, "k"):
            raise AssertionError("the stage must not start")
        with pytest.raises(OutputError, match="must be letters"):
            workspace.done(name, "k")


def test_a_kept_result_is_computed_once_a_key(tmp_path: Path) -> None:
    calls = []

    def compute() -> tuple[np.ndarray, dict[str, int]]:
        calls.append(len(calls))
        return np.arange(3) + len(calls), {"cycles": len(calls)}

    with Workspace.open(tmp_path, "d") as workspace:
        found = [workspace.kept("rtl", key, compute) for key in ("a", "a", "b")]
    assert [facts for _, facts in found] == [{"cycles": 1}, {"cycles": 1}, {"cycles": 2}]
    assert [array.tolist() for array, _ in found] == [[1, 2, 3], [1, 2, 3], [2, 3, 4]]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn"])
def test_a_torn_result_is_computed_anew(tmp_path: Path, damage: bytes) -> None:
    with Workspace.open(tmp_path, "d") as workspace:
        workspace.kept("rtl", "a", lambda: (np.zeros(3), {}))
        (file,) = (tmp_path / ".measured").iterdir()
        file.write_bytes(damage)
        assert workspace.kept("rtl", "a", lambda: (np.ones(3), {}))[0].tolist() == [1, 1, 1]


def test_a_kept_result_leaves_no_folder_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with Workspace.open(tmp_path / "out", "d") as workspace:
        (tmp_path / "out" / ".measured").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OutputError, match="leaves the output folder"):
            workspace.kept("rtl", "a", lambda: (np.zeros(3), {}))


def test_closed_workspace_writes_no_stage(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, "lenet")
    workspace.close()
    workspace.close()
    with pytest.raises(OutputError, match=f"stage 'train' needs an open workspace; {tmp_path} was closed"):
        with workspace.stage("train", "k"):
            raise AssertionError("the stage must not start")


# ---- real processes, real signals

SCRIPT = """
import os, signal, sys, time
from dietcnn_hls.build.workspace import Workspace
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background hands down SIGINT ignored
with Workspace.open(sys.argv[1], "lenet") as workspace:
    if not workspace.done("train", "k"):
        with workspace.stage("train", "k") as folder:
            (folder / "weights").write_text("whole")
    with workspace.stage("csim", "k") as folder:
        (folder / "half").write_text("half")
        {extra}
        print("in the middle", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A build that stands in the middle of its second stage."""
    process = start(tmp_path / "out")
    yield process
    process.kill()
    process.wait()


def start(out: Path, extra: str = "") -> subprocess.Popen[str]:
    script = textwrap.dedent(SCRIPT).format(extra=extra)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "in the middle\n"
    return process


def test_interrupted_build_leaves_no_half_stage(tmp_path: Path, interrupted: subprocess.Popen[str]) -> None:
    assert "csim.partial/half" in tree(tmp_path / "out"), "the build must really be in the middle"
    interrupted.send_signal(signal.SIGINT)
    interrupted.wait(timeout=20)
    assert tree(tmp_path / "out") == TRAIN


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_build_is_resumed(tmp_path: Path, interrupted: subprocess.Popen[str], number: signal.Signals) -> None:
    interrupted.send_signal(number)
    interrupted.wait(timeout=20)
    with Workspace.open(tmp_path / "out", "lenet") as workspace:
        assert tree(tmp_path / "out") == TRAIN, "what was half written is swept"
        assert workspace.done("train", "k") and not workspace.done("csim", "k")
        with workspace.stage("csim", "k"):
            pass
        assert workspace.done("csim", "k")


def test_two_builds_in_one_folder(tmp_path: Path, interrupted: subprocess.Popen[str]) -> None:
    before = tree(tmp_path / "out")
    for overwrite in (False, True):
        assert refused(tmp_path / "out", overwrite=overwrite) == (
            f"another build (process {interrupted.pid}) is at work in {tmp_path / 'out'}; "
            "wait for it, stop it, or choose another folder"
        )
    assert tree(tmp_path / "out") == before


def test_two_builds_in_one_process(tmp_path: Path) -> None:
    with Workspace.open(tmp_path, "lenet"):
        assert f"another build (process {os.getpid()}) is at work in {tmp_path}" in refused(tmp_path)
    Workspace.open(tmp_path, "lenet").close()


def test_orphaned_worker_of_a_killed_build_holds_no_lock(tmp_path: Path) -> None:
    fork = (
        "ready, running = os.pipe()\n        worker = os.fork()\n"
        "        if worker == 0: os.write(running, b'.'); time.sleep(60); os._exit(0)\n"
        "        os.read(ready, 1)\n"  # a worker that never ran still has the handle
        "        print(worker, file=open({!r}, 'w'))"
    )
    process = start(tmp_path / "out", fork.format(str(tmp_path / "worker")))
    worker = int((tmp_path / "worker").read_text())
    try:
        process.kill()
        process.wait()
        os.kill(worker, 0)
        Workspace.open(tmp_path / "out", "lenet").close()
    finally:
        os.kill(worker, signal.SIGKILL)


def test_build_killed_between_the_two_renames(tmp_path: Path) -> None:
    """The old stage comes back when the new one is not yet there, and goes when it is."""
    build(tmp_path)
    (tmp_path / "train").rename(tmp_path / "train.stale")
    (tmp_path / "train.partial").mkdir()
    (tmp_path / ".report.json.17-18.partial").write_text("half")
    (tmp_path / "download.partial").write_text("a user's file")
    with Workspace.open(tmp_path, "lenet") as workspace:
        assert workspace.done("train", "k") and tree(tmp_path) == TRAIN | {"download.partial"}
    (tmp_path / "train.stale").mkdir()
    Workspace.open(tmp_path, "lenet").close()
    assert tree(tmp_path) == TRAIN | {"download.partial"}


def test_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".dietcnn_hls.lock").symlink_to(tmp_path / "precious")
    assert "cannot be used" in refused(tmp_path / "out")
    assert (tmp_path / "precious").read_text() == "x"


# ---- paths inside the folder


@pytest.mark.parametrize("relative", ["report.json", "a/b/c.txt", "./x", "..name/x", "inner/x"])
def test_paths_inside(tmp_path: Path, relative: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "inner").symlink_to("real")
    assert resolve_inside(tmp_path, relative) == tmp_path / relative


@pytest.mark.parametrize(
    "relative", ["", ".", "..", "../x", "a/../../x", "a/../b", "/etc/passwd", "out/x", "loop/x", "file_link", "a\0b"]
)
def test_paths_that_leave(tmp_path: Path, relative: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to("../root-twin")
    (root / "file_link").symlink_to(tmp_path / "file")
    with pytest.raises(OutputError) as caught:
        resolve_inside(root, relative)
    assert str(caught.value) == (f"path {relative!r} leaves the output folder {root}; give a relative path inside it")


def test_resolve_in_a_folder_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with Workspace.open(tmp_path / "link", "lenet") as workspace:
        assert workspace.resolve("x") == tmp_path / "link" / "x"
