# SPDX-License-Identifier: Apache-2.0
"""A project from its configuration to its report: dataset, training, then `convert_and_build`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.api import check_arguments, convert_and_build
from dietcnn_hls.atomic import atomic_write_json, code_key, content_key
from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.workspace import Workspace
from dietcnn_hls.data import datasets
from dietcnn_hls.data.networks import NETWORKS, label
from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.reports.model import Report
from dietcnn_hls.validation import validate

if TYPE_CHECKING:
    from dietcnn_hls.training.recipe import Recipe

TRAINERS = ("training", "methods", "data")
"""Code that decides what is trained; a change in it makes a trained model stale."""


def build_project(config: ProjectConfig, output: Path, *, data_dir: Path | None = None, overwrite: bool = False) -> Report:
    """Train (or take up) the model of a configuration, convert, verify, measure; writes below `output`.

    Float networks are kept in ``.teachers`` beside `output`, so that designs of one network and seed share them.

    Raises:
        DietError: a stated failure; configuration, tools and data are checked before training starts.
    """
    if config.network.name not in NETWORKS:
        raise ConfigError(f"network: unknown network '{config.network.name}'.{suggest(config.network.name, NETWORKS)}")
    hardware = config.hardware
    synthesis = check_arguments(hardware.part, hardware.io_type, config.synthesis)
    recipe = _recipe(config)
    dataset = _dataset(config, data_dir)
    with Workspace.open(output, config.design, overwrite=overwrite) as workspace:
        model, facts = _trained(config, recipe, dataset, workspace)
    return convert_and_build(
        model,
        output,
        io_type=hardware.io_type,
        part=hardware.part,
        clock_period=hardware.clock_period,
        folding=hardware.folding,
        x_test=dataset.x_test,
        y_test=None if config.dataset.absent else dataset.y_test,
        synthesis=synthesis,
        checks=config.checks,
        flows=config.flows,
        dsp=config.dsp,
        name=config.design,
        labels={
            "network": _network_name(config),
            "dataset": _dataset_name(config),
            "seed": config.seed,
            "accuracy": {} if config.dataset.absent else _float_accuracy(facts, dataset),
            "timings_s": {"training": facts["seconds"]},
        },
    )


def _recipe(config: ProjectConfig) -> Recipe:
    from dietcnn_hls.training.recipe import Recipe  # its package needs TensorFlow

    recipe: Recipe = validate(Recipe, config.training, "training")
    if config.dataset.absent and (recipe.float_epochs or recipe.epochs):
        raise ConfigError("dataset `none` leaves nothing to train on; set training: {float_epochs: 0, epochs: 0}")
    return recipe


def _dataset(config: ProjectConfig, data_dir: Path | None) -> datasets.Dataset:
    """The dataset of the configuration; where there is none, noise that calibrates and that simulations are compared on."""
    chosen = config.dataset
    if chosen.shape is not None and chosen.classes is not None:
        return datasets.noise(chosen.shape, chosen.classes, config.seed)
    return datasets.load(chosen.name, data_dir, pad=chosen.pad)


def _float_accuracy(facts: dict[str, Any], dataset: datasets.Dataset) -> dict[str, Any]:
    return {"float": facts["float_accuracy"], "images": {"float": len(dataset.x_test)}}


def _network_name(config: ProjectConfig) -> str:
    name = label(config.network.name, config.network.width)
    return f"{name}, untrained" if config.dataset.absent else name


def _dataset_name(config: ProjectConfig) -> str | None:
    if config.dataset.absent:
        return None
    name = Path(config.dataset.name).stem
    return name if config.dataset.pad is None else f"{name} padded to {config.dataset.pad}"


def _trained(
    config: ProjectConfig, recipe: Recipe, dataset: datasets.Dataset, workspace: Workspace
) -> tuple[Any, dict[str, Any]]:
    """The trained model of the configuration and facts about its training, from the stage ``model`` or anew."""
    from dietcnn_hls.training.design import accuracy, load_model, train_design

    key = content_key(
        _digest(dataset),
        config.network.model_dump(),
        config.method,
        recipe.model_dump(),
        config.seed,
        code_key(*TRAINERS),
    )
    if not workspace.done("model", key):
        start = time.monotonic()
        with workspace.stage("model", key) as folder:
            trained = train_design(
                partial(NETWORKS[config.network.name], dataset.input_shape, dataset.classes, width=config.network.width),
                dataset,
                config.method_choice,
                recipe,
                seed=config.seed,
                checkpoint_dir=workspace.root / ".checkpoints",
                teacher_cache=workspace.root.parent / ".teachers",
            )
            trained.model.save(folder / "model.keras")
            trained.float_model.save(folder / "float.keras")
            facts = {
                "float_accuracy": accuracy(trained.float_model, dataset.x_test, dataset.y_test),
                "seconds": round(time.monotonic() - start, 1),
                "history": asdict(trained.history),
            }
            atomic_write_json(folder / "training.json", facts)
    stage = workspace.resolve("model")
    return load_model(stage / "model.keras"), json.loads((stage / "training.json").read_text())


def _digest(dataset: datasets.Dataset) -> str:
    return content_key(*(np.ascontiguousarray(a) for a in (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)))
