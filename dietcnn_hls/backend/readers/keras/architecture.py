# SPDX-License-Identifier: Apache-2.0
"""A Keras architecture as this backend takes it: wrappers off, shared layers as copies, merges of many tensors two at a time.

hls4ml's parser knows neither wrappers nor calls: of a layer that is used twice it sees the first use. Here such a model becomes
one that means the same and that the parser reads as it stands; where nothing is to be done, it is left as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dietcnn_hls.backend.readers.keras.refusals import unsupported
from dietcnn_hls.backend.readers.keras.sharing import MODELS, Names, entries_of, free_name, renamed_reader, sources_of, unshare

_WRAPPERS = ("PruneLowMagnitude",)
"""Wrappers that shape training only."""

_EACH_STEP = (
    *("Dense", "QDense", "Activation", "QActivation", "ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax"),
    *("BatchNormalization", "QBatchNormalization", "Dropout"),
)
"""Layers that do to each step of a sequence, wrapped in TimeDistributed, what they do to the last axis without it."""

_CHAINED = ("Add", "Multiply", "Maximum", "Minimum", "Concatenate")
"""Merges of many tensors that are merges of two, one behind the other."""


class Prepared(NamedTuple):
    """An architecture that can be parsed.

    Attributes:
        architecture: the model's JSON.
        reader: hls4ml's reader of its weights, by the names in it.
        names: what was renamed.
        between: names of merges that stand between two others.
    """

    architecture: dict[str, Any]
    reader: Any
    names: Names
    between: tuple[str, ...]


def prepared(architecture: Mapping[str, Any], reader: Any) -> Prepared:
    """What hls4ml's parser can read, of a model's JSON and hls4ml's reader of its weights. Neither is changed.

    Raises:
        UnsupportedLayerError: what has no such form, by the layer's name.
    """
    made = copy.deepcopy(dict(architecture))
    if made["class_name"] not in MODELS:
        return Prepared(made, reader, Names(), ())
    for model in models_of(made):
        for entry in entries_of(model):
            _unwrap(entry)
            _name_function(entry)
    names = unshare(made)
    between = tuple(name for model in models_of(made) for name in _chain_merges(entries_of(model)))
    return Prepared(made, renamed_reader(reader, names) if names.changed else reader, names, between)


def read_architecture(config: Mapping[str, Any]) -> Prepared:
    """The Keras model that a configuration of hls4ml's names, prepared."""
    from hls4ml.converters.keras_v2_to_hls import get_model_arch

    return prepared(*get_model_arch(config))


def models_of(architecture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A model and those among its layers."""
    yield architecture
    for entry in entries_of(architecture):
        if entry["class_name"] in MODELS:
            yield from models_of(entry)


def _unwrap(entry: dict[str, Any]) -> None:
    """The wrapped layer under the wrapper's name, by which its variables are found."""
    kind = str(entry["class_name"]).rsplit(">", 1)[-1]
    while kind in (*_WRAPPERS, "TimeDistributed"):
        outer = entry["config"]
        inner = outer["layer"]
        inner_kind = str(inner["class_name"]).rsplit(">", 1)[-1]
        if kind == "TimeDistributed" and inner_kind not in (*_EACH_STEP, *_WRAPPERS):
            return
        given = {key: outer[key] for key in ("name", "batch_input_shape") if key in outer}
        entry["class_name"], entry["config"] = inner["class_name"], {**inner["config"], **given}
        kind = inner_kind


def _name_function(entry: dict[str, Any]) -> None:
    """An activation that Keras saved as a Python function becomes the function's name; one saved as a layer is refused."""
    given = entry["config"].get("activation")
    if isinstance(given, Mapping) and given.get("class_name") == "function" and isinstance(given.get("config"), str):
        entry["config"]["activation"] = given["config"]
    elif isinstance(given, Mapping) and ".layers" in str(given.get("module")):
        words = f"its activation is a layer, {given['class_name']}; put it behind this one"
        raise unsupported(entry["config"]["name"], entry["class_name"], words)
    elif isinstance(given, str) and entry["class_name"] == "Activation":
        entry["config"]["activation"] = given.rsplit(">", 1)[-1]


def _chain_merges(entries: list[dict[str, Any]]) -> Iterator[str]:
    """Merges of more than two tensors become several of two, in place; yields the names of all but the last of each."""
    taken = {entry["config"]["name"] for entry in entries}
    for entry in list(entries):
        calls = entry.get("inbound_nodes") or []
        sources = sources_of(calls[0]) if len(calls) == 1 else []
        if len(sources) <= 2:
            continue
        name, kind = entry["config"]["name"], entry["class_name"]
        if kind not in _CHAINED:
            raise unsupported(name, kind, f"it joins {len(sources)} tensors; join them two at a time")
        first, *others = sources
        for number, other in enumerate(others[:-1], 1):
            step = free_name(f"{name}_{number}", taken)
            between = {"class_name": kind, "config": {**entry["config"], "name": step}, "name": step}
            entries.insert(entries.index(entry), between | {"inbound_nodes": [[first, other]]})
            first = [step, 0, 0, {}]
            yield step
        entry["inbound_nodes"] = [[first, others[-1]]]


__all__ = ["Prepared", "models_of", "prepared", "read_architecture"]
