# SPDX-License-Identifier: Apache-2.0
"""The one door to Optuna: imported when a search starts, quiet, and a stated failure where it is missing."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from dietcnn_hls.tools import doctor


@cache
def load() -> Any:
    """The module ``optuna``; ToolError without the explore extra."""
    doctor.require("optuna", "exploration")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


__all__ = ["load"]
