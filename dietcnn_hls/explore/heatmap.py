# SPDX-License-Identifier: Apache-2.0
"""Sensitivity as a picture: a row a layer, a column a method, coloured by the accuracy that is lost, with the layer's LUTs."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.explore.sensitivity import Entry, Sensitivity

_STYLE = {"svg.hashsalt": "dietcnn_hls", "font.family": "DejaVu Sans", "font.size": 9.0}
FORMATS = (".png", ".svg")


def heat_map(found: Sensitivity, path: Path) -> Path:
    """Draw into a .png or .svg file; ConfigError for another ending, or where no layer can have any method."""
    if path.suffix not in FORMATS:
        raise ConfigError(f"a picture's name ends in {' or '.join(FORMATS)} (got {path.name})")
    if all(entry.drop is None for entry in found.entries):
        raise ConfigError(f"'{found.network}': no layer can have any of the methods, so there is nothing to draw")
    labels = list(dict.fromkeys(entry.label for entry in found.entries))
    layers = found.layers
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(2.4 + 1.15 * len(labels), 1.6 + 0.5 * len(layers)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        there = {(entry.layer, entry.label): entry for entry in found.entries if entry.drop is not None}
        drops = {place: 100 * (entry.drop or 0) for place, entry in there.items()}
        most = max(1.0, *drops.values())
        values = [[drops.get((layer, label), math.nan) for label in labels] for layer in layers]
        axes.set_facecolor("#e4e4e4")  # shows where a layer cannot have the method
        image = axes.imshow(values, cmap="YlOrRd", vmin=0, vmax=most, aspect="auto")
        axes.set_xticks(range(len(labels)), [label.replace(" ", "\n") for label in labels])
        axes.set_yticks(range(len(layers)), layers)
        for row, layer in enumerate(layers):
            for column, label in enumerate(labels):
                dark = values[row][column] > 0.6 * most
                words = _words(there.get((layer, label)))
                axes.text(column, row, words, ha="center", va="center", fontsize=7, color="white" if dark else "black")
        figure.colorbar(image, ax=axes, label="accuracy lost, points")
        axes.set_title(f"{found.network}: one layer by the method, the others near float ({found.images:,} calibration images)")
        date = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=110, metadata=date)
    return path


def _words(entry: Entry | None) -> str:
    """What stands in a cell: points lost, and LUTs where they are known."""
    if entry is None or entry.drop is None:
        return "refused"
    return f"{100 * entry.drop:.1f}" + ("" if entry.lut is None else f"\n{entry.lut:,} LUT")


__all__ = ["FORMATS", "heat_map"]
