# SPDX-License-Identifier: Apache-2.0
"""A search: one worker that takes designs of a study, makes each as far as it is worth, and leaves the front behind.

Any number of workers may be at one study, on one machine or many; each can leave and come back. What is refused for what it is (a
method that cannot compute a layer, memories beyond the part) rules a design out; what would hit every design ends the search.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dietcnn_hls.atomic import content_key
from dietcnn_hls.build import plan as planning
from dietcnn_hls.build.stages import STAGES
from dietcnn_hls.build.training import project_request
from dietcnn_hls.errors import ConfigError, LoweringError, ResourceError, UnsupportedLayerError
from dietcnn_hls.explore import results
from dietcnn_hls.explore.display import Display
from dietcnn_hls.explore.figures import Wanted, measured
from dietcnn_hls.explore.forecast import Judge
from dietcnn_hls.explore.optuna import load
from dietcnn_hls.explore.rungs import Figures, Rung, Workshop, ladder
from dietcnn_hls.explore.sampling import parameters, sampler, suggested
from dietcnn_hls.explore.space import Point, Space
from dietcnn_hls.explore.storage import HEARTBEAT, WORKER, Worker, again, open_storage, stated, take_over_stale

REFUSALS = (ConfigError, LoweringError, ResourceError, UnsupportedLayerError)
"""Failures that speak of one design."""

Climb = Callable[[Rung], tuple[Figures, str]]
"""Carries out a rung of a design: (its figures, its method)."""

POLL = 1.0
"""Seconds between looks at what other workers do, where there is nothing left to take."""


def explore(
    space: Space,
    output: Path | None = None,
    *,
    storage: str | None = None,
    data_dir: Path | None = None,
    heartbeat: int = HEARTBEAT,
    final: bool = True,
    trust: bool = False,
) -> results.Front:
    """Look through a space, or help those that do, until its number of trials is reached.

    Args:
        space: see `dietcnn_hls.explore.load`.
        output: folder of the search; default ``work/<study>``. Workers on one machine share it.
        storage: file or URL of the study; default ``study.journal`` in the folder.
        data_dir: of the dataset.
        heartbeat: seconds between signs of life in a database.
        final: build the chosen design as the configuration says, with all its checks.
        trust: code beside the configuration may run.

    Returns:
        The front, which is also written to the folder.

    Raises:
        DietError: a space, storage, tool or dataset that cannot be used; before any work where it can be known.
        KeyboardInterrupt: it was interrupted; the design at hand is given back, and the front so far is written.
    """
    root = output or Path("work") / space.study
    wanted = measured([*space.objectives, *space.constraints])
    check(space, wanted, root, data_dir, trust)
    place = storage or str(root / "study.journal")
    front = work(space, root, place, Workshop(root, data_dir, wanted, trust).climb, wanted=wanted, heartbeat=heartbeat)
    if final and front.designs and not front.others:
        results.build_chosen(space, front, root, data_dir, trust)
    return front


def work(
    space: Space, root: Path, place: str, climb: Climb, *, wanted: Mapping[str, Wanted], heartbeat: int = HEARTBEAT
) -> results.Front:
    """Be one of a study's workers; arguments as `explore`, `climb` carries out a rung of a design (`Workshop.climb`)."""
    with stated(place), Worker(root) as worker, Display(space) as display:
        study = open_study(space, place, heartbeat)
        try:
            _Search(space, wanted, study, worker, climb, display).run()
        finally:
            front = results.front(space, study)
            results.write(space, front, study, root)
    return front


def check(space: Space, wanted: Mapping[str, Wanted], root: Path, data_dir: Path | None, trust: bool = False) -> None:
    """What can be known of all designs before any work: recipes, networks, data, tools, and that the figures can be found."""
    stages = planning.by_name(STAGES)
    seen = set()
    for what, point in space.probes():
        config = space.config(point)
        parts = (config.network.model_dump(), config.dataset.model_dump(), config.training, config.synthesis)
        key = content_key(*parts, config.hardware.folding.input_pixels)
        if key in seen:
            continue
        seen.add(key)
        try:
            request = project_request(config, root / "designs" / "any", data_dir=data_dir, trust=trust)
            for stage in sorted({stage for one in wanted.values() for stage in one.stages(config)}):
                planning.plan(request, stage, stages)
        except ConfigError as error:
            raise ConfigError(f"{space.study}: {what}: {error}") from error


def open_study(space: Space, place: str, heartbeat: int) -> Any:
    """The study of a space, made where there is none.

    Raises:
        ConfigError: a study of that name that was made for another space.
    """
    optuna = load()
    study = optuna.create_study(
        study_name=space.study,
        storage=open_storage(place, heartbeat),
        directions=list(space.objectives.values()),
        sampler=sampler(space),
        load_if_exists=True,
    )
    key = content_key(space.model_dump(include={"base", "fixed", "variables", "objectives", "constraints"}))
    found = study.user_attrs.get("space")
    if found not in (None, key):
        raise ConfigError(
            f"the study '{space.study}' was made for another space; give this one another name (study:), or a folder or storage "
            "of its own (--output, --storage)"
        )
    if found is None:
        study.set_metric_names(list(space.objectives))
        study.set_user_attr("space", key)
    begun = {json.dumps(trial.system_attrs.get("fixed_params"), sort_keys=True) for trial in study.get_trials(deepcopy=False)}
    for given in space.start:
        params = parameters(space, space.filled(given, "start"))
        if json.dumps(params, sort_keys=True) not in begun:
            study.enqueue_trial(params)
    return study


