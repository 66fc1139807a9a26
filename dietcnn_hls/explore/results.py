# SPDX-License-Identifier: Apache-2.0
"""What a search has found: the front of its finished designs, as table, JSON and configurations, and the chosen one built."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dietcnn_hls.atomic import atomic_write_json, atomic_write_text
from dietcnn_hls.build import build
from dietcnn_hls.explore.forecast import Outcome
from dietcnn_hls.explore.optuna import load
from dietcnn_hls.explore.rungs import named
from dietcnn_hls.explore.sampling import point_of
from dietcnn_hls.explore.space import Point, Space
from dietcnn_hls.reports.metrics import Figure
from dietcnn_hls.reports.model import Report

RUNGS = ("converted", "post-training", "trained", "measured")


@dataclass(frozen=True)
class Design:
    """A finished design: number of its trial, name and folder (``designs/<name>``), values of its variables, figures."""

    trial: int
    name: str
    point: Point
    figures: Mapping[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        figures = {key: {"value": figure.value, "source": figure.source} for key, figure in self.figures.items()}
        return {"trial": self.trial, "design": self.name, "variables": self.point, "figures": figures}


@dataclass(frozen=True)
class Front:
    """Designs that fulfil all constraints and of which none is better in every objective, best in the first objective first.

    Attributes:
        designs: they.
        trials: trials by what became of them: 'measured', 'stopped', 'failed', 'running', 'waiting'.
        study: its name.
    """

    study: str
    designs: Sequence[Design]
    trials: Mapping[str, int]

    @property
    def chosen(self) -> Design | None:
        """The design that is best in the first objective."""
        return self.designs[0] if self.designs else None

    @property
    def others(self) -> bool:
        """Whether other workers are still at work."""
        return bool(self.trials["running"])

    def to_dict(self) -> dict[str, Any]:
        return {"study": self.study, "trials": dict(self.trials), "front": [design.to_dict() for design in self.designs]}


def outcomes(study: Any) -> list[Outcome]:
    """The finished designs of a study, in order."""
    return [
        Outcome(
            trial.number,
            trial.user_attrs["method"],
            _values(trial.user_attrs["figures"]),
            all(value <= 0 for value in trial.constraints.values()),
            {rung: _values(trial.user_attrs[rung]) for rung in RUNGS if rung in trial.user_attrs},
        )
        for trial in study.get_trials(deepcopy=False, states=(load().trial.TrialState.COMPLETE,))
        if "figures" in trial.user_attrs  # the others are designs that were looked at twice
    ]


def _values(figures: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, (value, _) in figures.items()}


def front(space: Space, study: Any) -> Front:
    """The front as it is now."""
    found = [one for one in outcomes(study) if one.feasible]
    kept = [one for one in found if not any(_better(space, other, one) for other in found)]
    first, way = next(iter(space.objectives.items()))
    kept.sort(key=lambda one: ((one.values[first], -one.values[first])[way == "maximize"], one.number))
    trials = study.get_trials(deepcopy=False)
    states = load().trial.TrialState
    words = {
        "measured": states.COMPLETE,
        "stopped": states.PRUNED,
        "failed": states.FAIL,
        "running": states.RUNNING,
        "waiting": states.WAITING,
    }
    counts = {word: sum(trial.state == state for trial in trials) for word, state in words.items()}
    return Front(space.study, [_design(space, trials[one.number]) for one in kept], counts)


def _better(space: Space, one: Outcome, other: Outcome) -> bool:
    """Whether a design is as good as another in all objectives, and better in one; of equals the earlier one stays."""
    signs = [(key, 1 if way == "minimize" else -1) for key, way in space.objectives.items()]
    gains = [sign * (other.values[key] - one.values[key]) for key, sign in signs]
    return min(gains) >= 0 and (max(gains) > 0 or one.number < other.number)


def _design(space: Space, trial: Any) -> Design:
    point = point_of(space, trial.params)
    figures = {key: Figure(value, source) for key, (value, source) in trial.user_attrs["figures"].items()}
    return Design(trial.number, named(space.config(point)).design, point, figures)


def words(figures: Mapping[str, Figure]) -> str:
    """Figures in one line."""
    return ", ".join(f"{key} {_shown(figure.value)}" for key, figure in figures.items())


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def rows(space: Space, found: Front) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the front's table."""
    keys = list(dict.fromkeys((*space.objectives, *space.constraints)))
    head = ["trial", *keys, *space.variables]
    cells = [
        [
            str(design.trial),
            *(_shown(design.figures[key].value) for key in keys),
            *(_plain(design.point[key]) if key in design.point else "" for key in space.variables),
        ]
        for design in found.designs
    ]
    return head, cells


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def markdown(space: Space, found: Front) -> str:
    """The front as a table, with what was wanted and where figures come from."""
    head, cells = rows(space, found)
    goals = [f"{way} {key}" for key, way in space.objectives.items()]
    goals += [f"{key} {constraint}" for key, constraint in space.constraints.items()]
    counts = ", ".join(f"{count} {word}" for word, count in found.trials.items() if count)
    lines = [f"# {found.study}", "", f"Wanted: {', '.join(goals)}. Trials: {counts or 'none'}.", ""]
    if not found.designs:
        return "\n".join([*lines, "No finished design fulfils all constraints.", ""])
    lines += [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *cells)]
    sources = {key: figure.source for key, figure in found.designs[0].figures.items()}
    lines += ["", f"Sources: {', '.join(f'{key}: {source}' for key, source in sources.items())}.", ""]
    lines += [f"- `dietcnn-hls build front/{design.name}.yml --output designs/{design.name}`" for design in found.designs]
    return "\n".join([*lines, ""])


