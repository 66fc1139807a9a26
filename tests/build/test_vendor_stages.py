# SPDX-License-Identifier: Apache-2.0
"""Vitis and Vivado in a build, by programs that stand in for them: what they report heads the report, once a key."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dietcnn_hls import hls
from dietcnn_hls.build import build, make_request
from dietcnn_hls.errors import ToolError
from dietcnn_hls.reports.model import Report
from tests.graphs import random_graph

GRAPH = random_graph(11)
TOOLS, RECORDED = Path(__file__).parents[1] / "tools", Path(__file__).parents[1] / "recorded"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the only programs on PATH, beside the system's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, source in (("vitis-run", "fake_vitis.py"), ("vivado", "fake_vivado.py")):
        text = (TOOLS / source).read_text().replace("/usr/bin/env python3", sys.executable, 1)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_VITIS", "ok")
    monkeypatch.setenv("FAKE_VITIS_TREE", str(RECORDED / "vitis" / "lenet"))
    monkeypatch.setenv("FAKE_VIVADO", "ok")
    monkeypatch.setenv("FAKE_VIVADO_REPORTS", str(RECORDED / "vivado" / "zynq_2021" / "reports"))
    monkeypatch.setattr(hls, "compile", lambda folder: None)
    return folder


def test_vitis_heads_the_report_and_runs_once(tmp_path: Path, installed: Path) -> None:
    request = make_request(GRAPH, tmp_path / "out", synthesis="auto")
    assert request.synthesis == "vitis"
    report = build(request)
    assert report.latency is not None and report.resources is not None and report.timings_s is not None
    assert (report.latency.source, report.latency.cycles, report.resources.lut) == ("vitis_csynth", 560_910, 7117)
    assert report.timings_s["vitis"] > 0
    (tmp_path / "out" / "hls" / "vitis.log").unlink()
    assert build(request).to_json() == report.to_json() == Report.load(tmp_path / "out").to_json()
    assert not (tmp_path / "out" / "hls" / "vitis.log").exists(), "what the first build found was taken"


def test_vivado_is_run_where_it_is_asked_for(tmp_path: Path, installed: Path) -> None:
    request = make_request(GRAPH, tmp_path / "out", synthesis="yosys", flows=(), checks={"vivado": True})
    report = build(request)
    assert report.resources is not None and report.timing is not None and report.versions is not None
    assert (report.resources.source, report.resources.lut, report.versions["vivado"]) == ("vivado", 6214, "2021.2")
    assert (report.timing.source, report.timing.period_ns, report.timing.slack_ns) == ("vivado", 5.412, -0.412)
    assert report.other_resources is None, "an estimate that was replaced is no further flow"
    assert (tmp_path / "out" / "rtl" / "vivado" / "vivado.log").is_file()
    assert build(request, "lowered").resources is None


def test_a_vendor_tool_that_fails_leaves_no_report(tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VIVADO", "error")
    with pytest.raises(ToolError, match="module 'lane_sum' not found"):
        build(make_request(GRAPH, tmp_path / "out", synthesis="yosys", flows=(), checks={"vivado": True}))
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_vendor_tool_that_is_missing_is_said_before_any_work(tmp_path: Path, installed: Path) -> None:
    (installed / "vivado").unlink()
    with pytest.raises(ToolError, match="implementation with Vivado needs vivado, which was not found"):
        build(make_request(GRAPH, tmp_path / "out", synthesis="yosys", flows=(), checks={"vivado": True}))
    assert not (tmp_path / "out").exists()
