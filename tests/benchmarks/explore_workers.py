# SPDX-License-Identifier: Apache-2.0
"""Trials an hour of a search by one worker and by several, as processes that share a study on PostgreSQL.

    python -m tests.benchmarks.explore_workers [--space projects/digits_lenet/explore.yml] [--trials 12] [--workers 2]

Each run starts from empty folders; workers have folders of their own, as on machines of their own, and random designs, so that
all runs look at the same ones. Prints trials an hour and the ratio.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dietcnn_hls.explore.optuna import load
from tests.explore import postgres


def rate(space: Path, trials: int, workers: int, storage: str, data_dir: Path | None) -> float:
    """Trials an hour of so many workers, and the trials that each has done on stdout."""
    study = f"workers{workers}"
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        processes = []
        for number in range(workers):
            command = [sys.executable, "-c", "from dietcnn_hls.cli import main; main()", "-q", "explore", str(space)]
            command += ["--storage", storage, "--no-final"]
            command += ["--output", f"{folder}/{number}", *(["--data-dir", str(data_dir)] if data_dir else [])]
            command += ["--set", f"study={study}", "--set", f"trials={trials}", "--set", "sampler=random"]
            threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | threads))
        for process in processes:
            assert process.wait() == 0
        seconds = time.monotonic() - start
    optuna = load()
    url = storage.replace("postgresql://", "postgresql+psycopg://")
    done = optuna.load_study(study_name=study, storage=url).get_trials()
    finished = [trial for trial in done if trial.state.name in ("COMPLETE", "PRUNED")]
    by_worker = {trial.user_attrs["worker"] for trial in finished}
    print(f"{workers} workers: {len(finished)} trials in {seconds:.0f} s by {len(by_worker)} of them", flush=True)
    return 3600 * len(finished) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=Path, default=Path("projects/digits_lenet/explore.yml"))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    with postgres.server() as storage:
        one = rate(arguments.space, arguments.trials, 1, storage, arguments.data_dir)
        several = rate(arguments.space, arguments.trials, arguments.workers, storage, arguments.data_dir)
    busy = f"load {os.getloadavg()[1]:.1f} of {os.cpu_count()} cores"
    print(f"trials an hour: {one:.0f} and {several:.0f}, {several / one:.2f} times; {busy}")


if __name__ == "__main__":
    main()
