# SPDX-License-Identifier: Apache-2.0
"""EncodingNet: LUTs and gates of every shipped encoder beside those of the exact 8 x 8-bit multiplier, from the same tools.

LUTs: a whole kernel array, eight lanes that share one accumulator, through the package's synthesis; weights and activations are
inputs. Counted are encoders, the running sums over lanes and beats, the final addition of rows of unlike weight, and the control;
divided by the lanes. The multiplier's array is the twin's kernel (``kernel_multiply``), whose Booth rows enter the same sum.

Gates: Yosys' ABC maps to NOT, NAND2, NOR2, AND2, OR2, XOR2 and XNOR2 with the paper's areas (2/3, 1, 1, 4/3, 4/3, 2, 2 NAND2),
which it minimises: the encoder alone (without the sum of its bits) against a multiplier alone, and the combinational part of
the two kernel arrays a lane. Activations are those of a ReLU, 0..127 in a signed 8-bit operand, or ``--signed`` -128..127.

Writes ``encodingnet_cost.json`` and ``.md``; what was measured before is taken up again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.atomic import atomic_write_json
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import Fold, Kernel, Stream
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.rtl.verilog import Instance, Parameter
from dietcnn_hls.tools import yosys
from dietcnn_hls.tools.yosys.synthesis import synthesise
from tests.benchmarks.lanes import TOP, Ports, kernel_array, wrapper

MULTIPLIER = "multiplier"
LANES, BEATS, OUTPUTS = 8, 5, 8
AREAS = {
    "NOT": ("!A", 2),
    "NAND": ("!(A*B)", 3),
    "NOR": ("!(A+B)", 3),
    "AND": ("A*B", 4),
    "OR": ("A+B", 4),
    "XOR": ("(A*!B)+(!A*B)", 6),
    "XNOR": ("!((A*!B)+(!A*B))", 6),
    "BUF": ("A", 0),
}
"""Gate -> function in ABC's notation, and area in thirds of a NAND2; a buffer is a wire from an input to an output."""


def kernel_of(name: str, signed: bool) -> tuple[Kernel, Stream]:
    """The kernel of a row with random full-range weights, and the stream it reads."""
    stream = Stream((LANES * BEATS,), -128 if signed else 0, 127, 7)
    weights = np.random.default_rng(0).integers(-127, 128, (OUTPUTS, LANES * BEATS))
    if name == MULTIPLIER:
        return MultiplyKernel(weights, 0, stream.integers, stream.lo), stream
    objective, _, bits = name.rpartition("_")
    netlist = library.shipped(int(bits), objective)
    arrays = (netlist.gates, netlist.positions, netlist.outputs, netlist.constant, weights.astype(np.int8))
    return NetlistKernel(*arrays, 0, stream.integers, stream.lo), stream


def array(name: str, signed: bool) -> tuple[str, tuple[Path, ...]]:
    """Source of the kernel array of a row, eight lanes of one output, and the files it needs."""
    return kernel_array(*kernel_of(name, signed), Fold(1, LANES))


def product(name: str, signed: bool) -> tuple[str, tuple[Path, ...]]:
    """Source of what makes one product: the encoder's gates (outputs: its bits), or a Booth multiplier."""
    operand = Stream((1,), -128 if signed else 0, 127, 7)
    bits = bits_for(operand.lo, operand.hi)
    if name == MULTIPLIER:
        parameters: dict[str, Parameter] = {"A_BITS": bits, "A_SIGNED": int(signed), "B_BITS": 8}
        unit = Instance("unit", "", "booth_multiplier", parameters)
        ports: Ports = [("input", bits, "a"), ("input", 8, "b"), ("output", bits + 8, "product")]
        return wrapper(unit, ports), (Path(__file__).with_name("booth_multiplier.sv"),)
    kernel, _ = kernel_of(name, signed)
    assert isinstance(kernel, NetlistKernel)
    netlist = kernel.netlist
    expressions = [f"a[{min(i, bits - 1)}]" if signed or i < bits else "1'b0" for i in range(8)]
    lines = [f"module lanes (input wire [{bits - 1}:0] a, input wire [7:0] b, output wire [{netlist.bits - 1}:0] encoded);"]
    nets = [*expressions, *(f"b[{i}]" for i in range(8)), *(f"g{i}" for i in range(len(netlist.gates)))]
    for i, (kind, left, right) in enumerate(netlist.gates.tolist()):
        lines.append(f"  wire g{i} = {SPELLINGS[kind].format(nets[left], nets[right])};")
    lines += [f"  assign encoded[{i}] = {nets[net]};" for i, net in enumerate(netlist.outputs.tolist())]
    return "\n".join([*lines, "endmodule", ""]), ()


SPELLINGS = ("~{0}", "{0} & {1}", "~({0} & {1})", "{0} | {1}", "~({0} | {1})", "{0} ^ {1}", "~({0} ^ {1})")
"""Verilog of the gate kinds, by `Gate`'s values."""


