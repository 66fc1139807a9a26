# SPDX-License-Identifier: Apache-2.0
"""Comparisons as Markdown, CSV, JSON and HTML. Figures never stand without their sources; absent ones are a dash."""

from __future__ import annotations

import base64
import csv
import importlib.resources
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from dietcnn_hls.reports.compare import ABSENT, ACCURACY, METRICS, Comparison, Figure, Metric, Row

_IDENTITY = ("method", "network", "dataset", "part", "clock_ns", "io_type", "folding", "bit_exact")


def value_text(metric: Metric, figure: Figure | None) -> str:
    """A figure for people: percent for accuracies, thousands separated, a dash when absent."""
    if figure is None:
        return ABSENT
    if metric.group == ACCURACY:
        return f"{100 * figure.value:.2f} %"
    if isinstance(figure.value, int):
        return f"{figure.value:,}"
    return f"{figure.value:,.0f}" if figure.value >= 1000 else f"{figure.value:.4g}"


def ratio_text(metric: Metric, ratio: float | None) -> str:
    """A ratio for people: ``0.25×``, or percentage points for accuracies."""
    if ratio is None:
        return ABSENT
    return f"{100 * ratio:+.2f} points" if metric.group == ACCURACY else f"{ratio:.3g}×"


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


def alternatives(comparison: Comparison) -> list[str]:
    """Resources of the same designs through further flows, one line each."""
    lines = []
    for row in comparison.rows:
        for other in row.report.other_resources or ():
            counts = other.model_dump(exclude_none=True, exclude={"source", "flow"})
            items = ", ".join(f"{value:,} {key.upper()}" for key, value in counts.items())
            lines.append(f"{row.name} through {other.source}: {items}")
    return lines


def markdown(comparison: Comparison) -> str:
    """GitHub table: a line a figure, a column a design, ``value (source)`` in the cells, ratios after each design."""
    header = [""]
    for row in comparison.rows:
        header.append(row.name + (" (baseline)" if row.name == comparison.baseline else ""))
        if _has_ratio(comparison, row):
            header.append(f"÷ {comparison.baseline}")
    lines = [header, ["---"] * len(header)]
    lines += [[key, *_identity_cells(comparison, key)] for key in _IDENTITY]
    lines += [[metric.title, *_cells(comparison, metric)] for metric in METRICS]
    text = "".join(f"| {' | '.join(_escape(cell) for cell in line)} |\n" for line in lines)
    notes = [f"- {line}." for line in alternatives(comparison)]
    notes += [f"- Not comparable: {item}." for item in comparison.differences]
    return text + ("\n" + "".join(f"{_escape(note)}\n" for note in notes) if notes else "")


def _has_ratio(comparison: Comparison, row: Row) -> bool:
    return comparison.baseline is not None and row.name != comparison.baseline


def _identity_cells(comparison: Comparison, key: str) -> Iterator[str]:
    for row in comparison.rows:
        yield identity(row)[key]
        if _has_ratio(comparison, row):
            yield ""


def _cells(comparison: Comparison, metric: Metric) -> Iterator[str]:
    for row in comparison.rows:
        figure = row.figures.get(metric.key)
        text = value_text(metric, figure)
        yield text if figure is None else f"{text} ({figure.source})"
        if _has_ratio(comparison, row):
            yield ratio_text(metric, row.ratios.get(metric.key))


def _escape(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def csv_text(comparison: Comparison) -> str:
    """CSV with a header line; machine-readable values, nothing rounded."""
    columns = ["design", *_IDENTITY]
    for metric in METRICS:
        columns += [metric.key, f"{metric.key}_source", f"{metric.key}_{metric.relation}"]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    for row in comparison.rows:
        known = {key: "" if text == ABSENT else text for key, text in identity(row).items()}
        line: dict[str, Any] = {"design": row.name, **known}
        for metric in METRICS:
            if figure := row.figures.get(metric.key):
                line |= {metric.key: figure.value, f"{metric.key}_source": figure.source}
            if metric.key in row.ratios:
                line[f"{metric.key}_{metric.relation}"] = row.ratios[metric.key]
        writer.writerow(line)
    return stream.getvalue()


def json_text(comparison: Comparison) -> str:
    """JSON: ``{"baseline", "designs": [{"design", ..., "figures": {key: {"value", "source"[, "ratio"]}}}], ...}``."""
    designs = []
    for row in comparison.rows:
        figures: dict[str, dict[str, Any]] = {}
        for metric in METRICS:
            if figure := row.figures.get(metric.key):
                figures[metric.key] = {"value": figure.value, "source": figure.source}
            if metric.key in row.ratios:
                figures[metric.key][metric.relation] = row.ratios[metric.key]
        known = row.report.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(_IDENTITY))
        others = [other.model_dump(exclude_none=True) for other in row.report.other_resources or ()]
        extra = {"other_resources": others} if others else {}
        designs.append({"design": row.name, **known, "figures": figures, **extra})
    data: dict[str, Any] = {"designs": designs, "differences": [str(item) for item in comparison.differences]}
    if comparison.baseline is not None:
        data = {"baseline": comparison.baseline, **data}
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def html(comparison: Comparison, pictures: Sequence[tuple[str, bytes]] = ()) -> str:
    """A self-contained page from ``templates/html/compare.html.j2``; all text escaped, pictures inside as data."""
    import jinja2

    source = importlib.resources.files("dietcnn_hls.templates").joinpath("html", "compare.html.j2")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return template.render(
        comparison=comparison,
        identities=[identity(row) for row in comparison.rows],
        identity_keys=_IDENTITY,
        alternatives=alternatives(comparison),
        metrics=METRICS,
        value_text=value_text,
        ratio_text=ratio_text,
        pictures=[(caption, base64.b64encode(data).decode("ascii")) for caption, data in pictures],
    )
