# SPDX-License-Identifier: Apache-2.0
"""Search for encoders of least area under an error bound: local search with an optimal single-bit step, annealed.

The remainder of all 65,536 pairs (exact product minus weighted bits) is kept whole; a step takes one bit out and puts a new
one in. The goal is ordered: worst error down to the bound first, then area, then root mean square error. Everything follows
from the seed; a search writes checkpoints, and one that was stopped continues to the very result of an unbroken run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from dietcnn_hls.atomic import atomic_write_json
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods.encodingnet.netlist import Netlist
from dietcnn_hls.methods.encodingnet.search.cones import Cone, Formula
from dietcnn_hls.methods.encodingnet.search.moves import OBJECTIVES
from dietcnn_hls.methods.encodingnet.search.starts import (
    Column,
    adder_tile_columns,
    booth_columns,
    greedy_columns,
    largest,
    netlist_of,
    residual,
    tile_columns,
)

_REGROUPS = 0.1
"""Part of the steps that replace several bits together."""

REVISION = 3
"""Counts changes of the search that change its results; checkpoints of another one are refused."""


class SearchSettings(BaseModel):
    """One search; equal settings give equal encoders."""

    model_config = {"extra": "forbid", "frozen": True}

    bits: int = Field(ge=1, le=64, description="M, the most bits the encoder may have")
    objective: Literal["lut_cones", "carry_cones", "nand2"] = Field(
        "lut_cones", description="what is minimised once the error bound holds"
    )
    max_error: int = Field(16, ge=0, description="bound on the worst absolute error, in products' units (16384 is 100 %)")
    start: Literal["greedy", "tiles", "booth"] = Field(
        "greedy", description="the matching-pursuit baseline, a tiled multiplier, or a Booth multiplier (not for nand2)"
    )
    steps: int = Field(20000, ge=0, description="single-bit steps tried")
    heat: float = Field(0.03, ge=0, le=1, description="initial readiness to let the worst error grow, relative")
    seed: int = Field(1, ge=0)


Score = tuple[int, int]


@dataclass(frozen=True)
class Progress:
    """State of a search at a step, for display."""

    step: int
    steps: int
    max_error: int
    area: int


class Search:
    """One run: settings, columns, remainder and random state.

    Args:
        settings: what to search for.
        state: a checkpoint's content, to continue from.
    """

    def __init__(self, settings: SearchSettings, state: dict[str, Any] | None = None) -> None:
        self.settings = settings
        self.objective = OBJECTIVES[settings.objective]
        self.rng = np.random.default_rng(settings.seed)
        self.step = 0
        self.columns = start_columns(settings)
        if state is not None:
            self.step = int(state["step"])
            self.columns = [_load_column(c) for c in state["columns"]]
            self.rng.bit_generator.state = state["rng"]
        self.rest = residual(self.columns)
        self.score = self._score(self.columns, self.rest)
        best = self.columns if state is None else [_load_column(c) for c in state["best"]]
        rest = residual(best)
        self.best = (self._score(best, rest), float(rest.var()), list(best))

    def _score(self, columns: list[Column], rest: np.ndarray) -> Score:
        """(span beyond the bound, area): smaller is better, in this order."""
        span = int(rest.max()) - int(rest.min())
        return max(0, span - 2 * self.settings.max_error), self.objective.area(columns)

    def advance(self) -> None:
        """Try one step."""
        temperature = self.settings.heat * max(0.0, 1 - 1.5 * self.step / max(1, self.settings.steps))
        self.step += 1
        change = self._regrouped() if self.rng.random() < _REGROUPS else self._replaced(temperature)
        if change is None:
            return
        columns, rest = change
        score = self._score(columns, rest)
        if len(columns) <= self.settings.bits and self._accepted(score, temperature):
            self.columns, self.rest, self.score = columns, rest, score
            self._remember()

    def _replaced(self, temperature: float) -> tuple[list[Column], np.ndarray] | None:
        """One bit put in; for another that is taken out, unless there is room for more bits and the bound does not hold yet.

        Where the bound holds without the bit that was taken out, none is put in.
        """
        index = int(self.rng.integers(len(self.columns)))
        old = self.columns[index]
        bound = 2 * self.settings.max_error
        if self.score[0] and len(self.columns) < self.settings.bits:
            rest, others = self.rest.copy(), self.columns
        else:
            rest = self.rest + np.int32(old.position) * old.cone.values
            others = self.columns[:index] + self.columns[index + 1 :]
        if others and int(rest.max()) - int(rest.min()) <= bound:
            return others, rest
        allowed = bound + math.ceil(self.score[0] * (1 + 2 * temperature))
        new = self.objective.propose(self.rng, rest, old, allowed)
        if new is None:
            return None
        rest -= np.int32(new.position) * new.cone.values
        return [*others, new], rest

    def _regrouped(self) -> tuple[list[Column], np.ndarray] | None:
        """Several bits replaced together."""
        change = self.objective.regroup(self.rng, self.rest, self.columns)
        if change is None:
            return None
        out, new = change
        columns = [c for c in self.columns if not any(c is o for o in out)] + new
        return columns, residual(columns)

    def _accepted(self, score: Score, temperature: float) -> bool:
        # ties are taken: drifting over encoders of equal error or area is how the search leaves a dead end
        if score <= self.score or 0 < score[0] <= self.score[0]:
            return True
        if temperature <= 0 or score[0] <= 0:
            return False
        growth = math.log((score[0] + 1) / (self.score[0] + 1))
        return bool(self.rng.random() < math.exp(-max(growth, 1e-3) / temperature))

    def _remember(self) -> None:
        """Keep the present columns where they are the best so far; the mean square error decides between equals."""
        if self.score <= self.best[0]:
            spread = float(self.rest.var())
            if self.score < self.best[0] or spread < self.best[1]:
                self.best = (self.score, spread, list(self.columns))

    def netlist(self) -> Netlist:
        """The best encoder found so far."""
        return netlist_of(self.best[2])

    def progress(self) -> Progress:
        span = self.best[0][0] + 2 * self.settings.max_error
        return Progress(self.step, self.settings.steps, (span + 1) // 2, self.best[0][1])

    def state(self) -> dict[str, Any]:
        """JSON data from which a new `Search` continues."""
        return {
            "revision": REVISION,
            "settings": self.settings.model_dump(),
            "step": self.step,
            "columns": [_dump_column(c) for c in self.columns],
            "best": [_dump_column(c) for c in self.best[2]],
            "rng": self.rng.bit_generator.state,
        }


def usual_start(objective: str, bits: int) -> str:
    """The start from which searches for an objective ended best (``tests/benchmarks/encodingnet_search.py``)."""
    if objective == "nand2":
        return "tiles" if 40 < bits < 64 else "greedy"
    return "tiles" if objective == "lut_cones" and bits > 40 else "booth"


def start_columns(settings: SearchSettings) -> list[Column]:
    """The columns a search starts from, at most `settings.bits`.

    Raises:
        ConfigError: a start whose bits the objective does not allow.
    """
    if settings.start == "greedy":
        columns = greedy_columns(settings.bits)
    elif settings.objective == "nand2":
        if settings.start == "booth":
            raise ConfigError("a Booth multiplier has bits of more than three gate levels; start nand2 searches otherwise")
        columns = adder_tile_columns()
    elif settings.start == "booth":
        columns = booth_columns()
    else:
        widths = (3, 3, 2) if settings.objective == "lut_cones" else (2, 2, 2, 2)
        columns = tile_columns((3, 3, 2), widths)
    columns = largest(columns, settings.bits)
    return columns if settings.objective == "nand2" else [Column(c.cone, _power(c.position)) for c in columns]


def _power(position: int) -> int:
    """The nearest power of two of a weight's magnitude; the sign goes into the function's polarity when the step is taken."""
    power = 1 << max(0, round(math.log2(max(1, abs(position)))))
    return power if position > 0 else -power


def find_encoder(
    settings: SearchSettings,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    every: int = 500,
) -> Netlist:
    """Search, or continue the search that was stopped, or read the finished one.

    Args:
        settings: what to search for.
        checkpoint: file that keeps the search's state, finished ones included; None keeps none.
        progress: called every `every` steps, after the checkpoint is written.
        every: steps between checkpoints.

    Raises:
        ConfigError: `checkpoint` is no search's, or another one's.
        OutputError: `checkpoint` cannot be written.
    """
    if checkpoint is not None and checkpoint.exists():
        search = _resumed(checkpoint, settings)
    else:
        search = Search(settings)
        _keep(search, checkpoint)  # a folder that cannot be written shows before the work
    while search.step < settings.steps:
        search.advance()
        if search.step % every == 0 or search.step == settings.steps:
            _keep(search, checkpoint)
            if progress is not None:
                progress(search.progress())
    return search.netlist()


def _keep(search: Search, checkpoint: Path | None) -> None:
    if checkpoint is not None:
        atomic_write_json(checkpoint, search.state())


def _resumed(path: Path, settings: SearchSettings) -> Search:
    """The search whose state a checkpoint keeps."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        made_by = (state["revision"], state["settings"])
        search = Search(settings, state)
    except (OSError, ArithmeticError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"{path} is not a checkpoint of an encoder search ({error}); delete it to search anew") from error
    if made_by != (REVISION, settings.model_dump()):
        raise ConfigError(f"{path} is the checkpoint of another search, {made_by[1]}; delete it, or name another file")
    return search


def _dump_column(column: Column) -> list[Any]:
    return [list(column.cone.support), hex(column.cone.truth), column.cone.formula, column.position]


def _load_column(data: list[Any]) -> Column:
    support, truth, formula, position = data
    return Column(Cone(tuple(support), int(truth, 16), None if formula is None else _tupled(formula)), position)


def _tupled(formula: Any) -> Formula:
    return formula if isinstance(formula, int) else (formula[0], _tupled(formula[1]), _tupled(formula[2]))
