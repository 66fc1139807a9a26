# SPDX-License-Identifier: Apache-2.0
"""One build, from a request or a project's configuration to its report, as far as asked for."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dietcnn_hls.build import plan as planning
from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.reporting import make_report
from dietcnn_hls.build.request import Request
from dietcnn_hls.build.stages import STAGES
from dietcnn_hls.build.state import State
from dietcnn_hls.build.training import project_request
from dietcnn_hls.build.workspace import Workspace
from dietcnn_hls.errors import OutputError
from dietcnn_hls.reports.model import Report

LAST = "report"


def build(
    what: ProjectConfig | Request,
    upto: str = LAST,
    *,
    output: str | Path | None = None,
    data_dir: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> Report:
    """Carry out the stages of a build up to `upto`: those that it needs, and of these the ones that are not done already.

    Args:
        what: a project's configuration, or a request made of a model; see `dietcnn_hls.build.make_request`.
        upto: name of a stage; see `stage_names`. The last one writes ``report.json``.
        output: folder of a project's design; default ``work/<design>``.
        data_dir: folder of a project's dataset.
        overwrite: empty the folder first, if it is ours.
        trust: run the function that a project names as its network, which is code.

    Returns:
        What has been found; figures of stages that were not asked for are absent.

    Raises:
        DietError: a stated failure; what can be known before any work is said before.
    """
    stages = planning.by_name(STAGES)
    planning.check_name(upto, stages)
    if isinstance(what, Request):
        request = what
    else:
        request = project_request(what, output, data_dir=data_dir, overwrite=overwrite, trust=trust)
    planned = planning.plan(request, upto, stages)
    with _said_by_folder(request.output), Workspace.open(request.output, request.name, overwrite=request.overwrite) as workspace:
        state = State(request, workspace, stages)
        for stage in planned:
            state.carry_out(stage)
        return make_report(state)


def stage_names() -> list[str]:
    """Names of all stages, in the order in which they run."""
    return list(planning.by_name(STAGES))


@contextmanager
def _said_by_folder(folder: Path) -> Iterator[None]:
    """A full disk, wherever it shows, ends a build with the folder's name."""
    try:
        yield
    except OSError as error:
        remedy = "free some space or choose" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "choose"
        where = f" at {error.filename}" if error.filename else ""
        raise OutputError(f"output folder {folder}: {error.strerror or error}{where}; {remedy} another folder") from error


__all__ = ["build", "stage_names"]
