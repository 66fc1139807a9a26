# SPDX-License-Identifier: Apache-2.0
"""Where the network of a build comes from: a lowered graph, a Keras model, or a float one that a method first converts.

Each origin says before any work what is known of the network, and what a graph lowered from it depends on. A network that is
trained first is an origin too; see `dietcnn_hls.build.training`.
"""

from __future__ import annotations

import dataclasses
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.build import samples
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.opening import KNOWN, load_keras, open_model
from dietcnn_hls.errors import ConfigError, LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import Grid, LoweredGraph
from dietcnn_hls.lowered.storage import save_graph
from dietcnn_hls.methods.choice import MethodChoice
from dietcnn_hls.names import design_name
from dietcnn_hls.validation import shown

MODEL_FILE = "model.keras"


class Origin(ABC):
    """What a network is made from.

    Attributes:
        name: of the design where the user gives none.
        method: what is known of its arithmetic before it is lowered.
        keras: whether there is a trained Keras model, with which simulations are compared.
        title: how making that model is called; empty where it comes as it is.
        stock: hls4ml's configuration, where its numbers are the design's own.
    """

    name: str
    method: str = "by layer"
    keras: bool = True
    title: str = ""
    stock: Mapping[str, Any] | None = None

    @property
    def trains(self) -> bool:
        """Whether the Keras model is made first, by a stage that writes files."""
        return bool(self.title)

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Shape of one input, where it is known before any work."""
        return None

    @property
    def classes(self) -> int | None:
        """Outputs of the network, where they are known before any work."""
        return None

    @abstractmethod
    def key(self) -> object:
        """All that the network depends on, beside this package's code; see `content_key`."""

    @abstractmethod
    def model(self, folder: Path) -> Any:
        """The trained Keras model; `folder` is that of the stage ``model``."""

    def train(self, folder: Path, workspace: Path) -> Facts:
        """Train where training is due: the model goes into `folder`, what training itself keeps lies in `workspace`."""
        return Facts()

    @abstractmethod
    def lower(self, folder: Path, name: str) -> LoweredGraph:
        """The lowered graph, named `name`."""


@dataclasses.dataclass(eq=False)
class FromGraph(Origin):
    """A lowered graph, as it is."""

    graph: LoweredGraph
    keras = False

    def __post_init__(self) -> None:
        self.name = self.graph.name

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.graph.input.stream.shape

    @property
    def classes(self) -> int:
        return self.graph.output.stream.size

    def key(self) -> object:
        with tempfile.TemporaryDirectory() as folder:
            save_graph(self.graph, Path(folder) / "graph.npz")
            return (Path(folder) / "graph.npz").read_bytes()

    def model(self, folder: Path) -> Any:
        raise ConfigError(f"'{self.name}' is a lowered graph, which has no trained model to compare with")

    def lower(self, folder: Path, name: str) -> LoweredGraph:
        return _checked(self.graph if name == self.graph.name else dataclasses.replace(self.graph, name=name))


@dataclasses.dataclass(eq=False)
class FromKeras(Origin):
    """A Keras model whose layers say how they are computed.

    Attributes:
        given: the model.
        grid: values that may enter, where the model does not say it; None: images.
    """

    given: Any
    grid: Grid | None = None

    def __post_init__(self) -> None:
        self.name = design_name(str(self.given.name))

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        return _shape(self.given, "input_shape")

    @property
    def classes(self) -> int | None:
        shape = _shape(self.given, "output_shape")
        return shape[0] if shape is not None and len(shape) == 1 else None

    def key(self) -> object:
        try:
            network = (self.given.to_json(), self.given.get_weights())
        except Exception as error:  # subclassed and unbuilt models, and layers without a configuration, raise nearly anything
            raise UnsupportedLayerError(
                f"model '{self.given.name}' has no configuration or no weights that Keras can state ({error}); "
                "build it as a Sequential or functional model with an Input layer"
            ) from error
        return network, None if self.grid is None else dataclasses.astuple(self.grid)

    def model(self, folder: Path) -> Any:
        return self.given

    def lower(self, folder: Path, name: str) -> LoweredGraph:
        return lowered(self.model(folder), name, self.grid)


@dataclasses.dataclass(eq=False)
class Converted(FromKeras):
    """A float Keras model that a method converts first; what it becomes is kept, for simulations to be compared with.

    Attributes:
        choice: the method.
        calibration: images by which it converts.
    """

    choice: MethodChoice = dataclasses.field(kw_only=True)
    calibration: np.ndarray = dataclasses.field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.method = self.choice.name
        self.title = f"conversion by method '{self.choice.name}'"
        self._converted: Any = None

    def key(self) -> object:
        return super().key(), self.choice.key(), self.calibration

    def train(self, folder: Path, workspace: Path) -> Facts:
        self._converted = self.choice.quantize(self.given, samples.values(self.calibration), self.grid)
        self._converted.save(folder / MODEL_FILE)
        return Facts()

    def model(self, folder: Path) -> Any:
        if self._converted is None:
            self._converted = load_keras(folder / MODEL_FILE)
        return self._converted


def lowered(model: Any, name: str, grid: Grid | None = None) -> LoweredGraph:
    """The lowered graph of a Keras model; LoweringError where it computes nothing that could be converted."""
    from dietcnn_hls.backend.convert import lower_keras

    return _checked(lower_keras(model, name, input_grid=grid))


def is_onnx(model: Any) -> bool:
    """Whether `model` is an ONNX model in memory; asked without importing anything."""
    return type(model).__module__.split(".")[0] in ("onnx", "qonnx")


def open_origin(
    model: Any, *, grid: Grid | None = None, choice: MethodChoice | None = None, calibration: np.ndarray | None = None
) -> Origin:
    """The origin of a model as users pass it.

    Raises:
        ConfigError: something else than a model, a grid or method for a graph that is lowered already, a method for ONNX.
        OutputError, LoweringError: a file that is none.
    """
    if isinstance(model, str | Path):
        model = open_model(Path(model))
    if is_onnx(model):
        from dietcnn_hls.backend.readers import onnx

        if choice is not None:
            raise ConfigError("method: an ONNX model says by its quantisers how it is computed; leave method out")
        return FromGraph(onnx.lower_onnx(model, input_grid=grid).graph)
    if isinstance(model, LoweredGraph):
        for what, given in (("method", choice), ("input_grid", grid)):
            if given is not None:
                raise ConfigError(f"{what}: '{model.name}' is a lowered graph, whose arithmetic is settled; pass the Keras model")
        return FromGraph(model)
    if not all(hasattr(model, name) for name in ("to_json", "get_weights", "predict", "name")):
        raise ConfigError(f"model: give {KNOWN} (got {shown(model)} of type {type(model).__name__})")
    if choice is None:
        return FromKeras(model, grid)
    assert calibration is not None, "a method converts by calibration images"
    return Converted(model, grid, choice=choice, calibration=calibration)


def _checked(graph: LoweredGraph) -> LoweredGraph:
    if not graph.linear_nodes:
        raise LoweringError(f"'{graph.name}' has no conv or dense layer to convert")
    return graph


def _shape(model: Any, attribute: str) -> tuple[int, ...] | None:
    """Shape without the batch; None for models of several inputs or outputs and unbuilt ones, which conversion refuses."""
    try:
        shape = tuple(getattr(model, attribute))[1:]
    except Exception:  # Keras raises AttributeError, RuntimeError or TypeError by kind of model
        return None
    return shape if all(isinstance(size, int) for size in shape) else None


__all__ = ["MODEL_FILE", "Converted", "FromGraph", "FromKeras", "Origin", "is_onnx", "lowered", "open_origin"]
