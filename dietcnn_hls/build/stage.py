# SPDX-License-Identifier: Apache-2.0
"""What a stage of a build is: a value that says what it needs, what it depends on and what it does.

Order, skipping and resumption follow from these values; see `dietcnn_hls.build.plan` and `dietcnn_hls.build.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dietcnn_hls.build.code import package_key

if TYPE_CHECKING:
    from dietcnn_hls.build.facts import Facts
    from dietcnn_hls.build.request import Request
    from dietcnn_hls.build.state import State

Tool = tuple[str | tuple[str, ...], str]
"""A tool as `tools.doctor` knows it, or several of which one will do, and what it is for."""

Expected = Callable[["State", int], np.ndarray]
"""What the first so many outputs of a stage must equal."""


def _nothing(request: Request) -> object:
    return None


def _always(request: Request) -> bool:
    return True


def _never(request: Request) -> bool:
    return False


def _fits(request: Request) -> str:
    return ""


def _untitled(state: State) -> str:
    return ""


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of a build.

    Attributes:
        name: its own, of its folder, and of its kept result.
        run: does the work and gives what it found. A stage with `files` writes them into ``state.folder``.
        needs: stages whose results it reads; None: all that a build of the request has.
        after: stages that must have refused nothing before, although it reads nothing of them.
        inputs: what it depends on beside the stages that it needs and the code; see `content_key`.
        code: key of the code that it depends on.
        wanted: whether a whole build of the request has it. ``build(..., upto=name)`` asks for it in any case.
        unfit: why a request cannot have it; empty where it can.
        title: what is shown while it runs, empty for what takes no time.
        tools: what must be installed.
        files: whether it writes the folder of its name.
        leaves: files that it leaves beside the folders.
        kept: whether its facts outlive the build, so that the next one need not run it again while its key holds.
        timing: its key in the report's ``timings_s``; its name unless given.
        form: key of the accuracy that its outputs have, where they are predictions.
        compared: pairs in the report's ``bit_exact``, and what its outputs must equal.
    """

    name: str
    run: Callable[[State], Facts]
    needs: tuple[str, ...] | None = ()
    after: tuple[str, ...] = ()
    inputs: Callable[[Request], object] = _nothing
    code: Callable[[], str] = package_key
    wanted: Callable[[Request], bool] = _always
    unfit: Callable[[Request], str] = _fits
    title: Callable[[State], str] = _untitled
    tools: tuple[Tool, ...] = ()
    files: Callable[[Request], bool] = _never
    leaves: tuple[str, ...] = ()
    kept: bool = True
    timing: str = ""
    form: str | None = None
    compared: Mapping[str, Expected] = field(default_factory=dict)


def outputs_of(name: str) -> Expected:
    """What stage `name` made of the same images."""

    def expected(state: State, count: int) -> np.ndarray:
        return state.outputs(name)[:count]

    return expected


def no_images(request: Request) -> str:
    """Why a request without test images cannot have a stage that simulates."""
    return "" if request.x_test is not None else "it needs test images (x_test)"


__all__ = ["Expected", "Stage", "Tool", "no_images", "outputs_of"]
