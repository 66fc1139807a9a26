# SPDX-License-Identifier: Apache-2.0
"""Unrolled dense layers: shared sums of this engine against alkaid's RTL for the same integers, one result a cycle.

    python -m tests.benchmarks.unrolled --output unrolled        (pip install alkaid==0.8.2)

Ten layers of random constants and three trained ones (scikit-learn's digits, seconds), all through the same Yosys flow. Of
alkaid the cheaper of its two forms counts (`ternary_fuse`); ours is the whole design with its handshake, alkaid's is the bare
pipeline. Both are checked against integer arithmetic before they are counted: ours in RTL simulation, alkaid's by its own
evaluation. Writes
``unrolled.json`` and ``.md``; what stands in the JSON is not measured again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.products import Products
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate
from dietcnn_hls.tools.yosys.synthesis import SynthesisResult, synthesise

PART = "xc7z020clg400-1"
CUTOFF = 5
"""Adders in a row between alkaid's registers, in its unit of delay."""


class Layer(NamedTuple):
    """A dense layer: its constants (inputs, outputs), the bits of its unsigned inputs, and what it is called."""

    name: str
    weights: np.ndarray
    bits: int


def random_layers() -> list[Layer]:
    """Uniform weights of some bits, ternary ones, and ones of four levels; seeds are the shapes."""
    found = []
    for inputs, outputs, bits, levels, codes in (
        (16, 16, 8, None, 8),
        (16, 16, 4, None, 4),
        (16, 64, 3, None, 3),
        (32, 16, 6, None, 6),
        (32, 32, 4, None, 4),
        (32, 32, 6, None, 6),
        (64, 16, 3, None, 4),
        (64, 32, None, (-1, 0, 1), 3),
        (64, 32, None, (-5, 0, 3, 7), 4),
        (32, 32, None, (-1, 0, 1), 8),
    ):
        rng = np.random.default_rng([inputs, outputs, codes])
        if levels is None:
            weights, kind = rng.integers(-(1 << bits - 1) + 1, 1 << bits - 1, (inputs, outputs)), f"{bits} bits"
        else:
            weights, kind = rng.choice(np.array(levels), (inputs, outputs)), "ternary" if len(levels) == 3 else "codebook of 4"
        found.append(Layer(f"random {inputs}x{outputs}, {kind}, inputs of {codes}", weights, codes))
    return found


def trained_layers() -> list[Layer]:
    """The layers of a perceptron 64-32-16-10 on scikit-learn's digits, quantised to 6 bits, a codebook of 4, and ternary."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    from sklearn.neural_network import MLPClassifier  # type: ignore[import-untyped]

    x, y = load_digits(return_X_y=True)
    first, second, third = MLPClassifier((32, 16), random_state=0, max_iter=60).fit(x / 16, y).coefs_
    levels = np.quantile(second, [0.1, 0.4, 0.7, 0.95])
    codebook = np.round(levels / np.abs(levels).max() * 15).astype(np.int64)
    return [
        Layer("digits 64x32, 6 bits, inputs of 4", np.round(first / np.abs(first).max() * 31).astype(np.int64), 4),
        Layer("digits 32x16, codebook of 4, inputs of 4", codebook[np.abs(second[..., None] - levels).argmin(axis=2)], 4),
        Layer("digits 16x10, ternary, inputs of 6", np.sign(third).astype(np.int64) * (np.abs(third) > 0.3), 6),
    ]


def ours(layer: Layer, folder: Path) -> SynthesisResult:
    """The design of shared sums, simulated and synthesised."""
    inputs, outputs = layer.weights.shape
    image = node("image", Source(), [], Stream((inputs,), 0, (1 << layer.bits) - 1, layer.bits))
    kernel = Products(layer.weights.T.astype(np.int64), layer.bits, np.arange(1 << layer.bits), 0)
    graph = LoweredGraph("unrolled", (image, node("dense", Linear(kernel, None, None), [image])))
    design = generate(graph, {"dense": Fold(outputs, inputs)}, RtlOptions(input_codes=inputs, share_sums=True))
    codes = np.random.default_rng(0).integers(0, 1 << layer.bits, (500, inputs))
    result = simulate(design, codes)
    if not np.array_equal(result.outputs, reference.predict(graph, codes)) or result.interval != 1:
        raise SystemExit(f"the RTL is wrong or slow (interval {result.interval}); its cost means nothing")
    files = design.write(folder / "ours")
    return synthesise(files, design.name, part=PART, dsp=False, include_files=design.memories_in(folder / "ours"))


def alkaid(layer: Layer, folder: Path, fuse: bool) -> SynthesisResult:
    """alkaid's network for the same matrix, pipelined by itself."""
    from alkaid.codegen import RTLModel  # type: ignore[import-not-found]
    from alkaid.trace import FVArrayInput, HWConfig, trace  # type: ignore[import-not-found]

    inputs = len(layer.weights)
    symbolic = FVArrayInput((inputs,), HWConfig(1, -1, -1))
    zeros = np.zeros(inputs, dtype=int)
    network = trace(symbolic, symbolic.quantize(zeros, zeros + layer.bits, zeros) @ layer.weights.astype(np.float64))
    codes = np.random.default_rng(0).integers(0, 1 << layer.bits, (500, inputs))
    if not np.array_equal(network.predict(codes.astype(np.float64)), codes @ layer.weights):
        raise SystemExit("alkaid's network computes something else; its cost means nothing")
    place = folder / f"alkaid_{int(fuse)}"
    RTLModel(network, place, "shift_add", latency_cutoff=CUTOFF, print_latency=False, ternary_fuse=fuse).write()
    sources = sorted(path for path in place.rglob("*.v") if "wrapper" not in path.name)
    return synthesise(sources, "shift_add", part=PART, dsp=False)


def measure(layer: Layer) -> dict[str, Any]:
    """Figures of one layer on both sides."""
    folder = Path(tempfile.mkdtemp())
    try:
        mine = ours(layer, folder)
        theirs = min((alkaid(layer, folder, fuse) for fuse in (False, True)), key=lambda found: found.lut)
    finally:
        shutil.rmtree(folder)
    sides = {"ours": mine, "alkaid": theirs}
    figures = {side: {"lut": found.lut, "ff": found.ff, "levels": found.logic_levels} for side, found in sides.items()}
    return {"layer": layer.name, **figures, "ratio": round(mine.lut / theirs.lut, 3), "source": mine.source}


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = ["| dense layer | LUT | FF | alkaid's LUT | FF | LUT ratio |", "|" + "---|" * 6]
    for row in rows:
        mine, theirs = row["ours"], row["alkaid"]
        lines.append(
            f"| {row['layer']} | {mine['lut']:,} | {mine['ff']:,} | {theirs['lut']:,} | {theirs['ff']:,} | {row['ratio']:.2f} |"
        )
    mine, theirs = (sum(row[side]["lut"] for row in rows) for side in ("ours", "alkaid"))
    return "\n".join(
        [*lines, f"| all | {mine:,} | | {theirs:,} | | {mine / theirs:.2f} |", "", f"Source: {rows[0]['source']}.", ""]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("unrolled"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    file = arguments.output / "unrolled.json"
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    for layer in [*random_layers(), *trained_layers()]:
        if layer.name not in {row["layer"] for row in rows}:
            rows.append(measure(layer))
            file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
            print(json.dumps(rows[-1]), flush=True)
    (arguments.output / "unrolled.md").write_text(markdown(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
