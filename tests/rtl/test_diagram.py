# SPDX-License-Identifier: Apache-2.0
"""The block diagram shows every module of the design, in one connected line from input to output."""

from __future__ import annotations

import pytest

from dietcnn_hls.lowered import Fold
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.diagram import diagram
from tests.graphs import random_graph


@pytest.mark.parametrize("seed", range(5))
def test_every_module_is_shown_and_connected(seed: int) -> None:
    graph = random_graph(seed)
    design = generate(graph, {node.name: Fold(1, 1) for node in graph.linear_nodes})
    text = diagram(design)
    arrows = [tuple(line.strip().split(" --> ")) for line in text.splitlines() if "-->" in line]
    assert all(f"{i.name}[" in text for i in design.instances)
    reached = {"in"}
    for _ in arrows:
        reached |= {to for source, to in arrows if source in reached}
    assert "out" in reached
    memories = {i.name for i in design.instances if not any(port.endswith("_valid") for port in i.ports)}
    assert reached >= {i.name for i in design.instances} - memories
