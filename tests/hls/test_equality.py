# SPDX-License-Identifier: Apache-2.0
"""C simulation equals the reference on random networks: all kernels, both io types, random folds, both spellings."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.hls import CSim
from tests.graphs import Shape, branching_graph, pooling_graph, random_codes, random_graph
from tests.hls.builds import Case, ap_flags, build_all, random_folding

KERNELS = ("table", "symbolic", "multiply", "signed_digit", "ternary", "netlist", "pq")
IO_TYPES = ("io_parallel", "io_stream")
NATIVE, SPELLED = 190, 16


def case(number: int) -> Case:
    """The number is the seed: every third network branches, every tenth has up to 256 symbols, every seventh sums windows."""
    limits = Shape(symbols=256) if number % 10 == 9 else Shape()
    kind = pooling_graph if number % 7 == 6 else branching_graph if number % 3 == 2 else random_graph
    graph = kind(number, KERNELS, limits)
    return Case(graph, IO_TYPES[number % 2], random_folding(graph, number))


def check(simulation: CSim, number: int) -> None:
    graph = simulation.graph
    codes = random_codes(graph, 8, number)
    got, expected = simulation.predict(codes), reference.predict(graph, codes)
    wrong = np.flatnonzero((got != expected).reshape(len(codes), -1).any(axis=1))
    assert np.array_equal(got, expected), f"seed {number}: {len(wrong)} of {len(codes)} samples differ: {wrong.tolist()}"


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> list[CSim]:
    return list(build_all(tmp_path_factory.mktemp("native"), [case(n) for n in range(NATIVE)]))


@pytest.fixture(scope="module")
def spelled(tmp_path_factory: pytest.TempPathFactory) -> list[CSim]:
    """The same networks from number 0 on, in ap types and with the loops of their folds."""
    return list(build_all(tmp_path_factory.mktemp("ap"), [case(n) for n in range(SPELLED)], ap_flags()))


@pytest.mark.parametrize("number", range(NATIVE))
def test_native_spelling_equals_the_reference(native: list[CSim], number: int) -> None:
    check(native[number], number)


@pytest.mark.parametrize("number", range(SPELLED))
def test_ap_spelling_equals_the_native_one(native: list[CSim], spelled: list[CSim], number: int) -> None:
    codes = random_codes(native[number].graph, 8, number)
    assert np.array_equal(spelled[number].predict(codes), native[number].predict(codes))
    check(spelled[number], number)


def test_the_suite_covers_what_it_claims() -> None:
    """Both spellings meet every kernel, every operation and both io types with folds of more than one lane."""
    for count in (NATIVE, SPELLED):
        cases = [case(n) for n in range(count)]
        assert {c.io_type for c in cases} == set(IO_TYPES)
        nodes = [(c, node) for c in cases for node in c.graph.nodes]
        kinds = {node.op.kind for _, node in nodes}
        assert kinds == {"input", "linear", "encode", "requantize", "symbol_map", "max_pool", "sum_pool", "reshape", "add"}
        linear = [(c, node) for c, node in nodes if node.op.kind == "linear"]
        assert len({(c.io_type, type(node.op.kernel)) for c, node in linear}) == 2 * len(KERNELS)
        assert any(node.op.window and node.op.window.groups > 1 for _, node in linear)
        assert any(c.folding[node.name].pe > 1 and c.folding[node.name].simd > 1 for c, node in linear)
