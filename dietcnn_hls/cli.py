# SPDX-License-Identifier: Apache-2.0
"""The command line: ``dietcnn-hls build | convert | explore | analyze | compare | show | methods | doctor``, and methods' own.

Exit status 0: done; 1: a stated failure, or interrupted; 2: usage. Results go to stdout and stay parseable (``--json`` of every
command), progress and warnings go to stderr.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from dietcnn_hls import progress
from dietcnn_hls.errors import DietError
from dietcnn_hls.methods.commands import MethodCommands


@click.group(cls=MethodCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dietcnn_hls")
@click.option("-q", "--quiet", is_flag=True, help="no lines of progress; results and failures only")
@click.option("-v", "--verbose", is_flag=True, help="name each program that is run, too")
def cli(quiet: bool, verbose: bool) -> None:
    """Multiplication-free CNN inference on Xilinx FPGAs: train, convert, verify bit for bit, measure, compare."""
    logging.getLogger("dietcnn_hls").setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)


_TRUST = click.option("--trust", is_flag=True, help="run the function that a configuration names as its network, which is code")
_JSON = click.option("--json", "as_json", is_flag=True, help="machine-readable")


@cli.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="output folder [default: work/<design>]")
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="override a key of the configuration")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder of the dataset's standard files")
@click.option("--overwrite", is_flag=True, help="empty the output folder first, if it is one of ours")
@_TRUST
@click.option(
    "--upto", metavar="STAGE", default="report", show_default=True, help="last stage to carry out, see docs/configuration.md"
)
@_JSON
def build(
    config: Path,
    output: Path | None,
    overrides: tuple[str, ...],
    data_dir: Path | None,
    overwrite: bool,
    trust: bool,
    upto: str,
    as_json: bool,
) -> None:
    """Train, convert, verify and measure the design that CONFIG describes; print the path of its report.

    With --upto only that stage and those that it needs are carried out, and what they found is printed as JSON; with --json
    the report itself is printed.
    """
    from dietcnn_hls import build as building
    from dietcnn_hls.build import config as configuration

    project = configuration.load(config, overrides)
    folder = output or Path("work") / project.design
    report = building.build(project, upto, output=folder, data_dir=data_dir, overwrite=overwrite, trust=trust)
    whole = upto == building.LAST and not as_json
    click.echo(folder / "report.json" if whole else report.to_json(), nl=whole)


@cli.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="file of the lowered graph [default: <design>.npz]"
)
@click.option("--name", help="of the design [default: the model's]")
@click.option(
    "--input-grid", type=(int, int, int), metavar="LO HI FRACTION", help="values that may enter: codes LO to HI / 2^FRACTION"
)
@_JSON
def convert(model: Path, output: Path | None, name: str | None, input_grid: tuple[int, int, int] | None, as_json: bool) -> None:
    """Lower a trained MODEL and say what became of each layer; of which kind the file is follows from its content.

    Takes Keras models (.keras, .h5), QONNX models and lowered graphs; `dietcnn-hls doctor` says which can be read here.
    """
    from dietcnn_hls.build.account import account
    from dietcnn_hls.build.opening import open_model
    from dietcnn_hls.lowered import Grid
    from dietcnn_hls.lowered.storage import save_graph

    found = account(open_model(model), name, None if input_grid is None else Grid(*input_grid))
    path = output or Path(f"{found.graph.name}.npz")
    save_graph(found.graph, path)
    if as_json:
        click.echo(json.dumps(found.to_dict() | {"graph": str(path)}, indent=2))
        return
    for row in found.rows:
        click.echo(f"{row.layer} ({row.kind}): {row.became}")
    click.echo(path, err=True)


@cli.command()
@click.argument("space", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="folder of the search [default: work/<study>]")
@click.option("--storage", metavar="PLACE", help="file or URL of the study [default: study.journal in the folder]")
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="override a key of the space")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder of the dataset's standard files")
@click.option(
    "--heartbeat", type=click.IntRange(1), default=60, show_default=True, help="seconds between signs of life in a database"
)
@click.option("--final/--no-final", default=True, help="build the chosen design with all its checks [default: yes]")
@_TRUST
@_JSON
def explore(
    space: Path,
    output: Path | None,
    storage: str | None,
    overrides: tuple[str, ...],
    data_dir: Path | None,
    heartbeat: int,
    final: bool,
    trust: bool,
    as_json: bool,
) -> None:
    """Search the designs that SPACE describes; print the front. The same call resumes a search, or joins it as another worker."""
    from dietcnn_hls import explore as exploring
    from dietcnn_hls.explore.results import markdown

    wanted = exploring.load(space, overrides)
    front = exploring.explore(wanted, output, storage=storage, data_dir=data_dir, heartbeat=heartbeat, final=final, trust=trust)
    click.echo(json.dumps(front.to_dict(), indent=2) if as_json else markdown(wanted, front), nl=as_json)


@cli.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--dataset", metavar="NAME", help="of a MODEL: images that calibrate it")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder of the dataset's standard files")
@click.option("--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="override a key of the configuration")
@click.option("--method", "given", multiple=True, metavar="METHOD", help="look at this one, `{name: ..., options}` too")
@click.option("--images", type=click.IntRange(1), help="calibration images [default: the recipe's, of a MODEL 1024]")
@click.option("--drop", type=click.FloatRange(0, 1), help="name the methods by layer that lose no more than this together")
@click.option("--output", type=click.Path(path_type=Path), help="folder for the table in all forms and the heat map")
@click.option("--csv", "as_csv", is_flag=True, help="comma-separated")
@_TRUST
@_JSON
def analyze(source: Path, drop: float | None, output: Path | None, as_csv: bool, as_json: bool, **chosen: Any) -> None:
    """Tell what each method would cost in each layer of SOURCE, a configuration (.yml) or a float Keras model."""
    from dietcnn_hls.explore import analysis

    found = analysis.analyzed(source, output, **chosen)
    click.echo(analysis.shown(found, "json" if as_json else "csv" if as_csv else "table", drop), nl=False)
    if output is not None:
        for path in analysis.write(found, output, drop):
            click.echo(path, err=True)


@cli.command()
@click.argument("builds", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(["md", "short", "csv", "json", "html"]), default="md", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="folder for the table in all formats and the plots")
@click.option("--twin", help="design that the ratios are against [default: the fixed_point one]")
@click.option("--layers", is_flag=True, help="one row a layer")
@_JSON
def compare(builds: tuple[Path, ...], form: str, output: Path | None, twin: str | None, layers: bool, as_json: bool) -> None:
    """Set the reports of several BUILDS side by side; with --output, comparison.html there is a page to open and to pass on."""
    from dietcnn_hls.reports.compare import compare_folders

    comparison = compare_folders(builds, twin=twin, layers=layers)
    click.echo(comparison.render("json" if as_json else form))
    if output is not None:
        for path in comparison.write(output):
            progress.note(str(path))


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@_JSON
def show(folder: Path, as_json: bool) -> None:
    """Print the report of the build in DIR: what was measured, by what, and layer by layer."""
    from dietcnn_hls.reports.model import Report
    from dietcnn_hls.reports.terminal import show as show_report

    report = Report.load(folder)
    if as_json:
        click.echo(report.to_json(), nl=False)
    else:
        show_report(report)


@cli.command()
@_JSON
def methods(as_json: bool) -> None:
    """List the methods, their options and the built-in networks and datasets."""
    from dietcnn_hls.build.listing import listing, listing_text

    click.echo(json.dumps(listing(), indent=2) if as_json else listing_text())


@cli.command()
@_JSON
def doctor(as_json: bool) -> None:
    """Say which tools were found and what is missing for what."""
    from dietcnn_hls.tools import doctor as examiner

    if as_json:
        click.echo(examiner.to_json())
        return
    for row in (examiner.COLUMNS, *examiner.to_rows()):
        click.echo("  ".join(row).rstrip())


def main() -> None:
    """Entry point; turns stated failures into one line and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without a sign for ÷ is no failure
    _quieten()
    try:
        cli(standalone_mode=False)
    except DietError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # what is printed finds no room, or a folder went away while it was looked at
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; finished stages are kept, the next run resumes", err=True)
        sys.exit(1)


_OTHERS = r"(absl|h5py|hls4ml|jax|keras|numpy|qkeras|qonnx|sklearn|tensorflow|tf_keras)(\.|$)"
"""Packages whose warnings tell a user of the command line nothing that he could act on."""


def _quieten() -> None:
    """Warnings of ours in one line each; TensorFlow's and Keras' own talk not at all, unless Python was told to show warnings."""
    if sys.warnoptions:
        return
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=_OTHERS)
    usual = warnings.showwarning

    def show_ours(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if category.__module__.startswith("dietcnn_hls."):
            click.echo(f"warning: {message}", err=True)
        else:
            usual(message, category, *where, **more)

    warnings.showwarning = show_ours
