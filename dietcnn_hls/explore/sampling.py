# SPDX-License-Identifier: Apache-2.0
"""How designs are proposed: Optuna's samplers over the variables of a space, seeded by the number of the trial.

A proposal depends on the seed, on the trial's number and on the trials before it, not on how often the search was interrupted;
workers that propose at the same time propose different designs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from dietcnn_hls.explore.optuna import load
from dietcnn_hls.explore.space import Point, Space, Variable

Plain = str | int | float | bool | None


def sampler(space: Space) -> Any:
    """The sampler of a space, as an Optuna one."""
    optuna = load()

    def seeded(number: int) -> Any:
        seed = int(np.random.SeedSequence((space.seed, number)).generate_state(1)[0])
        if space.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        if space.sampler == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=24)
        # group: keys that only some methods have; constant_liar: workers keep away from each other's designs
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)

    class BySeed(optuna.samplers.BaseSampler):  # type: ignore[misc,name-defined]
        """Hands each trial to a sampler of its own seed."""

        inner: Any = None

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            self.inner = seeded(trial.number)
            return self.inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self.inner.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            return self.inner.sample_independent(study, trial, name, distribution)

        def before_trial(self, study: Any, trial: Any) -> None:
            seeded(trial.number).before_trial(study, trial)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            (self.inner or seeded(trial.number)).after_trial(study, trial, state, values)

    return BySeed()


def suggested(space: Space, trial: Any) -> Point:
    """The design of a trial: a value for each variable that applies."""
    point: Point = {}
    for key, variables in space.variables.items():
        index = space.chosen(key, point)
        if index is not None:
            point[key] = _value(trial, _parameter(space, key, index), variables[index])
    return point


def parameters(space: Space, point: Mapping[str, Any]) -> dict[str, Plain]:
    """A design in Optuna's words, to queue it."""
    found: dict[str, Plain] = {}
    above: Point = {}
    for key, variables in space.variables.items():
        index = space.chosen(key, above)
        if index is not None:
            above[key] = point[key]
            found[_parameter(space, key, index)] = point[key] if variables[index].choices is None else word(point[key])
    return found


def point_of(space: Space, params: Mapping[str, Any]) -> Point:
    """The design of a trial's parameters."""
    point: Point = {}
    for key, variables in space.variables.items():
        index = space.chosen(key, point)
        if index is not None:
            choices, value = variables[index].choices, params[_parameter(space, key, index)]
            point[key] = value if choices is None else choices[[word(choice) for choice in choices].index(value)]
    return point


def word(choice: Any) -> Plain:
    """A choice as Optuna takes it: plain values as they are, others as JSON."""
    return choice if choice is None or isinstance(choice, str | int | float) else json.dumps(choice, sort_keys=True)


def _parameter(space: Space, key: str, index: int) -> str:
    """Name of a variable in the study; numbered where a key has several."""
    return key if len(space.variables[key]) == 1 else f"{key} #{index + 1}"


def _value(trial: Any, name: str, variable: Variable) -> Any:
    if variable.choices is not None:
        words = [word(choice) for choice in variable.choices]
        return variable.choices[words.index(trial.suggest_categorical(name, words))]
    suggest = trial.suggest_int if variable.whole else trial.suggest_float
    step = variable.step if variable.step is not None or not variable.whole else 1
    return suggest(name, variable.low, variable.high, log=variable.log, **({} if variable.log else {"step": step}))


__all__ = ["parameters", "point_of", "sampler", "suggested"]
