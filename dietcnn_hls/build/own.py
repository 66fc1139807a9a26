# SPDX-License-Identifier: Apache-2.0
"""Networks of the user's own in a project: a Keras file or a function beside the configuration, and what they become.

A file is data and is read without running anything. A function is code, which runs where the user says that it is trusted.
"""

from __future__ import annotations

import copy
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.build.config import MODEL_FILES, Hls4mlConfig
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.opening import load_keras
from dietcnn_hls.build.origins import FromKeras
from dietcnn_hls.errors import ConfigError, DietError
from dietcnn_hls.lowered import LoweredGraph


def inside(folder: Path, name: str, what: str) -> Path:
    """A file beside a configuration, or below it.

    Raises:
        ConfigError: a name that leads out of the configuration's folder, by whichever way, or to no file.
    """
    root = folder.resolve()
    try:
        path = (root / name).resolve()
        there = path.is_file()
    except (OSError, ValueError) as error:  # what no file system could have
        raise ConfigError(f"{what}: {name!r} is no path of a file ({error})") from error
    if not path.is_relative_to(root):
        raise ConfigError(f"{what}: '{name}' leads out of the configuration's folder; put the file beside the configuration")
    if not there:
        raise ConfigError(f"{what}: there is no file '{name}' beside the configuration; its path is relative to it")
    return path


@dataclass(frozen=True)
class OwnNetwork:
    """The network of a file or function.

    Attributes:
        path: the file, on whose content all depends.
        build: (input shape, classes) -> a fresh Keras model.
    """

    path: Path
    build: Callable[[tuple[int, ...], int], Any]

    def key(self) -> object:
        """The file's content, wherever it stands."""
        return self.path.name, self.path.read_bytes()


def own_network(name: str, folder: Path, trust: bool) -> OwnNetwork:
    """The network that a configuration in `folder` names.

    Raises:
        ConfigError: no such file or function, or code that nobody trusts.
        OutputError: a file that is no model, or that holds code.
    """
    if name.lower().endswith(MODEL_FILES):
        path = inside(folder, name, "network")
        load_keras(path)  # what is no model, or holds code, is said at once
        return OwnNetwork(path, lambda shape, classes: load_keras(path))
    file, separator, function = name.partition(":")
    if not separator or not file.endswith(".py") or not function.isidentifier():
        raise ConfigError(f"network: '{name}' is no function of a file; write model.py:function")
    path = inside(folder, file, "network")
    if not trust:
        raise ConfigError(
            f"network: '{name}' is code, which building would run with all your rights; pass --trust where you trust {file}, or "
            "save the model and give its .keras file"
        )
    return OwnNetwork(path, _function(path, function))


def _function(path: Path, name: str) -> Callable[[tuple[int, ...], int], Any]:
    """A function of a file, which is run for it."""
    spec = importlib.util.spec_from_file_location(f"dietcnn_own_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where Keras finds the classes of a file
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code raises what it likes
        raise ConfigError(f"network: {path.name} does not run ({type(error).__name__}: {error})") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise ConfigError(f"network: {path.name} has no function '{name}'")

    def build(shape: tuple[int, ...], classes: int) -> Any:
        try:
            model = found(shape, classes)
        except DietError:
            raise
        except Exception as error:
            raise ConfigError(f"network: {name}{shape, classes} fails ({type(error).__name__}: {error})") from error
        if not hasattr(model, "to_json") or not hasattr(model, "get_weights"):
            raise ConfigError(f"network: {name} returns a {type(model).__name__}; return a built Keras model")
        return model

    return build


@dataclass(eq=False)
class OwnModel(FromKeras):
    """A trained Keras model of a project, whose layers say how they are computed."""

    design: str = field(kw_only=True)

    def __post_init__(self) -> None:
        self.name = self.design


@dataclass(eq=False)
class StockModel(OwnModel):
    """A float Keras model at hls4ml's precisions: what enters is rounded by the input's type, and hls4ml's numbers are its own.

    Attributes:
        hls4ml: the configuration's section.
        io_type: of the design: hls4ml's C++ of streams and of arrays differ in places.
        x_test, y_test: what the float model's accuracy is taken on.
    """

    hls4ml: Hls4mlConfig = field(kw_only=True)
    io_type: str = field(kw_only=True)
    x_test: np.ndarray = field(kw_only=True)
    y_test: np.ndarray | None = field(kw_only=True)
    keras = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.method, self.stock = "fixed_point", self._hls4ml()

    def key(self) -> object:
        return super().key(), self.hls4ml.model_dump(), self.io_type

    def _hls4ml(self) -> dict[str, Any]:
        """hls4ml's configuration of the model."""
        import hls4ml

        chosen = self.hls4ml
        config: dict[str, Any] = hls4ml.utils.config_from_keras_model(
            self.given,
            granularity=chosen.granularity,
            backend="Vitis",
            default_precision=chosen.precision,
            default_reuse_factor=chosen.reuse_factor,
        )
        config["Model"]["Strategy"] = chosen.strategy
        for level, entries in (("LayerType", chosen.layer_type), ("LayerName", chosen.layer_name)):
            for name, entry in entries.items():
                _merge(config.setdefault(level, {}).setdefault(name, {}), entry)
        return config

    def train(self, folder: Path, workspace: Path) -> Facts:
        """Nothing is trained: what the float model computes of the test data is found."""
        if self.y_test is None:
            return Facts()
        from dietcnn_hls.training.design import accuracy

        found = accuracy(self.given, self.x_test.astype(np.float32), self.y_test)
        return Facts.of(accuracy={"float": found, "images": {"float": len(self.x_test)}})

    def lower(self, folder: Path, name: str) -> LoweredGraph:
        import hls4ml

        from dietcnn_hls.backend.graphs import lowered_graph, stock_lowering

        made = hls4ml.converters.convert_from_keras_model(
            self.given,
            hls_config=copy.deepcopy(self.stock),
            backend="DietCNN",
            project_name=name,
            output_dir=".",
            io_type=self.io_type,
        )
        graph, stock = lowered_graph(made), stock_lowering(made)
        if stock is None:
            raise ConfigError(
                f"hls4ml: the layers of '{name}' say themselves how they are computed; leave the section hls4ml out"
            )
        return LoweredGraph(graph.name, graph.nodes, {"reuse_factors": stock.reuse}, graph.results)


def _merge(into: dict[str, Any], entry: Mapping[str, Any]) -> None:
    """An entry of hls4ml's configuration over what hls4ml proposes; one precision is that of a layer's result."""
    for key, value in entry.items():
        if key == "Precision" and isinstance(into.get(key), dict):
            into[key] |= value if isinstance(value, Mapping) else {"result": value}
        else:
            into[key] = value


__all__ = ["OwnModel", "OwnNetwork", "StockModel", "inside", "own_network"]
