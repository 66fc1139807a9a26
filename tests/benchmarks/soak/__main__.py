# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.benchmarks.soak --minutes N --seed S``: random networks through all paths until time is up.

Each case goes through Keras (where it has a model), the reference, a saved file, C-simulation in both spellings, hls4ml's stock
calls and RTL simulation, free and stalled; all must agree in every integer. A stated error before work is a refusal; any other
exception is a crash. The same ``--output`` goes on where it stood. Exit status 1 where anything differed or crashed: then
``failures/<kind>-<index>`` holds the case, cut down, and ``--replay`` runs it again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from dietcnn_hls.errors import DietError
from tests.benchmarks.soak.case import Stopped, load_case
from tests.benchmarks.soak.journal import Journal
from tests.benchmarks.soak.kinds import KINDS


@click.command(help=__doc__)
@click.option(
    "--minutes", type=click.FloatRange(min=0), default=1.0, show_default=True, help="no batch but the first begins later"
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="folder of journal and failures [default: work/soak-<seed>]")
@click.option("--kinds", help=f"comma-separated [default: all of {','.join(KINDS)}]")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="processes")
@click.option("--replay", type=click.Path(exists=True, path_type=Path), help="run one kept case again and say what becomes of it")
def main(minutes: float, seed: int, output: Path | None, kinds: str | None, workers: int, replay: Path | None) -> None:
    if replay is not None:
        sys.exit(replayed(replay))
    chosen = kinds.split(",") if kinds else list(KINDS)
    unknown = [kind for kind in chosen if kind not in KINDS]
    if unknown:
        raise click.BadParameter(f"no kind '{unknown[0]}'; there are {', '.join(KINDS)}", param_hint="--kinds")
    from tests.benchmarks.soak.pool import soak

    journal = Journal(output or Path("work") / f"soak-{seed}", seed)
    soak(journal, seed, chosen, minutes * 60, workers)
    click.echo(journal.table())
    sys.exit(1 if journal.failures else 0)


def replayed(path: Path) -> int:
    """Run a kept case along the path that it failed on, or along all; print its outcome; 1 where it fails."""
    from tests.benchmarks.soak.paths import PATHS, examine

    try:
        case, before = load_case(path)
        with tempfile.TemporaryDirectory(prefix="dietcnn_soak_") as folder:
            outcome = examine([case], Path(folder), [before.stage] if before.stage in PATHS else tuple(PATHS))[0]
    except Stopped as stopped:
        outcome = stopped.outcome
    click.echo(f"{outcome.status} in {outcome.stage}: {outcome.text}".rstrip(": "))
    return int(outcome.failed)


if __name__ == "__main__":
    try:
        main()
    except DietError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
