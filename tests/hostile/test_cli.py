# SPDX-License-Identifier: Apache-2.0
"""The command line in a stranger's hands: 0, 1 or 2, one line that says what is wrong, stdout for results alone, no traceback.

What a configuration's YAML cannot mean is tested by `tests.build.test_reading`; here every key meets every wrong kind of value.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import cli
from dietcnn_hls.build.config import load
from dietcnn_hls.errors import ConfigError
from tests.hostile.builds import untouched
from tests.hostile.crafted import VALUES, places, replaced, stated, tree

CONFIG: dict[str, Any] = {"design": "d", "network": "digits_lenet", "dataset": "digits", "method": "dietcnn"}
COMMAND = (sys.executable, "-c", "from dietcnn_hls.cli import main; main()")

Run = tuple[int, str, str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds a good configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yml").write_text(json.dumps(CONFIG))
    return tmp_path


def run(arguments: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Status, stdout and stderr of a command, in this process."""
    monkeypatch.setattr(sys, "argv", ["dietcnn-hls", *arguments])
    status = 0
    try:
        cli.main()
    except SystemExit as end:
        status = int(end.code or 0)
    said = capfd.readouterr()
    return status, said.out, said.err


USAGE = """
    ;--nope;bild;build;build c.yml more;build nowhere.yml;build .;build /dev;build c.yml --set;build c.yml --outptu x
    build c.yml --overwrite=yes;compare;compare nowhere;compare . --format xml;compare . --twin;compare -x;methods x
    methods --jsn;doctor x;doctor --verbose;encoder serch;encoder search;encoder search --bits 0 o.json
    encoder search --bits x o.json
"""
OVERRIDES = """
    a;=;=3;a..b=1;.=1;design=[;design=!!python/object/apply:os.system [x];design=null;design=;design=../x;design=a b
    design=module;design=int;design=1a;seed=-1;seed=1e400;seed=0.5;seed=99999999999;hardware=3;hardware.clock_period=.nan
    hardware.clock_period=-1;hardware.clock_period=.inf;hardware.part=x, exec rm;hardware.part=[];method=;method=[dietcnn]
    method.layers=3;method.layers.conv1=nope;network.width=1e9;network=../x;dataset=../../etc/passwd;dataset=nope;dataset=x.npz
    dataset.pad=-1;dataset.pad=1000000000;hardware.folding.layers.conv1.pe=0;hardware.folding.layers=[];flows=[foo]
    checks.csim_samples=0;training.epochs=-1;training.nope=1;training.batch=0;synthesis=vivado;dsp=perhaps
"""


def listed(text: str) -> list[str]:
    """The entries of a list above."""
    return [entry.strip() for line in text.strip("\n").splitlines() for entry in line.split(";")]


@pytest.mark.parametrize("line", listed(USAGE))
def test_wrong_usage_is_2(line: str, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with untouched(here):
        status, out, err = run(line.split(), capfd, monkeypatch)
    assert status == 2 and out == "" and "Usage:" in err + "Usage:" * ("Error: Option" in err) and "Traceback" not in err


@pytest.mark.parametrize("override", [*listed(OVERRIDES), "design='a\nb'", "x" * 10**5], ids=lambda text: text[:40])
def test_a_bad_override_is_one_line_before_any_work(
    override: str, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with untouched(here):
        status, out, err = run(["build", "c.yml", "--set", override], capfd, monkeypatch)
    assert status == 1 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and len(err) < 1000


def test_any_value_under_any_key_is_meant_or_refused(here: Path) -> None:
    full = CONFIG | {
        **{"network": {"name": "lenet5", "width": 0.5}, "dataset": {"name": "mnist", "pad": 32}, "seed": 3, "dsp": True},
        **{"method": {"name": "dietcnn", "weight_symbols": 4, "layers": {"conv1": {"name": "fixed_point", "weight_bits": 6}}}},
        **{"training": {"epochs": 1}, "synthesis": "none", "flows": ["carry"], "checks": {"rtl_samples": 3, "activity": False}},
        "hardware": {"part": "xc7z020", "clock_period": 4.0, "io_type": "io_stream", "folding": {"layers": {"conv1": {"pe": 2}}}},
    }
    file, rng, refused = here / "c.yml", np.random.default_rng(0), 0
    paths = [path for path in places(full) if path]
    for path in paths:
        for value in [VALUES[int(n)] for n in rng.integers(len(VALUES), size=6)]:
            file.write_text(json.dumps(replaced(full, path, value)))
            error = stated(lambda: load(file))
            assert error is None or isinstance(error, ConfigError)
            refused += error is not None
    assert refused > 4 * len(paths)


@pytest.mark.parametrize("folder", ["file", "stranger", "file/below", "/proc/nowhere", "n" * 300])
def test_an_output_folder_that_cannot_be_one(
    folder: str, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "file").write_text("mine")
    (here / "stranger").mkdir()
    (here / "stranger" / "thesis.tex").write_text("mine")
    with untouched(here):
        status, out, err = run(["build", "c.yml", "--output", folder], capfd, monkeypatch)
    assert (status, out) == (1, "") and err.splitlines()[-1].startswith("error: ") and err.count("error: ") == 1


@pytest.mark.parametrize("command", [("methods",), ("methods", "--json"), ("doctor", "--json"), ("--help",)], ids=" ".join)
def test_results_find_no_room(command: tuple[str, ...]) -> None:
    """A full disk behind stdout, and a reader that left."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == "error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\0", b"PK\x03\x04", b"{", b"- a", b"a: [", "é: 1".encode("latin-1")])
def test_configurations_that_are_none(
    text: bytes, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "c.yml").write_bytes(text)
    with untouched(here):
        status, out, err = run(["build", "c.yml"], capfd, monkeypatch)
    assert (status, out) == (1, "") and err.startswith("error: c.yml ") and err.count("\n") == 1


def test_an_interrupted_build_says_so_and_goes_on(here: Path) -> None:
    """SIGINT while it trains: status 1, one line; what is left is swept or resumed by the next call."""
    (here / "c.yml").write_text(json.dumps(CONFIG | {"training": {"float_epochs": 200, "epochs": 0}}))
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND[2]}",
            "build",
            "c.yml",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch" in line.lower() or "train" in line.lower():
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.endswith("interrupted; finished stages are kept, the next run resumes\n") and "Traceback" not in err
    assert not [name for name in tree(here) if ".partial" in name]