class _Search:
    """One worker at a study."""

    def __init__(
        self, space: Space, wanted: Mapping[str, Wanted], study: Any, worker: Worker, climb: Climb, display: Display
    ) -> None:
        self.space, self.wanted, self.study = space, wanted, study
        self.worker, self.climb, self.display = worker, climb, display
        self.trial: Any = None

    def run(self) -> None:
        """Take designs until enough have been looked at and nobody is at one that may have to be taken over."""
        while (left := self._left()) is not None:
            if left == 0:
                time.sleep(POLL)
                continue
            try:
                self.study.optimize(self._objective, n_trials=1)
            except BaseException:
                self._give_back()
                raise
            self.display.show(results.front(self.space, self.study), self.study)

    def _left(self) -> int | None:
        """Designs that this worker may take; None when the search is over, or what is left is with workers it cannot see."""
        states = load().trial.TrialState
        beating = take_over_stale(self.study)
        for number in self.worker.recover(self.study):
            self.display.say(f"trial {number}: its worker died; its design is queued again")
        trials = self.study.get_trials(deepcopy=False)
        done = sum(trial.state in (states.COMPLETE, states.PRUNED) for trial in trials)
        waiting = [trial for trial in trials if trial.state == states.WAITING]
        running = [trial for trial in trials if trial.state == states.RUNNING]
        if done >= self.space.trials:
            return None
        if waiting or done + len(running) < self.space.trials:
            return 1
        return 0 if beating or any(self.worker.knows(trial.user_attrs.get(WORKER, "")) for trial in running) else None

    def _give_back(self) -> None:
        """An interrupted trial's design is queued again, for whoever goes on."""
        if self.trial is not None:
            again(self.study, self.study._storage.get_trial(self.trial._trial_id))

    def _objective(self, trial: Any) -> tuple[float, ...]:
        self.trial = trial
        trial.set_user_attr(WORKER, self.worker.name)
        point = suggested(self.space, trial)
        values = self._known(trial, point) or self._made(trial, point)
        self.trial = None
        return values

    def _known(self, trial: Any, point: Point) -> tuple[float, ...] | None:
        """What an earlier trial found of the same design."""
        states = load().trial.TrialState
        key = content_key(self.space.data(point))
        trial.set_user_attr("key", key)
        for other in self.study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)):
            if other.user_attrs.get("key") == key:
                trial.set_user_attr("same_as", other.number)
                for name, value in other.constraints.items():
                    trial.set_constraint(name, value)
                if other.state == states.PRUNED:
                    raise self._stopped(trial, f"the same design as trial {other.number}")
                self.display.say(f"trial {trial.number}: the same design as trial {other.number}")
                return tuple(other.values)
        return None

    def _made(self, trial: Any, point: Point) -> tuple[float, ...]:
        """Make a design rung by rung; its objectives, or TrialPruned where it is given up."""
        final: Figures = {}
        try:
            config = self.space.config(point)
            for rung in ladder(config, self.wanted):
                self.display.doing(trial.number, rung.name, point)
                figures, method = self.climb(rung)
                final |= {key: figure for key, figure in figures.items() if key in rung.final}
                trial.set_user_attr("method", method)
                trial.set_user_attr(rung.name, {key: [figure.value, figure.source] for key, figure in figures.items()})
                self._judge(trial, rung, method, figures, final)
        except REFUSALS as error:
            raise self._stopped(trial, str(error)) from error
        missing = [key for key in self.wanted if key not in final]
        if missing:
            raise ConfigError(f"{self.space.study}: no stage of a build found {', '.join(missing)} of trial {trial.number}")
        trial.set_user_attr("figures", {key: [figure.value, figure.source] for key, figure in final.items()})
        self.display.say(f"trial {trial.number}: {results.words(final)}")
        return tuple(float(final[key].value) for key in self.space.objectives)

    def _judge(self, trial: Any, rung: Rung, method: str, now: Figures, final: Figures) -> None:
        """State constraints as far as they are known, and give a design up that cannot be wanted."""
        ready = {key: figure.value for key, figure in final.items()}
        for key, constraint in self.space.constraints.items():
            if key in now and key in rung.final and key not in trial.constraints:
                trial.set_constraint(key, constraint.violation(ready[key]))
        judge = Judge(self.space, self.wanted, results.outcomes(self.study))
        reason = judge.verdict(rung.name, method, {key: figure.value for key, figure in now.items()}, ready)
        if reason and not (rung.name == "measured" and len(ready) == len(self.wanted)):
            raise self._stopped(trial, f"{rung.name}: {reason}")

    def _stopped(self, trial: Any, reason: str) -> Exception:
        trial.set_user_attr("stopped", reason)
        self.display.say(f"trial {trial.number}: {reason}")
        pruned: Exception = load().TrialPruned(reason)
        return pruned


__all__ = ["check", "explore", "open_study", "work"]
