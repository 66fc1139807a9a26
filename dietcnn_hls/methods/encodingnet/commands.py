# SPDX-License-Identifier: Apache-2.0
"""``dietcnn-hls encoder``: the search for encoders, as a command that can be stopped and goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click

from dietcnn_hls import progress
from dietcnn_hls.errors import ConfigError, OutputError
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.search import Progress, SearchSettings, find_encoder, usual_start

EVERY = 500
"""Steps between two checkpoints, and between two lines of progress."""


@click.group()
def encoder() -> None:
    """Encoders of the method encodingnet: gates whose weighted bits approximate a product."""


@encoder.command()
@click.option("--bits", type=click.IntRange(1, 64), required=True, help="M, the most bits that the encoder may have")
@click.option(
    "--objective",
    type=click.Choice(get_args(library.ObjectiveName)),
    default="carry_cones",
    show_default=True,
    help="what is made small: NAND2 areas of gates, LUTs, or LUTs that also add",
)
@click.option(
    "--max-error",
    type=click.IntRange(0),
    default=16,
    show_default=True,
    help="worst error allowed, in units of the product (16384 is 100 %); the error goes down to it before area counts",
)
@click.option("--start", type=click.Choice(["greedy", "tiles", "booth"]), help="what it starts from [default: what did best]")
@click.option(
    "--steps", "--generations", "steps", type=click.IntRange(0), default=20000, show_default=True, help="single-bit steps tried"
)
@click.option(
    "--heat", type=click.FloatRange(0, 1), default=0.02, show_default=True, help="readiness to let the error grow at first"
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="equal seeds give equal encoders")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="file [default: OBJECTIVE_BITS.json]")
@click.option("--overwrite", is_flag=True, help="replace an encoder that another search left in the file, and its checkpoint")
@click.option("--json", "as_json", is_flag=True, help="machine-readable")
def search(
    bits: int,
    objective: str,
    max_error: int,
    start: str | None,
    steps: int,
    heat: float,
    seed: int,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Search an encoder of least area under an error bound and print the path of its file.

    The file is what `method.encoder` takes. Beside it a checkpoint stands while the search runs: the same command goes on from
    there after an interruption, to the very encoder of an unbroken run.
    """
    settings = SearchSettings.model_validate(
        {"bits": bits, "objective": objective, "max_error": max_error, "start": start or usual_start(objective, bits)}
        | {"steps": steps, "heat": heat, "seed": seed}
    )
    path = output or Path(f"{objective}_{bits}.json")
    try:
        _search(settings, path, overwrite)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}); choose another --output") from error
    click.echo(json.dumps({"encoder": str(path)} | settings.model_dump()) if as_json else path)


def _search(settings: SearchSettings, path: Path, overwrite: bool) -> None:
    """Write the encoder to `path`, unless it is there."""
    checkpoint = path.with_name(f".{path.name}.search")
    if overwrite and path.exists():
        library.load(path)  # nothing but an encoder is overwritten
        path.unlink()
    if overwrite:
        checkpoint.unlink(missing_ok=True)
    if not path.exists():
        netlist = find_encoder(settings, checkpoint, _say, EVERY)
        library.save(netlist, path, settings.model_dump())
        checkpoint.unlink(missing_ok=True)
    elif library.searched(path) != settings.model_dump():
        raise ConfigError(f"{path} holds the encoder of another search: choose another --output, or --overwrite it")


def _say(state: Progress) -> None:
    progress.note(f"step {state.step} of {state.steps}: worst error {state.max_error}, area {state.area}")


COMMANDS: tuple[click.Command, ...] = (encoder,)
