# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/methods/pictures.md, drawn from the package's own numbers: `make figures`, or this file with a Python.

The same codebooks, digit formats, scales, encoders and trees that conversion uses, on samples of a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dietcnn_hls.methods.conlocnn.compensation import Moments, compensate, round_nearest
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.deepchip.scales import fitted_scales, ternarise
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.netlist import operand_values
from dietcnn_hls.methods.tabconv.fit import learn_trees
from dietcnn_hls.training.codebooks import fit_levels

FOLDER = Path(__file__).parents[1] / "images" / "methods"
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#8a8a8a"
STYLE: dict[str, Any] = {"font.family": "DejaVu Sans", "font.size": 9.5, "axes.spines.top": False, "axes.spines.right": False}
SEED = 1


def weights(count: int = 20_000) -> np.ndarray:
    """Weights as layers have them: a peak at zero and tails, in steps of 1/32."""
    return np.random.default_rng(SEED).laplace(0.0, 0.18, count).clip(-1, 1) * 32


def activations(count: int = 20_000) -> np.ndarray:
    """Activations behind a ReLU, in steps of 1/32."""
    return np.random.default_rng(SEED + 1).normal(0.05, 0.35, count).clip(0, 31 / 32) * 32


def dietcnn() -> Figure:
    """Codebooks on the samples that they quantise, and the table of their products."""
    rows = fit_levels(activations(), 8, (0, 31))
    columns = fit_levels(weights(), 4, (-32, 32))
    figure = Figure(figsize=(9, 3.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.35))
    halves = ((left, activations(), rows, "8 activation symbols"), (middle, weights(), columns, "4 weight symbols"))
    for axes, samples, levels, title in halves:
        axes.hist(samples, bins=48, color="#bcd4e6")
        for level in levels:
            axes.axvline(level, color=BLUE, linewidth=1.6)
        axes.set(title=title, xlabel="value, in 1/32", yticks=[])
    table = np.outer(rows, columns)
    right.imshow(table, cmap="RdBu", vmin=-abs(table).max(), vmax=abs(table).max(), aspect="auto")
    for (row, column), entry in np.ndenumerate(table):
        right.text(
            column, row, f"{entry}", ha="center", va="center", fontsize=8.5, color="white" if abs(entry) > 330 else "black"
        )
    right.set_xticks(range(4), [str(level) for level in columns])
    right.set_yticks(range(8), [str(level) for level in rows])
    right.set(title="the table T[a][w], 32 integers", xlabel="weight symbol", ylabel="activation symbol")
    return figure


def conlocnn() -> Figure:
    """Weights that a format of signed digits can say, and what compensation makes of the errors of rounding to them."""
    formats = {
        "{0..6}, 4 bits": DigitFormat((tuple(range(7)),)),
        "{0} + {1}, 4 bits": DigitFormat(((0,), (1,))),
        "{0..2} + {3..5}, 6 bits": DigitFormat(((0, 1, 2), (3, 4, 5))),
    }
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    for number, (name, form) in enumerate(formats.items()):
        values = np.unique(form.values[form.meaningful])
        left.plot(values, np.full(len(values), -number), "|", color=BLUE, markersize=18, markeredgewidth=1.6)
        left.text(-70, -number + 0.33, f"digits at {name}: {len(values)} weights", fontsize=9)
    left.set(title="weights that signed digits can say", xlabel="integer on the layer's grid", yticks=[], ylim=(-2.6, 0.8))
    levels = np.unique(formats["{0..6}, 4 bits"].values).astype(float)
    rng = np.random.default_rng(SEED)
    layer = rng.laplace(0, 12, (16, 72)).clip(-64, 64)
    common = rng.gamma(2.0, 0.15, (4000, 8))  # pixels of one channel resemble each other
    windows = (common[:, None, :] * rng.uniform(0.7, 1.3, (4000, 9, 8))).reshape(4000, 72)
    moments = Moments.of(windows, 8)
    rounded = (round_nearest(layer, levels), compensate(layer, levels, moments))
    errors = [moments.output_mse(found.weights - layer) for found in rounded]
    places = np.arange(16)
    right.bar(places - 0.2, errors[0], 0.4, color=GREY, label="to nearest")
    right.bar(places + 0.2, errors[1], 0.4, color=BLUE, label="compensated")
    right.set(title="output error of 16 filters", xlabel="filter", ylabel="mean square", yscale="log", xticks=places[::3])
    right.legend(frameon=False)
    return figure


