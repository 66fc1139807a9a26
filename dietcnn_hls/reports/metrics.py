# SPDX-License-Identifier: Apache-2.0
"""What a comparison shows (`METRICS`), and what must be equal for a ratio of it to be fair (`CONDITIONS`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from dietcnn_hls.reports import accuracy
from dietcnn_hls.reports.model import Report

ABSENT = "—"
COUNTED = "counted"
"""Source of operation counts and stored bits: the converted graph itself."""

ACCURACY, FLOAT_ACCURACY, RESOURCES, LATENCY, TIMING, WORK, ACTIVITY, ENERGY = (
    "accuracy", "float accuracy", "resources", "latency", "timing", "work", "activity", "energy",
)  # fmt: skip
GROUPS = (ACCURACY, FLOAT_ACCURACY, RESOURCES, LATENCY, TIMING, WORK, ACTIVITY, ENERGY)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and where it comes from."""

    value: float | int
    source: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of a comparison: key in machine-readable forms, title in printed ones, and the group it belongs to.

    `read` gives a report's figure. `forms` are those of an accuracy, whose figures two designs must have on the same images.
    """

    key: str
    title: str
    group: str
    read: Callable[[Report], Figure | None]
    forms: tuple[str, ...] = ()

    @property
    def relation(self) -> str:
        """What a comparison states of this metric: ``ratio``, or ``difference`` of accuracies."""
        return "difference" if self.forms else "ratio"

    def pair(self, report: Report, other: Report) -> tuple[Figure, Figure] | None:
        """The figures of two reports that may be set against each other; None where there are none."""
        if self.forms:
            taken = accuracy.shared(report, other, self.forms)
            return None if taken is None else (_accuracy_figure(taken[0]), _accuracy_figure(taken[1]))
        one, two = self.read(report), self.read(other)
        return None if one is None or two is None else (one, two)


def _accuracy_figure(taken: accuracy.Taken) -> Figure:
    return Figure(taken.value, taken.source)


def _accuracy(key: str, title: str, group: str, forms: tuple[str, ...]) -> Metric:
    def read(report: Report) -> Figure | None:
        taken = accuracy.best(report, forms)
        return None if taken is None else _accuracy_figure(taken)

    return Metric(key, title, group, read, forms)


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
    _accuracy("accuracy", "Accuracy", ACCURACY, accuracy.CONVERTED),
    _accuracy("accuracy_float", "Accuracy, float", FLOAT_ACCURACY, accuracy.FLOAT),
    Metric("lut", "LUT", RESOURCES, _sourced("resources", "lut")),
    Metric("ff", "FF", RESOURCES, _sourced("resources", "ff")),
    Metric("dsp", "DSP", RESOURCES, _sourced("resources", "dsp")),
    Metric("bram18", "BRAM18", RESOURCES, _sourced("resources", "bram18")),
    Metric("uram", "URAM", RESOURCES, _sourced("resources", "uram")),
    Metric("cycles", "Latency, cycles", LATENCY, _sourced("latency", "cycles")),
    Metric("interval", "Interval, cycles", LATENCY, _sourced("latency", "interval")),
    Metric("period_ns", "Clock period reached, ns", TIMING, _sourced("timing", "period_ns")),
    Metric("fmax_mhz", "Clock reached, MHz", TIMING, _sourced("timing", "fmax_mhz")),
    Metric("latency_ns", "Latency, ns", TIMING, _sourced("timing", "latency_ns")),
    Metric("interval_ns", "Interval, ns", TIMING, _sourced("timing", "interval_ns")),
    Metric("inferences_per_s", "Inferences a second", TIMING, _sourced("timing", "inferences_per_s")),
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


_HARDWARE = (RESOURCES, LATENCY, TIMING, ACTIVITY)
CONDITIONS: tuple[Condition, ...] = (
    Condition("network", "network", GROUPS, lambda report: report.network),
    Condition("dataset", "dataset", (ACCURACY, FLOAT_ACCURACY, ACTIVITY), lambda report: report.dataset),
    Condition("part", "part", (RESOURCES, LATENCY, TIMING), lambda report: report.part),
    Condition("clock_ns", "clock, ns", (RESOURCES, LATENCY, TIMING), lambda report: report.clock_ns),
    Condition("io_type", "io_type", _HARDWARE, lambda report: report.io_type),
    Condition("folding", "folding", _HARDWARE, _shape),
    Condition("resources.source", "tool and flow of resources", (RESOURCES, TIMING), _tool),
    Condition("timing.source", "tool of timing", (TIMING,), _attribute("timing", "source")),
    Condition("latency.source", "tool of latency", (LATENCY, TIMING), _attribute("latency", "source")),
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
    for metric in METRICS:
        if metric.forms and metric.group not in groups and (images := _unshared(metric, report, other)):
            found.append(images)
            groups.add(metric.group)
    return found, tuple(group for group in GROUPS if group in groups)


def _unshared(metric: Metric, report: Report, other: Report) -> tuple[str, str, str] | None:
    """What two designs' accuracies were taken on, where they have no set of images in common."""
    one, two = (accuracy.best(each, metric.forms) for each in (report, other))
    if one is None or two is None or metric.pair(report, other) is not None:
        return None
    title = "test images" if metric.group == ACCURACY else "test images of the float network"
    if one.images is not None and one.images == two.images:
        title = f"{title}, which are others"
    return title, _shown(one.images), _shown(two.images)


def _matters(condition: Condition, report: Report, other: Report) -> bool:
    metrics = [metric for metric in METRICS if metric.group in condition.groups]
    return any(metric.read(report) and metric.read(other) for metric in metrics)


def _shown(value: object) -> str:
    text = "not stated" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
