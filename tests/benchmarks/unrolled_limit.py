# SPDX-License-Identifier: Apache-2.0
"""The unrolled limit: a dense layer with one table a weight, against da4ml's shift-and-add network for the same integers.

    python -m tests.benchmarks.unrolled_limit --output unrolled

Both compute ``y = W a`` for random weight symbols and activations of eight unequal levels, one result a cycle, in SystemVerilog
or Verilog that the same Yosys flow maps. Ours reads symbols; da4ml reads decoded activations, so the tables that decode
symbols (one LUT a bit and input) are added to its side. Both are checked against integer arithmetic before they are counted:
ours in RTL simulation, da4ml's network by its own evaluation. Writes ``unrolled.json`` and ``.md``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from da4ml.codegen import VerilogModel
from da4ml.trace import FixedVariableArrayInput, HWConfig, comb_trace

from dietcnn_hls import reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.dietcnn.kernel import TableKernel
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate
from dietcnn_hls.tools.yosys.synthesis import SynthesisResult, synthesise

LEVELS = (0, 1, 3, 6, 10, 14, 21, 30)
WEIGHTS = {4: (-5, 0, 3, 7), 8: (-7, -4, -2, 0, 1, 3, 5, 7)}
"""Weight levels by number of symbols."""
LEVEL_BITS = 5
CUTOFF = 5
"""Adders in a row between da4ml's registers, in its unit of delay."""


def layer(inputs: int, outputs: int, symbols: int) -> LoweredGraph:
    """A dense layer of random weight symbols."""
    rng = np.random.default_rng(inputs + outputs + symbols)
    image = node("image", Source(), [], Stream((inputs,), 0, len(LEVELS) - 1, LEVEL_BITS, LEVELS))
    weights = rng.integers(0, symbols, (outputs, inputs)).astype(np.uint16)
    kernel = TableKernel(np.multiply.outer(np.array(LEVELS), np.array(WEIGHTS[symbols])), weights, LEVEL_BITS + 4)
    return LoweredGraph("unrolled", (image, node("dense", Linear(kernel, None, None), [image])))


def ours(graph: LoweredGraph, folder: Path) -> SynthesisResult:
    """One lane a weight, simulated and synthesised."""
    op = graph["dense"].op
    assert isinstance(op, Linear)
    design = generate(graph, {"dense": Fold(op.kernel.outputs, op.kernel.taps)}, RtlOptions(input_codes=op.kernel.taps))
    codes = np.random.default_rng(0).integers(0, len(LEVELS), (200, op.kernel.taps))
    result = simulate(design, codes)
    if not np.array_equal(result.outputs, reference.predict(graph, codes)) or result.interval != 1:
        raise SystemExit(f"the RTL is wrong or slow (interval {result.interval}); its cost means nothing")
    files = design.write(folder / "ours")
    memories = design.memories_in(folder / "ours")
    return synthesise(files, design.name, dsp=False, include_files=memories)


def da4ml(graph: LoweredGraph, symbols: int, folder: Path) -> SynthesisResult:
    """da4ml's network for the same matrix, pipelined by itself."""
    op = graph["dense"].op
    assert isinstance(op, Linear) and isinstance(op.kernel, TableKernel)
    inputs = op.kernel.taps
    matrix = np.array(WEIGHTS[symbols], dtype=np.float64)[op.kernel.weights].T
    symbolic = FixedVariableArrayInput((inputs,), HWConfig(1, -1, -1))
    zeros = np.zeros(inputs, dtype=int)
    activations = symbolic.quantize(zeros, zeros + LEVEL_BITS, zeros)
    network = comb_trace(symbolic, activations @ matrix)
    codes = np.random.default_rng(0).integers(0, len(LEVELS), (200, inputs))
    found = network.predict(np.array(LEVELS, dtype=np.float64)[codes])
    if not np.array_equal(found, reference.predict(graph, codes)):
        raise SystemExit("da4ml's network computes something else; its cost means nothing")
    VerilogModel(network, "shift_add", folder / "da4ml", latency_cutoff=CUTOFF, print_latency=False).write()
    sources = sorted(path for path in (folder / "da4ml").rglob("*.v") if "wrapper" not in path.name)
    return synthesise(sources, "shift_add", dsp=False)


def row(inputs: int, outputs: int, symbols: int, mine: SynthesisResult, theirs: SynthesisResult) -> dict[str, Any]:
    """Figures of one layer; da4ml's with the decoders of its inputs."""
    decoders = inputs * LEVEL_BITS
    return {
        "layer": f"{inputs} -> {outputs}, 8 x {symbols} symbols",
        "ours": {"lut": mine.lut, "ff": mine.ff, "levels": mine.logic_levels},
        "da4ml": {"lut": theirs.lut, "ff": theirs.ff, "levels": theirs.logic_levels, "decoder_lut": decoders},
        "ratio": round(mine.lut / (theirs.lut + decoders), 2),
        "source": mine.source,
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = ["| dense layer | LUT | FF | levels | da4ml LUT + decoders | FF | levels | LUT ratio |", "|" + "---|" * 8]
    for found in rows:
        mine, theirs = found["ours"], found["da4ml"]
        lines.append(
            f"| {found['layer']} | {mine['lut']:,} | {mine['ff']:,} | {mine['levels']} | "
            f"{theirs['lut']:,} + {theirs['decoder_lut']} | {theirs['ff']:,} | {theirs['levels']} | {found['ratio']:.2f} |"
        )
    return "\n".join([*lines, "", f"Source: {rows[0]['source']}.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["16x16", "32x16", "64x16"], help="inputs x outputs")
    parser.add_argument("--symbols", nargs="+", type=int, choices=sorted(WEIGHTS), default=sorted(WEIGHTS))
    parser.add_argument("--output", type=Path, default=Path("unrolled"))
    arguments = parser.parse_args()
    rows = []
    for inputs, outputs in (map(int, size.split("x")) for size in arguments.sizes):
        for symbols in arguments.symbols:
            graph = layer(inputs, outputs, symbols)
            with tempfile.TemporaryDirectory() as folder:
                rows.append(row(inputs, outputs, symbols, ours(graph, Path(folder)), da4ml(graph, symbols, Path(folder))))
            print(json.dumps(rows[-1]), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "unrolled.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "unrolled.md").write_text(markdown(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
