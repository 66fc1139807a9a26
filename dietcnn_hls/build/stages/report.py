# SPDX-License-Identifier: Apache-2.0
"""The last stage: what all others have found, written as ``report.json``."""

from __future__ import annotations

from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.reporting import make_report
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.build.state import State
from dietcnn_hls.reports.model import FILE_NAME


def _write(state: State) -> Facts:
    make_report(state).save(state.workspace.resolve(FILE_NAME))
    return Facts()


REPORT = Stage("report", _write, needs=None, kept=False, leaves=(FILE_NAME,))
