# SPDX-License-Identifier: Apache-2.0
"""Delays of a part in picoseconds: its cells by the names of their pins, and its nets by fan-out and what they reach.

``xc7_cells.json`` holds the cells of the slow corner at grade -1 of the Artix-7 fabric, each with its source; ``xc7_nets.json``
the fitted net model, the factors of the other grades and of the Kintex-7 fabric, and how well all of it predicts routed designs.
"""

from __future__ import annotations

import importlib.resources
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from dietcnn_hls.errors import ToolError
from dietcnn_hls.hardware.parts import XC7, fabric, family, speed_grade

SLOWEST = "-1"
"""Grade of a part whose name has none."""


class MissingDelay(ToolError):
    """A netlist holds a cell, or a use of one, that the delay table does not know."""


@dataclass(frozen=True)
class NetModel:
    """Delay of a routed net, ps: ``scale * (base + per_log2 * log2(fan-out) + ends[source] + ends[sink])``."""

    base: float
    per_log2: float
    ends: Mapping[str, float] = field(default_factory=dict)
    scale: float = 1.0

    def delay(self, source: str, sink: str, fan_out: int) -> int:
        """Delay of a net with `fan_out` loads from a pin of kind `source` to one of kind `sink`, ps.

        Kinds that `ends` does not hold add nothing.
        """
        at_ends = self.ends.get(source, 0.0) + self.ends.get(sink, 0.0)
        return round(self.scale * (self.base + self.per_log2 * math.log2(max(fan_out, 1)) + at_ends))


@dataclass(frozen=True)
class Delays:
    """All delays of one fabric and speed grade.

    Attributes:
        name: fabric and grade, ``artix7 -1``.
        version: of the tables, as a report's source names it.
        cells: delays by cell type and name, ps at this grade.
        nets: model of the routed nets.
        uncertainty: of the clock, ps.
        error: how well these figures predict routed designs, in words.
    """

    name: str
    version: str
    cells: Mapping[str, Mapping[str, int]]
    nets: NetModel
    uncertainty: int
    error: str

    def cell(self, kind: str, name: str) -> int:
        """Delay called `name` of a cell of type `kind`, ps.

        Raises:
            MissingDelay: the table has none.
        """
        found = self.cells.get(kind, {}).get(name)
        if found is None:
            raise MissingDelay(
                f"the delay table {self.version} ({self.name}) has no '{name}' of a {kind}, so this netlist has no timing"
                " analysis. docs/timing.md lists the cells it has; choose options that lead to those."
            )
        return found


def why_none(part: str) -> str | None:
    """Why there are no delays of a part, in words; None where there are some.

    Raises:
        ConfigError: an unknown part.
    """
    if family(part) != XC7:
        return f"there is no delay table for {part}: public cell delays were found for the 7-series only"
    grade = speed_grade(part)
    if grade is not None and grade not in _nets()["fabrics"][fabric(part)]["cells"]:
        return f"there is no delay table for the low-power grade of {part}; its name with {grade.rstrip('L')} has one"
    return None


@cache
def delays_of(part: str) -> Delays:
    """The delays of a part; those of the slowest grade where its name has none.

    Raises:
        ConfigError: an unknown part.
        ToolError: a part without a table.
    """
    reason = why_none(part)
    if reason:
        raise ToolError(reason)
    silicon, grade = fabric(part), speed_grade(part) or SLOWEST
    cells, nets = _cells(), _nets()
    factors = nets["fabrics"][silicon]
    return Delays(
        name=f"{silicon} {grade}",
        version=f"{cells['version']}.{nets['version']}",
        cells=_by_kind(cells["cells"], factors["cells"][grade]),
        nets=NetModel(nets["base"], nets["per_log2"], nets["ends"], factors["nets"][grade]),
        uncertainty=nets["uncertainty"],
        error=nets["error"],
    )


def _by_kind(groups: Mapping[str, Mapping[str, Any]], factor: float) -> dict[str, dict[str, int]]:
    """Delays by cell type; the types of a group share one dictionary."""
    found: dict[str, dict[str, int]] = {}
    for group in groups.values():
        scaled = {name: round(factor * delay) for name, delay in group["delays"].items()}
        found.update(dict.fromkeys(group["kinds"], scaled))
    return found


@cache
def _cells() -> Any:
    return _read("xc7_cells.json")


@cache
def _nets() -> Any:
    return _read("xc7_nets.json")


def _read(name: str) -> Any:
    text = importlib.resources.files("dietcnn_hls.hardware.timing").joinpath(name).read_text(encoding="utf-8")
    return json.loads(text)
