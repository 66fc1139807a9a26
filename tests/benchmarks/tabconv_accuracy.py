# SPDX-License-Identifier: Apache-2.0
"""TabConv on LeNet-5: accuracy, table bits and counted work over (K, V), before and after fine-tuning, and priority masking.

    python -m tests.benchmarks.tabconv_accuracy --data-dir DIR

All figures are of the whole MNIST test set, decision-tree encoders throughout. ``curve``: layers are given up to fixed point in
the order of their cosine drop, nothing is trained. ``sizes``: every layer tabularised. V is what subspaces aim at; the first
layer, whose windows have one channel, is always cut into its columns of five. Writes ``tabconv_accuracy.json``, ``.md`` and
``.png``; points that the JSON holds, and finished epochs, are taken up.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from dietcnn_hls.api import convert
from dietcnn_hls.atomic import atomic_write_json
from dietcnn_hls.data import datasets, networks
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.methods.choice import method_choice
from dietcnn_hls.methods.tabconv import TabConvOptions
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel
from dietcnn_hls.methods.tabconv.masking import curve, ranking
from dietcnn_hls.training import Recipe, accuracy, train_design
from dietcnn_hls.training.rebuild import FloatNetwork

PROTOTYPES = (4, 8, 16, 32)
SUBSPACES = (2, 5, 10)
TUNED = 16
"""K of the designs that are fine-tuned, and of the curve."""

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """What all points share."""

    dataset: datasets.Dataset
    recipe: Recipe
    seed: int
    folder: Path
    teachers: Path

    def train(self, prototypes: int, subspace: int, epochs: int) -> Any:
        """A float network and the method's model of it, fine-tuned for so many epochs."""
        options = {"name": "tabconv", "prototypes": prototypes, "subspace": subspace}
        choice = method_choice(options | {"layers": {"conv1": options | {"subspace": 5}}}, "method")
        build = partial(networks.get("lenet5"), self.dataset.input_shape, self.dataset.classes)
        recipe = self.recipe.model_copy(update={"epochs": epochs})
        place = self.folder / f"k{prototypes}_v{subspace}_{epochs}"
        return train_design(
            build, self.dataset, choice, recipe, seed=self.seed, checkpoint_dir=place, teacher_cache=self.teachers
        )

    def top1(self, model: Any) -> float:
        """Percent of the test images, two decimals."""
        return round(100 * accuracy(model, self.dataset.x_test, self.dataset.y_test), 2)


def work(graph: LoweredGraph) -> dict[str, int]:
    """Operations of one inference of the linear layers, by what they are for, and bits of all tables."""
    total = dict.fromkeys(("exact", "additions", "comparisons", "lookups", "nearest", "table_bits"), 0)
    for node in graph.linear_nodes:
        kernel = node.op.kernel  # type: ignore[union-attr]
        assert isinstance(kernel, ProductQuantKernel)
        places, counts = node.stream.size // kernel.outputs, kernel.operations()
        total["exact"] += places * 2 * kernel.outputs * kernel.taps
        total["additions"] += places * counts.additions
        total["comparisons"] += places * counts.comparisons
        total["lookups"] += places * counts.lookups
        total["nearest"] += places * 2 * kernel.symbols * kernel.taps
        total["table_bits"] += kernel.table_bits
    return total


def reductions(counts: dict[str, int]) -> dict[str, float]:
    """Percent of the multiplications and additions of the exact layers that are saved.

    ``published``: additions and the comparisons of log2(K) steps an encoding, the count that the paper's figures fit.
    ``all``: every read of a table or of an input, too. ``nearest``: encoding by distances to all prototypes instead of trees.
    """
    sums = counts["additions"]
    spent = {
        "published": sums + counts["comparisons"],
        "all": sums + counts["comparisons"] + counts["lookups"],
        "nearest": sums + counts["nearest"],
    }
    return {name: round(100 * (1 - value / counts["exact"]), 1) for name, value in spent.items()}


def measure_sizes(setting: Setting, epochs: int, done: Rows, save: Any) -> None:
    """Every (K, V) as fitted, and K = `TUNED` fine-tuned."""
    cases = [(k, v, 0) for v in SUBSPACES for k in PROTOTYPES] + [(TUNED, v, epochs) for v in SUBSPACES]
    for prototypes, subspace, trained in cases:
        key = f"K={prototypes} V={subspace} epochs={trained}"
        if key in done:
            continue
        found = setting.train(prototypes, subspace, trained)
        counts = work(convert(found.model))
        done[key] = {"K": prototypes, "V": subspace, "epochs": trained, "top1": setting.top1(found.model), **counts}
        done[key] |= {"reduction": reductions(counts)}
        print(key, done[key], flush=True)
        save()


