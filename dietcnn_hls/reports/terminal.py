# SPDX-License-Identifier: Apache-2.0
"""A report in the terminal: what was measured and by what, the checks, and the layers, as `rich` tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dietcnn_hls.errors import printable
from dietcnn_hls.reports.metrics import METRICS
from dietcnn_hls.reports.model import LayerReport, Report
from dietcnn_hls.reports.words import checks, conditions, fold_text, kind_text, shape_text, value_text

WIDTH = 160
"""Columns where what is printed goes to no terminal."""


def show(report: Report, console: Console | None = None) -> None:
    """Print a report.

    Args:
        report: any.
        console: where to; standard output without one.
    """
    console = console or Console(width=None if Console().is_terminal else WIDTH, highlight=False)
    console.print(_text(report.design, "bold"), _text(f"· {report.method} · {report.network}"))
    for title, value in conditions(report):
        console.print(_text(f"  {title}: {value}"))
    console.print(_figures(report))
    for line in checks(report):
        console.print(_text(line))
    if report.layers:
        console.print(_layers(report.layers))


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style)


def _figures(report: Report) -> Table:
    """The figures that the report has, each with its source."""
    table = Table(title="Figures", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("source", style="dim")
    for metric in METRICS:
        figure = metric.read(report)
        if figure is not None:
            table.add_row(metric.title, value_text(metric, figure.value), _text(figure.source))
    return table


_COLUMNS = ("LUT", "FF", "BRAM18", "busy, cycles")


def _layers(layers: tuple[LayerReport, ...]) -> Table:
    """A line a layer: what it is, how it is folded, what it takes."""
    table = Table(title="Layers", title_justify="left")
    for title in ("layer", "kind", "output", "folding"):
        table.add_column(title)
    for title in _COLUMNS:
        table.add_column(title, justify="right")
    for layer in layers:
        found = layer.resources
        counts = (None, None, None) if found is None else (found.lut, found.ff, found.bram18)
        figures = (*counts, None if layer.latency is None else layer.latency.interval)
        words = (layer.name, kind_text(layer), shape_text(layer), fold_text(layer))
        table.add_row(*map(_text, words), *("" if value is None else f"{value:,}" for value in figures))
    return table


__all__ = ["show"]
