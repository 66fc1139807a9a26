# SPDX-License-Identifier: Apache-2.0
"""The soak finds a bug that is put in, cuts it down and runs it again; it survives what its networks do to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dietcnn_hls import hls, reference
from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.lowered import MaxPool, Source, Window
from tests.benchmarks.soak import kinds, pool
from tests.benchmarks.soak.__main__ import main, replayed
from tests.benchmarks.soak.batches import failure_folder, run_batch
from tests.benchmarks.soak.case import Outcome, load_case
from tests.benchmarks.soak.journal import Journal

OK = Outcome("ok", "rtl")


@contextmanager
def wrong_max_pool() -> Iterator[None]:
    """A reference whose maxima are one too low."""
    right = reference.EVALUATORS.of(MaxPool(Window((1, 1))), "pool")
    reference.EVALUATORS.forget(MaxPool)
    reference.EVALUATORS.register(MaxPool)(lambda *arguments: right(*arguments) - 1)
    try:
        yield
    finally:
        reference.EVALUATORS.forget(MaxPool)
        reference.EVALUATORS.register(MaxPool)(right)


def test_an_injected_bug_is_found_cut_down_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with wrong_max_pool():
        found = dict(run_batch(tmp_path, 1, "plain", [3, 6], ("csim",)))
    assert found[3] == Outcome("ok", "csim"), "a network without a maximum is right"
    assert (found[6].status, found[6].stage) == ("mismatch", "csim") and " images differ" in found[6].text
    folder = failure_folder(tmp_path, "plain", 6)
    case, outcome = load_case(folder)
    assert [type(node.op) for node in case.graph.nodes] == [Source, MaxPool] and len(case.codes) == 1
    assert outcome.status == "mismatch" and len(load_case(folder / "whole")[0].graph.nodes) > 2
    with wrong_max_pool():
        assert replayed(folder) == 1 and capsys.readouterr().out.startswith("mismatch in csim: 1 of 1 images differ")
    assert replayed(folder / "case.json") == 0 and capsys.readouterr().out == "ok in csim\n"


@pytest.mark.parametrize("error, status", [(LoweringError("no"), "refused"), (KeyError("no"), "crash")])
def test_a_stated_error_is_a_refusal_and_any_other_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(hls, "generate", fail)
    ((_, outcome),) = run_batch(tmp_path, 1, "free", [0], ("csim",))
    assert (outcome.status, outcome.stage) == (status, "csim") and "no" in outcome.text
    assert failure_folder(tmp_path, "free", 0).exists() == (status == "crash")


def test_the_same_folder_goes_on_where_it_stood(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 7)
    journal.add("free", [(0, OK), (1, Outcome("refused", "rtl", "layer 'a' has 3 outputs")), (3, OK)])
    with journal.path.open("a") as file:
        file.write('{"kind": "free", "ind')  # killed in the middle of a line
    again = Journal(tmp_path, 7)
    assert again.outcomes == journal.outcomes and again.next_index("free") == 2
    again.add("free", [(2, Outcome("crash", "csim", "KeyError: 1"))])
    table = Journal(tmp_path, 7).table()
    assert "| free | 4 | 2 | 1 | 0 | 1 | 2 |" in table and "| all | 4 | 2 | 1 | 0 | 1 | 2 |" in table
    assert "refused 1 x rtl: layer '...' has # outputs" in table and "crash free:2 in csim: KeyError: 1" in table
    with pytest.raises(ConfigError, match="holds a soak of seed 7, not 8"):
        Journal(tmp_path, 8)


def dies_of_case_1(pipe: Connection, *_: Any) -> None:
    """A worker that case 1 kills and that hangs in case 2."""
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        if 1 in task[1]:
            os._exit(9)
        if 2 in task[1]:
            time.sleep(60)
        pipe.send([(index, OK) for index in task[1]])


def test_a_case_that_kills_or_hangs_its_process_is_told_from_its_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.KINDS, "free", kinds.Kind(kinds.KINDS["free"].make, 4))  # type: ignore[index]
    monkeypatch.setattr(pool, "CASE_LIMIT_S", 4.0)
    journal = Journal(tmp_path, 1)
    pool.soak(journal, 1, ["free"], 0, 1, dies_of_case_1)
    assert {index: outcome.status for (_, index), outcome in journal.outcomes.items()} == {
        **{0: "ok", 1: "crash", 2: "crash", 3: "ok"}
    }
    assert journal.outcomes["free", 1].text == "the process died with exit code 9"
    assert journal.outcomes["free", 2].text == "the process hangs"
    case, outcome = load_case(failure_folder(tmp_path, "free", 1))
    assert case.graph.name == "free_net" and outcome.stage == "process", "its seed makes it anew"


def test_usage_and_stated_errors(tmp_path: Path) -> None:
    run = CliRunner().invoke
    for arguments, text in (
        (["--kinds", "fre"], "no kind 'fre'"),
        (["--minutes", "-1"], "--minutes"),
        (["--sed", "1"], "--seed"),
    ):
        done = run(main, [*arguments, "--output", str(tmp_path / "out")])
        assert done.exit_code == 2 and text in done.output
    (tmp_path / "case.json").write_text("[]")
    done = run(main, ["--replay", str(tmp_path)])
    assert isinstance(done.exception, ConfigError) and "is no saved case of the soak" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["case.json"]
