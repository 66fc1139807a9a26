# SPDX-License-Identifier: Apache-2.0
"""Cells are counted as what they occupy, and the longest path in levels that can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools.yosys.netlist import Bit, Cell, count_cells, read_netlist
from dietcnn_hls.tools.yosys.paths import Path as LongestPath
from dietcnn_hls.tools.yosys.paths import build_graph, longest_path


def lut(name: str, out: int, *inputs: Bit) -> Cell:
    pins = {f"I{number}": (bit,) for number, bit in enumerate(inputs)}
    return Cell(name, f"LUT{len(inputs)}", {}, pins, {"O": (out,)})


def longest_path_of(cells: list[Cell]) -> LongestPath:
    return longest_path(build_graph(cells))


def register(name: str, d: Bit, q: int) -> Cell:
    return Cell(name, "FDRE", {}, {"C": (1000,), "D": (d,)}, {"Q": (q,)})


def carry(name: str, select: tuple[Bit, ...], data: tuple[Bit, ...], out: int, carry_in: Bit = "0") -> Cell:
    """A CARRY4 whose O are nets `out`.. and CO `out + 4`.. ."""
    pins = {"CI": (carry_in,), "CYINIT": ("0",), "DI": data, "S": select}
    return Cell(name, "CARRY4", {}, pins, {"O": tuple(range(out, out + 4)), "CO": tuple(range(out + 4, out + 8))})


def plain(kind: str, number: int = 1) -> list[Cell]:
    return [Cell(f"{kind}_{index}", kind, {}, {}, {}) for index in range(number)]


def test_every_kind_is_counted_as_what_it_occupies() -> None:
    cells = [lut("a", 10, 1), lut("b", 11, 1, 2), lut("c", 12, 1, 2, 3, 4, 5, 6), *plain("INV", 2)]
    cells += [*plain("RAM32M", 2), *plain("SRLC32E", 3), *plain("RAM64M8")]
    cells += [*plain("MUXF7", 4), *plain("MUXF8"), *plain("FDRE", 5), *plain("FDSE"), *plain("LDCE")]
    cells += [*plain("DSP48E1", 2), *plain("RAMB18E1", 3), *plain("RAMB36E2", 2), *plain("URAM288"), *plain("BUFG")]
    counts = count_cells(cells)
    assert counts.lut_by_size == {"1": 3, "2": 1, "6": 1}
    assert counts.lutram == 2 * 4 + 3 + 8
    assert counts.lut == 5 + counts.lutram
    assert (counts.muxf, counts.ff, counts.dsp, counts.bram18, counts.uram) == (5, 7, 2, 7, 1)
    assert counts.cells["RAM32M"] == 2


@pytest.mark.parametrize("kind", ["$add", "$_DFF_P_", "kernel_array", "RAM999M"])
def test_cells_of_unknown_cost_are_refused(kind: str) -> None:
    with pytest.raises(ToolError) as caught:
        count_cells([lut("a", 10, 1), *plain(kind)])
    assert f"cell of type '{kind}' ({kind}_0), whose cost is not known" in str(caught.value)


def test_levels_between_registers() -> None:
    cells = [register("from", 5, 1), lut("a", 2, 1, 9), lut("b", 3, 2, 1), lut("c", 4, 3), lut("d", 5, 4), register("to", 5, 6)]
    path = longest_path_of(cells)
    assert (path.levels, path.cells) == (4, {"LUT1": 2, "LUT2": 2})
    # a register in between cuts it
    cut = [*cells[:2], register("cut", 2, 70), lut("b", 3, 70, 1), *cells[3:]]
    assert longest_path_of(cut).levels == 3


def test_carry_chain_is_one_level_however_long() -> None:
    cells = [lut("s", 2, 1)]
    cells += [carry("c0", (2, 1, 1, 1), (1, 1, 1, 1), 10), carry("c1", (1, 1, 1, 1), (1, 1, 1, 1), 20, 17)]
    cells += [carry("c2", (1, 1, 1, 1), (1, 1, 1, 1), 30, 27), lut("after", 40, 33)]
    path = longest_path_of(cells)
    assert (path.levels, path.cells) == (3, {"CARRY4": 3, "LUT1": 2})
    # a carry-in that logic drives is an entry of its own
    cells[2] = carry("c1", (1, 1, 1, 1), (1, 1, 1, 1), 20, 41)
    cells.append(lut("between", 41, 17))
    assert longest_path_of(cells).levels == 5


def test_wide_multiplexers_cost_no_level() -> None:
    f7 = Cell("f7", "MUXF7", {}, {"I0": (2,), "I1": (3,), "S": (1,)}, {"O": (4,)})
    f8 = Cell("f8", "MUXF8", {}, {"I0": (4,), "I1": ("1",), "S": (1,)}, {"O": (5,)})
    path = longest_path_of([lut("a", 2, 1), lut("b", 3, 1), f7, f8])
    assert (path.levels, path.cells) == (1, {"LUT1": 1, "MUXF7": 1, "MUXF8": 1})


def test_memories_and_dsps_cut_paths_where_they_have_registers() -> None:
    block = Cell("rom", "RAMB18E1", {}, {"ADDRARDADDR": (2,)}, {"DOADO": (3,)})
    assert longest_path_of([lut("a", 2, 1), block, lut("b", 4, 3)]).levels == 1
    fifo = Cell("ram", "RAM32M", {}, {"ADDRA": (2,), "DIA": (9,)}, {"DOA": (3,), "DOB": (5,)})
    assert longest_path_of([lut("a", 2, 1), fifo, lut("b", 4, 3)]).levels == 3
    assert longest_path_of([lut("a", 9, 1), fifo, lut("b", 4, 3)]).levels == 2
    shift = Cell("srl", "SRLC32E", {}, {"A": (2,), "D": (9,)}, {"Q": (3,), "Q31": (5,)})
    assert longest_path_of([lut("a", 9, 1), shift, lut("b", 4, 5)]).levels == 1
    ports = ({"A": (2,), "B": (7,)}, {"P": (3,)})
    none = {"AREG": "0", "BREG": "0", "MREG": "0", "PREG": "0"}
    assert longest_path_of([lut("a", 2, 1), Cell("dsp", "DSP48E1", none, *ports), lut("b", 4, 3)]).levels == 3
    inputs = {**none, "AREG": "1"}
    assert longest_path_of([lut("a", 2, 1), Cell("dsp", "DSP48E1", inputs, *ports), lut("b", 4, 3)]).levels == 2
    output = {**none, "PREG": "1"}
    assert longest_path_of([lut("a", 2, 1), Cell("dsp", "DSP48E1", output, *ports), lut("b", 4, 3)]).levels == 1


def test_loops_are_refused_but_not_a_carry_that_feeds_its_own_higher_bit() -> None:
    with pytest.raises(ToolError, match=r"combinational loop through LUT2 '(a|b)'"):
        longest_path_of([lut("a", 2, 1, 3), lut("b", 3, 2, 1)])
    turn = [carry("c", (1, 1, 9, 1), (1, 1, 1, 1), 10), lut("a", 9, 10)]
    assert longest_path_of(turn).levels == 3
    with pytest.raises(ToolError, match="combinational loop"):
        longest_path_of([carry("c", (9, 1, 1, 1), (1, 1, 1, 1), 10), lut("a", 9, 11)])


def test_long_paths_need_no_deep_stack() -> None:
    cells = [lut(f"l{number}", number + 1, number) for number in range(1, 20_000)]
    assert longest_path_of(cells).levels == 19_999


def test_no_logic_at_all() -> None:
    assert longest_path_of([register("a", 1, 2)]).levels == 0


def test_files_that_are_no_netlist(tmp_path: Path) -> None:
    path = tmp_path / "netlist.json"
    for text in ("", "{}", json.dumps({"modules": {"other": {"cells": {}}}})):
        path.write_text(text)
        with pytest.raises(ToolError, match=r"netlist\.json is no netlist of 'top'"):
            read_netlist(path, "top")
    path.write_text(json.dumps({"modules": {"top": {"cells": {}}}}))
    assert read_netlist(path, "top").cells == []
