# SPDX-License-Identifier: Apache-2.0
"""Timing that can be added up by hand, and Yosys' own analysis as a second opinion on what it mapped."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from dietcnn_hls.hardware.timing import Delays, MissingDelay, NetModel, delays_of
from dietcnn_hls.tools import yosys
from dietcnn_hls.tools.yosys.gates import _cells_sim
from dietcnn_hls.tools.yosys.netlist import Bit, Cell, Netlist, read_netlist
from dietcnn_hls.tools.yosys.primitives import behaviour
from dietcnn_hls.tools.yosys.sta import TimedPath, worst_paths
from tests.cases import exhaustive
from tests.tools.yosys.test_netlist import carry, lut, register

DESIGNS = Path(__file__).parents[2] / "rtl" / "designs"
ARTIX = delays_of("xc7z020clg400-1")
# nets of 1,000 ps and 100 for each doubling of the fan-out, no uncertainty: sums that the eye can check
PLAIN = Delays("plain", "0", ARTIX.cells, NetModel(1000.0, 100.0), 0, "none")


def netlist(cells: list[Cell], names: Mapping[int, str] | None = None, inputs: Mapping[int, str] | None = None) -> Netlist:
    return Netlist("top", cells, names or {}, inputs or {}, {})


def worst(*cells: Cell, delays: Delays = PLAIN) -> TimedPath:
    return worst_paths(netlist(list(cells)), delays)[0]


def test_a_lut_between_two_registers() -> None:
    path = worst(register("$a", 1, 2), lut("$l", 3, 2), register("$b", 3, 4))
    # clock to Q, a net, the LUT, and D in the same slice
    assert (path.logic_ps, path.net_ps, path.levels) == (456 + 124 - 29, 1000, 1)
    assert path.period_ps == 1551


def test_nets_cost_by_their_fan_out_and_one_register_shares_the_slice_of_its_lut() -> None:
    cells = [register("$a", 1, 2), lut("$l", 3, 2), register("$b", 3, 4), register("$c", 3, 5), lut("$m", 6, 2)]
    path = worst(*cells)
    # the LUT's slice holds one of both registers; to the other leads a net of fan-out 2, and D is longer there
    assert (path.logic_ps, path.net_ps) == (456 + 124 + 90, 1100 + 1100)
    for seed in range(5):
        random.Random(seed).shuffle(cells)
        assert worst(*cells) == path


def test_enable_and_reset_have_setup_times_of_their_own() -> None:
    for pin, setup in (("CE", 205), ("R", 429)):
        end = Cell("$b", "FDRE", {}, {"C": (1000,), "D": ("0",), pin: (3,)}, {"Q": (4,)})
        path = worst(register("$a", "0", 2), lut("$l", 3, 2), end)
        assert (path.logic_ps, path.net_ps) == (456 + 124 + setup, 2000)


def test_a_carry_chain_adds_its_arcs_and_its_nets_are_free() -> None:
    chain = [carry("$c0", (3, "0", "0", "0"), ("0",) * 4, 10), carry("$c1", ("0",) * 4, ("0",) * 4, 20, 17)]
    path = worst(register("$a", 1, 2), lut("$l", 3, 2), *chain, register("$b", 23, 5))
    # S0 -> CO3, CI -> O3, and O in the slice of its register
    assert (path.logic_ps, path.net_ps, path.levels) == (456 + 124 + 508 + 313 - 29, 1000, 2)
    assert [step.way for step in path.steps] == ["I0->O", "S[0]->CO[3]", "CI->O[3]"]


def test_what_enters_a_chain_without_a_lut_of_its_own_passes_one() -> None:
    off = ("0",) * 4
    ends = register("$a", 1, 2), register("$b", 10, 5)

    def entered(**pins: tuple[Bit, ...]) -> TimedPath:
        inputs = {"CI": ("0",), "CYINIT": ("0",), "DI": off, "S": off, **pins}
        return worst(*ends, Cell("$c", "CARRY4", {}, inputs, {"O": (10, 11, 12, 13)}))

    path = entered(S=(2, "0", "0", "0"))
    assert (path.logic_ps, path.net_ps) == (456 + 124 + 223 - 29, 1000)
    path = entered(CYINIT=(2,))
    assert (path.logic_ps, path.net_ps) == (456 + 482 - 29, 1000)
    # logic that drives CI enters by CYINIT, too: no net of the fabric reaches CI
    assert entered(CI=(2,)).logic_ps == path.logic_ps


def test_a_sum_that_feeds_logic_leaves_its_slice() -> None:
    chain = carry("$c", (3, "0", "0", "0"), ("0",) * 4, 10)
    path = worst(register("$a", 1, 2), lut("$l", 3, 2), chain, lut("$m", 6, 10), register("$b", 6, 5))
    assert (path.logic_ps, path.net_ps) == (456 + 124 + 223 + 178 + 124 - 29, 2000)


def test_wide_multiplexers_share_the_slice_of_their_luts() -> None:
    f7 = Cell("$f7", "MUXF7", {}, {"I0": (3,), "I1": ("0",), "S": ("0",)}, {"O": (6,)})
    f8 = Cell("$f8", "MUXF8", {}, {"I0": ("0",), "I1": (6,), "S": ("0",)}, {"O": (7,)})
    path = worst(register("$a", 1, 2), lut("$l", 3, 2), f7, f8, register("$b", 7, 5))
    assert (path.logic_ps, path.net_ps, path.levels) == (456 + 124 + 217 + 94 - 29, 1000, 1)
    select = Cell("$f7", "MUXF7", {}, {"I0": ("0",), "I1": ("0",), "S": (2,)}, {"O": (6,)})
    path = worst(register("$a", 1, 2), select, lut("$l", 3, 6), register("$b", 3, 5))
    assert (path.logic_ps, path.net_ps) == (456 + 296 + 190 + 124 - 29, 2000)


def test_memories_launch_late_unless_they_have_an_output_register() -> None:
    for registers, launch in (("0", 2454), ("1", 882)):
        rom = Cell("rom", "RAMB18E1", {"DOA_REG": registers}, {"ADDRARDADDR": (9,)}, {"DOADO": (2,)})
        paths = worst_paths(netlist([rom, lut("$l", 3, 2), lut("$k", 4, 3), register("$b", 4, 5)]), PLAIN)
        path = next(path for path in paths if path.end == "$b/D")
        assert (path.logic_ps, path.net_ps) == (launch + 2 * 124 - 29, 2000)
        # what the memory itself can do is a path of its own
        assert (2576, ("rom", "rom")) in [(path.period_ps, path.modules) for path in paths]
    rom = Cell("rom", "RAMB36E1", {}, {"ADDRARDADDR": (4, 4), "ENARDEN": (4,)}, {"DOADO": (8,)})
    paths = worst_paths(netlist([register("$a", "0", 2), lut("$l", 3, 2), lut("$k", 4, 3), rom]), PLAIN)
    path = next(path for path in paths if path.modules == ("$a", "rom"))
    assert (path.logic_ps, path.net_ps, path.end) == (456 + 2 * 124 + 566, 1000 + 1000 + 1158, "rom/ADDRARDADDR[0]")


def test_lut_memories_and_shift_registers_launch_and_pass() -> None:
    launch = ARTIX.cells["RAM32M"]["clk->O"]
    fifo = Cell("$m", "RAM32M", {}, {"ADDRA": (2,), "ADDRD": ("0",), "DIA": ("0",)}, {"DOA": (3,)})
    fixed = Cell("$m", "RAM32M", {}, {"ADDRA": ("0",), "ADDRD": ("0",), "DIA": ("0",)}, {"DOA": (3,)})
    path = worst(fixed, register("$b", 3, 5))
    assert (path.logic_ps, path.net_ps, path.steps) == (launch - 29, 0, ())
    # a read is faster from the clock than through an address that comes late
    path = worst(register("$a", 1, 9), lut("$l", 8, 9), lut("$k", 2, 8), fifo, register("$b", 3, 5))
    assert (path.logic_ps, path.net_ps) == (456 + 3 * 124 - 29, 3000)
    shift = Cell("$s", "SRL16E", {}, {"A0": ("0",), "D": (2,), "CE": ("1",)}, {"Q": (3,)})
    path = worst(Cell("$s", "SRL16E", {}, {"A0": ("0",), "D": ("0",)}, {"Q": (3,)}), register("$b", 3, 5))
    assert (path.logic_ps, path.net_ps) == (ARTIX.cells["SRL16E"]["clk->Q"] - 29, 0)
    path = worst(register("$a", "0", 2), Cell("$s", "SRL16E", {}, shift.inputs, {}))
    assert path.logic_ps == 456 + ARTIX.cells["SRL16E"]["setup D"]


def dsp(**parameters: int | str) -> Cell:
    """A multiplier whose registers are those that are named."""
    none = dict.fromkeys(("AREG", "BREG", "CREG", "DREG", "ADREG", "MREG", "PREG"), 0)
    text = {name: value if isinstance(value, str) else f"{value:032b}" for name, value in {**none, **parameters}.items()}
    return Cell("mac", "DSP48E1", text, {"A": (2,), "B": (2,), "C": ("0",), "PCIN": ("0",)}, {"P": (3,)})


def test_a_dsp_costs_by_the_registers_that_it_uses() -> None:
    around = register("$a", "0", 2), register("$b", 3, 5)
    # nothing registered: through the multiplier, whose A takes longer than B
    path = worst(*around, dsp())
    assert (path.logic_ps, path.net_ps) == (456 + 3841 + 90, 1100 + 1000)
    assert [path.period_ps for path in worst_paths(netlist([*around, dsp(MREG=1)]), PLAIN)[:2]] == [
        456 + 1100 + 1928,
        2305 + 1000 + 90,
    ]
    assert worst(*around, dsp(PREG=1)).period_ps == 456 + 1100 + 3722
    assert worst(*around, dsp(AREG=1, BREG=1)).period_ps == 4009 + 1000 + 90
    # all registered: the DSP's own ways are what is left, beside the register before it
    inner = {path.period_ps for path in worst_paths(netlist([*around, dsp(AREG=1, BREG=1, MREG=1, PREG=1)]), PLAIN)}
    assert inner == {456 + 1100 + 450, 434 + 1000 + 90, 2186}
    assert worst(*around, dsp(AREG=1, BREG=1, PREG=1)).period_ps == 3890


def test_a_dsp_chain_goes_by_its_own_wires() -> None:
    first = Cell("m0", "DSP48E1", dsp(PREG=1).parameters, {"A": ("0",)}, {"PCOUT": (7,)})
    second = Cell("m1", "DSP48E1", {**dsp(PREG=1).parameters, "USE_MULT": "NONE"}, {"PCIN": (7,)}, {"P": (3,)})
    path = worst(first, second)
    assert (path.logic_ps, path.net_ps) == (478 + 1399, 0)


def test_ports_count_as_registers_outside() -> None:
    cells = [lut("$l", 3, 2), lut("$k", 4, 3)]
    path = worst_paths(Netlist("top", cells, {}, {2: "in[4]"}, {4: "out"}), PLAIN)[0]
    assert (path.start, path.end, path.modules) == ("port.in[4]", "port.out", ("port", "port"))
    assert (path.logic_ps, path.net_ps) == (456 + 2 * 124 + 90, 3000)


def test_ports_can_be_left_out() -> None:
    cells = [lut("$l", 3, 2), lut("$k", 4, 3), register("$a", 4, 5), register("$b", 5, 6)]
    design = Netlist("top", cells, {}, {2: "in"}, {4: "out"})
    assert worst_paths(design, PLAIN)[0].start == "port.in"
    inner = worst_paths(design, PLAIN, ports=False)
    assert [(path.start, path.end, path.period_ps) for path in inner] == [("$a/Q", "$b/D", 456 + 1000 + 90)]


def test_the_uncertainty_of_the_clock_counts_once() -> None:
    delays = Delays("plain", "0", ARTIX.cells, NetModel(1000.0, 0.0), 35, "none")
    assert worst(register("$a", 1, 2), register("$b", 2, 4), delays=delays).period_ps == 456 + 1000 + 90 + 35


def test_one_path_is_told_for_each_pair_of_modules() -> None:
    cells = [lut("$l", 11, 2), register("$a", "0", 2), register("$b", 11, 4), register("$c", 11, 5), register("$d", 5, 6)]
    names = {2: "from.q", 4: "to.x[0]", 5: "to.x[1]", 6: "other.y"}
    paths = worst_paths(netlist(cells, names), PLAIN)
    assert [path.modules for path in paths] == [("from", "to"), ("to", "other")]
    assert (paths[0].start, paths[0].end) == ("from.q", "to.x[1]")
    assert worst_paths(netlist(cells, names), PLAIN, 1) == paths[:1]


def test_no_path_and_no_delay() -> None:
    assert worst_paths(netlist([]), PLAIN) == []
    with pytest.raises(MissingDelay, match="has no 'clk->Q' of a LDCE"):
        worst_paths(netlist([Cell("latch", "LDCE", {}, {"D": (1,), "G": (2,)}, {"Q": (3,)}), register("$a", 3, 4)]), PLAIN)


# ---- every delay that a primitive can ask for is in the table

_PORTS: Mapping[str, tuple[dict[str, int], dict[str, int]]] = {
    "MUXF7": ({"I0": 1, "I1": 1, "S": 1}, {"O": 1}),
    "MUXF8": ({"I0": 1, "I1": 1, "S": 1}, {"O": 1}),
    "CARRY4": ({"CI": 1, "CYINIT": 1, "DI": 4, "S": 4}, {"O": 4, "CO": 4}),
    "FDRE": ({"D": 1, "CE": 1, "R": 1}, {"Q": 1}),
    "FDSE": ({"D": 1, "CE": 1, "S": 1}, {"Q": 1}),
    "FDCE": ({"D": 1, "CE": 1, "CLR": 1}, {"Q": 1}),
    "FDPE": ({"D": 1, "CE": 1, "PRE": 1}, {"Q": 1}),
    "SRL16E": ({"A0": 1, "A3": 1, "D": 1, "CE": 1}, {"Q": 1}),
    "SRLC32E": ({"A": 5, "D": 1, "CE": 1}, {"Q": 1, "Q31": 1}),
    "RAM32M": (
        {f"{port}{side}": 2 for port in ("ADDR", "DI") for side in "ABCD"} | {"WE": 1},
        {f"DO{side}": 2 for side in "ABCD"},
    ),
    "RAM64M": (
        {f"{port}{side}": 1 for port in ("ADDR", "DI") for side in "ABCD"} | {"WE": 1},
        {f"DO{side}": 1 for side in "ABCD"},
    ),
    "RAM64X1D": ({"A0": 1, "DPRA0": 1, "D": 1, "WE": 1}, {"SPO": 1, "DPO": 1}),
    "RAM128X1D": ({"A": 7, "DPRA": 7, "D": 1, "WE": 1}, {"SPO": 1, "DPO": 1}),
    "RAM256X1S": ({"A": 8, "D": 1, "WE": 1}, {"O": 1}),
}


def whole(kind: str, inputs: Mapping[str, int], outputs: Mapping[str, int], parameters: Mapping[str, str]) -> Cell:
    """A cell of which every pin has a net of its own."""
    numbers = iter(range(10_000))

    def nets(ports: Mapping[str, int]) -> dict[str, tuple[Bit, ...]]:
        return {port: tuple(next(numbers) for _ in range(width)) for port, width in ports.items()}

    return Cell("cell", kind, parameters, nets(inputs), nets(outputs))


def asked(cell: Cell) -> set[str]:
    found = behaviour(cell)
    names = {name for output in found.outputs for name in (*output.launches, *(arc.name for arc in output.arcs))}
    return names | {check.name for check in found.checks} | set(found.inner)


@pytest.mark.parametrize("kind", _PORTS)
def test_the_table_has_every_delay_of_a_slice(kind: str) -> None:
    for name in asked(whole(kind, *_PORTS[kind], {})):
        assert ARTIX.cell(kind, name) > -100


def test_the_table_has_every_delay_of_block_rams_and_dsps() -> None:
    inputs = {f"{port}": 2 for port in ("ADDRARDADDR", "ADDRBWRADDR", "DIADI", "DIBDI", "DIPADIP", "DIPBDIP", "WEA", "WEBWE")}
    inputs |= {f"{port}": 1 for port in ("ENARDEN", "ENBWREN", "REGCEAREGCE", "REGCEB", "RSTRAMARSTRAM", "RSTREGB")}
    outputs = {"DOADO": 2, "DOBDO": 2, "DOPADOP": 2, "DOPBDOP": 2}
    for kind in ("RAMB18E1", "RAMB36E1"):
        names = asked(whole(kind, inputs, outputs, {"DOA_REG": "1", "DOB_REG": "0"}))
        assert names == {f"setup {what}" for what in ("ADDR", "DI", "WE", "EN", "REGCE", "RST")} | {
            "clk->DO",
            "clk->DO registered",
            "period",
        }
        assert all(ARTIX.cell(kind, name) > 0 for name in names)
    data = ("A", "B", "C", "D", "ACIN", "BCIN", "PCIN", "OPMODE", "ALUMODE", "INMODE", "CARRYIN", "CARRYCASCIN", "MULTSIGNIN")
    enables = ("CEA1", "CEA2", "CEB1", "CEB2", "CEC", "CED", "CEAD", "CEM", "CEP", "CECTRL", "CEALUMODE", "CEINMODE", "CECARRYIN")
    resets = ("RSTA", "RSTB", "RSTC", "RSTD", "RSTM", "RSTP", "RSTCTRL", "RSTALUMODE", "RSTINMODE", "RSTALLCARRYIN")
    inputs = dict.fromkeys((*data, *enables, *resets), 1)
    registers = ("AREG", "BREG", "CREG", "DREG", "ADREG", "MREG", "PREG", "OPMODEREG", "ALUMODEREG", "INMODEREG", "CARRYINREG")
    outputs = dict.fromkeys(("P", "PCOUT", "ACOUT", "BCOUT"), 1)
    chance = random.Random(7)
    for _ in range(300):
        parameters = {register: str(chance.getrandbits(1)) for register in registers}
        parameters |= {"USE_MULT": chance.choice(("MULTIPLY", "NONE")), "USE_DPORT": chance.choice(("TRUE", "FALSE"))}
        for name in asked(whole("DSP48E1", inputs, outputs, parameters)):
            assert ARTIX.cell("DSP48E1", name) > 0, (name, parameters)


# ---- the second opinion: Yosys' own delays, added up by Yosys and by us


def yosys_delays() -> Delays:
    """The delays of Yosys' ``cells_sim.v``, which knows no nets and credits nothing to a slice."""
    text = _cells_sim().read_text(encoding="utf-8")
    cells: dict[str, dict[str, int]] = {}
    for kind in ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV", "CARRY4", "MUXF7", "MUXF8"):
        body = re.search(rf"^module {kind}\b.*?^endmodule", text, re.MULTILINE | re.DOTALL)
        assert body
        arcs = re.findall(r"\((\S+)\s*=>\s*(\S+?)\) = (\d+)", body[0])
        cells[kind] = {f"{source}->{target}": int(delay) for source, target, delay in arcs}
    cells["FDRE"] = {"clk->Q": 303, "setup D": 0, "setup D in slice": 0, "setup CE": 109, "setup R": 404}
    cells["FDSE"] = {**cells["FDRE"], "setup S": 404}
    cells["PORT"] = {"clk->Q": 0, "setup D": 0}
    cells["SLICE"] = {"carry->out": 0, "mux->out": 0, "through LUT": 0}
    return Delays("yosys", "0", cells, NetModel(0.0, 0.0), 0, "none")


