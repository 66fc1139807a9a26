# SPDX-License-Identifier: Apache-2.0
"""Synthesis as its callers see it: figures of real runs, the cache, batches, sums, and each way of failing."""

from __future__ import annotations

import functools
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.reports.model import Resources
from dietcnn_hls.tools import cache as cache_of_tools
from dietcnn_hls.tools.yosys.engine import Crashed
from dietcnn_hls.tools.yosys.synthesis import (
    SynthesisJob,
    SynthesisResult,
    sum_results,
    synthesise,
    synthesise_many,
)
from tests.cases import exhaustive

DESIGNS = Path(__file__).parents[2] / "rtl" / "designs"
LANES = [DESIGNS / "lanes.sv", DESIGNS / "side_by_side.sv"]
ULTRASCALE = "xcu50-fsvh2104-2-e"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of real runs, shared by the tests that look at the same design."""
    return tmp_path_factory.mktemp("cache")


def _memory(path: Path, depth: int, width: int) -> Path:
    words = random.Random(depth * width)
    path.write_text("".join(f"{words.getrandbits(width):0{-(-width // 4)}x}\n" for _ in range(depth)))
    return path


@pytest.fixture(scope="session")
def jobs(cache: Path) -> Callable[..., SynthesisJob]:
    """All lanes and memories kept apart, in any flow."""
    names = {"BLOCK_FILE": "block.mem", "LUT_FILE": "m/s.mem"}
    files = {"block.mem": _memory(cache / "block.mem", 1024, 36), "m/s.mem": _memory(cache / "small.mem", 128, 16)}
    return functools.partial(SynthesisJob, LANES, "side_by_side", names, dsp=False, include_files=files, hierarchy=True)


@pytest.fixture(scope="session")
def carry(cache: Path, jobs: Callable[..., SynthesisJob]) -> SynthesisResult:
    (made,) = synthesise_many([jobs()], engine="yowasp", cache_dir=cache)
    return made


@pytest.fixture(scope="session")
def default(cache: Path, jobs: Callable[..., SynthesisJob]) -> SynthesisResult:
    (made,) = synthesise_many([jobs(flow="default")], engine="yowasp", cache_dir=cache)
    return made


def test_the_parts_of_a_run_add_up(cache: Path, jobs: Callable[..., SynthesisJob], carry: SynthesisResult) -> None:
    (cached,) = synthesise_many([jobs()], engine="yowasp", cache_dir=cache)
    others = {"lane_again", "lanes", "alone", "in_block", "in_luts", "side_by_side"}
    for apart in (carry, cached):
        assert set(apart.parts) == {*LANE_LUTS, *others}, "the top's gates are its own"
        assert apart.parts["side_by_side"].cells == {"LUT2": 8}
        assert apart.lut == sum(part.lut for part in apart.parts.values())
        assert apart.ff == sum(part.ff for part in apart.parts.values())
        assert apart.flow == "carry/per-module"
        assert apart.cpu_s > 0


@exhaustive
def test_instances_kept_apart_in_one_run_cost_what_they_cost_alone(cache: Path, carry: SynthesisResult) -> None:
    alone = synthesise(LANES, "table_lane", dsp=False, engine="yowasp", cache_dir=cache)
    for name in ("lane_32", "lane_again"):
        assert carry.parts[name].cells == alone.cells


# ---- what things cost, with the pinned Yosys


# 8x4 and 8x8 symbols, then multipliers of 3, 4 and 8 bits: the table of DESIGN's section 5, in the carry flow.
LANE_LUTS = {"lane_32": 17, "lane_64": 25, "lane_registered": 25, "lane_3": 25, "lane_4": 27, "lane_8": 55}


def test_lanes_cost_what_they_did(carry: SynthesisResult) -> None:
    results = [carry.parts[name] for name in LANE_LUTS]
    assert [result.lut for result in results] == [*LANE_LUTS.values()]
    assert [result.ff for result in results] == [16, 16, 25, 16, 16, 16]
    assert {result.source for result in results} == {"yosys 0.70/carry"}
    assert all(result.dsp == 0 and result.bram18 == 0 for result in results)
    table = results[0]
    assert (table.carry4, table.lutram) == (4, 0)
    assert sum(table.lut_by_size.values()) == table.lut


@exhaustive
def test_carry_flow_keeps_chains_that_the_default_flow_rebuilds(carry: SynthesisResult, default: SynthesisResult) -> None:
    kept, rebuilt = carry.parts["lanes"], default.parts["lanes"]
    assert rebuilt.source == "yosys 0.70/default"
    assert kept.carry4 == 32
    assert kept.lut == 8 * 17
    assert rebuilt.carry4 == 4
    assert 3 * rebuilt.lut > 4 * kept.lut


@exhaustive
def test_carry_flow_is_fair_to_multipliers(carry: SynthesisResult, default: SynthesisResult) -> None:
    """The baseline's multipliers gain most of all by it; a comparison that used the default flow would flatter tables."""
    assert (carry.parts["alone"].lut, default.parts["alone"].lut) == (40, 111)


