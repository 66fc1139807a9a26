# SPDX-License-Identifier: Apache-2.0
"""LUTs and FFs a lane of every method's kernel array: eight inputs by four outputs, random run-time weights, one flow.

Counted are the lanes, the running sums over lanes and beats, and the control; not the sliding window, the weight memory and the
encoder behind. Activations are those of a ReLU: all levels of the codebook, or 0..2^bits - 1. ``tabconv`` is left out: its
arrays have tables in the place of weights.

Writes ``kernel_cost.md`` and prints it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.lowered import Fold, Kernel, Stream
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.dietcnn.kernel import TableKernel
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.tools.yosys.synthesis import synthesise
from tests.benchmarks.lanes import TOP, kernel_array

PE, SIMD, BEATS = 4, 8, 5
SHAPE = (2 * PE, SIMD * BEATS)

Case = tuple[str, str, Callable[[np.random.Generator], tuple[Kernel, Stream]]]
"""(method, what the operands are, builder)."""


def symbols(activations: int, weights: int, activation_bits: int, weight_bits: int) -> Case:
    """Codebooks whose levels grow with the square, products exact."""

    def build(rng: np.random.Generator) -> tuple[Kernel, Stream]:
        levels = np.round(np.linspace(0, 1, activations) ** 2 * (2**activation_bits - 1)).astype(int)
        levels = np.maximum(levels, np.arange(activations))  # none twice
        side = np.linspace(-1, 1, weights)
        signed = np.unique(np.round(np.sign(side) * side**2 * (2 ** (weight_bits - 1) - 1)).astype(int))
        stream = Stream((SHAPE[1],), 0, activations - 1, activation_bits, tuple(levels.tolist()))
        table = np.multiply.outer(levels, signed).astype(np.int32)
        return TableKernel(table, rng.integers(0, len(signed), SHAPE).astype(np.uint8), 0), stream

    return "dietcnn", f"{activations} x {weights} symbols", build


def unsigned(bits: int) -> Stream:
    return Stream((SHAPE[1],), 0, 2**bits - 1, bits)


def multiply(activation_bits: int, weight_bits: int) -> Case:
    def build(rng: np.random.Generator) -> tuple[Kernel, Stream]:
        stream, limit = unsigned(activation_bits), 2 ** (weight_bits - 1)
        return MultiplyKernel(rng.integers(-limit, limit, SHAPE), 0, stream.integers, 0), stream

    return "fixed_point", f"{activation_bits} x {weight_bits} bits", build


def digits(*positions: tuple[int, ...]) -> Case:
    def build(rng: np.random.Generator) -> tuple[Kernel, Stream]:
        stream, words = unsigned(8), np.flatnonzero(DigitFormat(positions).meaningful)
        return SignedDigitKernel(rng.choice(words, SHAPE).astype(np.uint16), positions, 0, stream.integers, 0), stream

    text = " + ".join(f"{{{p[0]}..{p[-1]}}}" if len(p) > 1 else f"{{{p[0]}}}" for p in positions)
    return "conlocnn", f"8 bits x {DigitFormat(positions).bits}, digits at {text}", build


def ternary(positive: int, negative: int) -> Case:
    def build(rng: np.random.Generator) -> tuple[Kernel, Stream]:
        stream, weights = unsigned(8), rng.integers(-1, 2, SHAPE).astype(np.int8)
        return TernaryKernel(weights, positive, negative, np.zeros(SHAPE[0], np.int64), 0, stream.integers, 0), stream

    return "deepchip", f"8 bits x {{-{negative}, 0, {positive}}}", build


def encoded(bits: int) -> Case:
    def build(rng: np.random.Generator) -> tuple[Kernel, Stream]:
        stream, found = unsigned(7), library.shipped(bits, "carry_cones")
        weights = rng.integers(-127, 128, SHAPE).astype(np.int8)
        arrays = (found.gates, found.positions, found.outputs, found.constant, weights)
        return NetlistKernel(*arrays, 0, stream.integers, 0), stream

    return "encodingnet", f"7 x 8 bits, {bits} encoded", build


CASES = [
    *(symbols(8, 4, 5, 4), symbols(8, 8, 5, 4), symbols(16, 16, 6, 6)),
    *(multiply(8, bits) for bits in (3, 4, 5, 6, 8)),
    multiply(7, 8),
    *(digits(*positions) for positions in [((0, 1, 2),), ((0,), (1,)), (tuple(range(7)),), ((0, 1, 2), (3,))]),
    *(digits(*positions) for positions in [((0, 1), (3, 4)), ((0, 1, 2), (3, 4, 5)), (tuple(range(7)), tuple(range(1, 8)))]),
    *(ternary(1, 1), ternary(5, 11)),
    *(encoded(bits) for bits in (40, 32, 24)),
]


def rows(part: str, folder: Path) -> Iterator[str]:
    """A row of the table each, with the flow that measured it."""
    for method, operands, build in CASES:
        text, files = kernel_array(*build(np.random.default_rng(0)), Fold(PE, SIMD))
        path = folder / f"{TOP}.sv"
        path.write_text(text)
        result = synthesise([path, *files], TOP, part=part, dsp=False)
        lut, ff, source = result.lut / (PE * SIMD), result.ff / (PE * SIMD), f"yosys {result.version}/{result.flow}"
        yield f"| `{method}` | {operands} | {lut:.1f} | {ff:.1f} | {result.logic_levels} | {source} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="xc7vx485tffg1157-1")
    parser.add_argument("--output", type=Path, default=Path("build/kernel_cost"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    lines = ["| method | operands | LUT a lane | FF a lane | logic levels | source |", "|---|---|---|---|---|---|"]
    for line in rows(arguments.part, arguments.output):
        print(line, flush=True)
        lines.append(line)
    atomic_write_text(arguments.output / "kernel_cost.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
