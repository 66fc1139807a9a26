# SPDX-License-Identifier: Apache-2.0
"""What a search may want of a design: a figure that `compare` knows, or a number in ``report.json`` by its path, and its stage.

A figure is what its report says, with its source. Before a design is trained and synthesised some figures are known roughly; see
`dietcnn_hls.explore.rungs`.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.request import available
from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.reports import metrics
from dietcnn_hls.reports.metrics import METRIC_KEYS, METRICS, Figure
from dietcnn_hls.reports.model import Report

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "accuracy": dict.fromkeys(("yosys", "vitis", "none"), ("reference",)),
    "operations": dict.fromkeys(("yosys", "vitis", "none"), ("lowered",)),
    "memory": dict.fromkeys(("yosys", "vitis", "none"), ("lowered",)),
    "energy_model": dict.fromkeys(("yosys", "vitis", "none"), ("lowered",)),
    "latency": {"yosys": ("rtl_simulation",), "vitis": ("vitis",), "none": ("folding",)},
    "resources": {"yosys": ("synthesis",), "vitis": ("vitis",), "none": ("folding",)},
    "timing": {"yosys": ("rtl_simulation", "timing"), "vitis": ("vitis",)},
    "activity": {"yosys": ("rtl_activity",)},
}
"""Stages that find a section of the report, by what is synthesised."""

GROUPS = {
    metrics.ACCURACY: "accuracy",
    metrics.FLOAT_ACCURACY: "accuracy",
    metrics.RESOURCES: "resources",
    metrics.LATENCY: "latency",
    metrics.TIMING: "timing",
    metrics.WORK: "operations",
    metrics.ACTIVITY: "activity",
    metrics.ENERGY: "energy_model",
}
"""Section of the report of each group of `compare`'s figures."""

_OTHERS = {"accuracy.csim": "csim", "accuracy.rtl": "rtl_simulation", "accuracy.trained": "keras", "memory.fifo_bits": "rtl"}
"""Stages of figures that another one than their section's finds."""

_LEAST = ("interval", "latency.interval")
"""Figures of which the loop structure gives a lower bound, whatever the weights are."""


@dataclass(frozen=True)
class Wanted:
    """One figure.

    Attributes:
        key: as in the space's file.
        section: of the report.
        read: gives it from a report.
        share: it is a fraction of 1, so that two of them are set apart by their difference instead of their ratio.
        least: what is known of it before a design is measured is the least that it can be.
    """

    key: str
    section: str
    read: Callable[[Report], Figure | None]
    share: bool = False
    least: bool = False

    def stages(self, config: ProjectConfig) -> tuple[str, ...]:
        """The stages of a build that find it.

        Raises:
            ConfigError: what the configuration synthesises by does not give it, or it has no images for an accuracy.
        """
        chosen = available(config.synthesis)
        found = SECTIONS[self.section].get(chosen)
        if found is None:
            raise ConfigError(f"'{self.key}' is not found with `synthesis: {chosen}`; set synthesis: yosys")
        if self.section == "accuracy" and config.dataset.absent:
            raise ConfigError(f"'{self.key}': there is no accuracy with `dataset: none`")
        if self.section == "resources" and chosen == "yosys" and not config.checks.whole_resources:
            found = ("synthesis_layers",)
        return (_OTHERS[self.key],) if self.key in _OTHERS else found


def wanted(key: str) -> Wanted:
    """The figure of that name or path; ConfigError with the nearest name otherwise."""
    for metric in METRICS:
        if metric.key == key:
            return Wanted(key, GROUPS[metric.group], metric.read, bool(metric.forms), key in _LEAST)
    section, _, name = key.partition(".")
    if section not in SECTIONS or name not in _numbers(section):
        near = suggest(name, _numbers(section)) if name and section in SECTIONS else suggest(key, METRIC_KEYS)
        raise ConfigError(f"no figure '{key[:80]}' of a report can be wanted.{near}")
    return Wanted(key, section, lambda report: _at(report, section, name), section == "accuracy", key in _LEAST)


def measured(keys: Iterable[str]) -> dict[str, Wanted]:
    """Figures by key; errors as `wanted`."""
    return {key: wanted(key) for key in keys}


def _at(report: Report, section: str, name: str) -> Figure | None:
    part: dict[str, typing.Any] | None = report.model_dump(by_alias=True, include={section}).get(section)
    value = None if part is None else part.get(name)
    return None if part is None or value is None else Figure(value, part.get("source") or metrics.COUNTED)


def _numbers(section: str) -> list[str]:
    """Keys of a section that hold one number."""
    model = next(one for one in _parts(Report.model_fields[section].annotation) if one is not type(None))
    if dataclasses.is_dataclass(model):
        return [field.name for field in dataclasses.fields(model)]
    fields = model.model_fields.items()
    return [field.alias or name for name, field in fields if {int, float} & set(_parts(field.annotation))]


def _parts(annotation: object) -> list[typing.Any]:
    """What an optional or annotated type may be."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        inner = typing.get_args(annotation)
        return [part for one in (inner[:1] if origin is typing.Annotated else inner) for part in _parts(one)]
    return [annotation]


__all__ = ["SECTIONS", "Wanted", "measured", "wanted"]
