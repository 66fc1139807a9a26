# SPDX-License-Identifier: Apache-2.0
"""Where Keras layers come from: a model in memory, an .h5 file, or a .json beside an .h5 file of weights. Each gives the same.

hls4ml finds variables by a part of their name, which confuses ``codebook`` with ``sum_codebook`` and a layer's name with
its variables; here they are found by their exact name.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dietcnn_hls.errors import LoweringError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class KerasLayer:
    """One layer of an architecture.

    Attributes:
        name: the layer's.
        kind: its class, without a package before it.
        config: what its constructor got, as Keras serialises it.
        reader: hls4ml's reader of the model; has either `model` or `h5file`.
        inbound: names of the layers that it reads, once for every call; None in a Sequential model.
        built_shape: the shape, batch included, for which it was built, where the architecture says it.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    reader: Any = None
    inbound: tuple[tuple[Any, ...], ...] | None = None
    built_shape: tuple[int | None, ...] | None = None

    @classmethod
    def of(cls, entry: Mapping[str, Any], reader: Any = None) -> KerasLayer:
        """A layer from its entry in a model's JSON."""
        inbound = entry.get("inbound_nodes")
        shape = (entry.get("build_config") or {}).get("input_shape")
        return cls(
            name=str(entry["config"]["name"]),
            kind=str(entry["class_name"]).rsplit(">", 1)[-1],
            config=entry["config"],
            reader=reader,
            inbound=None if inbound is None else tuple(tuple(node) for node in inbound),
            built_shape=tuple(shape) if shape and not isinstance(shape[0], list | tuple) else None,
        )

    @property
    def live(self) -> Any:
        """The layer itself where the model is in memory, else None."""
        model = getattr(self.reader, "model", None)
        layer: Any = None if model is None else model.get_layer(self.name)
        while hasattr(layer, "layer"):  # a wrapper, which the architecture is without
            layer = layer.layer
        return layer

    def variables(self) -> dict[str, np.ndarray]:
        """All variables by their own name."""
        if self.live is not None:
            return _of_model(self.live)
        return _of_file(self.reader.h5file, getattr(self.reader, "original", str)(self.name))


def _of_model(layer: Any) -> dict[str, np.ndarray]:
    return {w.name.split("/")[-1].split(":")[0]: w.numpy() for w in layer.weights}


def _of_file(file: Any, layer: str) -> dict[str, np.ndarray]:
    root = file["model_weights"] if "model_weights" in file else file
    found: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if hasattr(item, "shape"):
            found[name.split("/")[-1].split(":")[0]] = item[()]

    if layer not in root:
        raise LoweringError(f"layer '{layer}': the file holds no weights of it; save the weights of this very model")
    root[layer].visititems(visit)
    return found


def arguments_of(config: Mapping[str, Any], live: Any) -> dict[str, Any]:
    """Arguments of a quantiser: its config, and what the object itself has beside it, which Keras does not save.

    Args:
        config: as serialised.
        live: the object, or None.
    """
    given = dict(config)
    if live is not None:
        for name in inspect.signature(type(live).__init__).parameters:
            if hasattr(live, name):
                value = getattr(live, name)
                given[name] = value.numpy() if hasattr(value, "numpy") else value
    return given


@dataclass(frozen=True)
class KerasNetwork:
    """An architecture.

    Attributes:
        name: the model's.
        kind: its class.
        layers: by name, in the model's order.
        inputs: names of its input layers; None in a Sequential model.
        outputs: likewise.
    """

    name: str
    kind: str
    layers: Mapping[str, KerasLayer]
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    reader: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, architecture: Mapping[str, Any], reader: Any = None) -> KerasNetwork:
        """A network from a model's JSON and hls4ml's reader of it."""
        config = architecture["config"]
        entries = config["layers"] if isinstance(config, Mapping) else config
        layers = [KerasLayer.of(entry, reader) for entry in entries]
        name = str(config.get("name", "model")) if isinstance(config, Mapping) else "model"
        inputs, outputs = (_names(config[key]) if key in config else None for key in ("input_layers", "output_layers"))
        return cls(name, str(architecture["class_name"]), {layer.name: layer for layer in layers}, inputs, outputs, reader)


def _names(ends: Any) -> tuple[str, ...]:
    """Names of a model's ends, listed as [[name, 0, 0], ...] or, where there is one, as [name, 0, 0]."""
    if ends and isinstance(ends[0], str):
        return (ends[0],)
    return tuple(str(end[0]) for end in ends)


__all__ = ["KerasLayer", "KerasNetwork", "Shape", "arguments_of"]