SEVERAL = """
module several(input clk, input clear, input en, input [7:0] x, input [7:0] w, output [63:0] y);
  table_lane #() a (.clk, .clear, .en, .x(x[2:0]), .w(w[1:0]), .acc(y[15:0]));
  multiplier_lane #(.XB(4), .WB(4)) b (.clk, .clear, .en, .x(x[3:0]), .w(w[3:0]), .acc(y[31:16]));
  simd_lanes #(.LANES(3)) c (.clk, .clear, .en, .x({x[0], x}), .w(w[5:0]), .acc(y[47:32]));
  product #() d (.x, .w, .y(y[63:48]));
endmodule
"""
SCRIPT = """
read_verilog -sv lanes.sv several.sv
synth_xilinx -noiopad -noclkbuf -nodsp -nosrl -top several
json -o mapped.json
design -stash mapped
read_verilog -specify -lib +/xilinx/cells_sim.v
design -copy-from mapped =*lane* =product
sta
"""


@exhaustive
def test_yosys_adds_up_the_same(tmp_path: Path) -> None:
    """The latest arrival that `sta` reports is our slowest path, to the picosecond, where we take Yosys' delays."""
    shutil.copyfile(DESIGNS / "lanes.sv", tmp_path / "lanes.sv")
    (tmp_path / "several.sv").write_text(SEVERAL)
    yosys.run(yosys.find("yowasp"), SCRIPT, tmp_path, what="sta", proof=["mapped.json"], timeout_s=300)
    said = re.findall(r"Latest arrival time in '(.*)' is (\d+)", (tmp_path / "yosys.log").read_text())
    assert len(said) == 4
    delays = yosys_delays()
    for module, latest in said:
        mapped = read_netlist(tmp_path / "mapped.json", module)
        assert worst_paths(mapped, delays)[0].period_ps == int(latest), module
