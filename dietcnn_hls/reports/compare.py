# SPDX-License-Identifier: Apache-2.0
"""Reports side by side: every figure with its source, ratios to a baseline only where the comparison is fair.

A comparison is fair when the kernel differs and nothing else: network, dataset, part, clock, folding, tool and flow are the
same. Where they are not, `compare` says so and withholds the ratios that the difference would colour; with ``strict`` it
refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dietcnn_hls.errors import ConfigError, suggest
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
        """What a row's ``ratios`` hold for this metric: ``ratio``, or ``difference`` for accuracies."""
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


@dataclass(frozen=True, slots=True)
class Difference:
    """Conditions in which a design and the baseline differ, so that ratios of `groups` are withheld.

    `conditions` are (what, the design's value, the baseline's value).
    """

    design: str
    baseline: str
    conditions: tuple[tuple[str, str, str], ...]
    groups: tuple[str, ...]

    def __str__(self) -> str:
        items = "; ".join(f"{title} ({value} against {expected})" for title, value, expected in self.conditions)
        return f"{self.design} and {self.baseline} differ in {items}: no ratio of {', '.join(self.groups)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One design: its report, its figures by metric key and, beside a baseline, their ratios.

    A ratio is design over baseline; of accuracies it is the difference, design minus baseline.
    """

    name: str
    report: Report
    figures: Mapping[str, Figure]
    ratios: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Designs side by side. `baseline` is the name of the row that ratios refer to, None without one."""

    rows: tuple[Row, ...]
    baseline: str | None
    differences: tuple[Difference, ...]

    def to_markdown(self) -> str:
        """A table of figures with their sources, then what is unfair about it."""
        from dietcnn_hls.reports.render import markdown

        return markdown(self)

    def to_csv(self) -> str:
        """One line a design; three columns a metric: value, source, ratio. Absent cells are empty."""
        from dietcnn_hls.reports.render import csv_text

        return csv_text(self)

    def to_json(self) -> str:
        """The same content for programs; absent figures are left out."""
        from dietcnn_hls.reports.render import json_text

        return json_text(self)

    def to_html(self, pictures: Sequence[tuple[str, bytes]] = ()) -> str:
        """One self-contained page; `pictures` are (caption, PNG bytes)."""
        from dietcnn_hls.reports.render import html

        return html(self, pictures)


def compare(reports: Sequence[Report], *, baseline: str | None = None, strict: bool = False) -> Comparison:
    """Set reports side by side.

    Args:
        reports: at least one. The last is the baseline, unless one is named or there is only one.
        baseline: ``design`` of the report that ratios refer to.
        strict: refuse an unfair comparison instead of withholding ratios.

    Raises:
        ConfigError: for no reports, an unknown baseline, or (strict) an unfair comparison; names what differs.
    """
    if not reports:
        raise ConfigError("Nothing to compare: name at least one build folder with a report.json.")
    names = _names(reports)
    reference = _baseline(names, baseline)
    differences: list[Difference] = []
    rows = []
    figures = [{m.key: figure for m in METRICS if (figure := m.read(report))} for report in reports]
    for index, (name, report) in enumerate(zip(names, reports, strict=True)):
        ratios: dict[str, float] = {}
        if reference is not None and index != reference:
            found = _difference(name, report, names[reference], reports[reference])
            differences += [found] if found else []
            ratios = _ratios(figures[index], figures[reference], found.groups if found else ())
        rows.append(Row(name, report, figures[index], ratios))
    if strict and differences:
        raise ConfigError(f"Not a fair comparison. {'. '.join(map(str, differences))}. Build both with the same settings.")
    return Comparison(tuple(rows), None if reference is None else names[reference], tuple(differences))


def compare_folders(folders: Sequence[Path], *, baseline: str | None = None, strict: bool = False) -> Comparison:
    """`compare` of the ``report.json`` files in build folders; raises ConfigError as it and `Report.load` do."""
    return compare([Report.load(folder) for folder in folders], baseline=baseline, strict=strict)


def _names(reports: Sequence[Report]) -> list[str]:
    """Design names, numbered where builds share one."""
    names: list[str] = []
    for report in reports:
        name, number = report.design, 1
        while name in names:
            number += 1
            name = f"{report.design} #{number}"
        names.append(name)
    return names


def _baseline(names: Sequence[str], wanted: str | None) -> int | None:
    if wanted is None:
        return len(names) - 1 if len(names) > 1 else None
    if wanted not in names:
        raise ConfigError(f"No report of a design '{wanted}' to compare with.{suggest(wanted, names)}")
    return names.index(wanted)


def _difference(name: str, report: Report, other_name: str, other: Report) -> Difference | None:
    found = []
    groups: set[str] = set()
    for condition in CONDITIONS:
        value, expected = condition.read(report), condition.read(other)
        if value != expected and _matters(condition, report, other):
            found.append((condition.title, _shown(value), _shown(expected)))
            groups.update(condition.groups)
    return Difference(name, other_name, tuple(found), tuple(g for g in GROUPS if g in groups)) if found else None


def _matters(condition: Condition, report: Report, other: Report) -> bool:
    """A difference matters only if both sides have a figure that it would colour."""
    metrics = [metric for metric in METRICS if metric.group in condition.groups]
    return any(metric.read(report) and metric.read(other) for metric in metrics)


def _ratios(figures: Mapping[str, Figure], others: Mapping[str, Figure], withheld: Sequence[str]) -> dict[str, float]:
    ratios = {}
    for metric in METRICS:
        if metric.group in withheld or metric.key not in figures or metric.key not in others:
            continue
        value, other = figures[metric.key].value, others[metric.key].value
        if metric.group == ACCURACY:
            ratios[metric.key] = round(value - other, 9)  # fractions of an image count, free of float dust
        elif other:
            ratios[metric.key] = value / other
    return ratios


def _shown(value: object) -> str:
    text = "not stated" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
