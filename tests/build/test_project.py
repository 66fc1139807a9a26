# SPDX-License-Identifier: Apache-2.0
"""Projects without a dataset: an untrained network is converted and verified, and no accuracy is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dietcnn_hls.build.config import parse
from dietcnn_hls.build.project import build_project
from dietcnn_hls.errors import ConfigError


def untrained(**training: Any) -> dict[str, Any]:
    return {
        "design": "untrained",
        "network": "digits_lenet",
        "dataset": {"name": "none", "shape": [8, 8, 1], "classes": 10},
        "method": "dietcnn",
        "training": training,
        "synthesis": "none",
    }


def test_an_untrained_network_is_verified_without_an_accuracy(tmp_path: Path) -> None:
    report = build_project(parse(untrained(float_epochs=0, epochs=0)), tmp_path / "out")
    assert report.dataset is None and report.network == "digits_lenet, untrained"
    assert all(value is None for value in report.accuracy.model_dump().values())
    checked = report.bit_exact["csim_vs_keras"]
    assert (checked.samples, checked.mismatches) == (16, 0)
    assert report.latency.source == "estimate" and report.operations.multiplications == 0


def test_training_on_nothing_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dataset `none` leaves nothing to train on; set training"):
        build_project(parse(untrained(float_epochs=0)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
