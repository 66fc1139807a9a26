# SPDX-License-Identifier: Apache-2.0
"""All 65,536 pairs of operands, for every shipped encoder: table = reference = C++ (both spellings) = SystemVerilog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls import reference
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.encodingnet.netlist import Netlist, operand_values
from dietcnn_hls.methods.encodingnet.rows import Rows
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.cases import spread
from tests.hls.builds import Case, ap_flags, build_all
from tests.methods.encodingnet.examples import random_netlist

seeds = st.integers(0, 2**32 - 1)
ENCODERS = [(objective, bits) for objective, sizes in library.available().items() for bits in sizes]
EVERY = np.arange(-128, 128)


def all_pairs(netlist: Netlist, name: str) -> LoweredGraph:
    """One input and 256 outputs, whose weights are all operands."""
    weights = EVERY[:, None].astype(np.int8)
    kernel = NetlistKernel(netlist.gates, netlist.positions, netlist.outputs, netlist.constant, weights, 0, EVERY, -128)
    source = node("x", Source(), [], Stream((1,), -128, 127, 0))
    return LoweredGraph(name, (source, node("products", Linear(kernel), [source])), {})


@pytest.fixture(scope="module")
def graphs() -> list[LoweredGraph]:
    return [all_pairs(library.shipped(bits, objective), f"{objective}_{bits}") for objective, bits in ENCODERS]


def expected(graph: LoweredGraph) -> np.ndarray:
    """(256, 256) products by value of x and of w, from the netlist's table."""
    order = np.argsort(operand_values())
    return graph["products"].op.kernel.netlist.table[np.ix_(order, order)]  # type: ignore[union-attr]


def test_reference_is_the_table(graphs: list[LoweredGraph]) -> None:
    for graph in graphs:
        assert np.array_equal(reference.predict(graph, EVERY[:, None]), expected(graph))


@pytest.mark.parametrize("spelling", spread(["native", "ap"], 1))
def test_cpp_is_the_table(graphs: list[LoweredGraph], spelling: str, tmp_path: Path) -> None:
    chosen = graphs if spelling == "native" else [graphs[0], graphs[-1]]  # compiling ap types takes long
    cases = [Case(graph, "io_parallel", {"products": Fold(4, 1)}) for graph in chosen]
    builds = build_all(tmp_path, cases) if spelling == "native" else build_all(tmp_path, cases, ap_flags())
    for graph, simulation in zip(chosen, builds, strict=True):
        assert np.array_equal(simulation.predict(EVERY[:, None]), expected(graph)), graph.name


def test_systemverilog_is_the_table(graphs: list[LoweredGraph], programs: Path) -> None:
    designs = [generate(graph, {"products": Fold(1, 1)}) for graph in graphs]
    results = simulate_many(designs, [EVERY[:, None]] * len(designs), cache_dir=programs, optimize="-O0")
    for graph, result in zip(graphs, results, strict=True):
        assert np.array_equal(result.outputs, expected(graph)), graph.name


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_rows_sum_to_the_table(seed: int) -> None:
    netlist = random_netlist(seed, 15, 8)
    rows = Rows.of(netlist)
    assert np.array_equal(rows.tables.sum(axis=0) + rows.by_weight + rows.constant, netlist.table)
    assert rows.tables.min() >= 0
