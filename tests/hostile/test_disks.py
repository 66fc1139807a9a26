# SPDX-License-Identifier: Apache-2.0
"""Full disks, folders that take no writing, links that lead elsewhere: one stated error, nothing half, nothing outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.atomic import atomic_write_npz, atomic_write_text
from dietcnn_hls.errors import DietError, OutputError
from dietcnn_hls.hardware.folding import solve
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate
from tests.hostile.builds import GRAPH, X, build, settled, untouched
from tests.hostile.crafted import tree

Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small disk, or changes its size or way: ``mount("size=64k")``, ``mount("remount,ro")``."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only")
    disk = tmp_path / "disk"
    disk.mkdir()

    def mounted(options: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this machine lets nobody mount a disk: {done.stderr.strip()}")
        return disk

    yield mounted
    subprocess.run(["umount", "-l", str(disk)], capture_output=True)  # lazily: a loaded library keeps it busy


def fill(disk: Path) -> None:
    """Leave no byte."""
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build that nothing disturbed; not to be written to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    build(folder)
    return folder


def whole(disk: Path) -> None:
    """Nothing half is left, and every stage that stands has its record."""
    names = tree(disk)
    assert not [name for name in names if ".partial" in name or ".stale" in name], names.keys()
    for stage in ("lowered", "hls"):
        assert (f"out/{stage}" in names) == (f"out/{stage}/.dietcnn_hls.stage.json" in names)


@pytest.mark.parametrize("kilobytes", [4, 8, 16, 24, 48, 96, 140])
def test_a_full_disk_at_every_stage(kilobytes: int, mount: Mount, capfd: pytest.CaptureFixture[str]) -> None:
    disk = mount(f"size={kilobytes}k")
    with untouched(disk.parent, "disk"), pytest.raises(DietError, match=r"No space left on device"):
        build(disk / "out")
    whole(disk)
    said = capfd.readouterr()
    assert "Traceback" not in said.err and said.out == ""


def test_a_build_that_a_full_disk_stopped_is_resumed(mount: Mount, finished: Path) -> None:
    disk = mount("size=96k")
    with pytest.raises(DietError):
        build(disk / "out")
    mount("remount,size=4m")
    build(disk / "out")
    assert settled(disk / "out") == settled(finished)


def test_a_full_temporary_folder(mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = mount("size=16k")
    fill(disk)
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    monkeypatch.setenv("TMPDIR", str(disk))
    with pytest.raises(DietError, match=r"No space left on device|is full"):
        build(tmp_path / "out")
    assert sorted(tree(disk)) == ["filler"]


def test_a_full_cache(mount: Mount, tmp_path: Path) -> None:
    disk = mount("size=16k")
    fill(disk)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        simulate(generate(GRAPH, solve(GRAPH)), X.astype(np.int64), cache_dir=disk)
    assert sorted(tree(disk)) == ["filler", "verilator"]


def test_a_folder_that_takes_no_writing(mount: Mount) -> None:
    disk = mount("size=1m")
    (disk / "out").mkdir()
    mount("remount,ro")
    for folder in (disk / "out", disk / "new"):
        with pytest.raises(OutputError, match="Read-only file system"):
            build(folder)


def test_a_finished_build_that_takes_no_writing_any_more(mount: Mount, finished: Path) -> None:
    disk = mount("size=4m")
    shutil.copytree(finished, disk / "out")
    mount("remount,ro")
    with untouched(disk), pytest.raises(OutputError, match="Read-only file system"):
        build(disk / "out", x_test=X[:3])
    mount("remount,rw")


@pytest.mark.parametrize(
    "write", [lambda path: atomic_write_text(path, "x" * 9999), lambda path: atomic_write_npz(path, {"w": X})]
)
def test_atomic_writes_on_a_full_disk(write: Callable[[Path], None], mount: Mount) -> None:
    disk = mount("size=16k")
    fill(disk)
    with pytest.raises(OutputError, match=r"f cannot be written \(No space left on device\)"):
        write(disk / "f")
    assert sorted(tree(disk)) == ["filler"]


# ---- links


ENTRIES = ("lowered", "hls", ".measured", "report.json", ".dietcnn_hls.json", ".dietcnn_hls.lock", "lowered.partial", "hls.stale")
INNER = ("hls/firmware", "hls/firmware/weights", "lowered/graph.npz", ".measured/csim.npz", ".measured/reference.npz")


def secrets(tmp_path: Path) -> Path:
    """A stranger's folder beside the output folder, which holds what a stage might look for."""
    folder = tmp_path / "stranger"
    (folder / "firmware").mkdir(parents=True)
    for name in ("thesis.tex", "graph.npz", "firmware/random_net-000000000000.so", "key.json"):
        (folder / name).write_text("precious")
    return folder


@pytest.mark.parametrize("target", ["folder", "file", "nowhere"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_links_in_a_new_folder_lead_nowhere(entry: str, target: str, tmp_path: Path) -> None:
    stranger = secrets(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    (out / entry).symlink_to({"folder": stranger, "file": stranger / "key.json", "nowhere": stranger / "new"}[target])
    refused_or_replaced(out, entry)


def refused_or_replaced(out: Path, entry: str) -> None:
    """What becomes of a link in a build's folder; nothing beside the folder changes."""
    with untouched(out.parent, out.name):
        try:
            build(out, x_test=X[:7])
        except OutputError as error:
            assert str(out) in str(error)
        else:
            assert not (out / entry).is_symlink()


@pytest.mark.parametrize("entry", [*ENTRIES[:6], *INNER])
def test_links_in_a_finished_build_are_not_followed(entry: str, tmp_path: Path, finished: Path) -> None:
    stranger, out = secrets(tmp_path), tmp_path / "out"
    shutil.copytree(finished, out)
    place = out / entry
    moved = stranger / "moved"
    place.rename(moved)
    place.symlink_to(moved)
    refused_or_replaced(out, entry)