@exhaustive
def test_multiplications_become_dsps_where_wanted(cache: Path) -> None:
    made = synthesise(LANES, "two_multipliers", parameters={"SMALL": 3}, hierarchy=True, engine="yowasp", cache_dir=cache)
    with_dsp, small = made.parts["lane_8"], made.parts["lane_small"]
    assert (with_dsp.dsp, with_dsp.lut, with_dsp.ff, with_dsp.logic_levels) == (1, 0, 0, 0)
    assert (small.dsp, small.lut) == (0, 22)


@pytest.mark.parametrize("part", [DEFAULT_PART, pytest.param(ULTRASCALE, marks=exhaustive)])
def test_rom_styles(cache: Path, jobs: Callable[..., SynthesisJob], part: str) -> None:
    (made,) = synthesise_many([jobs(part=part)], engine="yowasp", cache_dir=cache)
    in_block, in_luts = made.parts["in_block"], made.parts["in_luts"]
    assert (in_block.bram18, in_block.lut, in_block.ff) == (2, 0, 0)
    assert (in_luts.bram18, in_luts.lut, in_luts.muxf, in_luts.ff, in_luts.logic_levels) == (0, 32, 16, 16, 1)
    assert in_luts.part == part
    assert in_luts.resources() == Resources(
        lut=32, ff=16, dsp=0, bram18=0, uram=0, muxf=16, carry=0, levels=1, source="yosys 0.70/carry", flow="carry"
    )


def test_native_yosys_agrees_where_it_is_installed(cache: Path) -> None:
    if shutil.which("yosys") is None:
        pytest.skip("native Yosys is optional; the pinned one makes the figures")
    result = synthesise(LANES, "table_lane", engine="native", cache_dir=cache)
    assert (result.engine, result.ff, result.carry4) == ("native", 16, 4)
    assert 16 <= result.lut <= 17


def test_what_yosys_says_is_passed_on(cache: Path, tmp_path: Path) -> None:
    broken = tmp_path / "my kernel.sv"
    broken.write_text("module broken (input logic clk);\n  assign = 3;\nendmodule\n")
    with pytest.raises(ToolError) as caught:
        synthesise([broken], "broken", engine="yowasp", cache_dir=cache)
    assert str(caught.value).startswith("broken: Yosys 0.70 (yowasp) failed: s0/my_kernel.sv:2: ERROR: syntax error")
    log = Path(str(caught.value).rsplit("Log: ", 1)[1])
    assert "syntax error" in log.read_text()


