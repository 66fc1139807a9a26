# SPDX-License-Identifier: Apache-2.0
"""The page of a comparison: one file without outside resources, whose tables stand in the text and whose drawings a script makes.

Words, tables and their sources are written here and can be read without scripts; what is drawn is data for ``page.js``. Plotly's
own bundle travels compressed inside the page, which browsers unpack, so that the file stays small.
"""

from __future__ import annotations

import base64
import gzip
import importlib.resources
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import jinja2

from dietcnn_hls.errors import ToolError
from dietcnn_hls.reports import beside, words
from dietcnn_hls.reports.beside import Beside
from dietcnn_hls.reports.metrics import ABSENT, METRICS, Figure
from dietcnn_hls.reports.model import BitExact, LayerReport, Report, Timing
from dietcnn_hls.reports.render import figure_text, identity, layer_grid, notes, ratio_text
from dietcnn_hls.reports.verdict import verdict

if TYPE_CHECKING:
    from dietcnn_hls.reports.compare import Comparison, Row

_KEY = ("accuracy", "lut", "bram18", "interval", "interval_ns", "toggles")
"""Figures that stand on a design's card."""


def html(comparison: Comparison, pictures: Sequence[tuple[str, bytes]] = ()) -> str:
    """The page; `pictures`, (caption, PNG bytes), are shown where there are no scripts. All text is escaped."""
    found = [beside.read(row.folder) for row in comparison.rows] if not comparison.layers else []
    sources = _Sources()
    context: dict[str, Any] = {
        "title": ", ".join(dict.fromkeys(row.name for row in comparison.rows)),
        "heading": _heading(comparison.rows),
        "twin": comparison.twin,
        "layers": comparison.layers,
        "notes": notes(comparison, bare=("folding",)),
        "pictures": [(caption, base64.b64encode(data).decode("ascii")) for caption, data in pictures],
        "grid": layer_grid(comparison) if comparison.layers else [],
    }
    if not comparison.layers:
        context |= _designs(comparison, found, sources) | {"plotly": _bundle()}
    return _template().render(**context, sources=[(mark, source, words.source_text(source)) for mark, source in sources.list])


def _designs(comparison: Comparison, found: Sequence[Beside], sources: _Sources) -> dict[str, Any]:
    """What the template prints of whole designs."""
    rows = comparison.rows
    figures = [(metric.title, [_figure(sources, row, metric.key) for row in rows]) for metric in METRICS]
    return {
        "verdict": verdict(comparison),
        "conditions": _conditions(rows),
        "cards": [_card(sources, row, number) for number, row in enumerate(rows)],
        "names": [row.name for row in rows],
        "identities": [(key.replace("_", " "), [identity(row)[key] for row in rows]) for key in ("method", "network")],
        "figures": figures,
        "folding": _folding(rows),
        "timing": [(row.name, _timing(row.report)) for row in rows if row.report.timing is not None],
        "checks": _checks(rows),
        "builds": [(row.name, _build(row.report)) for row in rows],
        "why": [(row.name, one.why) for row, one in zip(rows, found, strict=True) if one.why],
        "data": _data(comparison, found),
    }


class _Sources:
    """Sources of figures, each with the letter by which the tables name it."""

    def __init__(self) -> None:
        self.list: list[tuple[str, str]] = []

    def mark(self, source: str) -> str:
        """The letter of a source: a to z, then aa and on."""
        for mark, known in self.list:
            if known == source:
                return mark
        number, mark = len(self.list), ""
        while number >= 0:
            mark = chr(ord("a") + number % 26) + mark
            number = number // 26 - 1
        self.list.append((mark, source))
        return mark


def _figure(sources: _Sources, row: Row, key: str) -> dict[str, str]:
    metric = next(metric for metric in METRICS if metric.key == key)
    figure: Figure | None = row.figures.get(key)
    found = {"key": key, "title": metric.title, "text": figure_text(metric, figure)}
    if figure is not None:
        found |= {"source": figure.source, "mark": sources.mark(figure.source)}
    return found | ({"ratio": ratio_text(metric, row)} if key in row.ratios else {})


def _card(sources: _Sources, row: Row, number: int) -> dict[str, Any]:
    pairs = row.report.bit_exact or {}
    return {
        "name": row.name,
        "method": row.report.method,
        "number": number,
        "figures": [_figure(sources, row, key) for key in _KEY if key in row.figures],
        "exact": bool(pairs) and not any(found.mismatches for found in pairs.values()),
        "differs": any(found.mismatches for found in pairs.values()),
    }


def _heading(rows: Sequence[Row]) -> str:
    """What is compared: the network of several designs, or the only design."""
    networks, names = {row.report.network for row in rows}, {row.name for row in rows}
    return f"{len(names)} designs of {' and '.join(sorted(networks))}" if len(names) > 1 else rows[0].name


