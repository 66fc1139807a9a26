# SPDX-License-Identifier: Apache-2.0
"""Runs a batch of cases in this process, keeps and cuts down what fails; and the process that does so for the soak."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.benchmarks.soak.case import Case, Outcome, Stopped, case_seed, make_case, save_case
from tests.benchmarks.soak.paths import PATHS, examine
from tests.benchmarks.soak.shrink import shrink

SHRINK_S = 90.0


def run_batch(
    folder: Path, soak: int, kind: str, indices: Sequence[int], paths: Sequence[str] = tuple(PATHS), programs: Path | None = None
) -> list[tuple[int, Outcome]]:
    """Outcomes of cases of one kind; what fails is kept in ``failures/<kind>-<index>`` below `folder`, cut down.

    Args:
        folder: of the soak.
        soak: its seed.
        kind: key of `KINDS`.
        indices: of the cases.
        paths: to send them along.
        programs: folder of compiled programs that outlives the batch.
    """
    cases: dict[int, Case] = {}
    outcomes: dict[int, Outcome] = {}
    for index in indices:
        seed = case_seed(soak, kind, index)
        try:
            cases[index] = make_case(kind, seed)
            if len(indices) == 1:  # alone, because the process may die of it
                save_case(
                    failure_folder(folder, kind, index), cases[index], kind, seed, Outcome("crash", "?", "the process died")
                )
        except Stopped as stopped:
            outcomes[index] = stopped.outcome
    with tempfile.TemporaryDirectory(prefix="dietcnn_soak_", dir=programs) as name:
        outcomes |= dict(zip(cases, examine(list(cases.values()), Path(name), paths), strict=True))
        for index, outcome in outcomes.items():
            kept = failure_folder(folder, kind, index)
            shutil.rmtree(kept, ignore_errors=True)
            if outcome.failed:
                _keep(kept, cases.get(index), kind, case_seed(soak, kind, index), outcome, Path(name))
    return [(index, outcomes[index]) for index in indices]


def failure_folder(folder: Path, kind: str, index: int) -> Path:
    """Where a failed case is kept."""
    return folder / "failures" / f"{kind}-{index}"


def _keep(kept: Path, case: Case | None, kind: str, seed: int, outcome: Outcome, work: Path) -> None:
    """Save a failed case as it is, then as small as it gets."""
    save_case(kept / "whole", case, kind, seed, outcome)
    if case is None or outcome.stage not in PATHS:
        save_case(kept, None, kind, seed, outcome)
        return
    # the graph of a Keras model fails on its own where Keras is not part of the failure
    start = case if outcome.stage in ("keras", "hls4ml") else case.with_graph(case.graph, case.codes)
    last = {"outcome": outcome}

    def fails(candidate: Case) -> bool:
        found = examine([candidate], work, [outcome.stage])[0]
        same = found.status == outcome.status and found.text.split(":")[0] == outcome.text.split(":")[0]
        same = same or found.status == outcome.status == "mismatch"
        if same:
            last["outcome"] = found
        return same

    save_case(kept, shrink(start, fails, SHRINK_S), kind, seed, last["outcome"])


def serve(pipe: Connection, folder: Path, soak: int, programs: Path) -> None:
    """A worker process: says that it stands, takes (kind, indices) until None comes, answers with outcomes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when a soak ends
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        kind, indices = task
        pipe.send(run_batch(folder, soak, kind, indices, programs=programs))


__all__ = ["failure_folder", "run_batch", "serve"]
