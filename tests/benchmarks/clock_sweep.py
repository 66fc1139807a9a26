# SPDX-License-Identifier: Apache-2.0
"""What a clock costs: designs of saved graphs at several clocks, mapped by Yosys and analysed, in one table.

``python -m tests.benchmarks.clock_sweep FOLDER GRAPH.npz... --project projects/mnist_lenet5/config.yml`` takes the folding from
the project and trains nothing; a build leaves its graph as ``lowered/graph.npz``. Latency and interval are those of the RTL
simulation, whose outputs must equal the reference. Syntheses are cached by content.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.build.config import load
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.lowered.storage import load_graph
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate
from dietcnn_hls.rtl.synthesis import synthesise_whole
from dietcnn_hls.tools.yosys.timing import timing_of

IMAGES = 6
HEAD = (
    "| design | asked, MHz | met | reached, ns | LUT | FF | BRAM18 "
    "| latency, cycles | interval, cycles | latency, ns | images/s |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Point:
    """One design at one clock: cells, the line of the table, the slowest path in words where the clock is missed."""

    line: str
    missed: str


def point(graph: LoweredGraph, folding: FoldingSpec, part: str, mhz: float, folder: Path, simulated: bool) -> Point:
    """Generate, simulate, map and analyse one design."""
    clock = 1000 / mhz
    options = RtlOptions(
        chain=folding.chain, input_codes=folding.input_codes(graph), pipelining=Pipelining.of(part, round(clock, 3))
    )
    design = generate(graph, solve(graph, folding), options)
    design.write(folder)
    stream = graph.input.stream
    codes = np.random.default_rng(1).integers(stream.lo, stream.hi + 1, (IMAGES, *stream.shape))
    latency = interval = 0
    if simulated:
        found = simulate(design, codes)
        if (found.outputs != predict(graph, codes)).any():
            raise SystemExit(f"{graph.name} at {mhz} MHz: outputs differ from the reference")
        latency, interval = found.latency or 0, found.interval or 0
    mapped = synthesise_whole(design, folder, part, False, "carry")
    analysis = timing_of(mapped, clock)
    atomic_write_text(folder / "timing.txt", analysis.text)
    timing, resources = analysis.timing, mapped.resources()
    if timing is None or timing.period_ns is None:
        raise SystemExit(analysis.text)
    period = max(clock, timing.period_ns)
    cells = f"{resources.lut:,} | {resources.ff:,} | {resources.bram18}"
    times = f"{latency:,} | {interval:,} | {latency * period:,.0f} | {1e9 / (interval * period) if interval else 0:,.0f}"
    met = "yes" if not analysis.missed else "no"
    return Point(f"| {graph.name} | {mhz:g} | {met} | {timing.period_ns:.2f} | {cells} | {times} |", analysis.missed)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where designs and the table go")
    parser.add_argument("graphs", type=Path, nargs="+", help="saved lowered graphs")
    parser.add_argument("--project", type=Path, required=True, help="configuration whose folding the designs have")
    parser.add_argument("--part", default="xc7z020clg400-1")
    parser.add_argument("--mhz", type=float, nargs="+", default=[100, 150, 200, 250])
    parser.add_argument("--no-simulation", action="store_true", help="leave latency and interval out")
    chosen = parser.parse_args(arguments)
    folding, lines = load(chosen.project).hardware.folding, [HEAD]
    for file in chosen.graphs:
        graph, missed = load_graph(file), []
        for mhz in chosen.mhz:
            found = point(graph, folding, chosen.part, mhz, chosen.folder / f"{graph.name}_{mhz:g}", not chosen.no_simulation)
            lines.append(found.line)
            missed += [f"{graph.name} at {mhz:g} MHz {found.missed}"] if found.missed else []
            print(found.line, *missed[-1:] if found.missed else "", sep="\n", flush=True)
    atomic_write_text(chosen.folder / "clock_sweep.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
