# SPDX-License-Identifier: Apache-2.0
"""A project from its configuration to its report, in one call."""

from __future__ import annotations

from pathlib import Path

from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.run import build
from dietcnn_hls.reports.model import Report


def build_project(config: ProjectConfig, output: Path, *, data_dir: Path | None = None, overwrite: bool = False) -> Report:
    """Train (or take up) the model of a configuration, convert, verify, measure; writes below `output`.

    Float networks are kept in ``.teachers`` beside `output`, so that designs of one network and seed share them.

    Raises:
        DietError: a stated failure; configuration, tools and data are checked before training starts.
    """
    return build(config, output=output, data_dir=data_dir, overwrite=overwrite)


__all__ = ["build_project"]