def write(space: Space, found: Front, study: Any, root: Path) -> None:
    """Write ``front.md``, ``front.csv``, ``front.json``, ``trials.json``, and each design's configuration into ``front/``."""
    folder = root / "front"
    folder.mkdir(parents=True, exist_ok=True)
    kept = {f"{design.name}.yml" for design in found.designs}
    for old in folder.glob("*.yml"):
        if old.name not in kept:
            old.unlink(missing_ok=True)
    for design in found.designs:
        data = space.data(design.point) | {"design": design.name}
        network = space.config(design.point).network
        if network.own:  # a file beside the base, which is not beside this one
            data["network"] = str(space.file(network.name).absolute())
        text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None)
        atomic_write_text(
            folder / f"{design.name}.yml", f"# Trial {design.trial} of {found.study}: {words(design.figures)}\n{text}"
        )
    atomic_write_json(root / "front.json", found.to_dict())
    atomic_write_json(root / "trials.json", [_record(trial) for trial in study.get_trials(deepcopy=False)])
    atomic_write_text(root / "front.md", markdown(space, found))
    table = io.StringIO()
    head, cells = rows(space, found)
    csv.writer(table, lineterminator="\n").writerows([head, *cells])
    atomic_write_text(root / "front.csv", table.getvalue())


def _record(trial: Any) -> dict[str, Any]:
    """A trial as plain data: what became of it, why, and its figures on each rung."""
    attributes = {key: value for key, value in trial.user_attrs.items() if key not in ("key",)}
    return {"trial": trial.number, "state": trial.state.name.lower(), "variables": trial.params, **attributes}


def build_chosen(space: Space, found: Front, root: Path, data_dir: Path | None, trust: bool = False) -> Report:
    """Build the chosen design with all that its configuration asks for, in its folder of the search."""
    assert found.chosen is not None
    config = named(space.config(found.chosen.point))
    return build(config, output=root / "designs" / config.design, data_dir=data_dir, trust=trust)


__all__ = ["Design", "Front", "build_chosen", "front", "markdown", "outcomes", "rows", "words", "write"]
