# SPDX-License-Identifier: Apache-2.0
"""Comparisons as Markdown, CSV, JSON and HTML. Figures never stand without their sources; absent ones are a dash.

Markdown and HTML print one grid of cells: a line a figure and a column a design, or, where rows are layers, a line a layer.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dietcnn_hls.errors import ConfigError, OutputError, suggest
from dietcnn_hls.reports.files import write_file
from dietcnn_hls.reports.metrics import ABSENT, METRICS, Figure, Metric
from dietcnn_hls.reports.words import value_text

if TYPE_CHECKING:
    from dietcnn_hls.reports.compare import Comparison, Row

_IDENTITY = ("method", "network", "dataset", "part", "clock_ns", "io_type", "folding", "bit_exact")


@dataclass(frozen=True, slots=True)
class Cell:
    """Printed text, with the source of a figure and a ratio beside it where there are such."""

    text: str = ""
    source: str = ""
    ratio: str = ""


def figure_text(metric: Metric, figure: Figure | None) -> str:
    """A figure for people; a dash when absent."""
    return ABSENT if figure is None else value_text(metric, figure.value)


def ratio_text(metric: Metric, row: Row) -> str:
    """A ratio for people: ``0.25×``, or percentage points for accuracies, with their images where the figures were on others."""
    ratio = row.ratios.get(metric.key)
    if ratio is None:
        return ABSENT
    source = f" ({row.sources[metric.key]})" if metric.key in row.sources else ""
    return f"{100 * ratio:+.2f} points{source}" if metric.forms else f"{ratio:.3g}×"


def identity(row: Row) -> dict[str, str]:
    """What a design is and what it was built for, as text; folding as compact JSON."""
    report = row.report
    values = {key: getattr(report, key) or None for key in _IDENTITY}
    if report.folding is not None:
        values["folding"] = json.dumps(report.folding, sort_keys=True, ensure_ascii=False)
    if report.bit_exact:
        values["bit_exact"] = "; ".join(
            f"{pair}: {found.mismatches:,} of {found.samples:,} differ" for pair, found in report.bit_exact.items()
        )
    return {key: ABSENT if value is None else str(value) for key, value in values.items()}


def grid(comparison: Comparison) -> list[list[Cell]]:
    """Lines of cells, the header first; all of one length."""
    return layer_grid(comparison) if comparison.layers else _design_grid(comparison)


def _design_grid(comparison: Comparison) -> list[list[Cell]]:
    lines = [[Cell()]]
    for row in comparison.rows:
        lines[0].append(Cell(row.name if row.compared or comparison.twin is None else f"{row.name} (twin)"))
        lines[0] += [Cell(f"÷ {comparison.twin}")] if row.compared else []
    for key in _IDENTITY:
        line = [Cell(key)]
        for row in comparison.rows:
            line += [Cell(identity(row)[key]), Cell()][: 1 + row.compared]
        lines.append(line)
    for metric in METRICS:
        line = [Cell(metric.title)]
        for row in comparison.rows:
            line += [_cell(row, metric), Cell(ratio_text(metric, row))][: 1 + row.compared]
        lines.append(line)
    return lines


def layer_grid(comparison: Comparison) -> list[list[Cell]]:
    shown = [metric for metric in METRICS if any(metric.key in row.figures for row in comparison.rows)]
    lines = [[Cell(title) for title in ("layer", "kind", "design", "method", *(metric.title for metric in shown))]]
    for row in comparison.rows:
        name, kind = (row.layer.name, row.layer.kind) if row.layer else ("", "")
        line = [Cell(name), Cell(kind), Cell(row.name), Cell(row.report.method)]
        for metric in shown:
            cell = _cell(row, metric)
            ratio = ratio_text(metric, row) if metric.key in row.ratios else ""
            line.append(Cell(cell.text, cell.source, ratio))
        lines.append(line)
    return lines


def _cell(row: Row, metric: Metric) -> Cell:
    figure = row.figures.get(metric.key)
    return Cell(figure_text(metric, figure), "" if figure is None else figure.source)


def notes(comparison: Comparison, bare: Sequence[str] = ()) -> list[str]:
    """Sentences below the table: resources of the same designs through further flows, and what is not comparable.

    The values of conditions that are named in `bare` are left out.
    """
    lines = []
    for row in comparison.rows:
        for other in row.report.other_resources or ():
            counts = other.model_dump(exclude_none=True, exclude={"source", "flow"})
            items = ", ".join(f"{value:,} {key.upper()}" for key, value in counts.items())
            lines.append(f"{row.name} through {other.source}: {items}.")
    return lines + [f"Not comparable: {item.words(bare)}." for item in comparison.differences]


def markdown(comparison: Comparison) -> str:
    """GitHub table with ``value (source)`` in the cells, then the notes."""
    header, *body = [[_markdown_cell(cell) for cell in line] for line in grid(comparison)]
    lines = [header, ["---"] * len(header), *body]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    below = "".join(f"- {_escape(note)}\n" for note in notes(comparison))
    return f"{table}\n{below}" if below else table


def _markdown_cell(cell: Cell) -> str:
    source = f" ({cell.source})" if cell.source else ""
    return _escape(f"{cell.text}{source}" + (f", {cell.ratio}" if cell.ratio else ""))


def _escape(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


_SHORT = ("accuracy", "lut", "ff", "dsp", "bram18", "interval", "weight_bits", "table_bits")


def short(comparison: Comparison) -> str:
    """GitHub table of the main figures, a line a design; a figure's source is below where the whole column shares it."""
    metrics = [metric for metric in METRICS if metric.key in _SHORT]
    rows = comparison.rows
    sources = {m.key: list(dict.fromkeys(r.figures[m.key].source for r in rows if m.key in r.figures)) for m in metrics}
    lines = [["design", "method", *(metric.title for metric in metrics)]]
    lines.append(["---"] * len(lines[0]))
    for row in comparison.rows:
        name = row.name if row.layer is None else f"{row.name} {row.layer.name}"
        cells = [_cell(row, metric) for metric in metrics]
        bare = [len(sources[metric.key]) <= 1 for metric in metrics]
        texts = [_escape(cell.text) if b else _markdown_cell(cell) for cell, b in zip(cells, bare, strict=True)]
        lines.append([_escape(name), _escape(row.report.method), *texts])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    shared: dict[str, list[str]] = {}
    for metric in metrics:
        if len(sources[metric.key]) == 1:
            shared.setdefault(sources[metric.key][0], []).append(metric.title)
    below = "; ".join(f"{', '.join(titles)}: {source}" for source, titles in shared.items())
    return f"{table}\nSources. {below}.\n" if below else table


