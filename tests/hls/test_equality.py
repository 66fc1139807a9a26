# SPDX-License-Identifier: Apache-2.0
"""C simulation equals the reference on random networks: all kernels, both io types, random folds, both spellings."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.hls import CSim
from dietcnn_hls.hls.layers import layer_code
from dietcnn_hls.hls.network import build_network
from dietcnn_hls.lowered.operation import OPERATIONS
from tests.arithmetic_graphs import arithmetic_graph
from tests.cases import spread
from tests.graphs import Shape, branching_graph, pooling_graph, random_codes, random_graph
from tests.hls.builds import Case, ap_flags, build_all, random_folding
from tests.kernels import every

IO_TYPES = ("io_parallel", "io_stream")
NATIVE = 100
LONGEST_TABLE = 512
"""Entries; g++ takes a minute over an initialised array of a few thousand ap integers. Long tables in ap types have a test of
their own, in `test_simulation`."""


def case(number: int) -> Case:
    """The number is the seed: every third network branches, every tenth has up to 256 symbols, every seventh sums windows."""
    limits = Shape(symbols=256) if number % 10 == 9 else Shape()
    if number % 9 == 8:
        graph = arithmetic_graph(number)
        return Case(graph, IO_TYPES[number % 2], random_folding(graph, number))
    kind = pooling_graph if number % 7 == 6 else branching_graph if number % 3 == 2 else random_graph
    graph = kind(number, every(), limits)
    return Case(graph, IO_TYPES[number % 2], random_folding(graph, number))


def traits(case: Case) -> set[tuple[str, ...]]:
    """What a network shows: its examples of kernels and its operations under its io type, groups, folds of several lanes."""
    found = {(case.io_type, name) for name in case.graph.metadata["examples"]}  # type: ignore[attr-defined]
    found |= {(node.op.kind,) for node in case.graph.nodes}
    windows = [node.op.window for node in case.graph.linear_nodes]  # type: ignore[union-attr]
    found |= {("groups",)} if any(window and window.groups > 1 for window in windows) else set()
    return found | ({("lanes",)} if any(fold.pe > 1 and fold.simd > 1 for fold in case.folding.values()) else set())


@cache
def cases() -> tuple[Case, ...]:
    return tuple(case(number) for number in range(NATIVE))


def longest_table(case: Case) -> int:
    """Entries of the longest array in its C++."""
    network = build_network(case.graph, case.io_type, case.folding)
    return max((c.values.size for call in network.calls for c in layer_code(network, call).constants), default=0)


@cache
def telling() -> tuple[int, ...]:
    """Numbers of networks that together show all there is: few enough to compile in ap types."""
    unseen = set().union(*map(traits, cases()))
    quick = [number for number, one in enumerate(cases()) if longest_table(one) <= LONGEST_TABLE]
    found = []
    while unseen:
        found.append(max(quick, key=lambda number: len(traits(cases()[number]) & unseen)))
        assert traits(cases()[found[-1]]) & unseen, f"no quick network shows {unseen}"
        unseen -= traits(cases()[found[-1]])
    return tuple(sorted(found))


NUMBERS = tuple(sorted({*telling(), *spread(range(NATIVE), 24)}))


def check(simulation: CSim, number: int) -> None:
    graph = simulation.graph
    codes = random_codes(graph, 8, number)
    got, expected = simulation.predict(codes), reference.predict(graph, codes)
    wrong = np.flatnonzero((got != expected).reshape(len(codes), -1).any(axis=1))
    assert np.array_equal(got, expected), f"seed {number}: {len(wrong)} of {len(codes)} samples differ: {wrong.tolist()}"


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> dict[int, CSim]:
    chosen = [cases()[number] for number in NUMBERS]
    return dict(zip(NUMBERS, build_all(tmp_path_factory.mktemp("native"), chosen), strict=True))


@pytest.fixture(scope="module")
def spelled(tmp_path_factory: pytest.TempPathFactory) -> dict[int, CSim]:
    """Those of the same networks that tell most, in ap types and with the loops of their folds."""
    chosen = [cases()[number] for number in telling()]
    return dict(zip(telling(), build_all(tmp_path_factory.mktemp("ap"), chosen, ap_flags()), strict=True))


@pytest.mark.parametrize("number", NUMBERS)
def test_native_spelling_equals_the_reference(native: dict[int, CSim], number: int) -> None:
    check(native[number], number)


@pytest.mark.parametrize("number", telling())
def test_ap_spelling_equals_the_native_one(native: dict[int, CSim], spelled: dict[int, CSim], number: int) -> None:
    codes = random_codes(native[number].graph, 8, number)
    assert np.array_equal(spelled[number].predict(codes), native[number].predict(codes))
    check(spelled[number], number)


def test_the_suite_covers_what_it_claims() -> None:
    """Both spellings meet every kernel, every operation and both io types with folds of more than one lane."""
    wanted = {*itertools.product(IO_TYPES, every()), *((op.kind,) for op in OPERATIONS.values()), ("groups",), ("lanes",)}
    assert set().union(*(traits(cases()[number]) for number in NUMBERS)) == wanted
