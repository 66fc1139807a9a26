# SPDX-License-Identifier: Apache-2.0
"""The vendor's tools as stages: what Vivado says of the routed design heads the report, what Yosys said stands beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import hls
from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import ToolError
from dietcnn_hls.lowered import Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.reports.model import Report
from tests.methods.dietcnn.examples import table_kernel

TESTS = Path(__file__).parents[1]


def network() -> LoweredGraph:
    image = node("image", Source(), [], Stream((6,), 0, 7, 0, tuple(range(8))))
    kernel = table_kernel(np.random.default_rng(1), image.stream, 2, 6, 4)
    return LoweredGraph("tiny", (image, node("fc", Linear(kernel), [image])))


@pytest.fixture
def vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A ``vivado`` on PATH that leaves recorded reports; the test may set FAKE_VIVADO."""
    programs = tmp_path / "Vivado" / "2021.2" / "bin"
    programs.mkdir(parents=True)
    text = (TESTS / "tools" / "fake_vivado.py").read_text().replace("/usr/bin/env python3", sys.executable, 1)
    (programs / "vivado").write_text(text)
    (programs / "vivado").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_VIVADO", "ok")
    monkeypatch.setenv("FAKE_VIVADO_REPORTS", str(TESTS / "recorded" / "vivado" / "zynq_2021" / "reports"))
    return monkeypatch


def build(folder: Path, **checks: bool) -> Report:
    return convert_and_build(network(), folder, synthesis="yosys", checks={"layer_resources": False, "vivado": True, **checks})


def test_vivado_heads_the_report(tmp_path: Path, vivado: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    report = build(tmp_path / "design")
    assert report.resources is not None and report.timing is not None
    assert (report.resources.source, report.resources.lut, report.resources.levels) == ("vivado", 6214, 6)
    assert [other.source for other in report.other_resources or ()] == ["yosys 0.70/carry"]
    assert (report.timing.source, report.timing.period_ns, report.timing.slack_ns) == ("vivado", 5.412, -0.412)
    assert (report.versions or {})["vivado"] == "2021.2"
    assert (tmp_path / "design" / "rtl" / "vivado" / "vivado.log").is_file()
    printed = capsys.readouterr()
    assert printed.out == "" and "Vivado: synthesis, placement, routing\nsynth_design\nplace_design\n" in printed.err
    vivado.setenv("FAKE_VIVADO", "error")
    assert build(tmp_path / "design").resources == report.resources, "what is done is not done again"


def test_a_failure_of_vivado_is_stated(tmp_path: Path, vivado: pytest.MonkeyPatch) -> None:
    vivado.setenv("FAKE_VIVADO", "error")
    with pytest.raises(ToolError, match=r"Vivado exited with status 1: ERROR: \[Synth 8-439\].*Log: .*rtl/vivado/vivado\.log"):
        build(tmp_path / "design")


def test_a_missing_vivado_ends_the_build_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^Vivado synthesis needs vivado, which was not found"):
        build(tmp_path / "design")
    assert not (tmp_path / "design" / "rtl").exists()


def test_vitis_heads_the_report_and_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what `auto` comes to where it is installed; its log, which a second run would write, does not come back."""
    text = (TESTS / "tools" / "fake_vitis.py").read_text().replace("/usr/bin/env python3", sys.executable, 1)
    (tmp_path / "vitis-run").write_text(text)
    (tmp_path / "vitis-run").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_VITIS", "ok")
    monkeypatch.setenv("FAKE_VITIS_TREE", str(TESTS / "recorded" / "vitis" / "lenet"))
    monkeypatch.setattr(hls, "compile", lambda folder: None)
    folder = tmp_path / "design"
    report = convert_and_build(network(), folder)
    assert report.latency is not None and report.resources is not None
    assert (report.latency.source, report.latency.cycles, report.resources.lut) == ("vitis_csynth", 560_910, 7117)
    (folder / "hls" / "vitis.log").unlink()
    again = convert_and_build(network(), folder)
    assert again.to_json() == report.to_json() == Report.load(folder).to_json()
    assert not (folder / "hls" / "vitis.log").exists()