def csv_text(comparison: Comparison) -> str:
    """CSV with a header line; three columns a metric (value, source, ratio), nothing rounded, absent cells empty."""
    columns = ["design", *(["layer", "kind"] if comparison.layers else []), *_IDENTITY]
    for metric in METRICS:
        columns += [metric.key, f"{metric.key}_source", f"{metric.key}_{metric.relation}"]
        columns += [f"{metric.key}_difference_source"] if metric.forms else []
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    for row in comparison.rows:
        known = {key: "" if text == ABSENT else text for key, text in identity(row).items()}
        line: dict[str, Any] = {"design": row.name, **_layer_keys(row), **known}
        for metric in METRICS:
            if figure := row.figures.get(metric.key):
                line |= {metric.key: figure.value, f"{metric.key}_source": figure.source}
            if metric.key in row.ratios:
                line[f"{metric.key}_{metric.relation}"] = row.ratios[metric.key]
            if metric.key in row.sources:
                line[f"{metric.key}_difference_source"] = row.sources[metric.key]
        writer.writerow(line)
    return stream.getvalue()


def _layer_keys(row: Row) -> dict[str, str]:
    return {} if row.layer is None else {"layer": row.layer.name, "kind": row.layer.kind}


def json_text(comparison: Comparison) -> str:
    """JSON: ``{"twin", "designs": [{"design", ..., "figures": {key: {"value", "source"[, "ratio"]}}}], "differences"}``.

    Absent figures are left out, as in reports.
    """
    designs = []
    for row in comparison.rows:
        figures: dict[str, dict[str, Any]] = {}
        for metric in METRICS:
            if figure := row.figures.get(metric.key):
                figures[metric.key] = {"value": figure.value, "source": figure.source}
            if metric.key in row.ratios:
                figures[metric.key][metric.relation] = row.ratios[metric.key]
            if metric.key in row.sources:
                figures[metric.key]["difference_source"] = row.sources[metric.key]
        known = row.report.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(_IDENTITY))
        others = [other.model_dump(exclude_none=True) for other in row.report.other_resources or ()]
        extra = {"other_resources": others} if others else {}
        designs.append({"design": row.name, **_layer_keys(row), **known, "figures": figures, **extra})
    data: dict[str, Any] = {"designs": designs, "differences": [str(item) for item in comparison.differences]}
    if comparison.twin is not None:
        data = {"twin": comparison.twin, **data}
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _html(comparison: Comparison) -> str:
    return comparison.to_html()


FORMS: dict[str, Callable[[Comparison], str]] = {
    "md": markdown,
    "short": short,
    "csv": csv_text,
    "json": json_text,
    "html": _html,
}


def render(comparison: Comparison, form: str) -> str:
    """Text in one of `FORMS`; ConfigError for another."""
    if form not in FORMS:
        raise ConfigError(f"Unknown format '{form}' of a comparison.{suggest(form, FORMS)}")
    return FORMS[form](comparison)


def write(comparison: Comparison, folder: Path) -> list[Path]:
    """``comparison.md|csv|json|html`` and the plots that the figures allow, each written beside and renamed."""
    from dietcnn_hls.reports import plots

    files = {} if comparison.layers else plots.draw_all(comparison)
    pictures = [(plots.CAPTIONS[name], data) for name, data in files.items()]
    contents = {f"{name}.png": data for name, data in files.items()}
    for form in ("md", "csv", "json"):
        contents[f"comparison.{form}"] = render(comparison, form).encode()
    contents["comparison.html"] = comparison.to_html(pictures).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot write the comparison into {folder}: {error.strerror}.") from error
    for name, data in contents.items():
        write_file(folder / name, data, f"the comparison into {folder}")
    return [folder / name for name in contents]