def _conditions(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Conditions that all designs share, as (title, value)."""
    shared = set.intersection(*(set(words.conditions(row.report)) for row in rows))
    return [pair for pair in words.conditions(rows[0].report) if pair in shared]


def _folding(rows: Sequence[Row]) -> dict[str, Any]:
    """A line a layer and a cell a design, and what each design states of its folding as a whole."""
    by_name = [{layer.name: layer for layer in row.report.layers or ()} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in _folded(row.report)))
    lines = []
    for name in names:
        layers = [one.get(name) for one in by_name]
        shape = next((words.shape_text(layer) for layer in layers if layer is not None), "")
        lines.append((name, shape, [_fold(row.report, name, layer) for row, layer in zip(rows, layers, strict=True)]))
    return {"lines": lines, "whole": [(row.name, words.folding_words(row.report.folding or {})) for row in rows]}


def _stated(report: Report) -> dict[str, Any]:
    """Folding by layer as the report's own section states it."""
    folding = report.folding or {}
    layers = folding.get("layers", folding)
    return {name: own for name, own in layers.items() if isinstance(own, dict)} if isinstance(layers, dict) else {}


def _folded(report: Report) -> list[str]:
    """Names of the layers of which a folding is stated."""
    return [layer.name for layer in report.layers or () if layer.folding] or list(_stated(report))


def _fold(report: Report, name: str, layer: LayerReport | None) -> str:
    found = words.fold_text(layer) if layer is not None else ""
    return found or words.folding_words(_stated(report).get(name, {})) or ABSENT


def _checks(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """A line a pair of forms, with how many images of how many differ in each design."""
    found = [row.report.bit_exact or {} for row in rows]
    pairs = dict.fromkeys(pair for one in found for pair in one)
    return [(words.pair_text(pair), [_differing(one.get(pair)) for one in found]) for pair in pairs]


def _differing(found: BitExact | None) -> str:
    return ABSENT if found is None else f"{found.mismatches:,} of {found.samples:,}"


def _timing(report: Report) -> dict[str, Any]:
    timing = report.timing
    assert timing is not None
    asked = None if report.clock_ns is None else f"{report.clock_ns:g} ns"
    period = f"{timing.period_ns:g} ns ({timing.fmax_mhz:g} MHz)"
    met = "" if timing.slack_ns is None else f"met, {timing.slack_ns:g} ns to spare" if timing.slack_ns >= 0 else "missed"
    shares = "" if timing.logic_ns is None else f"{timing.logic_ns:g} ns logic, {timing.net_ns or 0:g} ns nets"
    return {
        "asked": asked or ABSENT,
        "period": period,
        "met": met,
        "shares": shares + ("" if timing.levels is None else f", {timing.levels} levels"),
        "ends": _ends(timing),
        "source": timing.source,
        "error": timing.error or "",
    }


def _ends(timing: Timing) -> str:
    return "" if timing.from_ is None or timing.to is None else f"{timing.from_} → {timing.to}"


def _build(report: Report) -> list[tuple[str, str]]:
    """What a build ran with, and the seconds that its stages took."""
    versions = ", ".join(f"{name} {version}" for name, version in (report.versions or {}).items())
    seconds = ", ".join(f"{name.replace('_', ' ')} {value:g} s" for name, value in (report.timings_s or {}).items())
    seed = "" if report.seed is None else str(report.seed)
    found = (("conditions", ", ".join(f"{title} {value}" for title, value in words.conditions(report))), ("seed", seed))
    return [(title, text) for title, text in (*found, ("versions", versions), ("stages", seconds)) if text]


# ---- what the script draws


def _data(comparison: Comparison, found: Sequence[Beside]) -> dict[str, Any]:
    metrics = [
        {"key": metric.key, "title": metric.title, "percent": bool(metric.forms)}
        for metric in METRICS
        if any(metric.key in row.figures for row in comparison.rows)
    ]
    return {"metrics": metrics, "designs": [_design(row, one) for row, one in zip(comparison.rows, found, strict=True)]}


def _design(row: Row, found: Beside) -> dict[str, Any]:
    report = row.report
    shown = {metric.key: metric for metric in METRICS}
    return {
        "name": row.name,
        "method": report.method,
        "clock": report.clock_ns,
        "interval": None if report.latency is None else report.latency.interval,
        "figures": {key: figure.value for key, figure in row.figures.items()},
        "texts": {key: words.value_text(shown[key], figure.value) for key, figure in row.figures.items()},
        "sources": {key: figure.source for key, figure in row.figures.items()},
        "layers": [_layer(layer) for layer in report.layers or ()],
        "edges": found.edges,
        "paths": found.paths,
        "streams": found.layers,
        "images": found.images,
    }


def _layer(layer: LayerReport) -> dict[str, Any]:
    """A layer's words and counts; absent ones are null."""
    resources, memory = layer.resources, layer.memory
    counts = {key: None if resources is None else getattr(resources, key) for key in ("lut", "ff", "bram18", "dsp", "uram")}
    return {
        "name": layer.name,
        "kind": words.kind_text(layer),
        "linear": bool(layer.folding),
        "shape": words.shape_text(layer),
        "fold": words.fold_text(layer),
        "source": None if resources is None else resources.source,
        "busy": None if layer.latency is None else layer.latency.interval,
        "bits": None if memory is None else (memory.table_bits or 0) + (memory.weight_bits or 0),
        **counts,
    }


# ---- files of the page


@cache
def _bundle() -> str:
    """Plotly's script, compressed, as text; the same bytes in every process."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ToolError(f"the page needs Plotly ({error}); pip install plotly") from error
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode("ascii")


@cache
def _template() -> jinja2.Template:
    folder = importlib.resources.files("dietcnn_hls.templates").joinpath("html")

    def load(name: str) -> str:
        return folder.joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["verbatim"] = load  # style and script stand in the page as they are in their files
    return environment.get_template("compare.html.j2")


__all__ = ["html"]
