# SPDX-License-Identifier: Apache-2.0
"""Which stages a build goes through, and in which order: all that the last one needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dietcnn_hls.build.request import Request
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.errors import ConfigError, suggest
from dietcnn_hls.tools import doctor
from dietcnn_hls.validation import shown


def by_name(stages: Sequence[Stage]) -> dict[str, Stage]:
    """Stages by name, in the order in which they can run."""
    named = {stage.name: stage for stage in stages}
    if len(named) < len(stages):
        raise ConfigError("two stages of a build have one name")
    ordered: dict[str, Stage] = {}

    def place(stage: Stage, above: tuple[str, ...]) -> None:
        if stage.name in above:
            raise ConfigError(f"stages of a build need each other: {' > '.join((*above, stage.name))}")
        for need in (*(stage.needs or ()), *stage.after):
            place(named[need], (*above, stage.name))
        ordered.setdefault(stage.name, stage)

    for stage in sorted(stages, key=lambda stage: stage.needs is None):
        place(stage, ())
    return ordered


def check_name(name: object, stages: Mapping[str, Stage]) -> str:
    """A stage's name as users give it; ConfigError with the nearest one otherwise."""
    if not isinstance(name, str) or name not in stages:
        raise ConfigError(f"upto: a build has no stage {shown(name)}.{suggest(str(name)[:80], stages)}")
    return name


def plan(request: Request, upto: str, stages: Mapping[str, Stage]) -> list[Stage]:
    """The stages of a build up to `upto`, in order.

    Raises:
        ConfigError: a stage that the request cannot have, with the reason.
        ToolError: a tool that one of them needs is missing.
    """
    chosen: set[str] = set()

    def add(stage: Stage, asked: str) -> None:
        if stage.name in chosen:
            return
        reason = stage.unfit(request)
        if reason:
            needed = "" if stage.name == asked else f" for '{asked}'"
            raise ConfigError(f"'{request.name}' cannot have the stage '{stage.name}'{needed}: {reason}")
        chosen.add(stage.name)
        whole = (other.name for other in stages.values() if other.wanted(request) and not other.unfit(request))
        for need in whole if stage.needs is None else (*stage.needs, *stage.after):
            add(stages[need], asked)

    add(stages[upto], upto)
    planned = [stage for stage in stages.values() if stage.name in chosen]
    for tool, purpose in dict.fromkeys(wanted for stage in planned for wanted in stage.tools):
        doctor.require(tool, purpose)
    return planned


__all__ = ["by_name", "check_name", "plan"]
