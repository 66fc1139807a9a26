# SPDX-License-Identifier: Apache-2.0
"""The searched encoders that the package ships, one small JSON file each, and encoders from a user's file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.methods.encodingnet.netlist import Netlist

ObjectiveName = Literal["nand2", "lut_cones", "carry_cones"]

_FOLDER = resources.files(__package__) / "encoders"


@cache
def available() -> dict[str, tuple[int, ...]]:
    """Sizes M that are shipped, decreasing, by objective."""
    found: dict[str, list[int]] = {}
    for entry in _FOLDER.iterdir():
        stem, _, ending = entry.name.rpartition(".")
        objective, _, bits = stem.rpartition("_")
        if ending == "json":
            found.setdefault(objective, []).append(int(bits))
    return {objective: tuple(sorted(sizes, reverse=True)) for objective, sizes in sorted(found.items())}


@cache
def shipped(bits: int, objective: str) -> Netlist:
    """The shipped encoder of at most `bits` bits searched for `objective`; ConfigError with the sizes that exist."""
    sizes = available().get(objective, ())
    if bits not in sizes:
        raise ConfigError(
            f"no encoder of {bits} bits for objective '{objective}' is shipped; there are "
            f"{', '.join(map(str, sizes)) or 'none'}. Search one (`dietcnn-hls encoder search`) and give its file as `encoder`."
        )
    return Netlist.from_dict(json.loads((_FOLDER / f"{objective}_{bits}.json").read_text(encoding="utf-8"))["netlist"])


def load(path: Path) -> Netlist:
    """An encoder from a file written by `save`; ConfigError when it is none."""
    try:
        return Netlist.from_dict(json.loads(path.read_text(encoding="utf-8"))["netlist"])
    except OSError as error:
        raise ConfigError(f"cannot read the encoder {path}: {error.strerror}") from error
    except (LoweringError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path} is not an encoder file: {error}") from error


def searched(path: Path) -> dict[str, Any] | None:
    """The settings of the search that an encoder's file states; None where it states none."""
    load(path)
    search = json.loads(path.read_text(encoding="utf-8")).get("search")
    return search if isinstance(search, dict) else None


def save(netlist: Netlist, path: Path, search: Mapping[str, Any]) -> None:
    """Write an encoder with the settings that found it and its figures, gates one a line."""
    figures = {
        "bits": netlist.bits,
        "max_error": netlist.max_error(),
        "rmse": round(netlist.rmse(), 3),
        "nand2_area": round(netlist.nand2_area, 3),
        "levels": netlist.levels(),
    }
    data = netlist.to_dict()
    gates = ",\n    ".join(json.dumps(gate) for gate in data.pop("gates"))
    fields = ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in data.items())
    atomic_write_text(
        path,
        f'{{"search": {json.dumps(dict(search))},\n "figures": {json.dumps(figures)},\n'
        f' "netlist": {{\n   "gates": [\n    {gates}],\n   {fields}}}}}\n',
    )
