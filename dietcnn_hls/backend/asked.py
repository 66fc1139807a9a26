# SPDX-License-Identifier: Apache-2.0
"""What hls4ml's configuration asks of one layer, and what was taken down of the layer before it was lowered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls.backend.trained import BatchNorm
from dietcnn_hls.errors import ConfigError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


@dataclass
class Seen:
    """One of hls4ml's layers as it was before lowering.

    Attributes:
        kinds: names of its class, Keras' and hls4ml's.
        generated: what hls4ml itself writes into a configuration: name of a type -> words.
        layer: its neutral value.
        result: the lowered layer that yields its results; None where none does.
        bias: what is to be added to those for the layer's own, because the thresholds behind it hold it.
        via: the layer whose results it passes on, where it is dropped.
        norm: the batch-norm that it is, in that case.
        dropped: why no result of it exists, where none does.
    """

    kinds: tuple[str, ...]
    generated: dict[str, str]
    layer: Any
    result: str | None
    bias: np.ndarray | None = None
    via: str | None = None
    norm: BatchNorm | None = None
    dropped: str | None = None


def seen(model: ModelGraph) -> dict[str, Seen]:
    """What was taken down, by layer; empty for a saved graph, which has no layers of a front end."""
    return getattr(model, "dietcnn_seen", {})


def mapping(where: str, value: Any) -> Mapping[str, Any]:
    """A part of the configuration that holds keys and values; nothing counts as none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must hold keys and values, got {value!r}")
    return value


def precisions(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The types that an entry asks for, by name; a single one is called 'default'."""
    precision = entry.get("Precision")
    if precision is None:
        return {}
    return precision if isinstance(precision, Mapping) else {"default": precision}


def model_entry(model: ModelGraph) -> Mapping[str, Any]:
    """What is asked of all layers."""
    return mapping("hls_config.Model", model.config.config["HLSConfig"].get("Model"))


def asked(model: ModelGraph, name: str, kinds: tuple[str, ...]) -> dict[str, tuple[str, Any]]:
    """What is asked of a layer by its name, else by its type: key -> (where it says so, value); types as 'Precision.result'."""
    hls = model.config.config["HLSConfig"]
    found: dict[str, tuple[str, Any]] = {}
    for level, names in (("LayerType", kinds), ("LayerName", (name,))):
        entries = mapping(f"hls_config.{level}", hls.get(level))
        for key_of in (known for known in names if known in entries):
            where, entry = f"hls_config.{level}.{key_of}", mapping(level, entries[key_of])
            found |= {key: (f"{where}.{key}", value) for key, value in entry.items() if key != "Precision"}
            found |= {f"Precision.{kind}": (f"{where}.Precision.{kind}", words) for kind, words in precisions(entry).items()}
    return found


__all__ = ["Seen", "asked", "mapping", "model_entry", "precisions", "seen"]
