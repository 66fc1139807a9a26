# SPDX-License-Identifier: Apache-2.0
"""Delays are those of the part's fabric and grade, every figure has a source, and a part without figures says so."""

from __future__ import annotations

import importlib.resources
import itertools
import json
from typing import Any

import pytest

from dietcnn_hls.errors import ConfigError, ToolError
from dietcnn_hls.hardware.timing import MissingDelay, NetModel, delays_of, why_none


def table(name: str) -> Any:
    return json.loads(importlib.resources.files("dietcnn_hls.hardware.timing").joinpath(name).read_text())


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("xc7z020clg400-1", "artix7 -1"),
        ("xc7a35tcpg236-2", "artix7 -2"),
        ("xc7s50csga324-2", "artix7 -2"),
        ("xc7z010", "artix7 -1"),
        ("xa7a100t-csg324-1Q", "artix7 -1"),
        ("xc7z045ffg900-3", "kintex7 -3"),
        ("xc7vx485t-ffg1157-1", "kintex7 -1"),
        ("xc7k325tffg900-2I", "kintex7 -2"),
    ],
)
def test_fabric_and_grade_choose_the_delays(part: str, name: str) -> None:
    assert delays_of(part).name == name
    assert why_none(part) is None


def test_grade_minus_one_of_artix_is_the_table_itself() -> None:
    delays = delays_of("xc7z020clg400-1")
    for group in table("xc7_cells.json")["cells"].values():
        for kind in group["kinds"]:
            assert delays.cells[kind] == group["delays"]
    assert delays.cell("CARRY4", "CI->CO[3]") == 114
    assert delays.cell("LUT6", "I0->O") == 124
    assert delays.cell("RAMB18E1", "clk->DO") == 2454


def test_faster_grades_are_faster() -> None:
    for fabric in ("xc7a35tcpg236", "xc7k325tffg900"):
        figures = [delays_of(f"{fabric}-{grade}") for grade in "123"]
        for slower, faster in itertools.pairwise(figures):
            assert slower.cell("LUT6", "I0->O") > faster.cell("LUT6", "I0->O")
            assert slower.nets.delay("from logic", "lut", 1) > faster.nets.delay("from logic", "lut", 1)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("xcvu13p-flga2577-2-e", "no delay table for xcvu13p-flga2577-2-e: public cell delays were found for the 7-series only"),
        ("xcku060-ffva1156-1-c", "no delay table for xcku060-ffva1156-1-c"),
        ("xc7a35ticsg324-1L", "no delay table for the low-power grade of xc7a35ticsg324-1L"),
        ("xc7k160tffg676-2L", "no delay table for the low-power grade"),
    ],
)
def test_parts_without_delays_say_so(part: str, reason: str) -> None:
    assert reason in str(why_none(part))
    with pytest.raises(ToolError, match="no delay table"):
        delays_of(part)


def test_unknown_parts_and_delays_are_refused() -> None:
    with pytest.raises(ConfigError, match="Unknown part"):
        delays_of("xc7z021clg400-1")
    with pytest.raises(MissingDelay, match=r"has no 'clk->Q' of a LDCE, so this netlist has no timing analysis"):
        delays_of("xc7z020clg400-1").cell("LDCE", "clk->Q")


def test_every_group_of_cells_names_its_source() -> None:
    cells = table("xc7_cells.json")["cells"]
    kinds = [kind for group in cells.values() for kind in group["kinds"]]
    assert len(kinds) == len(set(kinds))
    for name, group in cells.items():
        assert group["source"], name
        assert all(isinstance(delay, int) for delay in group["delays"].values()), name


def test_a_net_costs_more_the_more_it_reaches() -> None:
    model = NetModel(500.0, 100.0, {"reset": 300.0, "from register": 100.0}, 0.5)
    assert [model.delay("from logic", "lut", fan_out) for fan_out in (0, 1, 2, 8)] == [250, 250, 300, 400]
    assert model.delay("from logic", "reset", 8) == 550
    assert model.delay("from register", "reset", 8) == 600
