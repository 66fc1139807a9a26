# SPDX-License-Identifier: Apache-2.0
"""Layers and models that are used more than once, as copies with names of their own that read the same variables."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dietcnn_hls.backend.readers.keras.refusals import unsupported

MODELS = ("Sequential", "Functional", "Model")
"""Classes of models, which may stand among the layers of another."""


@dataclass
class Names:
    """What was renamed.

    Attributes:
        originals: new name -> the name under which Keras has the layer.
        inside: name of a model among the layers -> what was renamed in it.
    """

    originals: dict[str, str] = field(default_factory=dict)
    inside: dict[str, Names] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether any name is new."""
        return bool(self.originals) or any(names.changed for names in self.inside.values())

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Old and new names, those inside models too."""
        yield from ((old, new) for new, old in self.originals.items())
        for names in self.inside.values():
            yield from names.pairs()


class Renamed:
    """A Keras model whose layers are found by their new names, too."""

    def __init__(self, model: Any, names: Names) -> None:
        self._model, self._names = model, names

    def __getattr__(self, word: str) -> Any:
        return getattr(self._model, word)

    def get_layer(self, name: str) -> Any:
        """The layer, or the model among them with its own new names."""
        layer = self._model.get_layer(self._names.originals.get(name, name))
        inside = self._names.inside.get(name)
        return layer if inside is None else Renamed(layer, inside)


def renamed_reader(reader: Any, names: Names) -> Any:
    """hls4ml's reader of a model's weights, by the new names.

    Raises:
        UnsupportedLayerError: new names inside a model of a file, whose layers hls4ml finds by their place in it.
    """
    from hls4ml.converters.keras_v2_to_hls import KerasFileReader, KerasModelReader

    if not isinstance(reader, KerasFileReader):
        return KerasModelReader(Renamed(reader.model, names))
    for name, inside in names.inside.items():
        if inside.changed:
            raise unsupported(
                name, "Model", "a model in it is used more than once; load the file with Keras and convert the model"
            )

    class ByNewNames(KerasFileReader):  # type: ignore[misc]
        def original(self, layer: str) -> str:
            return names.originals.get(layer, layer)

        def _find_data(self, layer_name: str, var_name: str) -> Any:
            return super()._find_data(self.original(layer_name), var_name)

    return ByNewNames(reader.config)


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with a number behind it; from now on it is taken."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name


def entries_of(architecture: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers in a model's JSON."""
    config = architecture["config"]
    return config["layers"] if isinstance(config, Mapping) else config  # type: ignore[no-any-return]


def unshare(architecture: dict[str, Any], taken: set[str] | None = None) -> Names:
    """Give each use of a layer an entry of its own, and each layer of the models inside a name of its own. In place.

    Args:
        architecture: a model's JSON.
        taken: names that are not free; default those of the model's layers.
    """
    config, entries = architecture["config"], entries_of(architecture)
    names, taken = Names(), {str(entry["config"]["name"]) for entry in entries} if taken is None else taken
    made: dict[tuple[str, int], str] = {}  # a use of a layer -> the entry's name
    spread: list[dict[str, Any]] = []
    for entry in entries:
        name, calls = entry["config"]["name"], entry.get("inbound_nodes")
        for number, use in enumerate(_uses(entry, entries)):
            own, new = entry, name
            if number:
                own, new = copy.deepcopy(entry), free_name(f"{name}_{number + 1}", taken)
                own["config"]["name"] = own["name"] = new
                names.originals[new] = name
            made[name, use] = new
            spread.append(own | ({"inbound_nodes": [calls[number]]} if calls else {}))
    for entry in spread:
        if entry["class_name"] in MODELS:
            names.inside[entry["config"]["name"]] = _rename_inside(entry, taken)
    if names.originals:
        for entry in spread:
            entry["inbound_nodes"] = [[_moved(source, made) for source in sources_of(call)] for call in entry["inbound_nodes"]]
        for ends in ("input_layers", "output_layers"):
            config[ends] = [_moved(end, made) for end in sources_of(config[ends])]
        config["layers"] = _in_order(spread)
    return names


def _uses(entry: Mapping[str, Any], entries: Iterable[Mapping[str, Any]]) -> list[int]:
    """Under which numbers others refer to the uses of a layer: a model's begin at one where it was called once to be made."""
    uses = len(entry.get("inbound_nodes") or ())
    if uses < 2:
        return [0]
    sources = (source for other in entries for call in other["inbound_nodes"] for source in sources_of(call))
    read = {source[1] for source in sources if source[0] == entry["name"]}
    first = 1 if entry["class_name"] in MODELS and max(read, default=0) >= uses else 0
    return list(range(first, first + uses))


def sources_of(call: Any) -> list[Any]:
    """What a call reads, listed as [[name, use, tensor, ...], ...] or, where there is one, as [name, use, tensor]."""
    return [call] if call and isinstance(call[0], str) else list(call)


def _moved(source: Any, made: Mapping[tuple[str, int], str]) -> list[Any]:
    name, use, *rest = source
    return [made[name, use], 0, *rest] if (name, use) in made else [name, use, *rest]


def _rename_inside(entry: dict[str, Any], taken: set[str]) -> Names:
    """Layers of a model inside, where their names are taken outside: hls4ml takes the model apart."""
    config = entry["config"]
    fresh = {each["config"]["name"]: free_name(each["config"]["name"], taken) for each in config["layers"]}
    for each in config["layers"]:
        name = fresh[each["config"]["name"]]
        each["config"]["name"] = name
        if "name" in each:
            each["name"] = name
        for call in each.get("inbound_nodes") or ():
            for source in sources_of(call):
                source[0] = fresh.get(source[0], source[0])
    for ends in ("input_layers", "output_layers"):
        for end in sources_of(config.get(ends) or ()):
            end[0] = fresh[end[0]]
    inner, old = unshare(entry, taken), {new: name for name, new in fresh.items()}
    renamed = {new: name for new, name in old.items() if new != name}
    return Names({**renamed, **{new: old[name] for new, name in inner.originals.items()}}, inner.inside)


def _in_order(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each behind what it reads, else as they were."""
    ordered: list[dict[str, Any]] = []
    known: set[str] = set()
    waiting = list(entries)
    while waiting:
        ready = next(
            entry
            for entry in waiting
            if all(source[0] in known for call in entry["inbound_nodes"] for source in sources_of(call))
        )
        waiting.remove(ready)
        ordered.append(ready)
        known.add(ready["config"]["name"])
    return ordered


__all__ = ["MODELS", "Names", "entries_of", "free_name", "renamed_reader", "sources_of", "unshare"]
