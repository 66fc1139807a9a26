# SPDX-License-Identifier: Apache-2.0
"""The space of an exploration: a configuration, the keys of it that vary, what is wanted and what is asked for.

The file is data, read and checked as a project's configuration is; every value that a variable can take is checked against the
configuration's own model before anything runs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue, PrivateAttr, field_validator, model_validator

from dietcnn_hls.build import reading
from dietcnn_hls.build.config import SEEDS, ProjectConfig, parse
from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.validation import check_plain, shown, validate

Point = dict[str, Any]
"""Values by key, of the variables that a design has."""

Direction = Literal["minimize", "maximize"]
Sampler = Literal["tpe", "nsga2", "random"]

_STRICT = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}


class Variable(BaseModel):
    """One key that varies: ``choices``, or a range from ``low`` to ``high``, whole numbers where both are.

    Attributes:
        when: (key of a variable above: its value, or several of which one will do); elsewhere the key is left alone.
    """

    model_config = _STRICT  # type: ignore[assignment]

    choices: list[JsonValue] | None = Field(None, min_length=1)
    low: int | float | None = None
    high: int | float | None = None
    step: int | float | None = Field(None, gt=0)
    log: bool = False
    when: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> Variable:
        if (self.choices is None) == (self.low is None and self.high is None):
            raise ValueError("give either choices, or low and high")
        if self.choices is not None:
            return self._listed(self.choices)
        if self.low is None or self.high is None or self.low > self.high:
            raise ValueError("a range needs low and high, and low is not above high")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("log: true takes no step, and a low above 0")
        if self.step is not None and self.whole and not isinstance(self.step, int):
            raise ValueError("a range of whole numbers has a step that is one")
        return self

    def _listed(self, choices: list[JsonValue]) -> Variable:
        if self.step is not None or self.log:
            raise ValueError("step and log are for a range; choices take neither")
        for index, choice in enumerate(choices):
            if choice in choices[:index]:
                raise ValueError(f"the choice {shown(choice)} is given twice")
        return self

    @property
    def whole(self) -> bool:
        """Whether a range is one of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def probes(self) -> list[Any]:
        """The values by which all are checked: every choice, or both ends of the range."""
        return list(self.choices) if self.choices is not None else list(dict.fromkeys((self.low, self.high)))


class Constraint(BaseModel):
    """What a figure must be: ``at_least``, ``at_most``, or both."""

    model_config = _STRICT  # type: ignore[assignment]

    at_least: int | float | None = None
    at_most: int | float | None = None

    @model_validator(mode="after")
    def _something(self) -> Constraint:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least or at_most")
        return self

    def violation(self, value: float) -> float:
        """How far a value lies outside, as a share of the bound; 0 or less inside."""
        outside = [-1.0]
        for bound, excess in ((self.at_most, 1), (self.at_least, -1)):
            if bound is not None:
                outside.append(excess * (value - bound) / (abs(bound) or 1))
        return max(outside)

    def __str__(self) -> str:
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{words} {bound:,}" for words, bound in bounds if bound is not None)


