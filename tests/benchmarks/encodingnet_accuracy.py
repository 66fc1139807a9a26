# SPDX-License-Identifier: Apache-2.0
"""EncodingNet: LeNet-5 on MNIST with encoders of M bits, before and after fine-tuning, against exact 8-bit integers.

All rows start from one float network and take the same fine-tuning recipe; ``exact`` is the `fixed_point` twin, whose
products are exact. Each encoder is converted as it is, then with its mean error taken off the biases, then fine-tuned.
Accuracy is that of the whole test set in exact integer inference. Writes ``encodingnet_accuracy.json`` and ``.md``; finished
rows are taken up again.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from dietcnn_hls.atomic import atomic_write_json
from dietcnn_hls.data import datasets, networks
from dietcnn_hls.methods.choice import method_choice
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.lowrank import LowRank
from dietcnn_hls.training import Recipe, accuracy, train_design

EXACT = "exact"
ENCODERS = (
    *("carry_cones_40", "carry_cones_32", "carry_cones_28", "carry_cones_24"),
    *("nand2_48", "nand2_40", "nand2_36"),
)


def options(encoder: str) -> dict[str, Any]:
    """The ``method:`` entry of a row."""
    if encoder == EXACT:
        return {"name": "fixed_point", "activation_bits": 8, "weight_bits": 8}
    objective, _, bits = encoder.rpartition("_")
    return {"name": "encodingnet", "bits": int(bits), "objective": objective}


def facts(encoder: str) -> dict[str, Any]:
    """What a row says about its encoder."""
    if encoder == EXACT:
        return {}
    objective, _, bits = encoder.rpartition("_")
    netlist = library.shipped(int(bits), objective)
    figures = {"max_error": netlist.max_error(), "rmse": round(netlist.rmse(), 1), "terms": LowRank.of(netlist.table).terms}
    return {"bits": netlist.bits} | figures


def measure(encoder: str, dataset: datasets.Dataset, recipe: Recipe, seed: int, folder: Path) -> dict[str, Any]:
    """Accuracy in percent of one encoder: converted without and with corrected biases, fine-tuned."""

    def top1(changes: dict[str, Any], chosen: Recipe) -> tuple[float, float]:
        choice = method_choice(options(encoder) | changes, "method")
        build = partial(networks.get("lenet5"), dataset.input_shape, dataset.classes)
        place = folder / f"{encoder}_{seed}"
        trained = train_design(build, dataset, choice, chosen, seed=seed, checkpoint_dir=place, teacher_cache=folder / "float")
        models = (trained.model, trained.float_model)
        return tuple(round(100 * accuracy(m, dataset.x_test, dataset.y_test), 2) for m in models)  # type: ignore[return-value]

    converted = recipe.model_copy(update={"epochs": 0})
    result: dict[str, Any] = facts(encoder)
    if encoder != EXACT:
        result["uncorrected"], _ = top1({"correct_bias": False}, converted)
    result["before"], result["float"] = top1({}, converted)
    start = time.process_time()
    result["after"], _ = top1({}, recipe)
    return result | {"training_cpu_s": round(time.process_time() - start)}


def table(results: dict[str, dict[str, Any]], recipe: Recipe) -> str:
    """Markdown; drops are against the exact row of the same column."""
    exact = results[EXACT]
    lines = [
        f"lenet5 on MNIST, 10,000 images, {recipe.epochs} epoch(s) of fine-tuning; float: {exact['float']:.2f} %",
        "",
        "| encoder | M | max error | RMSE | converted | bias corrected | fine-tuned | drop before | drop after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results.items():
        known = [str(row.get(key, "")) for key in ("bits", "max_error", "rmse")]
        shown = [f"{row[key]:.2f}" if key in row else "" for key in ("uncorrected", "before", "after")]
        drops = [f"{exact[key] - row[key]:+.2f}" for key in ("before", "after")]
        lines.append(f"| {name} | " + " | ".join([*known, *shown, *drops]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", nargs="+", choices=ENCODERS, default=ENCODERS)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/encodingnet_accuracy"))
    arguments = parser.parse_args()
    recipe = Recipe(epochs=arguments.epochs, learning_rate=5e-4)
    dataset = datasets.load("mnist", arguments.data_dir, pad=32)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "encodingnet_accuracy.json"
    key = {"recipe": recipe.model_dump(), "seed": arguments.seed}
    kept = json.loads(path.read_text()) if path.exists() else {}
    results: dict[str, dict[str, Any]] = kept["results"] if {k: kept.get(k) for k in key} == key else {}
    for encoder in (EXACT, *arguments.encoders):
        if encoder not in results:
            results[encoder] = measure(encoder, dataset, recipe, arguments.seed, arguments.output)
            atomic_write_json(path, key | {"results": results})
            print(encoder, results[encoder], flush=True)
    text = table(results, recipe)
    (arguments.output / "encodingnet_accuracy.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