def deepchip() -> Figure:
    """Weights cut into three zones, each with a scale of its own."""
    samples = weights() + 1.0
    zones = ternarise(samples, 0.4)
    positive, negative = fitted_scales(samples, zones)
    figure = Figure(figsize=(9, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    for zone, tone, name in ((-1, ORANGE, "-1"), (0, "#cccccc", "0: left out"), (1, BLUE, "+1")):
        left.hist(samples[zones == zone], bins=np.linspace(-33, 33, 67), color=tone, label=name)
    for scale, tone in ((-negative, ORANGE), (positive, BLUE)):
        left.axvline(scale, color=tone, linestyle="--")
    left.set(title="three zones of weights; dashed: what +1 and -1 stand for", xlabel="weight, in 1/32", yticks=[])
    left.legend(frameon=False)
    shares = [float((zones == zone).mean()) for zone in (-1, 0, 1)]
    right.bar(["subtracted", "nothing", "added"], [100 * share for share in shares], color=[ORANGE, "#cccccc", BLUE])
    right.set(title="what a weight does", ylabel="% of weights")
    return figure


def encodingnet() -> Figure:
    """How far the weighted bits of two shipped encoders are from the product of each pair of operands."""
    figure = Figure(figsize=(9, 3.1), layout="constrained")
    panels = figure.subplots(1, 3)
    found = [library.shipped(bits, "carry_cones") for bits in (40, 32, 24)]
    order = np.argsort(operand_values())
    errors = [netlist.error()[np.ix_(order[128:], order)] for netlist in found]  # activations are not negative
    worst = max(abs(error).max() for error in errors)
    for axes, netlist, error in zip(panels, found, errors, strict=True):
        drawn = axes.imshow(
            error, cmap="RdBu", vmin=-worst, vmax=worst, aspect="auto", origin="lower", extent=(-128, 128, 0, 128)
        )
        axes.set(title=f"{netlist.bits} bits, {len(netlist.gates)} gates\nlargest error {abs(error).max()}", xlabel="weight")
    panels[0].set(ylabel="activation")
    figure.colorbar(drawn, ax=panels, label="weighted bits less product", shrink=0.9)
    return figure


def tabconv() -> Figure:
    """A tree that cuts the plane of two inputs into eight cells, and the prototypes that stand for them."""
    rng = np.random.default_rng(SEED)
    centres = rng.integers(20, 230, (9, 2))
    vectors = (centres[rng.integers(0, 9, 3000)] + rng.normal(0, 16, (3000, 2))).clip(0, 255).astype(np.int64)
    trees = learn_trees(vectors[:, None, :], 8)
    plane = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1).reshape(-1, 1, 2)
    cells = trees.encode(plane)[:, 0].reshape(256, 256)
    leaves = trees.encode(vectors[:, None, :])[:, 0]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    left.imshow(cells, cmap="Pastel1", origin="lower", extent=(0, 256, 0, 256), interpolation="nearest", aspect="auto")
    left.plot(*vectors[:900].T, ".", color=GREY, markersize=1.6)
    prototypes = np.array([vectors[leaves == leaf].mean(axis=0) for leaf in range(8)])
    left.plot(*prototypes.T, "o", color=BLUE, markeredgecolor="white", markersize=8)
    for leaf, place in enumerate(prototypes):
        left.annotate(str(leaf), place, (5, 5), textcoords="offset points")
    left.set(title="three comparisons find one of eight prototypes", xlabel="input 0", ylabel="input 1")
    table = np.round(prototypes @ rng.normal(0, 1, (2, 6))).astype(int)
    right.imshow(table, cmap="RdBu", vmin=-abs(table).max(), vmax=abs(table).max(), aspect="auto")
    for (row, column), entry in np.ndenumerate(table):
        right.text(column, row, f"{entry}", ha="center", va="center", fontsize=8, color="white" if abs(entry) > 200 else "black")
    right.set(
        title="its row holds the partial sums of six outputs",
        xlabel="output",
        ylabel="prototype",
        xticks=range(6),
        yticks=range(8),
    )
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {draw.__name__: draw for draw in (dietcnn, conlocnn, deepchip, encodingnet, tabconv)}


def main() -> None:
    """Draw all figures; equal numbers give equal files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        with matplotlib.rc_context(STYLE):
            figure = draw()
            FigureCanvasAgg(figure)
            figure.savefig(FOLDER / f"{name}.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