class Space(BaseModel):
    """The content of a space's file.

    Attributes:
        study: name of the search, of its folder and in its storage.
        base: the configuration: a mapping, once `load` has read the file that a space names.
        fixed: ``set`` in the file: keys of it that get another value in all designs.
        variables: by key, in order; one may depend on those above it, and a key that varies otherwise in other designs has
            several, of which the first that applies counts.
        objectives: figures to minimize or maximize; the first one chooses the design that is built in the end.
        constraints: figures and their bounds.
        start: designs to begin with: values by key; variables that are not named have their first value.
        trials: how many designs are looked at, those included that cheap figures rule out.
    """

    model_config = _STRICT  # type: ignore[assignment]

    study: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    base: dict[str, JsonValue]
    fixed: dict[str, JsonValue] = Field(default_factory=dict, alias="set")
    variables: dict[str, Annotated[list[Variable], Field(min_length=1)]] = Field(min_length=1)
    objectives: dict[str, Direction] = Field(min_length=1)
    constraints: dict[str, Constraint] = Field(default_factory=dict)
    start: list[dict[str, JsonValue]] = Field(default_factory=list)
    trials: int = Field(100, ge=1)
    sampler: Sampler = "tpe"
    seed: int = Field(1, ge=0, lt=SEEDS)
    _folder: Path = PrivateAttr(default_factory=Path)

    @field_validator("variables", mode="before")
    @classmethod
    def _listed(cls, keyed: Any) -> Any:
        if not isinstance(keyed, Mapping):
            return keyed
        return {key: [variable] if isinstance(variable, Mapping) else variable for key, variable in keyed.items()}

    @field_validator("variables", "fixed")
    @classmethod
    def _paths(cls, keyed: dict[str, Any]) -> dict[str, Any]:
        for key in keyed:
            if not reading.is_path(key) or key == "design":
                raise ValueError(
                    f"'{key[:80]}' is no key that can vary; write a key of the configuration, as hardware.clock_period"
                )
        return keyed

    # ---- designs

    def chosen(self, key: str, point: Point) -> int | None:
        """Which variable of a key a design with these values above it has; None where it has none."""
        return next((i for i, variable in enumerate(self.variables[key]) if _applies(variable, point)), None)

    def filled(self, given: Mapping[str, Any], source: str) -> Point:
        """The point with these values, and the first one of every other variable that applies.

        Raises:
            ConfigError: a value of a variable that does not apply, or that it cannot have.
        """
        point: Point = {}
        for key, variables in self.variables.items():
            index = self.chosen(key, point)
            if index is not None:
                variable = variables[index]
                point[key] = _taken(variable, given[key], f"{source}.{key}") if key in given else variable.probes[0]
            elif key in given:
                raise ConfigError(f"{source}: '{key}' is for {' or '.join(_words(one.when) for one in variables)} only")
        return point

    def data(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of a point as plain data."""
        data: dict[str, Any] = copy.deepcopy(self.base)
        for key, value in (*self.fixed.items(), *point.items()):
            reading.put(data, key, copy.deepcopy(value), f"{self.study}: {key}")
        return data

    def config(self, point: Mapping[str, Any], source: str | None = None) -> ProjectConfig:
        """The configuration of a point, checked; ConfigError as `build.config.parse`."""
        config = parse(self.data(point), source or self.study)
        config._folder = self._folder
        return config

    def file(self, name: str) -> Path:
        """A file that the configuration names."""
        return self._folder / name

    def probes(self) -> Iterator[tuple[str, Point]]:
        """Points that show every value of every variable by which all are checked, and what each shows."""
        yield "base and set", {}
        for key, variables in self.variables.items():
            for variable in variables:
                reached = self._reached(key, variable)
                for value in variable.probes:
                    yield f"variables.{key} = {shown(value)}", self.filled(reached | {key: value}, "variables")
        for index, given in enumerate(self.start):
            yield f"start.{index}", self.filled(given, f"start.{index}")

    def _reached(self, key: str, variable: Variable) -> Point:
        """Values of the variables above a key with which this one of its variables applies."""
        given: Point = {}
        for other, values in variable.when.items():
            pairs = ((one, value) for one in self.variables[other] for value in one.probes)
            found = [(one, value) for one, value in pairs if _named(value, values)]
            if not found:
                raise ConfigError(f"variables.{key}.when: '{other}' is never {_words({other: values})}")
            given = self._reached(other, found[0][0]) | {other: found[0][1]} | given
        return given


def _applies(variable: Variable, point: Point) -> bool:
    return all(other in point and _named(point[other], values) for other, values in variable.when.items())


def _named(value: Any, wanted: Any) -> bool:
    """Whether a value is what `when` names, or one of several."""
    return any(_same(value, one) for one in (wanted if isinstance(wanted, list) else [wanted]))


def _same(value: Any, wanted: Any) -> bool:
    """Whether a value is what `when` names; of a group with a name, the name will do."""
    return bool(value == wanted or (isinstance(value, Mapping) and value.get("name", ...) == wanted))


def _words(when: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {shown(value)}" for key, value in when.items())


def _taken(variable: Variable, value: Any, source: str) -> Any:
    """A value that a user names, as the variable has it; ConfigError where it cannot have it."""
    if variable.choices is not None:
        found = [choice for choice in variable.choices if choice == value] or [c for c in variable.choices if _same(c, value)]
        if not found:
            raise ConfigError(f"{source}: {shown(value)} is none of the choices")
        return found[0]
    assert variable.low is not None and variable.high is not None
    number = isinstance(value, int if variable.whole else int | float) and not isinstance(value, bool)
    if not number or not variable.low <= value <= variable.high:
        raise ConfigError(f"{source}: {shown(value)} is outside the range from {variable.low} to {variable.high}")
    if variable.step is not None and abs((steps := (value - variable.low) / variable.step) - round(steps)) > 1e-9:
        raise ConfigError(f"{source}: {shown(value)} is no step of {variable.step} from {variable.low}")
    return value


def _check_order(space: Space, source: str) -> None:
    """That variables depend on those above them, and that `start` names variables."""
    keys = list(space.variables)
    for index, (key, variables) in enumerate(space.variables.items()):
        for other in (other for variable in variables for other in variable.when):
            if other not in keys[:index]:
                known = suggest(other, keys[:index]) if index else ""
                raise ConfigError(f"{source}: variables.{key}.when: no variable '{other}' stands above it.{known}")
        for other in keys[index + 1 :]:
            if key.startswith(f"{other}."):
                raise ConfigError(f"{source}: variables: '{other}' replaces all below it; put it above '{key}'")
    for key in (key for point in space.start for key in point):
        if key not in space.variables:
            raise ConfigError(f"{source}: start: no variable '{key}'.{suggest(key, space.variables)}")


def load(path: Path, overrides: Iterable[str] = ()) -> Space:
    """Read a space's file and the configuration that it names, relative to it; ``key.path=value`` overrides keys of the space.

    Raises:
        ConfigError: unreadable file, bad YAML, unknown key, wrong type or value, a variable that cannot be.
    """
    data = reading.read(path, overrides)
    base, folder = data.get("base"), path.parent
    if isinstance(base, str):
        folder = (path.parent / base).parent
        data["base"] = reading.read(path.parent / base)
    return parse_space(data, str(path), folder)


def parse_space(data: Mapping[str, Any], source: str = "space", folder: Path = Path()) -> Space:
    """Validate a mapping and all configurations that its variables can give; `source` names it in errors.

    Files of the configuration are relative to `folder`.
    """
    check_plain(data, source)
    space: Space = validate(Space, data, source)
    space._folder = folder
    _check_order(space, source)
    for what, point in space.probes():
        space.config(point, f"{source}: {what}")
    return space


__all__ = ["Constraint", "Point", "Space", "Variable", "load", "parse_space"]
