# SPDX-License-Identifier: Apache-2.0
"""``dietcnn-hls encoder search``: the encoder of the library call, resumable, its file what the method takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dietcnn_hls.methods.commands import contributed
from dietcnn_hls.methods.encodingnet import EncodingOptions
from dietcnn_hls.methods.encodingnet.search import SearchSettings, find_encoder

COMMAND = (sys.executable, "-u", "-c", "from dietcnn_hls.cli import main; main()", "encoder", "search", "--bits", "24")


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=240, cwd=folder, check=False)


def test_the_command_finds_what_the_library_finds(tmp_path: Path) -> None:
    done = run(tmp_path, "--generations", "120", "--seed", "4", "--output", "own.json")
    assert (done.returncode, done.stdout) == (0, "own.json\n")
    assert done.stderr.startswith("step 120 of 120: worst error ")
    settings = SearchSettings(bits=24, objective="carry_cones", start="booth", steps=120, heat=0.02, seed=4)
    found = EncodingOptions(encoder=tmp_path / "own.json").netlist()
    assert found.to_dict() == find_encoder(settings).to_dict() and found.bits <= 24
    assert json.loads((tmp_path / "own.json").read_text())["search"] == settings.model_dump()
    assert [path.name for path in tmp_path.iterdir()] == ["own.json"]
    again = run(tmp_path, "--steps", "120", "--seed", "4", "--output", "own.json")
    assert (again.returncode, again.stdout, again.stderr) == (0, "own.json\n", "")  # it is there already


def hearing() -> None:
    """A suite in the background hands down SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_stopped_search_goes_on(tmp_path: Path) -> None:
    options = ("--steps", "2600", "--objective", "lut_cones")
    with subprocess.Popen([*COMMAND, *options], stderr=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=hearing) as search:
        assert search.stderr is not None
        assert search.stderr.readline().startswith("step 500 of 2600")
        os.kill(search.pid, signal.SIGINT)
        assert "interrupted" in search.stderr.read()
    assert search.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == [".lut_cones_24.json.search"]
    resumed = run(tmp_path, *options)
    assert resumed.returncode == 0 and "step 500 " not in resumed.stderr and "step 2600 of 2600" in resumed.stderr
    whole = find_encoder(SearchSettings(bits=24, objective="lut_cones", start="booth", steps=2600, heat=0.02))
    assert EncodingOptions(encoder=tmp_path / "lut_cones_24.json").netlist().to_dict() == whole.to_dict()


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "carry_cones_24.json"
    assert run(tmp_path, "--steps", "1").returncode == 0
    other = run(tmp_path, "--steps", "2")
    assert other.returncode == 1 and "holds the encoder of another search: choose another --output" in other.stderr
    assert run(tmp_path, "--steps", "2", "--overwrite").returncode == 0
    path.write_text("{}")
    foreign = run(tmp_path, "--steps", "2", "--overwrite")
    assert foreign.returncode == 1 and "is not an encoder file" in foreign.stderr and path.read_text() == "{}"


@pytest.mark.parametrize(
    "options, status, text",
    [
        (("--objective", "luts"), 2, "'luts' is not one of"),
        (("--steps", "-1"), 2, "-1 is not in the range"),
        (("--objective", "nand2", "--start", "booth"), 1, "start nand2 searches otherwise"),
        (("--output", "no/where.json"), 1, "cannot be written"),
        (("--output", "n" * 300), 1, "cannot be written (File name too long); choose another --output"),
    ],
)
def test_refusals_come_before_the_work(tmp_path: Path, options: tuple[str, ...], status: int, text: str) -> None:
    done = run(tmp_path, *options)
    assert done.returncode == status and text in done.stderr and done.stdout == ""
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []


def test_commands_are_found_by_folder() -> None:
    assert "encoder" in contributed()
