# SPDX-License-Identifier: Apache-2.0
"""Projects without a dataset: an untrained network is converted and verified, and no accuracy is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dietcnn_hls.build import build, code
from dietcnn_hls.build.config import parse
from dietcnn_hls.build.project import build_project
from dietcnn_hls.cli import cli
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.methods import keras
from dietcnn_hls.reports.model import Report
from dietcnn_hls.training import design


def untrained(**training: Any) -> dict[str, Any]:
    return {
        "design": "untrained",
        "network": "digits_lenet",
        "dataset": {"name": "none", "shape": [8, 8, 1], "classes": 10},
        "method": "dietcnn",
        "training": training,
        "synthesis": "none",
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """A whole build, which the tests take up in the order in which they stand."""
    folder = tmp_path_factory.mktemp("projects") / "out"
    return folder, build_project(parse(untrained(float_epochs=0, epochs=0)), folder)


def test_an_untrained_network_is_verified_without_an_accuracy(built: tuple[Path, Report]) -> None:
    report = built[1]
    assert report.dataset is None and report.network == "digits_lenet, untrained"
    assert report.accuracy is not None and all(value is None for value in report.accuracy.model_dump().values())
    assert report.bit_exact is not None and report.latency is not None and report.operations is not None
    checked = report.bit_exact["csim_vs_keras"]
    assert (checked.samples, checked.mismatches) == (16, 0)
    assert report.latency.source == "estimate" and report.operations.multiplications == 0


def test_a_resumed_project_loads_no_model(built: tuple[Path, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage takes up what it found; the trained model goes with what can change its training, and with nothing else."""
    folder, first = built
    config = parse(untrained(float_epochs=0, epochs=0))
    with monkeypatch.context() as patch:
        patch.setattr(keras, "load_model", pytest.fail)
        patch.setattr(design, "train_design", pytest.fail)
        assert build(config, output=folder) == first
    trained = (folder / "model" / "model.keras").stat().st_mtime_ns
    monkeypatch.setattr(code, "versions", lambda: {"code": "changed"})
    code.package_key.cache_clear()
    try:
        build(config, "reference", output=folder)
    finally:
        monkeypatch.undo()
        code.package_key.cache_clear()
    assert (folder / "model" / "model.keras").stat().st_mtime_ns == trained
    assert not (folder / "hls").exists(), "what was generated is stale"


def test_upto_prints_what_a_stage_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yml").write_text(yaml.safe_dump(untrained(float_epochs=0, epochs=0)))
    cli(["build", "c.yml", "--upto", "lowered"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["operations"]["multiplications"] == 0
    made = {path.name for path in (tmp_path / "work" / "untrained").iterdir() if not path.name.startswith(".")}
    assert made == {"model", "lowered"}


@pytest.mark.parametrize(
    "change, text",
    [
        ({"network": "lenet5"}, "network: 'lenet5' cannot be built for images of 8x8x1"),
        ({"network": {"name": "digits_lenet", "width": 0.0001}}, "network: 'digits_lenet x0.0001' cannot be built"),
        ({"network": "lenet"}, "network: unknown network 'lenet'. Did you mean 'lenet5'?"),
        ({"hardware": {"folding": {"input_pixels": 3}}}, "folding.input_pixels: 3 must divide the width of the input 'image', 8"),
        ({"training": {"float_epochs": 0, "epochs": True}}, "training: epochs: Input should be a valid integer"),
        ({"training": {"float_epoch": 0}}, "training: unknown key 'float_epoch'. Did you mean 'float_epochs'?"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(change: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build(parse(untrained(float_epochs=0, epochs=0) | change), output=tmp_path / "out")
    assert text in str(caught.value) and not (tmp_path / "out").exists()


def test_training_on_nothing_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dataset `none` leaves nothing to train on; set training"):
        build_project(parse(untrained(float_epochs=0)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
