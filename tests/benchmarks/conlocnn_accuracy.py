# SPDX-License-Identifier: Apache-2.0
"""ConLoCNN without retraining: top-1 against bits per weight, for signed digits and uniform grids, with and without compensation.

The ablation is fair: all four variants share network, activations (8 bits), calibration images, grid search and, where they
compensate, the same four steps. Means over networks trained from several seeds; a float network of each is printed beside.
Writes ``conlocnn_accuracy.json``, ``.md`` and ``.png`` to the output folder; float networks are kept there and taken up again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from dietcnn_hls.data import datasets, networks
from dietcnn_hls.methods.conlocnn import ConLoOptions
from dietcnn_hls.methods.conlocnn.compensation import Moments, Rounded, compensate, round_nearest
from dietcnn_hls.methods.conlocnn.search import fractions, output_error
from dietcnn_hls.methods.conlocnn.training import SignedDigitRebuilder, layer_moments
from dietcnn_hls.training import Recipe, logits, train
from dietcnn_hls.training.linear import from_taps, layer_arguments, tap_weights
from dietcnn_hls.training.plan import Step
from dietcnn_hls.training.rebuild import FloatNetwork, Signal, run_layer
from dietcnn_hls.training.tf import tf

WIDTHS = (2, 3, 4, 5, 6, 7, 8)
VARIANTS = {
    ("signed digits", "nearest"): "o--",
    ("signed digits", "compensated"): "o-",
    ("uniform", "nearest"): "s--",
    ("uniform", "compensated"): "s-",
}
CASES: dict[str, tuple[str, float, str, int | None, Recipe]] = {
    "mnist": ("lenet5", 1.0, "mnist", 32, Recipe()),
    "cifar10": ("vgg_small", 0.5, "cifar10", None, Recipe(float_epochs=14, flip=True, shift=2)),
}
"""Case -> network, its width, dataset, padded size, recipe of the float stage."""


class Variant(SignedDigitRebuilder):
    """Rounded weights in plain Keras layers: the accuracy is what counts here, equality is tested elsewhere."""

    def __init__(self, network: FloatNetwork, options: ConLoOptions, weight_grid: str) -> None:
        super().__init__(network, options)
        self.weight_grid = weight_grid

    def linear(self, step: Step, signal: Signal) -> Signal:
        weights = tap_weights(step)
        if self.weight_grid == "uniform":
            rounded = self._uniform(weights, layer_moments(self.plan, step, signal.data)[0])
        else:
            rounded = self.choose(step, weights, signal.data).rounded
        kind = tf.keras.layers.Conv2D if "filters" in layer_arguments(step) else tf.keras.layers.Dense
        layer = kind(**layer_arguments(step))
        tensor = layer(signal.tensor)
        bias = step.gain_and_shift()[1] + rounded.bias_shift
        layer.set_weights([from_taps(step, rounded.weights), bias])
        return Signal(tensor, run_layer(layer, [signal.data]))

    def _uniform(self, weights: np.ndarray, moments: Moments) -> Rounded:
        """Symmetric integers of `weight_bits` bits on the power-of-two grid with the least output error."""
        top = (1 << (self.options.weight_bits - 1)) - 1
        choices = []
        for fraction in fractions(weights, top):
            levels = np.arange(-top, top + 1) * 2.0**-fraction
            if self.options.rounding == "compensated":
                choices.append(compensate(weights, levels, moments))
            else:
                choices.append(round_nearest(weights, levels))
        return min(choices, key=lambda rounded: output_error(weights, rounded, moments))


def title(case: str) -> str:
    """Network and dataset of a case, for tables and plots."""
    name, width, data, *_ = CASES[case]
    return f"{networks.label(name, width)} on {data}"


def float_network(case: str, dataset: datasets.Dataset, seed: int, folder: Path) -> tuple[Any, np.ndarray]:
    """A trained float network and its calibration images."""
    name, width, _, _, recipe = CASES[case]
    split = datasets.split_validation(dataset.x_train, dataset.y_train, recipe.validation, seed)
    tf.keras.utils.set_random_seed(seed)
    model = networks.get(name)(dataset.input_shape, dataset.classes, width=width)
    train(model, split, recipe, seed=seed, stage="float", checkpoint_dir=folder / f"{case}_{seed}")
    return model, datasets.to_float(split.x_train[:512])


def measure(case: str, seeds: list[int], data_dir: Path | None, folder: Path) -> dict[str, Any]:
    """Top-1 and agreement with the float network (percent) of every variant, width and seed, on the whole test set."""
    _, _, data, pad, _ = CASES[case]
    dataset = datasets.load(data, data_dir, pad=pad)
    x = datasets.to_float(dataset.x_test)
    names = [f"{grid}, {rounding}" for grid, rounding in VARIANTS]
    result: dict[str, Any] = {"float": []} | {what: {name: {} for name in names} for what in ("top1", "agreement")}
    for seed in seeds:
        model, calibration = float_network(case, dataset, seed, folder)
        network = FloatNetwork.read(model, calibration)
        classes = logits(model, x).argmax(axis=1)
        result["float"].append(percent(classes == dataset.y_test))
        for grid, rounding in VARIANTS:
            for bits in WIDTHS:
                options = ConLoOptions(weight_bits=bits, rounding=rounding)
                found = logits(Variant(network, options, grid).build(), x).argmax(axis=1)
                both = {"top1": percent(found == dataset.y_test), "agreement": percent(found == classes)}
                for what, value in both.items():
                    result[what][f"{grid}, {rounding}"].setdefault(str(bits), []).append(value)
                print(f"{case} seed {seed} {grid}, {rounding}, {bits} bits: {both}", flush=True)
                tf.keras.backend.clear_session()
    return result


def percent(right: np.ndarray) -> float:
    """Share of True, in percent with two decimals."""
    return round(100 * float(right.mean()), 2)


def table(case: str, result: dict[str, Any]) -> str:
    """Markdown: means over seeds."""
    count = len(result["float"])
    lines = []
    for what, what_is in (("top1", "top-1"), ("agreement", "same class as the float network")):
        lines += [f"{title(case)}, {what_is} in percent, mean of {count} networks (float: {np.mean(result['float']):.2f})", ""]
        lines += ["| bits | " + " | ".join(result[what]) + " |", "|---" * (len(result[what]) + 1) + "|"]
        for bits in WIDTHS:
            cells = [f"{np.mean(by_bits[str(bits)]):.2f}" for by_bits in result[what].values()]
            lines.append(f"| {bits} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def plot(results: dict[str, Any], path: Path) -> None:
    """One panel a case: loss of accuracy against bits."""
    figure, axes = plt.subplots(1, len(results), figsize=(5.5 * len(results), 4), squeeze=False)
    for axis, (case, result) in zip(axes[0], results.items(), strict=True):
        for (grid, rounding), style in VARIANTS.items():
            by_bits = result["top1"][f"{grid}, {rounding}"]
            loss = [np.mean(result["float"]) - np.mean(by_bits[str(bits)]) for bits in WIDTHS]
            axis.plot(WIDTHS, np.maximum(loss, 0.01), style, label=f"{grid}, {rounding}", color=f"C{grid == 'uniform':d}")
        axis.set(title=title(case), xlabel="bits per weight", ylabel="points of top-1 below float")
        axis.set_yscale("log")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=sorted(CASES), default=["mnist"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/conlocnn_accuracy"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    results = {c: measure(c, arguments.seeds, arguments.data_dir, arguments.output / "float") for c in arguments.cases}
    (arguments.output / "conlocnn_accuracy.json").write_text(json.dumps(results, indent=1) + "\n")
    text = "\n".join(table(case, result) for case, result in results.items())
    (arguments.output / "conlocnn_accuracy.md").write_text(text)
    plot(results, arguments.output / "conlocnn_accuracy.png")
    print(text)


if __name__ == "__main__":
    main()
