# SPDX-License-Identifier: Apache-2.0
"""DeepChip: accuracy against the float twin, and the size of the stored model against float32 and the entropy bound.

Each variant is trained from the same float network with the same recipe. Sizes count everything that is stored: weights with
their code tables, scales, shifts, biases. Writes ``deepchip_compression.json`` and ``.md``; networks are kept and taken up again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from dietcnn_hls.api import convert
from dietcnn_hls.data import datasets, networks
from dietcnn_hls.lowered import Linear, LoweredGraph
from dietcnn_hls.methods.choice import method_choice
from dietcnn_hls.methods.deepchip import storage
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.training import Recipe, accuracy, train_design

EDGE = {"name": "conlocnn", "weight_bits": 8}
CASES: dict[str, tuple[str, float, str, int | None, Recipe, tuple[str, str]]] = {
    "mnist": ("lenet5", 1.0, "mnist", 32, Recipe(epochs=12), ("conv1", "logits")),
    "cifar10": ("lenet5", 4.0, "cifar10", None, Recipe(float_epochs=8, epochs=20, flip=True), ("conv1", "logits")),
}
"""Case -> network, its width, dataset, padded size, recipe, first and last layer."""
VARIANTS: dict[str, dict[str, Any]] = {
    "ternary": {},
    "ternary, scales powers of two": {"power_of_two_scales": True},
    "ternary, threshold 0.4": {"threshold": 0.4},
    "ternary, threshold 0.6": {"threshold": 0.6},
    "8-bit edges": {"edges": True},
    "8-bit edges, threshold 0.15": {"edges": True, "threshold": 0.15},
    "8-bit edges, threshold 0.4": {"edges": True, "threshold": 0.4},
}


def measure(case: str, variant: str, seed: int, data_dir: Path | None, folder: Path) -> dict[str, Any]:
    """Train one variant; accuracy on the whole test set and storage."""
    name, width, data, pad, recipe, edges = CASES[case]
    dataset = datasets.load(data, data_dir, pad=pad)
    options = dict(VARIANTS[variant])
    layers = dict.fromkeys(edges, EDGE) if options.pop("edges", False) else {}
    choice = method_choice({"name": "deepchip", "layers": layers} | options, "method")
    build = partial(networks.get(name), dataset.input_shape, dataset.classes, width=width)
    place = folder / f"{case}_{seed}_{variant.replace(' ', '_').replace(',', '')}"
    trained = train_design(build, dataset, choice, recipe, seed=seed, checkpoint_dir=place, teacher_cache=folder)
    graph = convert(trained.model)
    whole = storage.total(storage.layers(graph))
    return {
        "float": round(100 * accuracy(trained.float_model, dataset.x_test, dataset.y_test), 2),
        "top1": round(100 * accuracy(trained.model, dataset.x_test, dataset.y_test), 2),
        "ratio": round(whole.ratio, 1),
        "scalings": scalings(graph),
        "storage": asdict(whole),
        "layers": [asdict(part) for part in storage.layers(graph)],
    }


def title(case: str) -> str:
    """Network and dataset of a case, for tables and plots."""
    name, width, data, *_ = CASES[case]
    return f"{networks.label(name, width)} on {data}"


def scalings(graph: LoweredGraph) -> int:
    """Most constant scalings that any output needs."""
    ops = [node.op for node in graph.linear_nodes]
    return max(op.kernel.scalings for op in ops if isinstance(op, Linear) and isinstance(op.kernel, TernaryKernel))


def table(case: str, results: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    first = next(iter(results.values()))
    lines = [f"{title(case)} (float: {first['float']:.2f} %)", ""]
    lines += ["| variant | top-1 % | zeros % | bits/weight | entropy | whole model against float32 | scalings/output |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for variant, result in results.items():
        kept = result["storage"]
        ternary = [part for part in result["layers"] if part["entropy_bits"] is not None]
        count = sum(part["weights"] for part in ternary)
        coded, bound = (sum(part[key] for part in ternary) / count for key in ("weight_bits", "entropy_bits"))
        lines.append(
            f"| {variant} | {result['top1']:.2f} | {100 * kept['zeros'] / count:.1f} | {coded:.3f} | {bound:.3f} | "
            f"{result['ratio']:.1f}x | {result['scalings']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=sorted(CASES), default=["mnist"])
    parser.add_argument("--variants", nargs="+", choices=sorted(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/deepchip_compression"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for case in arguments.cases:
        results[case] = {}
        for variant in arguments.variants:
            results[case][variant] = measure(case, variant, arguments.seed, arguments.data_dir, arguments.output / "models")
            (arguments.output / "deepchip_compression.json").write_text(json.dumps(results, indent=1) + "\n")
            print(table(case, results[case]), flush=True)
    text = "\n".join(table(case, result) for case, result in results.items())
    (arguments.output / "deepchip_compression.md").write_text(text)


if __name__ == "__main__":
    main()
