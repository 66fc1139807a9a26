# SPDX-License-Identifier: Apache-2.0
"""Vitis is run and believed only with proof: recorded reports are read exactly, each way of failing is named."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from dietcnn_hls.errors import ConfigError, ToolError
from dietcnn_hls.hardware.blocks import vitis_bram18
from dietcnn_hls.hardware.parts import family
from dietcnn_hls.reports.model import Latency, Resources
from dietcnn_hls.tools import vitis
from dietcnn_hls.tools.vitis_report import find_solution, read_memories

TREE = Path(__file__).parents[1] / "recorded" / "vitis" / "lenet"
REPORTS = Path("cnn_forward_prj") / "solution1" / "syn" / "report"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "build_prj.tcl").write_text("# generated\n")
    return folder


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A ``vitis-run`` on PATH; the test sets FAKE_VITIS."""
    _install("vitis-run", tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("FAKE_VITIS", "ok")
    monkeypatch.setenv("FAKE_VITIS_TREE", str(TREE))
    return monkeypatch


def _install(name: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    source = (Path(__file__).parent / "fake_vitis.py").read_text().replace("/usr/bin/env python3", sys.executable, 1)
    (folder / name).write_text(source)
    (folder / name).chmod(0o755)


def test_recorded_reports_are_read_exactly() -> None:
    report = vitis.read(TREE)
    assert (report.version, report.part, report.target_clock_ns) == ("2021.2", "xc7vx485t-ffg1157-1", 10.0)
    assert report.latency() == Latency(cycles=560_910, interval=560_911, source="vitis_csynth")
    assert report.resources() == Resources(lut=7117, ff=3765, dsp=27, bram18=85, uram=0, source="vitis_csynth")
    assert vitis.to_sections(report) == {"latency": report.latency(), "resources": report.resources()}
    assert vitis.to_sections(None) == {}
    assert report.top.clock_ns == 7.293
    assert len(report.modules) == 3
    module = next(module for module in report.modules if module.name == "cnn_forward_Pipeline_VITIS_LOOP_196_2")
    assert (module.latency, module.interval) == ((403, 403), (403, 403))
    assert module.resources == {"bram18": 28, "dsp": 0, "ff": 32, "lut": 88, "uram": 0}


def test_recorded_memories_follow_the_rule() -> None:
    report = vitis.read(TREE)
    memories = report.memories
    assert len(memories) == 20
    assert sum(row.bram18 for row in memories) == 45
    for row in memories:
        assert vitis_bram18(row.words, row.bits, family(report.part)) == row.bram18, row.name
        assert row.module == "cnn_forward"


def test_unbounded_latency_stays_absent(tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path, dirs_exist_ok=True)
    path = tmp_path / REPORTS / "csynth.xml"
    text = path.read_text().replace(">560910<", ">undef<").replace(">560911<", ">?<").replace("DSP>", "DSP48E>")
    path.write_text(text)
    report = vitis.read(tmp_path)
    assert report.latency() == Latency(source="vitis_csynth")
    assert report.resources().dsp == 27


def test_modules_inside_the_top_report(tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path, dirs_exist_ok=True)
    path = tmp_path / REPORTS / "csynth.xml"
    text = path.read_text()
    area = text[text.index("<AreaEstimates>") : text.index("</profile>")]
    path.write_text(
        text.replace(
            "</profile>",
            f"<ModuleInformation><Module><Name>pool1</Name>{area}</Module></ModuleInformation></profile>",
        )
    )
    module = next(module for module in vitis.read(tmp_path).modules if module.name == "pool1")
    assert (module.resources["lut"], module.latency) == (7117, (None, None))


def test_memory_table_of_a_module_without_memories(tmp_path: Path) -> None:
    path = tmp_path / "relu_csynth.rpt"
    path.write_text("    * Memory:\n    N/A\n\n    * FIFO:\n    +---+\n    |  Name |\n    |  a_U |\n")
    assert read_memories(path) == []
    path.write_text("    * Memory:\n    | Memory | Words |\n    |a_U |many|\n")
    with pytest.raises(ToolError, match=r"relu_csynth\.rpt: the memory table has an unreadable row for 'a_U'"):
        read_memories(path)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda path: path.unlink(), "wrote no .*csynth.xml"),
        (lambda path: path.write_text("<profile>"), "no readable Vitis report"),
        (lambda path: path.write_text("<profile/>"), "no UserAssignments/TopModelName"),
        (lambda path: path.write_text(path.read_text().replace("Resources>", "Other>")), "no AreaEstimates/Resources"),
    ],
)
def test_damaged_reports_are_named(damage: object, text: str, tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path, dirs_exist_ok=True)
    damage(tmp_path / REPORTS / "csynth.xml")  # type: ignore[operator]
    with pytest.raises(ToolError, match=text):
        vitis.read(tmp_path)


