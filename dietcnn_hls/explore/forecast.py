# SPDX-License-Identifier: Apache-2.0
"""Whether a half-made design can still be wanted: what it could come to, by what finished designs of its method have come to.

On its way a figure changes: accuracy rises with training, LUTs of the cost model become LUTs of a synthesis. How much, is learned
from finished designs of the same method, widened by `MARGIN`; of a method with fewer than `LEAST` of them nothing is foreseen but
that an interval does not get shorter. A design is given up when even its best case breaks a constraint, or is no better than a
finished one in any objective.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dietcnn_hls.explore.figures import Wanted
from dietcnn_hls.explore.space import Space

MARGIN = 0.25
"""The range of changes seen is widened by this share of itself, and ratios by a fiftieth of one at least."""

LEAST = 2
"""Finished designs of a method by which one of it is judged."""

Values = Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """A finished design.

    Attributes:
        number: of its trial.
        method: as reports name it.
        rungs: values by figure, by rung.
        values: its final ones.
        feasible: it fulfils all constraints.
    """

    number: int
    method: str
    values: Values
    feasible: bool
    rungs: Mapping[str, Values] = field(default_factory=dict)


@dataclass(frozen=True)
class Judge:
    """What is wanted, and what has been found so far."""

    space: Space
    wanted: Mapping[str, Wanted]
    outcomes: Sequence[Outcome]

    def ranges(self, rung: str, method: str, now: Values, final: Values) -> dict[str, tuple[float, float]]:
        """Least and largest value that each figure can come to; unbounded where nothing is known."""
        same = [outcome for outcome in self.outcomes if outcome.method == method]
        found = {}
        for key, one in self.wanted.items():
            pairs = [(o.rungs[rung][key], o.values[key]) for o in same if key in o.rungs.get(rung, {}) and key in o.values]
            if key in final:
                found[key] = (final[key], final[key])
            elif key in now and len(pairs) >= LEAST:
                found[key] = _reach(now[key], pairs, one.share)
            else:
                found[key] = (now[key] if one.least and key in now else -math.inf, math.inf)
        return found

    def verdict(self, rung: str, method: str, now: Values, final: Values) -> str:
        """Why a design that has come to `rung` is given up; empty where it goes on."""
        ranges = self.ranges(rung, method, now, final)
        for key, constraint in self.space.constraints.items():
            low, high = ranges[key]
            if constraint.at_most is not None and low > constraint.at_most:
                return f"{key} {_at_best(low, key in final)}, wanted {constraint}"
            if constraint.at_least is not None and high < constraint.at_least:
                return f"{key} {_at_best(high, key in final)}, wanted {constraint}"
        best = {key: ranges[key][way == "maximize"] for key, way in self.space.objectives.items()}
        for outcome in self.outcomes:
            if outcome.feasible and all(
                outcome.values[key] <= best[key] if way == "minimize" else outcome.values[key] >= best[key]
                for key, way in self.space.objectives.items()
            ):
                words = ", ".join(f"{key} {_at_best(value, key in final)}" for key, value in best.items())
                return f"{words}: no better than trial {outcome.number}"
        return ""


def _reach(value: float, pairs: Sequence[tuple[float, float]], share: bool) -> tuple[float, float]:
    """What a value can come to, by (value on the same rung, final value) of finished designs."""
    if share:
        changes = [final - before for before, final in pairs]
        wide = MARGIN * (max(changes) - min(changes)) + MARGIN * max(map(abs, changes))
        return value + min(changes) - wide, value + max(changes) + wide
    ratios = [final / before for before, final in pairs if before]
    if len(ratios) < len(pairs) or not value:
        return -math.inf, math.inf
    wide = max(MARGIN * (max(ratios) - min(ratios)), 0.02 * max(ratios)) if len(set(ratios)) > 1 else 0.02 * ratios[0]
    return value * (min(ratios) - wide), value * (max(ratios) + wide)


def _at_best(value: float, exact: bool) -> str:
    return f"{'' if exact else 'at best '}{round(value, 4):,}"


__all__ = ["Judge", "Outcome"]
