# SPDX-License-Identifier: Apache-2.0
"""A project's configuration as a request: its dataset is loaded and its network built; training is the first stage."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.atomic import atomic_write_json
from dietcnn_hls.build import samples
from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.opening import load_keras
from dietcnn_hls.build.origins import MODEL_FILE, Origin, lowered
from dietcnn_hls.build.own import OwnModel, OwnNetwork, StockModel, own_network
from dietcnn_hls.build.request import Labels, Request, available, output_folder
from dietcnn_hls.data import datasets
from dietcnn_hls.data.networks import NETWORKS, label
from dietcnn_hls.errors import ConfigError, SaturationWarning, suggest
from dietcnn_hls.lowered import Grid, LoweredGraph
from dietcnn_hls.validation import validate

if TYPE_CHECKING:
    from dietcnn_hls.training.recipe import Recipe


@dataclass(eq=False)
class FromProject(Origin):
    """A built-in network that is trained on a dataset and converted by a method.

    Attributes:
        config: the project's configuration.
        recipe: how it is trained.
        dataset: on what.
        network: gives a fresh float Keras model.
        own: the user's file that it comes from; None for a built-in network.
        grid: of inputs that are no pixels.
    """

    config: ProjectConfig
    recipe: Recipe
    dataset: datasets.Dataset
    network: Callable[[], Any]
    own: OwnNetwork | None = None
    grid: Grid | None = None
    title = "training"

    def __post_init__(self) -> None:
        self.name = self.config.design
        self.method = self.config.method_choice.name

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.dataset.input_shape

    @property
    def classes(self) -> int:
        return self.dataset.classes

    def key(self) -> object:
        sets = (self.dataset.x_train, self.dataset.y_train, self.dataset.x_test, self.dataset.y_test)
        config = self.config
        network = config.network.model_dump() if self.own is None else (self.own.key(), self.network().to_json())
        key = *sets, network, config.method_choice.key(), self.recipe.key(), config.seed
        return key if self.grid is None else (*key, astuple(self.grid))

    def train(self, folder: Path, workspace: Path) -> Facts:
        """Float networks are kept in ``.teachers`` beside the output folder, so that designs of one network share them."""
        from dietcnn_hls.training.design import accuracy, train_design

        start = time.monotonic()
        trained = train_design(
            self.network,
            self.dataset,
            self.config.method_choice,
            self.recipe,
            seed=self.config.seed,
            checkpoint_dir=workspace / ".checkpoints",
            teacher_cache=workspace.parent / ".teachers",
            input_grid=self.grid,
        )
        trained.model.save(folder / MODEL_FILE)
        trained.float_model.save(folder / "float.keras")
        float_accuracy = accuracy(trained.float_model, self.dataset.x_test, self.dataset.y_test)
        seconds = round(time.monotonic() - start, 1)
        record = {"float_accuracy": float_accuracy, "seconds": seconds, "history": asdict(trained.history)}
        atomic_write_json(folder / "training.json", record)
        if self.config.dataset.absent:
            return Facts()
        return Facts.of(accuracy={"float": float_accuracy, "images": {"float": len(self.dataset.x_test)}})

    def model(self, folder: Path) -> Any:
        return load_keras(folder / MODEL_FILE)

    def lower(self, folder: Path, name: str) -> LoweredGraph:
        return lowered(self.model(folder), name)


def project_request(
    config: ProjectConfig,
    output: str | Path | None = None,
    *,
    data_dir: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> Request:
    """What a configuration asks for; its network, recipe and data are checked. `trust`: code beside it may run.

    Raises:
        DietError: an unknown network, one that the images are too small for, a recipe or dataset that cannot be used.
    """
    own = own_network(config.network.name, config.folder, trust) if config.network.own else None
    if own is None and config.network.name not in NETWORKS:
        raise ConfigError(f"network: unknown network '{config.network.name}'.{suggest(config.network.name, NETWORKS)}")
    folder = output_folder(Path("work") / config.design if output is None else output)
    recipe = _recipe(config)
    dataset, grid = _dataset(config, data_dir)
    config.hardware.folding.check_pixels("image", dataset.input_shape)
    network = _network(config, dataset, own)
    labels = Labels(network=_network_name(config), dataset=_dataset_name(config), seed=config.seed)
    if config.trains:
        origin: Origin = FromProject(config, recipe, dataset, network, own, grid)
    else:
        origin = _as_it_is(config, network(), dataset)
    return Request(
        origin,
        config.design,
        folder,
        config.hardware,
        config,
        available(config.synthesis),
        dataset.x_test,
        None if config.dataset.absent else dataset.y_test,
        labels,
        overwrite,
    )


def _as_it_is(config: ProjectConfig, model: Any, dataset: datasets.Dataset) -> Origin:
    """A trained model: at hls4ml's precisions, or as its layers say."""
    if config.hls4ml is None:
        return OwnModel(model, design=config.design)
    y_test = None if config.dataset.absent else dataset.y_test
    return StockModel(
        model,
        design=config.design,
        hls4ml=config.hls4ml,
        io_type=config.hardware.io_type,
        x_test=samples.values(dataset.x_test),
        y_test=y_test,
    )


