# SPDX-License-Identifier: Apache-2.0
"""`dietcnn-hls analyze`: the network and images of a configuration or a model file, and what is printed and written of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from dietcnn_hls import progress
from dietcnn_hls.atomic import atomic_write_json, atomic_write_text
from dietcnn_hls.build import build, reading, samples
from dietcnn_hls.build import config as configuration
from dietcnn_hls.build.opening import load_keras, open_model
from dietcnn_hls.build.training import FromProject, project_request
from dietcnn_hls.data import datasets
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.explore.heatmap import heat_map
from dietcnn_hls.explore.rungs import bare
from dietcnn_hls.explore.sensitivity import HEADINGS, Sensitivity, analyze, candidates, csv_text
from dietcnn_hls.lowered import LoweredGraph

CONFIGURATIONS = (".yml", ".yaml")
IMAGES = 1024
"""Calibration images of a model without a recipe."""


def analyzed(
    source: Path,
    output: Path | None = None,
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    overrides: Iterable[str] = (),
    given: Iterable[str] = (),
    images: int | None = None,
    trust: bool = False,
) -> Sensitivity:
    """The sensitivity of a configuration's network, trained first, or of a float Keras model.

    Args:
        source: file of either.
        output: folder; the float network of a configuration is kept in it.
        dataset: of a model; a configuration names its own.
        data_dir: of the dataset.
        overrides: ``key.path=value`` of the configuration.
        given: methods to look at, as YAML; default those that methods name.
        images: calibration images; default the recipe's.
        trust: code beside the configuration may run.

    Raises:
        DietError: a file, method or data that cannot be used.
    """
    chosen = [_method(text) for text in given]
    candidates(chosen)
    if source.suffix in CONFIGURATIONS:
        if dataset is not None:
            raise ConfigError(f"--dataset is for a model; {source} names its own (--set dataset=...)")
        return _of_project(configuration.load(source, overrides), output, data_dir, chosen, images, trust)
    if list(overrides):
        raise ConfigError(f"--set is for a configuration; {source} is none")
    if dataset is None:
        raise ConfigError(f"{source} is a model, which is calibrated on images: name a dataset (--dataset mnist)")
    model = open_model(source)
    if isinstance(model, LoweredGraph) or not hasattr(model, "predict"):
        raise ConfigError(f"{source}: its arithmetic is settled; give a float Keras model or a configuration")
    data = datasets.load(dataset, data_dir)
    with progress.step("sensitivity of each layer"):
        count = images or IMAGES
        return analyze(model, samples.values(data.x_train[:count]), data.y_train[:count], given=chosen, each=_tracked)


def _method(text: str) -> Any:
    found = reading.parse_yaml(text, "--method")
    return {"name": found} if isinstance(found, str) else found


def _of_project(
    config: configuration.ProjectConfig,
    output: Path | None,
    data_dir: Path | None,
    chosen: list[Any],
    images: int | None,
    trust: bool,
) -> Sensitivity:
    if config.dataset.absent:
        raise ConfigError("dataset: there is no accuracy with `none`; name one")
    if not config.trains:
        raise ConfigError("method is missing: the configuration takes its network as it is, and methods are for float networks")
    folder = (output or Path("work") / "analysis") / "float"
    request = project_request(bare(config), folder, data_dir=data_dir, trust=trust)
    build(request, "model")
    model, origin = load_keras(folder / "model" / "float.keras"), request.origin
    assert isinstance(origin, FromProject)
    data, recipe = origin.dataset, origin.recipe
    split = datasets.split_validation(data.x_train, data.y_train, recipe.validation, config.seed)
    count = images or recipe.calibration
    with progress.step("sensitivity of each layer"):
        return analyze(
            model,
            samples.values(split.x_train[:count]),
            split.y_train[:count],
            folding=config.hardware.folding,
            given=chosen,
            network=config.network.name,
            grid=origin.grid,
            each=_tracked,
        )


def _tracked(work: list[Any]) -> Iterable[Any]:
    return progress.track(work, "layers and methods")


def shown(found: Sensitivity, form: str, drop: float | None = None) -> str:
    """Text in the form ``table``, ``csv`` or ``json``."""
    if form == "csv":
        return csv_text(found)
    if form == "json":
        return json.dumps(_data(found, drop), indent=2) + "\n"
    table = Table(title=f"{found.network}: {100 * found.accuracy:.2f} % near float, {found.images:,} calibration images")
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index < 2 else "right", overflow="fold")
    for entry in found.entries:
        table.add_row(*entry.cells(), end_section=entry is found.entries[-1])
    text = io.StringIO()
    Console(file=text, width=110, color_system=None).print(table)
    return text.getvalue() + ("" if drop is None else _choice_text(found, drop))


def _data(found: Sensitivity, drop: float | None) -> dict[str, Any]:
    return found.to_dict() | ({} if drop is None else {"choice": {"drop": drop, "method": found.choice(drop)}})


def _choice_text(found: Sensitivity, drop: float) -> str:
    choice = found.choice(drop)
    if choice is None:
        return f"# no methods by layer lose {100 * drop:g} points or fewer together\n"
    head = f"# fewest LUTs by the cost model, {100 * drop:g} points lost together at most, before training\n"
    return head + yaml.safe_dump({"method": choice}, sort_keys=False, default_flow_style=None)


def write(found: Sensitivity, folder: Path, drop: float | None = None) -> list[Path]:
    """Write ``analysis.json``, ``analysis.csv`` and the heat map as PNG and SVG; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_json(folder / "analysis.json", _data(found, drop))
    atomic_write_text(folder / "analysis.csv", csv_text(found))
    pictures = [heat_map(found, folder / f"analysis{ending}") for ending in (".png", ".svg")]
    return [folder / "analysis.json", folder / "analysis.csv", *pictures]


__all__ = ["analyzed", "shown", "write"]
