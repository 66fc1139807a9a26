# SPDX-License-Identifier: Apache-2.0
"""Accuracy of the LeNet-5 designs over seeds: mean and worst on the whole test set, each C-simulated and compared with Keras.

    python -m tests.benchmarks.lenet5_seeds --data-dir DIR --output seeds

Every design of ``projects/mnist_lenet5`` that is named (default: codebooks 8x4, 8x8, symbolic, and the 8-bit twin) is trained,
converted and C-simulated by `build_project` with each seed. Finished builds are taken up again. Writes ``seeds.json``, ``.md``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from dietcnn_hls.build.config import load
from dietcnn_hls.build.project import build_project
from dietcnn_hls.reports.model import Report

PROJECT = Path(__file__).parents[2] / "projects" / "mnist_lenet5"
CONFIGS = ("config", "8x8", "symbolic", "fixed_point")
ACCURACY_ALONE = ("synthesis=none", "checks.hls4ml_samples=0")


def build(name: str, seed: int, data_dir: Path | None, folder: Path) -> Report:
    """One design with one seed, without hardware."""
    config = load(PROJECT / f"{name}.yml", [f"seed={seed}", *ACCURACY_ALONE])
    return build_project(config, folder / f"{config.design}_seed{seed}", data_dir=data_dir)


def summary(reports: list[Report]) -> dict[str, Any]:
    """Percentages over seeds, and samples in which Keras and C-simulation differ."""
    trained = [round(100 * r.accuracy.csim, 2) for r in reports if r.accuracy and r.accuracy.csim is not None]
    teachers = [round(100 * r.accuracy.float_, 2) for r in reports if r.accuracy and r.accuracy.float_ is not None]
    checks = [r.bit_exact["csim_vs_keras"] for r in reports if r.bit_exact]
    return {
        "seeds": [r.seed for r in reports],
        "top1": trained,
        "mean": round(sum(trained) / len(trained), 3),
        "worst": min(trained),
        "float_mean": round(sum(teachers) / len(teachers), 3),
        "float_worst": min(teachers),
        "images": sum(check.samples for check in checks),
        "mismatches": sum(check.mismatches for check in checks),
    }


def markdown(rows: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| design | accuracy by seed | mean | worst | float, mean | float, worst | Keras against C-simulation |",
        "|---|---|---|---|---|---|---|",
    ]
    for design, row in rows.items():
        by_seed = ", ".join(f"{value:.2f}" for value in row["top1"])
        lines.append(
            f"| {design} | {by_seed} | {row['mean']:.2f} % | {row['worst']:.2f} % | {row['float_mean']:.2f} % | "
            f"{row['float_worst']:.2f} % | {row['mismatches']:,} of {row['images']:,} differ |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", default=CONFIGS, help="names of files in projects/mnist_lenet5")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=Path("seeds"))
    arguments = parser.parse_args()
    rows = {}
    for name in arguments.configs:
        reports = [build(name, seed, arguments.data_dir, arguments.output) for seed in arguments.seeds]
        rows[reports[0].design] = summary(reports)
        (arguments.output / "seeds.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        (arguments.output / "seeds.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows), end="")


if __name__ == "__main__":
    main()