def starred(signed: bool) -> tuple[str, tuple[Path, ...]]:
    """Source of a multiplier written as ``*``, for synthesis to build as it likes."""
    a = "a" if signed else "{1'b0, a}"
    bits = 8 if signed else 7
    text = f"module lanes (input wire {'signed ' if signed else ''}[{bits - 1}:0] a, input wire signed [7:0] b,"
    operand = f"  wire signed [7:0] wide = {a};"
    return f"{text} output wire signed [{bits + 7}:0] product);\n{operand}\n  assign product = wide * b;\nendmodule\n", ()


def genlib() -> str:
    """The gate library in ABC's own format: equal delays, areas in thirds of a NAND2, constants for nothing."""
    lines = ["GATE ZERO 0 Y=CONST0;", "GATE ONE 0 Y=CONST1;"]
    lines += [f"GATE {gate} {area} Y={function}; PIN * UNKNOWN 1 999 1 0 1 0" for gate, (function, area) in AREAS.items()]
    return "\n".join(lines) + "\n"


def gates(text: str, files: tuple[Path, ...], folder: Path) -> float:
    """NAND2 units of the combinational cells after Yosys' mapping; registers stay as they are and are not counted."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        (folder / path.name).write_text(path.read_text())
    (folder / "lanes.sv").write_text(text)
    (folder / "gates.genlib").write_text(genlib())
    script = [
        f"read_verilog -sv -defer {' '.join(path.name for path in files)} lanes.sv",
        f"synth -flatten -top {TOP}",
        "abc -genlib gates.genlib",
        "opt_clean",
        "write_json mapped.json",
    ]
    yosys.run(yosys.find(), "\n".join(script) + "\n", folder, what="gate count", proof=["mapped.json"], timeout_s=600)
    cells = json.loads((folder / "mapped.json").read_text())["modules"][TOP]["cells"].values()
    kinds = [cell["type"] for cell in cells]
    unknown = {kind for kind in kinds if kind not in AREAS and "DFF" not in kind and kind != "$scopeinfo"}
    assert not unknown, f"cells that are neither gates nor registers: {unknown}"
    return sum(AREAS[kind][1] for kind in kinds if kind in AREAS) / 3


def measure(name: str, signed: bool, folder: Path, part: str) -> dict[str, Any]:
    """All figures of a row."""
    text, files = array(name, signed)
    path = folder / "sources" / f"{name}.sv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    result = synthesise([path, *files], TOP, dsp=False, part=part)
    found: dict[str, Any] = {"lut_per_lane": round(result.lut / LANES, 1), "ff_per_lane": round(result.ff / LANES, 1)}
    found["source"] = f"yosys {result.version}/{result.flow}"
    found["product_nand2"] = round(gates(*product(name, signed), folder / "gates" / name), 1)
    found["lane_nand2"] = round(gates(text, files, folder / "gates" / f"{name}_lanes") / LANES, 1)
    if name == MULTIPLIER:
        found["starred_nand2"] = round(gates(*starred(signed), folder / "gates" / "starred"), 1)
        return found
    kernel, _ = kernel_of(name, signed)
    assert isinstance(kernel, NetlistKernel)
    netlist = kernel.netlist
    return {"bits": netlist.bits, "added_bits": kernel.rows.bits, "max_error": netlist.max_error()} | found


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown, with the ratio to the multiplier."""
    exact = results[MULTIPLIER]
    best = min(exact["product_nand2"], exact["starred_nand2"])
    lines = [
        f"{exact['source']}, {LANES} lanes; multiplier alone: {exact['product_nand2']} NAND2 as Booth rows, "
        f"{exact['starred_nand2']} NAND2 written as `*`",
        "",
        "| encoder | M | bits added | error | LUT/lane | against | FF/lane | NAND2, product | against | NAND2/lane | against |",
        "|---" * 11 + "|",
    ]
    for name, row in results.items():
        head = [name, *(str(row.get(key, "")) for key in ("bits", "added_bits", "max_error"))]
        product_area = best if name == MULTIPLIER else row["product_nand2"]
        pairs = [(row["lut_per_lane"], exact["lut_per_lane"]), (product_area, best), (row["lane_nand2"], exact["lane_nand2"])]
        (luts, lut_share), (area, area_share), (lane, lane_share) = (
            (f"{value:.1f}", f"{100 * (value / other - 1):+.0f} %") for value, other in pairs
        )
        cells = [*head, luts, lut_share, str(row["ff_per_lane"]), area, area_share, lane, lane_share]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    names = [MULTIPLIER, *(f"{objective}_{bits}" for objective, sizes in library.available().items() for bits in sizes)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--signed", action="store_true", help="activations are signed 8-bit integers")
    parser.add_argument("--part", default="xc7vx485tffg1157-1")
    parser.add_argument("--output", type=Path, default=Path("build/encodingnet_cost"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "encodingnet_cost.json"
    key = f"{'signed' if arguments.signed else 'unsigned'}, {arguments.part}"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results = kept.setdefault(key, {})
    for name in dict.fromkeys([MULTIPLIER, *arguments.only]):
        if name not in results:
            results[name] = measure(name, arguments.signed, arguments.output, arguments.part)
            atomic_write_json(path, kept)
            print(name, results[name], flush=True)
    text = table({name: results[name] for name in names if name in results})
    (arguments.output / "encodingnet_cost.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
