# SPDX-License-Identifier: Apache-2.0
"""What stands beside a report in the folder of its build and the page shows: the lowered graph, histograms, slowest paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dietcnn_hls.errors import DietError
from dietcnn_hls.lowered import LoweredGraph, Node
from dietcnn_hls.lowered.storage import load_graph
from dietcnn_hls.reports.activations import CHANNELS, FILE_NAME, Activations

TIMING_TEXT = "timing.txt"
"""File of a build that tells its slowest paths."""
GRAPH = Path("lowered") / "graph.npz"
_LARGEST_TEXT = 2**24
_LONGEST_ROW = 64
"""Thresholds of a channel, or levels of a codebook, that the page draws at most."""

_PATH = re.compile(
    r"^\d+\. (?P<begins>.+) -> (?P<ends>.+): (?P<total>\d+) = logic (?P<logic>\d+) \+ nets (?P<nets>\d+), (?P<levels>\d+) levels"
    r"\n   from (?P<start>.+)\n   to   (?P<end>.+)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What was found, as plain data for the page; empty where there is nothing, with the reason.

    Attributes:
        edges: (from, to) names of layers, of the lowered graph.
        paths: the slowest paths: modules, picoseconds of logic and nets, levels, ends.
        layers: by name, what an encoder or re-quantiser reads, how often which code, its thresholds and its codebook.
        images: that histograms were taken on.
        why: what to do for histograms; empty where there are some.
    """

    edges: tuple[tuple[str, str], ...] = ()
    paths: tuple[dict[str, Any], ...] = ()
    layers: tuple[dict[str, Any], ...] = ()
    images: int = 0
    why: str = "the report was compared without the folder of its build"


def read(folder: Path | None) -> Beside:
    """Read what a build has left in its folder; what is missing or damaged is said in `Beside.why`."""
    if folder is None:
        return Beside()
    paths = _paths(folder / TIMING_TEXT)
    try:
        if not (folder / GRAPH).is_file():
            return Beside(paths=paths, why=f"there is no {GRAPH} beside the report")
        graph = load_graph(folder / GRAPH)
        edges = tuple((source, node.name) for node in graph.nodes for source in node.inputs)
        found = Activations.load(folder)
    except (DietError, OSError) as error:
        return Beside(paths=paths, why=str(error))
    layers = tuple(_layer(graph, node, found) for node in graph.nodes if _quantises(graph, node))
    why = "" if found else f"the build has no {FILE_NAME}; build it with test images (the stage activations)"
    return Beside(edges, paths, layers, found.images if found else 0, why)


def _quantises(graph: LoweredGraph, node: Node) -> bool:
    """Whether it makes few codes of many: what a trained codebook, or a grid, was chosen for."""
    return node.op.pointwise and node.op.arity == 1 and graph[node.inputs[0]].stream.bits > node.stream.bits


def _layer(graph: LoweredGraph, node: Node, found: Activations | None) -> dict[str, Any]:
    source, counted = graph[node.inputs[0]], graph[node.inputs[0]]
    while counted.op.keeps_codes:
        counted = graph[counted.inputs[0]]
    thresholds, levels = node.op.boundaries, node.stream.levels
    drawn = thresholds is not None and thresholds.shape[1] <= _LONGEST_ROW
    return {
        "name": node.name,
        "source": source.name,
        "channels": node.stream.channels,
        "scale": -source.stream.fraction,
        "range": [source.stream.lo, source.stream.hi],
        "thresholds": thresholds[:CHANNELS].tolist() if drawn and thresholds is not None else None,
        "levels": None if levels is None or len(levels) > _LONGEST_ROW else list(levels),
        "codes": [node.stream.lo, node.stream.hi],
        "fraction": node.stream.fraction,
        "before": _histogram(found, counted.name, counted is source),
        "after": _histogram(found, node.name, True),
    }


def _histogram(found: Activations | None, name: str, channels: bool) -> dict[str, Any] | None:
    """That of a layer, with or without its channels; None where none was kept."""
    kept = None if found is None else found.layers.get(name)
    return None if kept is None else kept.model_dump(mode="json", exclude=None if channels else {"channels"})


def _paths(file: Path) -> tuple[dict[str, Any], ...]:
    """The headings of the paths in a timing text, slowest first; nothing where there is none."""
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_TEXT:
            return ()
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    words = ("begins", "ends", "start", "end")
    numbers = ("total", "logic", "nets", "levels")
    return tuple({w: m[w] for w in words} | {n: int(m[n]) for n in numbers} for m in _PATH.finditer(text))


__all__ = ["GRAPH", "TIMING_TEXT", "Beside", "read"]
