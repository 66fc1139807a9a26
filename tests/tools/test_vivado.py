# SPDX-License-Identifier: Apache-2.0
"""Vivado's script holds names as data, and its reports are read row by row in both families' words."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.reports.model import Resources, Timing
from dietcnn_hls.tools import vivado
from dietcnn_hls.tools.vivado import TIMING, UTILIZATION
from dietcnn_hls.tools.vivado_report import read_utilization

DATA = Path(__file__).parents[1] / "recorded" / "vivado"
PART = "xc7z020clg400-1"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "design" / "my lenet [8x4] $1.sv"
    path.parent.mkdir()
    path.write_text("module lenet (input logic clk); endmodule\n")
    return path


def test_script_is_complete_and_quotes_names_as_data(tmp_path: Path, source: Path) -> None:
    weights = source.with_name("conv1.mem")
    weights.write_text("0f\n")
    script = vivado.write(
        tmp_path / "vivado",
        [source],
        "lenet",
        part=PART,
        clock_ns=5.0,
        parameters={"PE": 4, "OFFSET": -3, "FILE": "conv1.mem"},
        include_files=[weights],
        dsp=False,
    )
    assert script.read_text().splitlines()[2:] == [
        "cd [file dirname [file normalize [info script]]]",
        "file mkdir reports",
        "create_project -in_memory -part {xc7z020clg400-1}",
        "read_verilog -sv {../design/my lenet [8x4] $1.sv}",
        "read_mem {conv1.mem}",
        "read_xdc -mode out_of_context clock.xdc",
        "synth_design -top {lenet} -part {xc7z020clg400-1} -mode out_of_context -max_dsp 0"
        ' -generic {PE=4} -generic {OFFSET=-3} -generic {FILE="conv1.mem"}',
        "opt_design",
        "place_design",
        "phys_opt_design",
        "route_design",
        "report_utilization -file reports/utilization.rpt",
        "report_utilization -hierarchical -file reports/utilization_hierarchical.rpt",
        "report_timing_summary -max_paths 10 -file reports/timing_summary.rpt",
    ]
    assert (script.parent / "clock.xdc").read_text() == "create_clock -name clk -period 5.000 [get_ports {clk}]\n"
    assert (script.parent / "conv1.mem").read_text() == "0f\n"


def test_included_names_keep_their_folders(tmp_path: Path, source: Path) -> None:
    weights = source.with_name("w.mem")
    weights.write_text("1\n")
    script = vivado.write(source.parent, [source], "lenet", part=PART, clock_ns=4, include_files={"mem/conv1.mem": weights})
    assert "read_mem {mem/conv1.mem}" in script.read_text()
    assert (source.parent / "mem" / "conv1.mem").read_text() == "1\n"
    vivado.write(source.parent, [source], "lenet", part=PART, clock_ns=4, include_files=[weights])
    assert weights.read_text() == "1\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top": "lenet; exec rm"}, "'lenet; exec rm' is no plain identifier"),
        ({"clock_port": "clk}"}, "'clk}' is no plain identifier"),
        ({"parameters": {"A B": 1}}, "'A B' is no plain identifier"),
        ({"parameters": {"FILE": 'a"b'}}, "holds a quotation mark"),
        ({"parameters": {"FILE": "a}b"}}, "holds a brace, a backslash or a control character"),
        ({"part": "xc9z020"}, "Unknown part 'xc9z020'"),
        ({"clock_ns": 0.0}, "a clock period is positive"),
        ({"include_files": {"../x.mem": Path(__file__)}}, "must stay inside the folder"),
        ({"include_files": [Path("a/x.mem"), Path("b/x.mem")]}, "two of the included files have one name"),
    ],
)
def test_unsafe_requests_are_refused(tmp_path: Path, source: Path, changes: dict[str, object], message: str) -> None:
    arguments = {"top": "lenet", "part": PART, "clock_ns": 5.0, **changes}
    with pytest.raises(ConfigError) as caught:
        vivado.write(tmp_path, [source], str(arguments.pop("top")), **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert not (tmp_path / "build_vivado.tcl").exists()


def test_folder_is_made_or_named(tmp_path: Path, source: Path) -> None:
    script = vivado.write(tmp_path / "a" / "b", [source], "lenet", part=PART, clock_ns=5.0)
    assert script == tmp_path / "a" / "b" / "build_vivado.tcl"
    assert "max_dsp" not in script.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file cannot be made"):
        vivado.write(tmp_path / "file", [source], "lenet", part=PART, clock_ns=5.0)


def test_unsafe_and_missing_files(tmp_path: Path, source: Path) -> None:
    braced = source.with_name("a}b.sv")
    braced.write_text("")
    with pytest.raises(ConfigError, match=r"a}b\.sv' holds a brace"):
        vivado.write(tmp_path, [braced], "lenet", part=PART, clock_ns=5.0)
    with pytest.raises(OutputError, match=r"gone\.sv does not exist"):
        vivado.write(tmp_path, [tmp_path / "gone.sv"], "lenet", part=PART, clock_ns=5.0)
    with pytest.raises(OutputError, match=r"gone\.mem cannot be copied"):
        vivado.write(tmp_path, [source], "lenet", part=PART, clock_ns=5.0, include_files=[tmp_path / "gone.mem"])


def test_routed_7_series_reports() -> None:
    report = vivado.read(DATA / "zynq_2021")
    assert (report.version, report.device, report.state) == ("2021.2", "7z020clg400-1", "Routed")
    assert (report.lut, report.lutram, report.ff, report.dsp, report.bram18, report.uram) == (6214, 192, 4105, 7, 25, 0)
    assert (report.muxf, report.carry) == (362, 905)
    assert (report.wns_ns, report.period_ns, report.levels) == (-0.412, 5.0, 6)
    assert report.timing() == Timing(period_ns=5.412, fmax_mhz=184.8, slack_ns=-0.412, levels=6, clock_ns=5.412, source="vivado")
    assert report.resources() == Resources(
        lut=6214, ff=4105, dsp=7, bram18=25, uram=0, muxf=362, carry=905, levels=6, source="vivado"
    )


def test_synthesised_ultrascale_reports_without_timing() -> None:
    report = vivado.read(DATA / "alveo_2024")
    assert (report.version, report.device, report.state) == ("2024.1", "xcu50-fsvh2104-2-e", "Synthesized")
    assert (report.lut, report.lutram, report.ff, report.dsp, report.bram18, report.uram) == (40321, 521, 30111, 0, 80, 6)
    assert (report.muxf, report.carry) == (1043, 4420)
    assert (report.wns_ns, report.period_ns, report.levels, report.timing()) == (None,) * 4


def test_older_tables_without_the_prohibited_column(tmp_path: Path) -> None:
    text = (DATA / "zynq_2021" / UTILIZATION).read_text()
    lines = [line.replace(" Prohibited |", "").replace("|          0 |     ", "|     ") for line in text.splitlines()]
    assert sum("Prohibited" in line for line in lines) == 0
    path = tmp_path / "utilization.rpt"
    path.write_text("\n".join(lines))
    assert read_utilization(path).resources() == read_utilization(DATA / "zynq_2021" / UTILIZATION).resources()


def test_met_and_unconstrained_timing(tmp_path: Path) -> None:
    shutil.copytree(DATA / "zynq_2021", tmp_path, dirs_exist_ok=True)
    timing = (tmp_path / TIMING).read_text()
    (tmp_path / TIMING).write_text(timing.replace("-0.412", "0.250").replace("VIOLATED", "MET"))
    report = vivado.read(tmp_path)
    assert (report.wns_ns, report.levels) == (0.25, 6)
    assert report.timing() == Timing(period_ns=4.75, fmax_mhz=210.5, slack_ns=0.25, levels=6, clock_ns=5.0, source="vivado")
    (tmp_path / TIMING).write_text(timing.replace("     -0.412       -3.905", "         NA           NA"))
    assert vivado.read(tmp_path).wns_ns is None


def test_reports_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"has no reports/utilization\.rpt: run 'vivado -mode batch"):
        vivado.read(tmp_path)
    shutil.copytree(DATA / "zynq_2021", tmp_path, dirs_exist_ok=True)
    (tmp_path / TIMING).write_text("ERROR: [Common 17-69] Command failed: No open design.\n")
    with pytest.raises(ToolError, match="has no design timing summary"):
        vivado.read(tmp_path)
    text = (tmp_path / UTILIZATION).read_text()
    (tmp_path / UTILIZATION).write_text(text.replace("| DSPs ", "| Widgets "))
    with pytest.raises(ToolError, match="has no row 'DSPs'"):
        vivado.read(tmp_path)


class TestRuns:
    @pytest.fixture
    def folder(self, tmp_path: Path, source: Path) -> Path:
        """A folder with a script, as a build leaves it."""
        return vivado.write(tmp_path / "vivado", [source], "lenet", part=PART, clock_ns=5.0).parent

    @pytest.fixture
    def fake(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        """A ``vivado`` on PATH, in a folder of its version; the test sets FAKE_VIVADO."""
        programs = tmp_path / "Vivado" / "2021.2" / "bin"
        programs.mkdir(parents=True)
        text = (Path(__file__).parent / "fake_vivado.py").read_text().replace("/usr/bin/env python3", sys.executable, 1)
        (programs / "vivado").write_text(text)
        (programs / "vivado").chmod(0o755)
        monkeypatch.setenv("PATH", str(programs))
        monkeypatch.setenv("FAKE_VIVADO", "ok")
        monkeypatch.setenv("FAKE_VIVADO_REPORTS", str(DATA / "zynq_2021" / "reports"))
        return monkeypatch

    def test_a_successful_run_is_read(self, folder: Path, fake: pytest.MonkeyPatch) -> None:
        steps: list[str] = []
        assert vivado.find().version == "2021.2"
        report = vivado.run(folder, progress=steps.append)
        assert report == vivado.read(DATA / "zynq_2021")
        assert (report.lut, report.wns_ns) == (6214, -0.412)
        assert steps == ["synth_design", "place_design", "route_design"]
        log = (folder / "vivado.log").read_text()
        assert "['-mode', 'batch', '-nolog', '-nojournal', '-source', 'build_vivado.tcl']" in log

    @pytest.mark.parametrize(
        ("mode", "text"),
        [
            ("licence", r"Vivado has no licence .*for feature 'Synthesis'.*XILINXD_LICENSE_FILE.*Log: .*vivado\.log"),
            ("error", r"Vivado exited with status 1: ERROR: \[Synth 8-439\] module 'lane_sum' not found.*Log: .*vivado\.log"),
            ("no_report", r"ended with status 0 but wrote no new reports/utilization\.rpt: ERROR: .*Placer could not place"),
            ("no_timing", r"wrote no new reports/timing_summary\.rpt: last output: Command: route_design"),
        ],
    )
    def test_each_failure_is_named(self, mode: str, text: str, folder: Path, fake: pytest.MonkeyPatch) -> None:
        vivado.run(folder)
        fake.setenv("FAKE_VIVADO", mode)
        with pytest.raises(ToolError, match=text):
            vivado.run(folder)
        assert (folder / "vivado.log").stat().st_size > 0

    def test_a_time_out_names_the_step(self, folder: Path, fake: pytest.MonkeyPatch) -> None:
        fake.setenv("FAKE_VIVADO", "hang")
        with pytest.raises(ToolError, match=r"Vivado was stopped after 1 s, at: Command: synth_design .*Raise the timeout"):
            vivado.run(folder, timeout_s=1.0)

    def test_missing_tool_and_missing_script(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
        with pytest.raises(ToolError, match=r"^Vivado synthesis needs vivado, which was not found: .*settings64\.sh"):
            vivado.run(folder)
        with pytest.raises(ConfigError, match=r"has no build_vivado\.tcl; it is no folder of a generated design"):
            vivado.run(tmp_path)
