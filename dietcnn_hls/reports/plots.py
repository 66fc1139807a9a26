# SPDX-License-Identifier: Apache-2.0
"""Drawings of reports: resources as bars, accuracy against cost, interval against LUTs. Equal reports give equal bytes.

Drawn on matplotlib's Agg canvas without pyplot, so nothing needs a display and no global state changes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import matplotlib.patches
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.reports.files import write_file
from dietcnn_hls.reports.metrics import METRIC_KEYS, METRICS, RESOURCES, Metric

if TYPE_CHECKING:
    from dietcnn_hls.reports.compare import Comparison, Row

FORMATS = ("png", "svg")
# colours of Okabe and Ito, told apart by colour-blind readers too
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "dietcnn_hls",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
}


CAPTIONS = {
    "resources": "Resources of each design",
    "accuracy": "Accuracy against LUTs",
    "pareto": "Interval against LUTs, with each method's front",
}


def draw_all(comparison: Comparison) -> dict[str, bytes]:
    """PNG bytes by name (see `CAPTIONS`) of the plots for which the comparison has figures."""
    drawn = {}
    for name, draw in _STANDARD.items():
        try:
            drawn[name] = _render(draw, comparison, "png")
        except ConfigError:
            continue  # no design has these figures; a comparison may well be without them
    return drawn


def plot_resources(comparison: Comparison, path: Path) -> Path:
    """Bars a resource and design, one panel a resource because their scales differ; values stand on the bars.

    Resources of which no design takes any are named below.

    Args:
        comparison: designs to draw, in order.
        path: file ending in .png or .svg.

    Raises:
        ConfigError: when no design has a resource figure, or for another ending.
        OutputError: when the file cannot be written.
    """
    return _save(_resources_figure, comparison, path)


def plot_accuracy(comparison: Comparison, path: Path, *, cost: str = "lut") -> Path:
    """Accuracy against a cost, a point a design.

    Args:
        cost: key of the horizontal metric, for example ``lut``, ``interval``, ``lookups`` or ``toggles``.

    Raises:
        ConfigError: for an unknown cost or when no design has both figures; OutputError as :func:`plot_resources`.
    """
    return _save(lambda drawn: _scatter_figure(drawn, cost), comparison, path)


def plot_pareto(comparison: Comparison, path: Path, *, x: str = "interval", y: str = "lut") -> Path:
    """A sweep: one cost against another on logarithmic axes, each method's front as steps through its best points.

    Raises:
        ConfigError: for an unknown metric or when no design has both figures; OutputError as :func:`plot_resources`.
    """
    return _save(lambda drawn: _pareto_figure(drawn, x, y), comparison, path)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points that no other point beats in both coordinates (smaller is better), by rising x."""
    front: list[tuple[float, float]] = []
    for point in sorted(set(points)):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


def _metric(key: str) -> Metric:
    for metric in METRICS:
        if metric.key == key:
            return metric
    raise ConfigError(f"Unknown metric '{key}' to draw.{suggest(key, METRIC_KEYS)}")


def _save(draw: Callable[[Comparison], Figure], comparison: Comparison, path: Path) -> Path:
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise ConfigError(f"Cannot draw to '{path.name}': the file must end in .png or .svg.")
    data = _render(draw, comparison, kind)
    write_file(path, data, f"the plot {path}")
    return path


def _render(draw: Callable[[Comparison], Figure], comparison: Comparison, kind: str) -> bytes:
    # matplotlib stamps its version and the time into files unless told not to
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": "dietcnn_hls"}
    with matplotlib.rc_context(_STYLE):
        figure = draw(comparison)
        FigureCanvasAgg(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=120, metadata=metadata)
    return stream.getvalue()


def _resources_figure(comparison: Comparison) -> Figure:
    metrics = [
        metric for metric in METRICS if metric.group == RESOURCES and any(metric.key in row.figures for row in comparison.rows)
    ]
    if not metrics:
        raise ConfigError("No design has resource figures to draw. Build with synthesis='yosys' or 'vitis'.")
    used = [m for m in metrics if any(m.key in row.figures and row.figures[m.key].value for row in comparison.rows)]
    unused = [m.title for m in metrics if m not in used]
    metrics = used or metrics
    figure = Figure(figsize=(2.1 * len(metrics) + 0.6, 3.6), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        _bars(axes, comparison, metric)
    handles = [
        matplotlib.patches.Patch(color=_COLOURS[index % len(_COLOURS)], label=_legend(row))
        for index, row in enumerate(comparison.rows)
    ]
    title = f"{' and '.join(unused)}: 0 in all designs" if used and unused else None
    figure.legend(handles=handles, loc="outside lower center", ncols=1, frameon=False, title=title)
    return figure


def _bars(axes: Axes, comparison: Comparison, metric: Metric) -> None:
    for index, row in enumerate(comparison.rows):
        figure = row.figures.get(metric.key)
        value = 0 if figure is None else figure.value
        axes.bar(index, value, color=_COLOURS[index % len(_COLOURS)], width=0.8)
        axes.annotate(
            "—" if figure is None else f"{value:,}",
            (index, value),
            ha="center",
            va="bottom",
            fontsize=8,
            xytext=(0, 1),
            textcoords="offset points",
        )
    axes.set_title(metric.title)
    axes.set_xticks([])
    highest = max(figure.value for row in comparison.rows if (figure := row.figures.get(metric.key)))
    axes.set_ylim(0, max(1.12 * highest, 1))
    axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(nbins=5, integer=True, min_n_ticks=1))


