# SPDX-License-Identifier: Apache-2.0
"""Searches: repeatable by seed, resumable, shared by workers of whom any may be killed, and what they leave behind."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from dietcnn_hls.build import config as configuration
from dietcnn_hls.errors import ConfigError, LoweringError, OutputError, ToolError
from dietcnn_hls.explore import results
from dietcnn_hls.explore.figures import measured
from dietcnn_hls.explore.run import open_study, work
from dietcnn_hls.explore.rungs import Figures, Rung, ladder
from dietcnn_hls.explore.space import Space, parse_space
from dietcnn_hls.explore.storage import Worker, hidden, open_storage
from tests.explore import postgres
from tests.explore.spaces import BASE, climb, space_data

pytest.importorskip("optuna")
ROOT = Path(__file__).parent.parent.parent


def searched(folder: Path, climbing: Any = climb, place: str = "", **changed: Any) -> results.Front:
    space = parse_space(space_data(**changed))
    wanted = measured([*space.objectives, *space.constraints])
    return work(space, folder, place or str(folder / "study.journal"), climbing, wanted=wanted)


def trials(folder: Path) -> list[dict[str, Any]]:
    """All trials of a search, without what names the process."""
    found: list[dict[str, Any]] = json.loads((folder / "trials.json").read_text())
    return [{key: value for key, value in trial.items() if key != "worker"} for trial in found]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_seed_repeats_a_search_interrupted_or_not(sampler: str, tmp_path: Path) -> None:
    searched(tmp_path / "one", sampler=sampler, trials=14)
    searched(tmp_path / "two", sampler=sampler, trials=5)
    searched(tmp_path / "two", sampler=sampler, trials=14)
    assert trials(tmp_path / "one") == trials(tmp_path / "two")
    assert len(trials(tmp_path / "one")) == 14
    searched(tmp_path / "three", sampler=sampler, trials=14, seed=4)
    assert trials(tmp_path / "one") != trials(tmp_path / "three")


def test_the_front_is_written_as_table_json_and_configurations(tmp_path: Path) -> None:
    front = searched(tmp_path, start=[{"method.weight_symbols": 2}, {"hardware.folding.target_interval": 576}])
    assert front.chosen is not None and front.trials["running"] == 0
    values = [(design.figures["lut"].value, design.figures["weight_bits"].value) for design in front.designs]
    assert values == sorted(values) and all(design.figures["interval"].value <= 600 for design in front.designs)
    assert values[0] == (100_000 * 2 // 576, 2), "the design that the space began with"
    written = json.loads((tmp_path / "front.json").read_text())
    assert written == front.to_dict()
    with (tmp_path / "front.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in table] == [design.trial for design in front.designs]
    assert sorted(path.stem for path in (tmp_path / "front").iterdir()) == sorted(design.name for design in front.designs)
    config = configuration.load(tmp_path / "front" / f"{front.chosen.name}.yml")
    assert config.design == front.chosen.name and config.method == {"name": "dietcnn", "weight_symbols": 2}
    assert f"| {front.chosen.trial} | 347 | 2 | 576 |" in (tmp_path / "front.md").read_text()


def test_no_design_is_made_that_its_first_figures_rule_out(tmp_path: Path) -> None:
    searched(tmp_path, trials=20)
    slow = [trial for trial in trials(tmp_path) if trial["variables"]["hardware.folding.target_interval"] == 1152]
    assert slow and all(trial["state"] == "pruned" for trial in slow)
    reasons = {trial["stopped"] for trial in slow}
    assert "converted: interval 1,152, wanted at most 600" in reasons


def test_a_design_that_is_refused_does_not_end_the_search(tmp_path: Path) -> None:
    def refusing(rung: Rung) -> tuple[Figures, str]:
        if rung.config.method_choice.name == "fixed_point":
            raise LoweringError("layer 'conv1' cannot be exact")
        return climb(rung)

    searched(tmp_path, refusing, trials=10)
    refused = [trial for trial in trials(tmp_path) if trial.get("stopped") == "layer 'conv1' cannot be exact"]
    assert refused and all(trial["variables"]["method"] == '{"name": "fixed_point"}' for trial in refused)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), ToolError("no verilator"), OutputError("disk full")])
def test_an_interrupted_design_is_tried_again(stop: BaseException, tmp_path: Path) -> None:
    def interrupted(rung: Rung) -> tuple[Figures, str]:
        if len(done) == 3:
            raise stop
        done.append(rung.config.design)
        return climb(rung)

    done: list[str] = []
    with pytest.raises(type(stop)):
        searched(tmp_path, interrupted, trials=8, sampler="random")
    assert (tmp_path / "front.md").exists(), "what was found stays"
    lost = next(trial for trial in trials(tmp_path) if trial["state"] == "fail")
    searched(tmp_path, trials=8, sampler="random")
    again = [trial for trial in trials(tmp_path) if trial["variables"] == lost["variables"] and trial["state"] != "fail"]
    assert again and sum(trial["state"] in ("complete", "pruned") for trial in trials(tmp_path)) == 8


def test_a_study_serves_one_space(tmp_path: Path) -> None:
    searched(tmp_path, trials=2)
    with pytest.raises(ConfigError, match="the study 'tiny' was made for another space; give this one another name"):
        searched(tmp_path, trials=2, constraints={"interval": {"at_most": 500}})


def test_a_ladder_leaves_out_what_tells_nothing_new() -> None:
    def rungs(changed: dict[str, Any], *figures: str) -> list[tuple[str, tuple[str, ...]]]:
        space = parse_space(space_data(base=BASE | {"dataset": "digits"} | changed))
        return [(rung.name, rung.upto) for rung in ladder(space.config({}), measured(figures))]

    trained = {"training": {"epochs": 3}, "synthesis": "yosys"}
    bare, whole = ("converted", ("folding",)), ("trained", ("folding",))
    assert rungs({}, "lut", "weight_bits") == [bare]
    assert rungs({}, "accuracy") == [bare, ("post-training", ("reference",))]
    assert rungs({"training": {"epochs": 3}}, "lut") == [bare, whole]
    assert rungs(trained, "lut", "weight_bits") == [bare, whole, ("measured", ("synthesis",))]
    assert rungs(trained, "accuracy", "interval_ns") == [
        bare,
        ("post-training", ("reference",)),
        ("trained", ("reference",)),
        ("measured", ("rtl_simulation", "timing")),
    ]


def test_storages_are_named_without_their_passwords(tmp_path: Path) -> None:
    assert hidden("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    with pytest.raises(ConfigError, match="give a file's path, or a URL of sqlite, postgresql, mysql or redis"):
        open_storage("ftp://host/study")
    with pytest.raises(ToolError, match="does not answer") as caught:
        open_storage("postgresql://me:secret@127.0.0.1:1/db")
    assert "secret" not in str(caught.value)
    with pytest.raises((ToolError, OutputError)):
        open_storage(f"sqlite:///{tmp_path}/nowhere/study.db")


def worker(folder: Path, storage: str, *hang: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.explore.worker", str(folder), storage, *hang]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def killed_while_others_work(folders: tuple[Path, Path], storage: str) -> Space:
    """Two workers, the first of which hangs in its third rung and is killed there."""
    first = worker(folders[0], storage, "2")
    deadline = time.monotonic() + 60
    while not (folders[0] / "hanging").exists():
        assert first.poll() is None and time.monotonic() < deadline, first.stderr and first.stderr.read().decode()
        time.sleep(0.05)
    second = worker(folders[1], storage)
    time.sleep(0.5)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.wait(120) == 0, second.stderr and second.stderr.read().decode()
    return parse_space(space_data(trials=12, sampler="random"))


def check_nothing_is_lost(space: Space, storage: str, folder: Path) -> None:
    study = open_study(space, storage, 1)
    states = [trial.state.name for trial in study.get_trials()]
    assert states.count("COMPLETE") + states.count("PRUNED") == 12 and states.count("RUNNING") == 0
    lost = [trial for trial in study.get_trials() if trial.state.name == "FAIL"]
    assert len(lost) == 1
    again = [trial for trial in study.get_trials() if trial.system_attrs.get("failed_trial") == lost[0].number]
    assert [trial.params for trial in again] == [lost[0].params] and again[0].state.name in ("COMPLETE", "PRUNED")
    workers = {trial.user_attrs["worker"] for trial in study.get_trials()}
    assert len(workers) == 2 and lost[0].user_attrs["worker"] != again[0].user_attrs["worker"]
    assert json.loads((folder / "front.json").read_text()) == results.front(space, study).to_dict()


def test_a_worker_that_is_killed_loses_nothing_in_a_file(tmp_path: Path) -> None:
    storage = str(tmp_path / "study.journal")
    space = killed_while_others_work((tmp_path, tmp_path), storage)
    check_nothing_is_lost(space, storage, tmp_path)


@pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL here (Debian: apt install postgresql)")
def test_machines_that_share_postgresql_lose_nothing_to_a_kill(tmp_path: Path) -> None:
    """Each worker has a folder of its own, as on another machine: that one is dead shows by its heartbeat alone."""
    with postgres.server() as storage:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        space = killed_while_others_work((tmp_path / "one", tmp_path / "two"), storage)
        check_nothing_is_lost(space, storage, tmp_path / "two")


def test_a_worker_is_dead_when_its_lock_is_free(tmp_path: Path) -> None:
    with Worker(tmp_path) as one, Worker(tmp_path) as two:
        assert one.knows(two.name) and not one.dead(two.name) and not one.dead(one.name)
        assert not one.dead("of-another-machine") and not one.knows("of-another-machine") and not one.dead("../escape")
    (tmp_path / ".workers" / "killed").touch()
    with Worker(tmp_path) as one:
        assert one.dead("killed")


def test_the_command_searches_for_real(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Untrained networks: conversion, counts and cost model of each design, and the whole build of the chosen one."""
    from dietcnn_hls.cli import cli

    base = BASE | {"network": {"name": "digits_lenet", "width": 0.25}, "checks": {"csim_samples": 4, "hls4ml_samples": 0}}
    variables = {"method": {"choices": ["dietcnn"]}, "hardware.folding.target_interval": {"choices": [576, 1152]}}
    (tmp_path / "space.yml").write_text(yaml.safe_dump(space_data(base=base, variables=variables, constraints={}, trials=3)))
    arguments = ["explore", str(tmp_path / "space.yml"), "--output", str(tmp_path / "out"), "--json"]
    cli(arguments, standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    designs = printed["front"]
    assert [design["figures"]["lut"]["source"] for design in designs] == ["estimate"]
    assert designs[0]["variables"]["hardware.folding.target_interval"] == 1152
    report = json.loads((tmp_path / "out" / "designs" / designs[0]["design"] / "report.json").read_text())
    assert report["bit_exact"]["csim_vs_keras"] == {"samples": 4, "mismatches": 0}
    assert report["memory"]["weight_bits"] == designs[0]["figures"]["weight_bits"]["value"]
