# SPDX-License-Identifier: Apache-2.0
"""The exact encoder in C simulation; the tree encoder is covered by the common suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dietcnn_hls import reference
from tests.graphs import random_codes, random_graph
from tests.hls.builds import Case, build_all, random_folding


def test_exact_encoder_equals_the_reference(tmp_path: Path) -> None:
    graphs = [random_graph(seed, ("pq_exact",)) for seed in range(12)]
    cases = [Case(graph, ("io_stream", "io_parallel")[n % 2], random_folding(graph, n)) for n, graph in enumerate(graphs)]
    for number, simulation in enumerate(build_all(tmp_path, cases)):
        codes = random_codes(simulation.graph, 8, number)
        assert np.array_equal(simulation.predict(codes), reference.predict(simulation.graph, codes)), f"seed {number}"
