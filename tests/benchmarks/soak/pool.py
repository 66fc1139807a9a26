# SPDX-License-Identifier: Apache-2.0
"""The soak's loop: hands batches to worker processes, and survives those that die or hang."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from dietcnn_hls import progress
from tests.benchmarks.soak.batches import failure_folder, serve
from tests.benchmarks.soak.case import Outcome, case_seed, save_case
from tests.benchmarks.soak.journal import Journal
from tests.benchmarks.soak.kinds import KINDS

BATCH_LIMIT_S, CASE_LIMIT_S = 1200.0, 300.0
"""After this long a batch, or a case that is looked at alone, counts as hanging."""
BATCHES_OF_A_WORKER = 20
"""A worker then makes room for a new one: libraries that were loaded stay in its memory."""

Task = tuple[str, tuple[int, ...]]


@dataclass
class _Worker:
    """One process and the task that it has."""

    process: BaseProcess
    pipe: Connection
    task: Task | None = None
    since: float = 0.0
    done: int = 0

    def give(self, task: Task) -> None:
        self.task, self.since = task, time.monotonic()
        self.pipe.send(task)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    @property
    def overdue(self) -> bool:
        limit = CASE_LIMIT_S if self.task is not None and len(self.task[1]) == 1 else BATCH_LIMIT_S
        return self.task is not None and time.monotonic() - self.since > limit


@dataclass
class _Plan:
    """What comes next: cases to look at alone, then the kinds in turn until time is up."""

    journal: Journal
    kinds: Sequence[str]
    deadline: float
    alone: deque[Task] = field(default_factory=deque)
    handed: dict[str, int] = field(default_factory=dict)
    turn: int = 0

    def next(self) -> Task | None:
        if self.alone:
            return self.alone.popleft()
        if self.turn and time.monotonic() > self.deadline:
            return None
        kind = self.kinds[self.turn % len(self.kinds)]
        self.turn += 1
        first = self.handed.get(kind, self.journal.next_index(kind))
        indices = [first + i for i in range(KINDS[kind].batch)]
        self.handed[kind] = first + len(indices)
        return kind, tuple(i for i in indices if (kind, i) not in self.journal.outcomes)


def soak(
    journal: Journal, seed: int, kinds: Sequence[str], seconds: float, workers: int, target: Callable[..., None] = serve
) -> None:
    """Run batches until `seconds` have passed; what was handed out is finished, and every outcome is in the journal.

    Args:
        journal: open in the output folder.
        seed: of the soak.
        kinds: keys of `KINDS`, taken in turn.
        seconds: no batch but the first begins later.
        workers: processes.
        target: what a worker process runs, as `batches.serve`.
    """
    plan = _Plan(journal, kinds, time.monotonic() + seconds)
    with tempfile.TemporaryDirectory(prefix="dietcnn_soak_") as programs:
        crew = [_start(target, journal, seed, Path(programs)) for _ in range(workers)]
        try:
            while True:
                for i, worker in enumerate(crew):
                    if worker.task is None and worker.done >= BATCHES_OF_A_WORKER:
                        worker.stop()
                        crew[i] = worker = _start(target, journal, seed, Path(programs))
                    if worker.task is None and (task := plan.next()) is not None:
                        worker.give(task)
                busy = [worker for worker in crew if worker.task is not None]
                if not busy:
                    return
                ready = wait([worker.pipe for worker in busy], timeout=5)
                for worker in busy:
                    if worker.pipe in ready or worker.overdue:
                        if not _collect(worker, journal, seed, plan):
                            worker.stop()
                            crew[crew.index(worker)] = _start(target, journal, seed, Path(programs))
        finally:
            for worker in crew:
                worker.stop()


def _start(target: Callable[..., None], journal: Journal, seed: int, programs: Path) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, journal.folder, seed, programs), daemon=True)
    process.start()
    theirs.close()
    ours.recv()  # that it stands: a case's time must not count what Python takes to start
    return _Worker(process, ours)


def _collect(worker: _Worker, journal: Journal, seed: int, plan: _Plan) -> bool:
    """Take a worker's answer into the journal; False where there is none, because it died or hangs."""
    assert worker.task is not None
    kind, indices = worker.task
    try:
        outcomes = None if worker.overdue else worker.pipe.recv()
    except EOFError:
        outcomes = None
    if outcomes is not None:
        journal.add(kind, outcomes)
        worker.task, worker.done = None, worker.done + 1
        failed = sum(outcome.failed for _, outcome in journal.outcomes.items())
        with progress.step(f"{len(journal.outcomes)} cases, {failed} failed; {kind} {indices[0]}..{indices[-1]} done"):
            return True
    if len(indices) > 1:
        plan.alone.extend((kind, (index,)) for index in indices)
        return False
    worker.process.join(timeout=5)
    said = "hangs" if worker.process.is_alive() else f"died with exit code {worker.process.exitcode}"
    outcome = Outcome("crash", "process", f"the process {said}")
    kept = failure_folder(journal.folder, kind, indices[0])
    if not (kept / "graph.npz").exists():
        save_case(kept, None, kind, case_seed(seed, kind, indices[0]), outcome)
    journal.add(kind, [(indices[0], outcome)])
    return False


__all__ = ["soak"]
