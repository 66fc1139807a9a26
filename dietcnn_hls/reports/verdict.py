# SPDX-License-Identifier: Apache-2.0
"""A comparison in words: which design is smallest, fastest, most accurate, and what each gives up for it.

A title is awarded only where it is fair: the design and every other that has the figure were measured alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dietcnn_hls.reports import accuracy
from dietcnn_hls.reports.metrics import METRICS, Metric, withheld
from dietcnn_hls.reports.words import value_text

if TYPE_CHECKING:
    from dietcnn_hls.reports.compare import Comparison, Row


@dataclass(frozen=True, slots=True)
class Standing:
    """How one design stands among the others.

    Attributes:
        design: its name.
        titles: what it is best at, such as ``the smallest``.
        gives_up: where another is better, in words.
    """

    design: str
    titles: tuple[str, ...]
    gives_up: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Sentences on all designs, how each of them stands, and which titles were not awarded and why."""

    summary: tuple[str, ...]
    standings: tuple[Standing, ...]
    unawarded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Question:
    """One title: its words, and the metrics that decide it, of which the first that all designs have is taken."""

    title: str
    keys: tuple[str, ...]
    behind: Callable[[Metric, Row, Row], str]
    """What a design gives up whose figure is behind the best."""

    def metric(self, rows: Iterable[Row]) -> Metric | None:
        rows = tuple(rows)
        having = [metric for metric in METRICS if metric.key in self.keys and all(metric.key in row.figures for row in rows)]
        return min(having, key=lambda metric: self.keys.index(metric.key), default=None)


def _points(metric: Metric, row: Row, winner: Row) -> str:
    value, best = _pair(metric, row, winner)
    taken = accuracy.shared(row.report, winner.report, metric.forms)
    images = None if taken is None else taken[0].images
    counted = "" if images is None else f", {round((best - value) * images):,} of {images:,} images"
    return f"accuracy: {100 * (best - value):.2f} points{counted} ({_against(metric, value, best, winner)})"


def _times(what: str) -> Callable[[Metric, Row, Row], str]:
    def words(metric: Metric, row: Row, winner: Row) -> str:
        value, best = _pair(metric, row, winner)
        factor = f"{value / best:.3g} times the {what}" if best else f"{what} where there are none"
        return f"{factor} ({_against(metric, value, best, winner)})"

    return words


def _against(metric: Metric, value: float, best: float, winner: Row) -> str:
    own, other = (value_text(metric, number) for number in (value, best))
    return f"{own} against {other} of {winner.name}"


_QUESTIONS = (
    _Question("the most accurate", ("accuracy",), _points),
    _Question("the smallest", ("lut",), _times("LUTs")),
    _Question("the fastest", ("interval_ns", "interval"), _times("time between inferences")),
    _Question("the least switching", ("toggles",), _times("toggles")),
)


def verdict(comparison: Comparison) -> Verdict:
    """Judge the designs of a comparison whose rows are designs."""
    rows = comparison.rows
    won: list[tuple[tuple[str, ...], str]] = []
    gives_up: dict[str, list[str]] = {row.name: [] for row in rows}
    unawarded, shared = [], []
    for question in _QUESTIONS if len(rows) > 1 else ():
        metric = question.metric(rows)
        if metric is None:
            continue
        best, reason = _best(metric, rows)
        if reason:
            unawarded.append(f"Which is {question.title} is left open: {reason}.")
        elif len(best) == len(rows):
            shared.append(f"{metric.title.lower()} ({value_text(metric, best[0].figures[metric.key].value)})")
        else:
            won.append((tuple(row.name for row in best), question.title))
            for row in (row for row in rows if best and row not in best):
                gives_up[row.name].append(question.behind(metric, row, best[0]))
    standings = tuple(Standing(row.name, _titles(won, row.name), tuple(gives_up[row.name])) for row in rows)
    return Verdict((*_sentences(won), *_shared(shared)), standings, tuple(unawarded))


def _best(metric: Metric, rows: tuple[Row, ...]) -> tuple[list[Row], str]:
    """The rows that no other beats, or why that cannot be said."""
    best = []
    for row in rows:
        ahead = True
        for other in rows:
            if other is row:
                continue
            conditions, groups = withheld(row.report, other.report)
            if metric.group in groups:
                differing = ", ".join(title for title, *_ in conditions)
                return [], f"{row.name} and {other.name} differ in {differing}"
            own, theirs = _pair(metric, row, other)
            ahead &= own >= theirs if metric.forms else own <= theirs
        best += [row] if ahead else []
    return best, "" if best else "on the images that each two have in common, each is beaten by another"


def _pair(metric: Metric, row: Row, other: Row) -> tuple[float, float]:
    """Two designs' figures as they may be set against each other."""
    pair = metric.pair(row.report, other.report)
    one, two = pair if pair is not None else (row.figures[metric.key], other.figures[metric.key])
    return one.value, two.value


def _titles(won: list[tuple[tuple[str, ...], str]], name: str) -> tuple[str, ...]:
    """What one design is best at, alone or with others."""
    return tuple(title if len(names) == 1 else f"{title}, with others" for names, title in won if name in names)


def _sentences(won: list[tuple[tuple[str, ...], str]]) -> list[str]:
    """A sentence for each design, or group of designs, with all that it is best at."""
    groups = dict.fromkeys(names for names, _ in won if names)
    titles = {names: _listed(title for one, title in won if one == names) for names in groups}
    return [f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {titles[names]}." for names in groups]


def _shared(shared: list[str]) -> list[str]:
    return [f"All have the same {_listed(shared)}."] if shared else []


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


__all__ = ["Standing", "Verdict", "verdict"]
