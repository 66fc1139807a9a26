# SPDX-License-Identifier: Apache-2.0
"""Builds killed at random moments go on to what an undisturbed build gives; two builds never meet in one folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dietcnn_hls.build.workspace import Workspace
from dietcnn_hls.errors import OutputError
from tests.cases import exhaustive
from tests.hostile.builds import GRAPH, X, build, settled, untouched
from tests.hostile.crafted import tree

SCRIPT = """
import sys
from pathlib import Path
from tests.hostile.builds import build
print("begins", flush=True)
build(Path(sys.argv[1]), synthesis=sys.argv[2])
"""
KILLS = 4


def begun(folder: Path, synthesis: str = "none", progress: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    """A build in a process of its own, which stands at its beginning."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), synthesis],
        stdout=subprocess.PIPE,
        stderr=progress,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None and process.stdout.readline() == "begins\n"
    return process


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes | str], float]:
    """What a build gives, and how long it takes."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    start = time.monotonic()
    build(folder)
    return settled(folder), time.monotonic() - start


def test_a_build_killed_again_and_again_ends_as_an_undisturbed_one(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes | str], float]
) -> None:
    """Each process gets a little longer than the last, so that kills fall into all stages."""
    expected, seconds = undisturbed
    draw = random.Random(1)
    with untouched(tmp_path, "out"):
        for number in range(KILLS):
            process = begun(tmp_path / "out")
            time.sleep(seconds * draw.uniform(0, 2 * (number + 1) / KILLS))
            process.send_signal(signal.SIGKILL)
            process.wait()
        build(tmp_path / "out")
    assert settled(tmp_path / "out") == expected


def test_a_killed_build_leaves_no_compiler_behind(tmp_path: Path, undisturbed: tuple[dict[str, bytes | str], float]) -> None:
    """An orphan would go on writing into the folder that the next build takes up."""
    process = begun(tmp_path / "out")
    firmware = tmp_path / "out" / "hls" / "firmware"
    while process.poll() is None and not firmware.exists():
        time.sleep(0.01)
    time.sleep(undisturbed[1] / 5)
    process.kill()
    process.wait()
    build(tmp_path / "out")
    time.sleep(2 * undisturbed[1])
    assert settled(tmp_path / "out") == undisturbed[0]


@exhaustive
def test_builds_killed_under_the_simulator_and_under_yosys_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Callable[[Path], None]
) -> None:
    """Each is killed while the outside tool works; what was measured before is kept, and no cache holds a part of an entry."""
    monkeypatch.setenv("DIETCNN_CACHE", str(tmp_path / "cache"))
    runtime(tmp_path / "cache")
    for stage in ("RTL simulation", "Yosys"):
        process = begun(tmp_path / "out", "yosys", subprocess.PIPE)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(stage):
                break
        time.sleep(0.5)
        assert process.poll() is None, f"the build was over before it could be killed in '{stage}'"
        process.kill()
        process.wait()
    for folder in ("out", "fresh"):  # the second takes what the first left in the cache
        build(tmp_path / folder, synthesis="yosys")
    assert settled(tmp_path / "out") == settled(tmp_path / "fresh")


def test_two_builds_in_one_folder(tmp_path: Path) -> None:
    """The second is refused before it writes anything, and names the first."""
    with Workspace.open(tmp_path / "out", GRAPH.name):
        before = tree(tmp_path)
        with pytest.raises(OutputError, match=rf"another build \(process {os.getpid()}\) is at work in {tmp_path / 'out'}"):
            build(tmp_path / "out")
        assert tree(tmp_path) == before
    build(tmp_path / "out", x_test=X[:2])
