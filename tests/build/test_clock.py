# SPDX-License-Identifier: Apache-2.0
"""The margin with which registers are laid out: one retry where the first design misses its clock, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.build import build, make_request
from dietcnn_hls.build.request import Request
from dietcnn_hls.build.stages import clock
from dietcnn_hls.build.state import State
from dietcnn_hls.build.workspace import Workspace
from dietcnn_hls.rtl.design import RtlDesign
from tests import graphs

GRAPH = graphs.random_graph(1, ("table",), graphs.Shape(side=6, channels=4, symbols=8))


def request(folder: Path, **changes: Any) -> Request:
    codes = graphs.random_codes(GRAPH, 4, 0)
    return make_request(GRAPH, folder, **({"x_test": codes.astype(np.float64), "synthesis": "none"} | changes))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tops of the designs whose period was asked for; the test sets ``periods``, what they reach in turn."""
    tops: list[str] = []

    def period(state: State, design: RtlDesign) -> float | None:
        tops.append(design.files[design.top_file])
        return PERIODS[len(tops) - 1]

    monkeypatch.setattr(clock, "_period", period)
    monkeypatch.setattr(clock, "_analysed", lambda request: True)
    return tops


PERIODS: list[float | None] = []


def decided(folder: Path, periods: list[float | None], asked: float) -> dict[str, Any]:
    PERIODS[:] = periods
    with Workspace.open(folder, GRAPH.name, overwrite=True) as workspace:
        state = State(request(folder, clock_period=asked), workspace, {})
        state.__dict__["graph"] = GRAPH
        found = clock.CLOCK.run(state)
        state.found["clock"] = found
        assert state.design.files == state.design_for(found.sections.get("pipelining", {}).get("margin", 0.0)).files
        return dict(found.sections)


def test_a_met_clock_needs_no_margin(tmp_path: Path, tried: list[str]) -> None:
    assert decided(tmp_path, [4.9], 5.0) == {}
    assert len(tried) == 1


def test_a_missed_clock_is_tried_once_more_with_a_margin(tmp_path: Path, tried: list[str]) -> None:
    assert decided(tmp_path, [8.0, 5.5], 6.0) == {"pipelining": {"margin": 0.28}}
    assert len(tried) == 2 and tried[0] != tried[1]


@pytest.mark.parametrize("second", [8.0, 8.4, None])
def test_a_margin_that_helps_nothing_is_left_out(second: float | None, tmp_path: Path, tried: list[str]) -> None:
    assert decided(tmp_path, [8.0, second], 6.0) == {}


def test_a_design_that_cannot_be_shorter_is_not_tried_again(tmp_path: Path, tried: list[str]) -> None:
    assert decided(tmp_path, [9.0], 0.3) == {}
    assert len(tried) == 1


def test_a_part_without_an_analysis_has_a_design_all_the_same(tmp_path: Path, tried: list[str]) -> None:
    assert decided(tmp_path, [None], 5.0) == {}


def test_a_build_without_synthesis_asks_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_period", lambda state, design: pytest.fail("no synthesis was asked for"))
    build(request(tmp_path, clock_period=3.0), "rtl")
    assert "kernel_feed" in (tmp_path / "rtl" / f"{GRAPH.name}.sv").read_text()


def test_the_clock_is_in_the_design_that_a_build_writes(tmp_path: Path) -> None:
    """A slow clock leaves the registers out that a fast one asks for."""
    for asked, fast in ((100.0, False), (3.0, True)):
        build(request(tmp_path, clock_period=asked), "rtl")
        assert ("stream_skid" in (tmp_path / "rtl" / f"{GRAPH.name}.sv").read_text()) == fast