# ---- cache, batches and failures, with a stand-in for Yosys


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A native ``yosys`` on PATH that counts its runs in the file returned; FAKE_YOSYS chooses how it behaves."""
    text = (Path(__file__).parent / "fake_yosys.py").read_text().replace("/usr/bin/env python3", sys.executable, 1)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "yosys").write_text(text)
    (folder / "yosys").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("FAKE_YOSYS_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs").write_text("")
    return tmp_path / "runs"


@pytest.fixture
def design(tmp_path: Path) -> Path:
    path = tmp_path / "design.sv"
    path.write_text("module a (input logic clk); endmodule\n")
    return path


def _count(runs: Path) -> int:
    return len(runs.read_text().splitlines())


def test_equal_content_runs_once(runs: Path, design: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = synthesise([design], "a", engine="native", cache_dir=cache)
    assert (first.lut, first.ff, first.logic_levels, first.path_cells) == (1, 1, 1, {"LUT2": 1})
    copied = tmp_path / "elsewhere" / "design.sv"
    copied.parent.mkdir()
    shutil.copyfile(design, copied)
    assert synthesise([copied], "a", engine="native", cache_dir=cache) == first
    assert _count(runs) == 1
    # another part of the family shares the result, under its own name
    other = synthesise([design], "a", engine="native", cache_dir=cache, part="xc7a35tcpg236-1")
    assert (other.part, other.lut, _count(runs)) == ("xc7a35tcpg236-1", 1, 1)
    # each of these is other content
    weights = _memory(tmp_path / "w.mem", 4, 4)
    synthesise([design], "a", engine="native", cache_dir=cache, flow="default")
    synthesise([design], "a", engine="native", cache_dir=cache, dsp=False)
    synthesise([design], "a", engine="native", cache_dir=cache, part=ULTRASCALE)
    synthesise([design], "a", engine="native", cache_dir=cache, parameters={"N": 1})
    synthesise([design], "a", engine="native", cache_dir=cache, include_files=[weights])
    assert _count(runs) == 6
    weights.write_text("0\n")
    synthesise([design], "a", engine="native", cache_dir=cache, include_files=[weights])
    assert _count(runs) == 7


def test_damaged_entries_are_made_again(runs: Path, design: Path, tmp_path: Path) -> None:
    first = synthesise([design], "a", engine="native", cache_dir=tmp_path / "cache")
    assert first.netlist is not None
    (first.netlist.parent / "result.json").write_text('{"top": "a"')
    assert synthesise([design], "a", engine="native", cache_dir=tmp_path / "cache").lut == 1
    first.netlist.unlink()
    assert synthesise([design], "a", engine="native", cache_dir=tmp_path / "cache").netlist == first.netlist
    assert _count(runs) == 3
    assert [path.name for path in first.netlist.parent.parent.iterdir()] == [first.netlist.parent.name]


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, runs: Path, design: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("DIETCNN_CACHE", str(tmp_path / "chosen"))
    result = synthesise([design], "a", engine="native")
    assert result.netlist is not None and result.netlist.is_relative_to(tmp_path / "chosen")
    monkeypatch.delenv("DIETCNN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_of_tools.root() == tmp_path / "xdg" / "dietcnn_hls"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"the cache .*file cannot be written"):
        synthesise([design], "a", engine="native", cache_dir=tmp_path / "file")


def test_batches_keep_order_run_equal_jobs_once_and_report_progress(runs: Path, design: Path, tmp_path: Path) -> None:
    seen = []
    jobs = [SynthesisJob([design], top) for top in ("a", "b", "a", "c", "a")]
    results = synthesise_many(
        jobs,
        engine="native",
        cache_dir=tmp_path / "cache",
        progress=lambda done, of, result: seen.append((done, of, result.top)),
    )
    assert [result.top for result in results] == ["a", "b", "a", "c", "a"]
    assert seen == [(1, 5, "a"), (2, 5, "b"), (3, 5, "a"), (4, 5, "c"), (5, 5, "a")]
    assert _count(runs) == 3
    with pytest.raises(ConfigError, match="workers is 0"):
        synthesise_many(jobs, engine="native", cache_dir=tmp_path / "cache", workers=0)


def test_a_failure_ends_the_batch(runs: Path, design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_YOSYS", "error_b")
    with pytest.raises(ToolError, match=r"b: Yosys 0\.23"):
        synthesise_many(
            [SynthesisJob([design], top) for top in ("a", "b", "c", "d", "e")],
            engine="native",
            cache_dir=tmp_path / "cache",
            workers=1,
        )
    assert _count(runs) < 5


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("error", "a: Yosys 0.23 (native) failed: s0/design.sv:3: ERROR: syntax error, unexpected TOK_ID Log: "),
        ("no_netlist", "ended with status 0 but never wrote netlist.json; it stopped in: 2.18. Executing MEMORY_LIBMAP pass"),
        ("conflict", "says 'Warning: multiple conflicting drivers for design.\\y:': the design is wrong"),
        ("unmapped", "cell of type 'filter_core' (strange), whose cost is not known"),
        ("crash", "crashed in: 2.18. Executing MEMORY_LIBMAP pass (mapping memories to cells). The design may need more memory"),
        ("hang", "was stopped after 1 s, in: 2.18. Executing MEMORY_LIBMAP"),
    ],
)
def test_failures_are_named(
    runs: Path, design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, message: str
) -> None:
    monkeypatch.setenv("FAKE_YOSYS", mode)
    with pytest.raises(ToolError) as caught:
        synthesise([design], "a", engine="native", cache_dir=tmp_path / "cache", timeout_s=1.0 if mode == "hang" else 60.0)
    assert message in str(caught.value) and isinstance(caught.value, Crashed) == (mode == "crash")
    log = Path(str(caught.value).rsplit("Log: ", 1)[1])
    assert "MEMORY_LIBMAP" in log.read_text()
    # nothing is taken for a result
    monkeypatch.setenv("FAKE_YOSYS", "ok")
    assert synthesise([design], "a", engine="native", cache_dir=tmp_path / "cache").lut == 1


def test_requests_that_cannot_be_met(runs: Path, design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(error: type[Exception], message: str, **changes: object) -> None:
        arguments = {"sources": [design], "top": "a", "engine": "native", "cache_dir": tmp_path, **changes}
        with pytest.raises(error) as caught:
            synthesise(**arguments)  # type: ignore[arg-type]
        assert message in str(caught.value)

    refused(ConfigError, "unknown synthesis engine 'quartus'", engine="quartus")
    refused(ConfigError, "Unknown part 'ice40'", part="ice40")
    refused(ConfigError, "unknown synthesis flow 'fast'", flow="fast")
    refused(ConfigError, "no sources", sources=[])
    refused(ConfigError, "top module 'a; exec' is no plain identifier", top="a; exec")
    refused(ConfigError, "parameter 'A B' is no plain identifier", parameters={"A B": 1})
    refused(ConfigError, "text 'a\";b' may hold", parameters={"FILE": 'a";b'})
    refused(ConfigError, "include file '../x': use a relative path", include_files={"../x": design})
    refused(ConfigError, "two files are named 'design.sv'", include_files=[design, design])
    refused(OutputError, "gone.sv does not exist", sources=[tmp_path / "gone.sv"])
    assert _count(runs) == 0
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    refused(ToolError, "synthesis needs yosys, which was not found: install Yosys")


# ---- sums


def _result(top: str, **changes: object) -> SynthesisResult:
    fields = {
        "top": top,
        "part": "xc7z020clg400-1",
        "family": "xc7",
        "engine": "native",
        "version": "0.23",
        "build": "0.23",
        "flow": "carry",
        "lut": 10,
        "lut_by_size": {"2": 4, "6": 6},
        "lutram": 0,
        "muxf": 2,
        "carry4": 3,
        "ff": 4,
        "dsp": 5,
        "bram18": 6,
        "uram": 7,
        "logic_levels": 3,
        "path_cells": {"LUT6": 3},
        "cells": {"LUT2": 4, "LUT6": 6},
        "cpu_s": 1.5,
        "netlist": Path(f"cache/{top}/netlist.v"),
    }
    return SynthesisResult.model_validate({**fields, **changes})


def test_modules_are_added_up() -> None:
    deep = _result("b", logic_levels=9, path_cells={"CARRY4": 9}, lut=1, lut_by_size={"1": 1}, cells={"INV": 1}, cpu_s=2.0)
    total = sum_results([_result("a"), deep, _result("a")], "lenet")
    assert (total.top, total.source) == ("lenet", "yosys 0.23/carry/per-module")
    assert (total.lut, total.ff, total.dsp, total.bram18, total.uram, total.muxf) == (21, 12, 15, 18, 21, 6)
    assert (total.lut_by_size, total.cells) == ({"1": 1, "2": 8, "6": 12}, {"INV": 1, "LUT2": 8, "LUT6": 12})
    assert (total.logic_levels, total.path_cells, total.netlist) == (9, {"CARRY4": 9}, None)
    # the module that stands twice was synthesised once
    assert total.cpu_s == 3.5
    assert total.resources().flow == "carry/per-module"
    assert sum_results([total, total], "two").flow == "carry/per-module"


def test_unlike_modules_are_not_added_up() -> None:
    with pytest.raises(ConfigError, match="modules of different flows cannot be added up: carry, default"):
        sum_results([_result("a"), _result("b", flow="default")], "lenet")
    with pytest.raises(ConfigError, match="modules of different builds"):
        sum_results([_result("a"), _result("b", build="0.70")], "lenet")
    with pytest.raises(ConfigError, match="no modules to add up"):
        sum_results([], "lenet")
