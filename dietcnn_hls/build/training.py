# SPDX-License-Identifier: Apache-2.0
"""A project's configuration as a request: its dataset is loaded and its network built; training is the first stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dietcnn_hls.atomic import atomic_write_json
from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.opening import load_keras
from dietcnn_hls.build.origins import MODEL_FILE, Origin, lowered
from dietcnn_hls.build.request import Labels, Request, available, output_folder
from dietcnn_hls.data import datasets
from dietcnn_hls.data.networks import NETWORKS, label
from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.lowered import LoweredGraph
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
    """

    config: ProjectConfig
    recipe: Recipe
    dataset: datasets.Dataset
    network: Callable[[], Any]
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
        return *sets, config.network.model_dump(), config.method_choice.key(), self.recipe.model_dump(), config.seed

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
    config: ProjectConfig, output: str | Path | None = None, *, data_dir: Path | None = None, overwrite: bool = False
) -> Request:
    """What a configuration asks for; its network, recipe and data are checked.

    Raises:
        DietError: an unknown network, one that the images are too small for, a recipe or dataset that cannot be used.
    """
    if config.network.name not in NETWORKS:
        raise ConfigError(f"network: unknown network '{config.network.name}'.{suggest(config.network.name, NETWORKS)}")
    folder = output_folder(Path("work") / config.design if output is None else output)
    recipe = _recipe(config)
    dataset = _dataset(config, data_dir)
    config.hardware.folding.check_pixels("image", dataset.input_shape)
    network = _network(config, dataset)
    labels = Labels(network=_network_name(config), dataset=_dataset_name(config), seed=config.seed)
    return Request(
        FromProject(config, recipe, dataset, network),
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


def _network(config: ProjectConfig, dataset: datasets.Dataset) -> Callable[[], Any]:
    """The network's builder, which is tried once: Keras itself knows best which sizes have no network."""
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
    name = label(config.network.name, config.network.width)
    return f"{name}, untrained" if config.dataset.absent else name


def _dataset_name(config: ProjectConfig) -> str | None:
    if config.dataset.absent:
        return None
    name = Path(config.dataset.name).stem
    return name if config.dataset.pad is None else f"{name} padded to {config.dataset.pad}"


__all__ = ["FromProject", "project_request"]