def _recipe(config: ProjectConfig) -> Recipe:
    from dietcnn_hls.training.recipe import Recipe  # its package needs TensorFlow

    recipe: Recipe = validate(Recipe, config.training, "training")
    if config.dataset.precision is not None and (recipe.shift or recipe.flip or recipe.cutout):
        raise ConfigError("training: shift, flip and cutout change pixels, and these data are none; set training.shift to 0")
    if config.trains and config.dataset.absent and (recipe.float_epochs or recipe.epochs):
        raise ConfigError("dataset `none` leaves nothing to train on; set training: {float_epochs: 0, epochs: 0}")
    return recipe


def _dataset(config: ProjectConfig, data_dir: Path | None) -> tuple[datasets.Dataset, Grid | None]:
    """The dataset of the configuration, and the grid of inputs that are no pixels.

    Where there is none, noise calibrates and is what simulations are compared on. Files stand beside the configuration, or
    where their path leads from here.
    """
    chosen = config.dataset
    if chosen.shape is not None and chosen.classes is not None:
        return datasets.noise(chosen.shape, chosen.classes, config.seed), None
    name, beside = chosen.name, config.folder / chosen.name
    relative = name not in ("", *datasets.names()) and name.isprintable() and not Path(name).is_absolute()
    if relative and os.path.exists(beside) and datasets.is_own(str(beside)):
        name = str(beside)
    pixels = False if chosen.precision is not None else True if config.trains else None
    dataset = datasets.load(name, data_dir, pad=chosen.pad, pixels=pixels)
    if chosen.precision is None:
        return dataset, None
    return _on_grid(dataset, chosen.precision)


def _on_grid(dataset: datasets.Dataset, words: str) -> tuple[datasets.Dataset, Grid]:
    """Values rounded to a fixed-point type, and what may enter then; a warning says how many it cannot hold."""
    from dietcnn_hls.backend.precision import grid_of, parse
    from dietcnn_hls.backend.readers.stock.fixed import FixedType

    where = "dataset.precision"
    kind = parse(words, where)
    if kind is None:
        raise ConfigError(f"{where}: 'auto' is no type of data; write one such as 'ap_fixed<8,3,RND,SAT>'")
    fixed, grid = FixedType.of(kind, "input", "the data"), grid_of(kind, where)
    rounded = {}
    for what in ("x_train", "x_test"):
        x = getattr(dataset, what)
        rounded[what] = grid.values(fixed.of_floats(x))
        beyond = int(np.count_nonzero((x < grid.lo * 2.0**-grid.fraction) | (x > grid.hi * 2.0**-grid.fraction)))
        if beyond:
            happens = "saturate" if fixed.overflow == "saturate" else "wrap around"
            text = f"dataset: {beyond} of {x.size} values of {what} lie beyond {words} and {happens}"
            warnings.warn(text, SaturationWarning, stacklevel=2)
    return replace(dataset, x_train=rounded["x_train"], x_test=rounded["x_test"]), grid


def _network(config: ProjectConfig, dataset: datasets.Dataset, own: OwnNetwork | None) -> Callable[[], Any]:
    """The network's builder, which is tried once: Keras itself knows best which sizes have no network."""
    if own is not None:
        model = own.build(dataset.input_shape, dataset.classes)
        ends = [tuple(shape[1:]) for shape in (model.input_shape, model.output_shape) if isinstance(shape, tuple)]
        if ends != [dataset.input_shape, (dataset.classes,)]:
            found = " and ".join(map(str, ends)) or "several inputs or outputs"
            raise ConfigError(
                f"network: '{config.network.name}' is of {found}, and the data ask for one input of {dataset.input_shape} and "
                f"one output of {dataset.classes} classes"
            )
        return partial(own.build, dataset.input_shape, dataset.classes)
    name, width = config.network.name, config.network.width
    build = partial(NETWORKS[name], dataset.input_shape, dataset.classes, width=width)
    try:
        build()
    except ValueError as error:
        size = "x".join(map(str, dataset.input_shape))
        raise ConfigError(
            f"network: '{label(name, width)}' cannot be built for images of {size}: {str(error).splitlines()[0]}. "
            "Larger images (dataset.pad), a larger network.width or another network would do"
        ) from error
    return build


def _network_name(config: ProjectConfig) -> str:
    if config.network.own:
        return Path(config.network.name.partition(":")[0]).stem
    name = label(config.network.name, config.network.width)
    return f"{name}, untrained" if config.dataset.absent else name


def _dataset_name(config: ProjectConfig) -> str | None:
    if config.dataset.absent:
        return None
    name = Path(config.dataset.name).stem
    return name if config.dataset.pad is None else f"{name} padded to {config.dataset.pad}"


__all__ = ["FromProject", "project_request"]