def measure_curves(setting: Setting, subspaces: list[int], done: dict[str, list[dict[str, Any]]], save: Any) -> None:
    """Accuracy against the share of tabularised layers, K = `TUNED`, nothing trained."""
    split = datasets.split_validation(setting.dataset.x_train, setting.dataset.y_train, setting.recipe.validation, setting.seed)
    images = datasets.to_float(split.x_train[: setting.recipe.calibration])
    for subspace in subspaces:
        if f"V={subspace}" in done:
            continue
        model = setting.train(TUNED, subspace, 0).float_model
        options = TabConvOptions(prototypes=TUNED, subspace=subspace)
        network = FloatNetwork.read(model, images)
        order = ranking(network, options)
        points = [
            {"exact": list(point.exact), "tabularised": point.tabularised, "top1": point.score}
            for point in curve(network, options, setting.top1, order)
        ]
        done[f"V={subspace}"] = [{"drop": order}, *points]
        print(f"V={subspace}", done[f"V={subspace}"], flush=True)
        save()


def markdown(result: dict[str, Any]) -> str:
    """Both tables."""
    lines = [
        f"LeNet-5 on MNIST (32x32), float {result['float']:.2f} %; trees, 8-bit tables, every layer tabularised",
        "",
        "| K | V | epochs | top-1, % | table bits | saved, as published | reads counted | nearest prototype |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result["sizes"].values():
        saved = " | ".join(f"{row['reduction'][name]:.1f} %" for name in ("published", "all", "nearest"))
        cells = f"{row['K']} | {row['V']} | {row['epochs']} | {row['top1']:.2f} | {row['table_bits']:,} | {saved}"
        lines.append(f"| {cells} |")
    for name, (head, *points) in result["curve"].items():
        lines += ["", f"K = {TUNED}, {name}, nothing trained; the drop of cosine similarity of each layer, worst first:"]
        lines += [", ".join(f"{layer} {drop:.4f}" for layer, drop in head["drop"].items()), ""]
        lines += ["| layers tabularised | given up last | top-1, % |", "|---|---|---|"]
        for point in points:
            last = point["exact"][-1] if point["exact"] else "none"
            lines.append(f"| {100 * point['tabularised']:.0f} % | {last} | {point['top1']:.2f} |")
    return "\n".join(lines) + "\n"


def plot(result: dict[str, Any], path: Path) -> None:
    """Accuracy against table bits, and against the share of tabularised layers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for colour, subspace in enumerate(SUBSPACES):
        rows = [row for row in result["sizes"].values() if row["V"] == subspace]
        for tuned, style in ((False, "o-"), (True, "*")):
            shown = [row for row in rows if bool(row["epochs"]) == tuned]
            bits, top1 = [row["table_bits"] / 1e6 for row in shown], [row["top1"] for row in shown]
            label = f"V = {subspace}" + (f", K = {TUNED} fine-tuned" if tuned else ", K = 4 to 32")
            left.plot(bits, top1, style, color=f"C{colour}", label=label, markersize=10 if tuned else 5)
    left.set(xlabel="Mbit of tables", ylabel="top-1, %", xscale="log", ylim=(60, 100))
    for name, (_, *points) in result["curve"].items():
        share, top1 = [100 * point["tabularised"] for point in points], [point["top1"] for point in points]
        right.plot(share, top1, "o-", label=f"K = {TUNED}, {name}, nothing trained")
    right.set(xlabel="% of the layers tabularised, by priority", ylabel="top-1, %")
    for axis in (left, right):
        axis.axhline(result["float"], color="0.5", linewidth=1, linestyle=":")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/tabconv_accuracy"))
    parser.add_argument("--teachers", type=Path, help="folder of float networks (default: in the output folder)")
    parser.add_argument("--epochs", type=int, default=6, help="of fine-tuning")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "tabconv_accuracy.json"
    result = json.loads(path.read_text()) if path.exists() else {"seed": arguments.seed, "sizes": {}, "curve": {}}
    setting = Setting(
        datasets.load("mnist", arguments.data_dir, pad=32),
        Recipe(),
        arguments.seed,
        arguments.output,
        arguments.teachers or arguments.output / "float",
    )
    save = partial(atomic_write_json, path, result)
    if "float" not in result:
        result["float"] = setting.top1(setting.train(TUNED, 10, 0).float_model)
    measure_curves(setting, [5, 10], result["curve"], save)
    measure_sizes(setting, arguments.epochs, result["sizes"], save)
    save()
    (arguments.output / "tabconv_accuracy.md").write_text(markdown(result))
    plot(result, arguments.output / "tabconv_accuracy.png")
    print(markdown(result))


if __name__ == "__main__":
    main()
