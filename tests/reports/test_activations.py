# SPDX-License-Identifier: Apache-2.0
"""Histograms count every code once, and what stands beside a report is read whole, or said to be missing or damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered.storage import save_graph
from dietcnn_hls.reports import beside
from dietcnn_hls.reports.activations import BINS, CHANNELS, FILE_NAME, Activations, Histogram
from dietcnn_hls.tools.yosys import timing
from dietcnn_hls.tools.yosys.sta import Step, TimedPath
from tests.graphs import random_codes, random_graph

GRAPH = random_graph(11)


@pytest.mark.parametrize("low, high", [(0, 1), (-3, 60), (-1000, 999), (-(2**40), 2**40)])
def test_every_code_is_counted_once_in_its_bin(low: int, high: int) -> None:
    codes = np.random.default_rng(0).integers(low, high, (5, 4, 4, CHANNELS + 3))
    found = Histogram.of(codes)
    assert sum(found.counts) == codes.size and len(found.counts) <= BINS and len(found.channels) == CHANNELS
    assert [sum(counts) for counts in found.channels] == [5 * 4 * 4] * CHANNELS
    start = found.first + found.width * int(np.argmax(found.counts))
    assert max(found.counts) == int(((codes >= start) & (codes < start + found.width)).sum())


def left_by_a_build(folder: Path) -> Path:
    (folder / "lowered").mkdir(parents=True)
    save_graph(GRAPH, folder / beside.GRAPH)
    yielded = reference.run(GRAPH, random_codes(GRAPH, 6, 1).astype(np.int64), keep=True)
    Activations.of(yielded).save(folder / FILE_NAME)
    return folder


def test_thresholds_stand_with_the_histogram_of_what_they_cut(tmp_path: Path) -> None:
    found = beside.read(left_by_a_build(tmp_path / "out"))
    assert found.images == 6 and found.why == ""
    assert set(found.edges) == {(source, node.name) for node in GRAPH.nodes for source in node.inputs}
    encoders = {layer["name"]: layer for layer in found.layers}
    node = next(node for node in GRAPH.nodes if node.op.boundaries is not None)
    layer = encoders[node.name]
    assert node.op.boundaries is not None
    assert layer["thresholds"] == node.op.boundaries[:CHANNELS].tolist() and layer["levels"] == list(node.stream.levels or ())
    kept = Activations.load(tmp_path / "out")
    assert kept is not None and layer["before"]["counts"] == list(kept.layers[node.inputs[0]].counts)


def test_what_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    assert "without the folder" in beside.read(None).why
    assert beside.read(tmp_path).why == "there is no lowered/graph.npz beside the report"
    folder = left_by_a_build(tmp_path / "out")
    (folder / FILE_NAME).write_text("{}")
    assert ".activations.json holds no histograms: images: Field required" in beside.read(folder).why
    with pytest.raises(ConfigError, match=r"layers.a: channels have other bins than the whole"):
        wrong = {"first": 0, "width": 1, "counts": [1, 2], "channels": [[1]]}
        (folder / FILE_NAME).write_text(json.dumps({"schema": 1, "images": 2, "layers": {"a": wrong}}))
        Activations.load(folder)
    (folder / FILE_NAME).unlink()
    found = beside.read(folder)
    assert "build it with test images" in found.why and found.layers[0]["before"] is None
    (folder / beside.GRAPH).write_bytes(b"no graph")
    assert "graph.npz is not a saved lowered graph" in beside.read(folder).why


def _path(begins: str, total: int) -> TimedPath:
    step = Step("cell", "LUT2", "I0->O", 1, 100, total - 300)
    return TimedPath(
        "from/Q[1]", "to/D", (begins, "end"), replace(step, net_ps=0, cell_ps=100), (step,), replace(step, cell_ps=0), 1
    )


def test_slowest_paths_are_read_as_they_are_written(tmp_path: Path) -> None:
    lines = [*timing._path_lines(1, _path("a.b -> c", 812)), "", *timing._path_lines(2, _path("d", 700))]
    (tmp_path / beside.TIMING_TEXT).write_text("period\n\n" + "\n".join(lines) + "\n")
    first, second = beside.read(tmp_path).paths
    assert (first["begins"], first["ends"], first["total"]) == ("a.b -> c", "end", first["logic"] + first["nets"]) and second[
        "start"
    ] == "from/Q[1]"
