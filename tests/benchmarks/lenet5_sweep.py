# SPDX-License-Identifier: Apache-2.0
"""Interval against LUTs: one trained design and its twin at many foldings, simulated and synthesised, and the LUT model.

    python -m tests.benchmarks.lenet5_sweep work/lenet5_8x4 work/lenet5_fixed_point --output sweep

Takes the lowered graphs of finished builds. Writes a report a point, the Pareto plot, the table, and ``lut_model.json``: the
coefficients of `dietcnn_hls.hardware.cost` fitted to these points, with the error of each; ``--install`` puts them into the
package.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
from scipy.optimize import lsq_linear

from dietcnn_hls import convert_and_build
from dietcnn_hls.hardware import cost
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.lowered.storage import load_graph
from dietcnn_hls.reports.compare import compare
from dietcnn_hls.reports.model import Report
from dietcnn_hls.reports.plots import plot_pareto

LEAST = {"sum_bits": 0.0, "lane_bits": 0.0, "result_bits": 1.0, "layer": 0.0}
"""Lowest coefficients. An accumulator takes a LUT a bit; few designs of a sweep have many of them, which leaves it to chance."""
INTERVALS = (1122, 1500, 2400, 4000, 5600, 10000, 15000, 20000)


def point(graph: LoweredGraph, interval: int, folder: Path, part: str) -> Report:
    """Build, simulate a few random images and synthesise; a finished point is taken up."""
    name = f"{graph.name}_{interval}"
    if (folder / name / "report.json").exists():
        return Report.load(folder / name)
    images = np.random.default_rng(0).integers(0, 256, (6, *graph.input.stream.shape)).astype(np.uint8)
    return convert_and_build(
        dataclasses.replace(graph, name=name),
        folder / name,
        part=part,
        folding=interval,
        x_test=images,
        synthesis="yosys",
        checks={"rtl_stalls": False, "activity": False, "layer_resources": False},
    )


def summed(graph: LoweredGraph, report: Report) -> dict[str, float]:
    """The LUT model's features of a whole design."""
    assert report.folding is not None
    folds = {name: Fold(**fold) for name, fold in report.folding["layers"].items()}  # type: ignore[union-attr,arg-type]
    rows = [cost.features(graph, node, folds[node.name]) for node in graph.linear_nodes]
    return {name: sum(row[name] for row in rows) for name in cost.FEATURES}


def fit(rows: list[dict[str, float]], luts: list[int]) -> tuple[dict[str, float], np.ndarray]:
    """Least squares of the relative error within `LEAST`: (coefficient by feature, relative error of each design)."""
    matrix = np.array([[row[name] for name in cost.FEATURES] for row in rows])
    measured = np.array(luts, dtype=float)
    least = [LEAST[name] for name in cost.FEATURES]
    solution = lsq_linear(matrix / measured[:, None], np.ones(len(measured)), bounds=(least, np.inf)).x
    return dict(zip(cost.FEATURES, (round(float(v), 4) for v in solution), strict=True)), matrix @ solution / measured - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", type=Path, help="finished builds, the twin last")
    parser.add_argument("--output", type=Path, default=Path("sweep"))
    parser.add_argument("--part", default="xc7vx485tffg1157-1")
    parser.add_argument("--intervals", type=int, nargs="+", default=INTERVALS)
    parser.add_argument("--install", action="store_true", help="put the fitted coefficients into the package")
    arguments = parser.parse_args()
    reports, modules, errors = [], {}, {}
    for build in arguments.builds:
        graph = load_graph(build / "lowered" / "graph.npz")
        points = [point(graph, interval, arguments.output, arguments.part) for interval in arguments.intervals]
        module = graph.linear_nodes[0].op.kernel.rtl().module  # type: ignore[union-attr]
        modules[module], error = fit([summed(graph, r) for r in points], [r.resources.lut for r in points])  # type: ignore[union-attr,misc]
        errors[module] = {r.design: round(float(e), 4) for r, e in zip(points, error, strict=True)}
        reports += points
        assert all(pair.mismatches == 0 for r in points for pair in (r.bit_exact or {}).values())
    assert reports[0].resources is not None
    comparison = compare(reports)
    (arguments.output / "sweep.md").write_text(comparison.render("md"))
    plot_pareto(comparison, arguments.output / "pareto.png")
    model = {"source": f"LeNet-5, {reports[0].resources.source}, whole designs", "modules": modules, "relative_error": errors}
    (arguments.output / "lut_model.json").write_text(json.dumps(model, indent=2) + "\n")
    if arguments.install:
        shutil.copyfile(arguments.output / "lut_model.json", Path(cost.__file__).with_name("lut_model.json"))
    for report in reports:
        print(report.design, report.latency.interval, report.resources.lut, report.resources.bram18)  # type: ignore[union-attr]
    print(json.dumps(model, indent=2))


if __name__ == "__main__":
    main()
