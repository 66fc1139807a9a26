# SPDX-License-Identifier: Apache-2.0
"""Reports side by side: every figure with its source, ratios to a twin only where the comparison is fair.

A comparison is fair when the kernel differs and nothing else: network, dataset, part, clock, folding, tool and flow are the
same. Where they are not, `compare` says so and withholds the ratios that the difference would colour; with ``strict`` it
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.reports.metrics import METRICS, Figure, figures_of, withheld
from dietcnn_hls.reports.model import LayerReport, Report
from dietcnn_hls.validation import shown


@dataclass(frozen=True, slots=True)
class Difference:
    """Conditions in which a design and its twin differ, so that ratios of `groups` are withheld.

    `conditions` are (what, the design's value, the twin's value).
    """

    design: str
    twin: str
    conditions: tuple[tuple[str, str, str], ...]
    groups: tuple[str, ...]

    def __str__(self) -> str:
        return self.words()

    def words(self, bare: Sequence[str] = ()) -> str:
        """A sentence; the values of conditions whose titles are `bare` are left out."""
        items = "; ".join(
            title if title in bare else f"{title} ({value} against {expected})" for title, value, expected in self.conditions
        )
        return f"{self.design} and {self.twin} differ in {items}: no ratio of {', '.join(self.groups)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One design, or one layer of it: its figures by metric key and their ratios to the twin's.

    A ratio is design over twin; of accuracies it is the difference, design minus twin, on the same images.

    Attributes:
        name: the design.
        report: its report; of a layer, the report narrowed to that layer.
        sources: of differences that were taken on other images than the figures of both designs, what they were taken on.
        folder: of the build, whose other files the page shows; None where it is not known.
        layer: the layer's entry where rows are layers.
        compared: whether ratios to a twin are looked for; False for the twin itself.
    """

    name: str
    report: Report
    figures: Mapping[str, Figure]
    ratios: Mapping[str, float]
    layer: LayerReport | None = None
    compared: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Designs side by side. `twin` is the design that ratios refer to, None without one."""

    rows: tuple[Row, ...]
    twin: str | None
    differences: tuple[Difference, ...]
    layers: bool = False

    def render(self, form: str) -> str:
        """Text in the form ``md``, ``short``, ``csv``, ``json`` or ``html``; ConfigError for another."""
        from dietcnn_hls.reports.render import render

        return render(self, form)

    def to_html(self, pictures: Sequence[tuple[str, bytes]] = ()) -> str:
        """One self-contained page; `pictures`, (caption, PNG bytes), are for readers without scripts."""
        from dietcnn_hls.reports.page import html

        return html(self, pictures)

    def write(self, folder: Path) -> list[Path]:
        """Write all forms and the plots that the figures allow into `folder`; returns the files.

        Raises:
            OutputError: when a file cannot be written.
        """
        from dietcnn_hls.reports.render import write

        return write(self, folder)


def compare(
    reports: Sequence[Report],
    *,
    twin: str | None = None,
    strict: bool = False,
    layers: bool = False,
    folders: Sequence[Path | None] = (),
) -> Comparison:
    """Set reports side by side.

    Args:
        reports: at least one.
        twin: ``design`` of the report that ratios refer to. Without it: the one design that still multiplies, where there
            is one such, else the last report; none where there is only one report.
        strict: refuse an unfair comparison instead of withholding ratios.
        layers: one row a layer, beside the layer of the same name in the other designs.
        folders: of the builds, one a report; the page shows what else it finds there. Without them, it shows the reports.

    Raises:
        ConfigError: for no reports, an unknown twin, or (strict) an unfair comparison; names what differs.
    """
    if not reports:
        raise ConfigError("Nothing to compare: name at least one build folder with a report.json.")
    for report in reports:
        if not isinstance(report, Report):
            raise ConfigError(f"reports: give Report values, as `Report.load` reads them from files (got {shown(report)}).")
    names = _names(reports)
    reference = _reference(names, reports, twin)
    entries = _entries(names, reports, layers)
    others = {} if reference is None else {key: report for index, key, report, _ in entries if index == reference}
    differences: dict[str, Difference] = {}
    rows = []
    for index, key, report, layer in entries:
        ratios: dict[str, float] = {}
        sources: dict[str, str] = {}
        if reference is not None and index != reference and key in others:
            conditions, groups = withheld(report, others[key])
            if conditions:
                found = Difference(names[index], names[reference], tuple(conditions), groups)
                differences[str(found)] = found
            ratios, sources = _ratios(report, others[key], groups)
        compared = reference is not None and index != reference
        folder = folders[index] if folders else None
        rows.append(Row(names[index], report, figures_of(report), ratios, layer, compared, sources, folder))
    if strict and differences:
        raise ConfigError(f"Not a fair comparison. {'. '.join(differences)}. Build both with the same settings.")
    return Comparison(tuple(rows), None if reference is None else names[reference], tuple(differences.values()), layers)


def compare_folders(
    folders: Sequence[Path], *, twin: str | None = None, strict: bool = False, layers: bool = False
) -> Comparison:
    """`compare` of the ``report.json`` files in build folders; raises ConfigError as it and `Report.load` do."""
    places = [Path(folder) if Path(folder).is_dir() else Path(folder).parent for folder in folders]
    return compare([Report.load(folder) for folder in folders], twin=twin, strict=strict, layers=layers, folders=places)


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


def _reference(names: Sequence[str], reports: Sequence[Report], wanted: str | None) -> int | None:
    if wanted is not None:
        if wanted not in names:
            raise ConfigError(f"No report of a design '{wanted}' to compare with.{suggest(wanted, names)}")
        return names.index(wanted)
    if len(reports) == 1:
        return None
    multiplying = [i for i, report in enumerate(reports) if report.operations and report.operations.multiplications]
    return multiplying[0] if len(multiplying) == 1 else len(reports) - 1


Entry = tuple[int, str, Report, LayerReport | None]
"""Index of the report, key by which rows of different designs meet, report (of the row), layer."""


def _entries(names: Sequence[str], reports: Sequence[Report], layers: bool) -> list[Entry]:
    if not layers:
        return [(index, "", report, None) for index, report in enumerate(reports)]
    entries: list[Entry] = []
    for index, (name, report) in enumerate(zip(names, reports, strict=True)):
        if not report.layers:
            raise ConfigError(f"The report of {name} has no layers to list. Compare it without layers.")
        entries += [(index, layer.name, _narrowed(report, layer), layer) for layer in report.layers]
    # layers of one name side by side, in the order in which they first occur
    order = list(dict.fromkeys(key for _, key, *_ in entries))
    return sorted(entries, key=lambda entry: (order.index(entry[1]), entry[0]))


def _narrowed(report: Report, layer: LayerReport) -> Report:
    """The report with a layer's figures in place of the design's."""
    return report.model_copy(
        update={
            "method": layer.method or report.method,
            "accuracy": None,
            "bit_exact": None,
            "operations": layer.operations,
            "memory": layer.memory,
            "latency": layer.latency,
            "timing": None,
            "resources": layer.resources,
            "other_resources": None,
            "activity": layer.activity,
            "energy_model": None,
        }
    )


def _ratios(report: Report, other: Report, groups: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Ratios and differences outside the withheld `groups`, and what differences were taken on where no figure says it."""
    ratios: dict[str, float] = {}
    sources: dict[str, str] = {}
    for metric in METRICS:
        pair = None if metric.group in groups else metric.pair(report, other)
        if pair is None:
            continue
        value, expected = (figure.value for figure in pair)
        if metric.forms:
            ratios[metric.key] = round(value - expected, 9)  # fractions of an image count, free of float dust
            if pair != (metric.read(report), metric.read(other)):
                sources[metric.key] = pair[0].source
        elif expected:
            ratios[metric.key] = value / expected
    return ratios, sources