def _legend(row: Row) -> str:
    sources = {figure.source for metric in METRICS if metric.group == RESOURCES and (figure := row.figures.get(metric.key))}
    return f"{row.name} ({', '.join(sorted(sources)) or 'no figures'})"


def _scatter_figure(comparison: Comparison, cost: str) -> Figure:
    x, y = _metric(cost), _metric("accuracy")
    figure, axes, drawn = _points(comparison, x, y)
    for index, (row, a, b) in enumerate(drawn):
        axes.plot(a, b, _MARKERS[index % len(_MARKERS)], color=_COLOURS[index % len(_COLOURS)], markersize=8, label=row.name)
    axes.set_xlim(left=0)
    axes.margins(y=0.25)
    _finish(figure, axes, drawn, x, y)
    return figure


def _pareto_figure(comparison: Comparison, x_key: str, y_key: str) -> Figure:
    x, y = _metric(x_key), _metric(y_key)
    figure, axes, drawn = _points(comparison, x, y)
    zero = [row.name for row, a, b in drawn if a <= 0 or b <= 0]
    if zero:
        raise ConfigError(
            "A Pareto drawing has logarithmic axes and cannot show a value of 0; drop"
            f" {', '.join(zero)} or draw another metric than {x.title} and {y.title}."
        )
    methods = sorted({row.report.method for row, _, _ in drawn})
    for index, method in enumerate(methods):
        points = [(a, b) for row, a, b in drawn if row.report.method == method]
        colour, marker = _COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)]
        axes.plot(*zip(*points, strict=True), marker, color=colour, markersize=6, label=method)
        axes.step(*zip(*pareto_front(points), strict=True), where="post", color=colour, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(0.06)
    for axis, values in ((axes.xaxis, [a for _, a, _ in drawn]), (axes.yaxis, [b for _, _, b in drawn])):
        # labels of 1-2-5 steps would overlap beyond two decades
        subs = (1.0, 2.0, 5.0) if max(values) <= 100 * min(values) else (1.0,)
        axis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axis.set_major_locator(matplotlib.ticker.LogLocator(base=10, subs=subs))
        axis.set_minor_locator(matplotlib.ticker.NullLocator())
    _finish(figure, axes, drawn, x, y)
    return figure


def _points(comparison: Comparison, x: Metric, y: Metric) -> tuple[Figure, Axes, list[tuple[Row, float, float]]]:
    drawn = []
    for row in comparison.rows:
        if x.key in row.figures and y.key in row.figures:
            scale = 100.0 if y.forms else 1.0
            drawn.append((row, float(row.figures[x.key].value), scale * row.figures[y.key].value))
    if not drawn:
        raise ConfigError(f"No design has both {x.title} and {y.title} to draw.")
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    return figure, figure.subplots(), drawn


def _finish(figure: Figure, axes: Axes, drawn: list[tuple[Row, float, float]], x: Metric, y: Metric) -> None:
    axes.set_xlabel(_axis_title(drawn, x))
    axes.set_ylabel(_axis_title(drawn, y))
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    figure.legend(loc="outside upper center", ncols=3, frameon=False)


def _axis_title(drawn: list[tuple[Row, float, float]], metric: Metric) -> str:
    """Title with the sources of what is drawn: a picture may leave its page."""
    sources = sorted({row.figures[metric.key].source for row, _, _ in drawn})
    unit = ", %" if metric.forms else ""
    return f"{metric.title}{unit}\n({'; '.join(sources)})"


_STANDARD: dict[str, Callable[[Comparison], Figure]] = {
    "resources": _resources_figure,
    "accuracy": lambda comparison: _scatter_figure(comparison, "lut"),
    "pareto": lambda comparison: _pareto_figure(comparison, "interval", "lut"),
}