def test_solution_folder_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"holds no Vitis project folders .* Run synthesis first"):
        find_solution(tmp_path)
    for name in ("a_prj", "b_prj"):
        (tmp_path / name / "solution1").mkdir(parents=True)
    with pytest.raises(ToolError, match=r"holds 2 \(a_prj, b_prj\)"):
        find_solution(tmp_path)


def test_successful_run(project: Path, fake: pytest.MonkeyPatch) -> None:
    phases: list[str] = []
    report = vitis.run(project, progress=phases.append)
    assert report is not None
    assert report.top.resources["lut"] == 7117
    assert phases == ["C SIMULATION", "C/RTL SYNTHESIS", "module conv1"]
    log = (project / "vitis.log").read_text()
    assert "['--mode', 'hls', '--tcl', 'build_prj.tcl']" in log
    assert "CSim done with 0 errors" in log


def test_steps_reach_the_script(project: Path, fake: pytest.MonkeyPatch) -> None:
    assert vitis.run(project, ["csim"]) is None
    lines = (project / "build_opt.tcl").read_text().split("\n")
    assert [line.split() for line in lines[1:5]] == [["reset", "0"], ["csim", "1"], ["synth", "0"], ["cosim", "0"]]
    assert not (project / "cnn_forward_prj").exists()


def test_older_tool(project: Path, tmp_path: Path, fake: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin" / "vitis-run").unlink()
    _install("vitis_hls", tmp_path / "bin")
    assert vitis.find() == vitis.Vitis(tmp_path / "bin" / "vitis_hls", unified=False)
    vitis.run(project, ["csim"])
    assert "['-f', 'build_prj.tcl']" in (project / "vitis.log").read_text()


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("licence", r"no licence .*A valid license was not found for feature 'HLS'.*XILINXD_LICENSE_FILE"),
        ("crash", r"vitis-run exited with status 3: ERROR: \[HLS 200-101\] 'open_project'.*Log: .*vitis\.log"),
        ("csim_mismatch", r"does not reproduce the expected outputs .*image 1: expected 5, got 6"),
        ("csim_errors", r"does not reproduce the expected outputs .*\[SIM 211-100\] CSim failed with errors"),
        ("csim_old", r"does not reproduce the expected outputs .*ERR: \[SIM 100\]"),
        ("csim_compile", r"did not compile .*no such header"),
        ("csim_skipped", "never ran the C simulation"),
        ("no_report", r"status 0 but step 'csynth' wrote no new syn/report/csynth\.xml: ERROR: \[HLS 200-70\]"),
        ("damaged_report", "no readable Vitis report"),
        ("no_export", r"status 0 but step 'export' wrote no new impl/\*\.zip"),
    ],
)
def test_each_failure_is_named(mode: str, text: str, project: Path, fake: pytest.MonkeyPatch) -> None:
    fake.setenv("FAKE_VITIS", mode)
    with pytest.raises(ToolError, match=text):
        vitis.run(project)
    assert (project / "vitis.log").stat().st_size > 0


def test_reports_of_an_earlier_run_do_not_count(project: Path, fake: pytest.MonkeyPatch) -> None:
    vitis.run(project)
    assert vitis.run(project) is not None
    fake.setenv("FAKE_VITIS", "no_report")
    with pytest.raises(ToolError, match="wrote no new"):
        vitis.run(project)


def test_time_out_ends_the_tool(project: Path, fake: pytest.MonkeyPatch) -> None:
    fake.setenv("FAKE_VITIS", "hang")
    start = time.monotonic()
    with pytest.raises(ToolError, match=r"stopped after 1 s, at: \*{5} C SIMULATION \*{5}.*Raise the timeout"):
        vitis.run(project, timeout_s=1.0)
    assert time.monotonic() - start < 30


def test_missing_tool_and_bad_requests(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ToolError, match=r"^Vitis HLS synthesis needs vitis, which was not found: .*settings64\.sh; .*yosys"):
        vitis.find()
    with pytest.raises(ToolError, match="needs vitis"):
        vitis.run(project)
    with pytest.raises(ConfigError, match=r"Unknown Vitis step 'synth'.* Did you mean 'csynth'"):
        vitis.run(project, ["synth"])
    with pytest.raises(ConfigError, match="No Vitis step"):
        vitis.run(project, [])
    with pytest.raises(ConfigError, match=r"has no build_prj\.tcl"):
        vitis.run(tmp_path)


def test_broken_executable(project: Path, tmp_path: Path, fake: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin" / "vitis-run").write_text("#!/no/such/interpreter\n")
    with pytest.raises(ToolError, match="cannot be started"):
        vitis.run(project)
    assert os.access(tmp_path / "bin" / "vitis-run", os.X_OK)
