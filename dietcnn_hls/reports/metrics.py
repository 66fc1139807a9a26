# SPDX-License-Identifier: Apache-2.0
"""What a comparison shows (`METRICS`), and what must be equal for a ratio of it to be fair (`CONDITIONS`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from dietcnn_hls.reports.model import Report

ABSENT = "—"
COUNTED = "counted"
"""Source of operation counts and stored bits: the converted graph itself."""

ACCURACY, RESOURCES, LATENCY, WORK, ACTIVITY, ENERGY = (
    "accuracy", "resources", "latency", "work", "activity", "energy",
)  # fmt: skip
GROUPS = (ACCURACY, RESOURCES, LATENCY, WORK, ACTIVITY, ENERGY)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and where it comes from."""

    value: float | int
    source: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of a comparison: key in machine-readable forms, title in printed ones, and the group it belongs to."""

    key: str
    title: str
    group: str
    read: Callable[[Report], Figure | None]

    @property
    def relation(self) -> str:
        """What a comparison's ratio of this metric is: ``ratio``, or ``difference`` for accuracies."""
        return "difference" if self.group == ACCURACY else "ratio"


def _accuracy(report: Report) -> Figure | None:
    """Of the form nearest to hardware: RTL, then C-simulation, then the reference, then the trained model."""
    accuracy = report.accuracy
    for form in ("rtl", "csim", "reference", "trained"):
        value = getattr(accuracy, form, None)
        if accuracy is not None and value is not None:
            images = "" if accuracy.n_test is None else f", {accuracy.n_test:,} images"
            return Figure(value, f"{form}{images}")
    return None


def _float_accuracy(report: Report) -> Figure | None:
    value = getattr(report.accuracy, "float_", None)
    return None if value is None else Figure(value, "float model")


def _sourced(section: str, key: str) -> Callable[[Report], Figure | None]:
    def read(report: Report) -> Figure | None:
        part = getattr(report, section)
        value = getattr(part, key, None)
        return None if value is None else Figure(value, part.source)

    return read


def _counted(section: str, key: str) -> Callable[[Report], Figure | None]:
    def read(report: Report) -> Figure | None:
        value = getattr(getattr(report, section), key, None)
        return None if value is None else Figure(value, COUNTED)

    return read


METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "Accuracy", ACCURACY, _accuracy),
    Metric("accuracy_float", "Accuracy, float", ACCURACY, _float_accuracy),
    Metric("lut", "LUT", RESOURCES, _sourced("resources", "lut")),
    Metric("ff", "FF", RESOURCES, _sourced("resources", "ff")),
    Metric("dsp", "DSP", RESOURCES, _sourced("resources", "dsp")),
    Metric("bram18", "BRAM18", RESOURCES, _sourced("resources", "bram18")),
    Metric("uram", "URAM", RESOURCES, _sourced("resources", "uram")),
    Metric("cycles", "Latency, cycles", LATENCY, _sourced("latency", "cycles")),
    Metric("interval", "Interval, cycles", LATENCY, _sourced("latency", "interval")),
    Metric("multiplications", "Multiplications", WORK, _counted("operations", "multiplications")),
    Metric("additions", "Additions", WORK, _counted("operations", "additions")),
    Metric("lookups", "Lookups", WORK, _counted("operations", "lookups")),
    Metric("shifts", "Shifts", WORK, _counted("operations", "shifts")),
    Metric("comparisons", "Comparisons", WORK, _counted("operations", "comparisons")),
    Metric("table_bits", "Table bits", WORK, _counted("memory", "table_bits")),
    Metric("weight_bits", "Weight bits", WORK, _counted("memory", "weight_bits")),
    Metric("toggles", "Toggles per inference", ACTIVITY, _sourced("activity", "toggles_per_inference")),
    Metric("energy", "Energy model, 8-bit additions", ENERGY, _sourced("energy_model", "relative")),
)

METRIC_KEYS = tuple(metric.key for metric in METRICS)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that must be equal for a fair ratio of the figures in `groups`."""

    key: str
    title: str
    groups: tuple[str, ...]
    read: Callable[[Report], object]


def _attribute(section: str, key: str) -> Callable[[Report], object]:
    return lambda report: getattr(getattr(report, section), key, None)


def _shape(report: Report) -> object:
    return None if report.folding is None else json.dumps(report.folding, sort_keys=True)


def _tool(report: Report) -> object:
    """Source of resources, with the flow where the source does not say it."""
    if report.resources is None:
        return None
    source, flow = report.resources.source, report.resources.flow
    return source if flow is None or source.endswith(f"/{flow}") else f"{source}/{flow}"


_HARDWARE = (RESOURCES, LATENCY, ACTIVITY)
CONDITIONS: tuple[Condition, ...] = (
    Condition("network", "network", GROUPS, lambda report: report.network),
    Condition("dataset", "dataset", (ACCURACY, ACTIVITY), lambda report: report.dataset),
    Condition("n_test", "test images", (ACCURACY,), _attribute("accuracy", "n_test")),
    Condition("part", "part", (RESOURCES, LATENCY), lambda report: report.part),
    Condition("clock_ns", "clock, ns", (RESOURCES, LATENCY), lambda report: report.clock_ns),
    Condition("io_type", "io_type", _HARDWARE, lambda report: report.io_type),
    Condition("folding", "folding", _HARDWARE, _shape),
    Condition("resources.source", "tool and flow of resources", (RESOURCES,), _tool),
    Condition("latency.source", "tool of latency", (LATENCY,), _attribute("latency", "source")),
    Condition("activity.weight", "weighting of toggles", (ACTIVITY,), _attribute("activity", "weight")),
)


def figures_of(report: Report) -> dict[str, Figure]:
    """All figures of a report by metric key."""
    return {metric.key: figure for metric in METRICS if (figure := metric.read(report)) is not None}


def withheld(report: Report, other: Report) -> tuple[list[tuple[str, str, str]], tuple[str, ...]]:
    """Conditions that differ, as (title, value, other value), and the groups of metrics that they make incomparable.

    A difference counts only where both reports have a figure that it would colour.
    """
    found = []
    groups: set[str] = set()
    for condition in CONDITIONS:
        value, expected = condition.read(report), condition.read(other)
        if value != expected and _matters(condition, report, other):
            found.append((condition.title, _shown(value), _shown(expected)))
            groups.update(condition.groups)
    return found, tuple(group for group in GROUPS if group in groups)


def _matters(condition: Condition, report: Report, other: Report) -> bool:
    metrics = [metric for metric in METRICS if metric.group in condition.groups]
    return any(metric.read(report) and metric.read(other) for metric in metrics)


def _shown(value: object) -> str:
    text = "not stated" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
