# SPDX-License-Identifier: Apache-2.0
"""Encoders: gates, tables, areas, the low-rank form and files, each held against something that shares no code with it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.methods.encodingnet import library
from dietcnn_hls.methods.encodingnet.lowrank import LowRank
from dietcnn_hls.methods.encodingnet.netlist import AREA_THIRDS, Gate, Netlist, exact_products, gate_array
from dietcnn_hls.methods.encodingnet.search import cones
from dietcnn_hls.methods.encodingnet.search.cones import Cone, build, formula_of, lut_cones, synthesise
from dietcnn_hls.methods.encodingnet.search.formulas import database
from dietcnn_hls.methods.encodingnet.search.starts import (
    adder_tile_columns,
    greedy_columns,
    netlist_of,
    partial_products,
    tile_columns,
)
from tests.methods.encodingnet.examples import plain_product, random_netlist

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_table_and_encode_equal_plain_evaluation(seed: int) -> None:
    netlist, rng = random_netlist(seed), np.random.default_rng(seed)
    for x, w in rng.integers(-128, 128, (40, 2)).tolist():
        expected = plain_product(netlist, x, w)
        assert netlist.table[x & 255, w & 255] == expected
        assert netlist.constant + int(netlist.encode(np.array(x), np.array(w)) @ netlist.positions) == expected


def test_the_64_partial_products_are_the_exact_multiplier() -> None:
    netlist = netlist_of(partial_products())
    assert np.array_equal(netlist.table, exact_products())
    assert (netlist.bits, netlist.levels(), lut_cones(netlist)) == (64, 1, 64)
    assert netlist.nand2_thirds == 64 * AREA_THIRDS[Gate.AND]
    values = np.where(np.arange(256) < 128, np.arange(256), np.arange(256) - 256)
    assert all(
        exact_products()[i, j] == int(values[i]) * int(values[j]) for i, j in itertools.product((0, 1, 127, 128, 255), repeat=2)
    )


@pytest.mark.parametrize("columns, bits", [(tile_columns((3, 3, 2), (3, 3, 2)), 47), (adder_tile_columns(), 58)])
def test_tiled_multipliers_are_exact(columns: list, bits: int) -> None:
    netlist = netlist_of(columns)
    assert (netlist.bits, netlist.max_error()) == (bits, 0)
    assert np.array_equal(netlist.table, exact_products())


def test_adder_tiles_keep_three_levels_and_lut_tiles_six_inputs() -> None:
    assert netlist_of(adder_tile_columns()).levels() == 3
    tiles = netlist_of(tile_columns((3, 3, 2), (3, 3, 2)))
    assert lut_cones(tiles) == 47  # one LUT6 a bit


@pytest.mark.parametrize("bits, percent", [(60, 0.097), (56, 0.19), (48, 0.54), (40, 1.27), (36, 1.95)])
def test_greedy_baseline_is_no_weaker_than_stated(bits: int, percent: float) -> None:
    """Figures of the method's specification; a baseline that is easier to beat would prove nothing."""
    netlist = netlist_of(greedy_columns(bits))
    assert netlist.bits == bits
    assert 0.7 * percent < netlist.max_error() / 163.84 <= percent
    assert netlist.levels() == 1


def test_greedy_refuses_sizes_without_meaning() -> None:
    with pytest.raises(ConfigError, match="encoder of 65 bits: give 1 to 64"):
        greedy_columns(65)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_low_rank_form_is_the_table(seed: int) -> None:
    table = random_netlist(seed, 12, 6).table
    factors = LowRank.of(table)
    assert np.array_equal(factors.left @ factors.right.T, table)


def test_low_rank_form_is_small_for_real_encoders() -> None:
    assert LowRank.of(exact_products()).terms == 1
    assert LowRank.of(netlist_of(greedy_columns(36)).table).terms <= 10


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_synthesised_functions_keep_their_truth_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 7))
    support = tuple(sorted(rng.choice(16, size, replace=False).tolist()))
    truth = int(rng.integers(0, 2**62)) & ((1 << (1 << size)) - 1)
    formula = synthesise(support, truth)
    if isinstance(formula, bool):
        assert truth == (((1 << (1 << size)) - 1) if formula else 0)
    else:
        cone = Cone.of_formula(formula)
        assert (cone.support, cone.truth) == cones.essential(support, truth)
        assert np.array_equal(cone.values, Cone(support, truth).values)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_database_gives_functions_that_fit_within_three_levels(seed: int) -> None:
    rng, support = np.random.default_rng(seed), (2, 5, 9, 14)
    cells = rng.integers(0, 3, 16)  # 0, 1 or free
    ones, zeros = (int(sum(1 << i for i in range(16) if cells[i] == v)) for v in (1, 0))
    truth = database().cheapest(ones, zeros)
    if truth is None:
        return
    assert truth & ones == ones and truth & zeros == 0
    formula = database().formula(truth, support)
    assert cones.levels(formula) <= 3
    assert np.array_equal(Cone.of_formula(formula).values, Cone(support, truth).values)
    assert cones.shared_area([formula]) <= int(database().costs[truth])


def test_database_finds_known_optima() -> None:
    a, b = cones.variable(0, 4), cones.variable(1, 4)
    assert database().costs[a & b] == AREA_THIRDS[Gate.AND]
    assert database().costs[~(a & b) & 0xFFFF] == AREA_THIRDS[Gate.NAND]
    assert database().costs[a] == 0
    parity = a ^ b ^ cones.variable(2, 4) ^ cones.variable(3, 4)
    assert database().costs[parity] == 3 * AREA_THIRDS[Gate.XOR]


def test_equal_gates_are_built_and_counted_once() -> None:
    inner = (Gate.AND, 0, 8)
    formulas = [(Gate.XOR, inner, 1), (Gate.OR, inner, 2), inner]
    netlist = build(formulas, [1, 2, 4], 0)
    assert len(netlist.gates) == 3
    assert netlist.nand2_thirds == cones.shared_area(formulas) == 6 + 4 + 4
    assert [formula_of(netlist, net) for net in netlist.outputs.tolist()] == formulas


def test_lut_cones_count_deep_bits_by_cuts_and_wires_not_at_all() -> None:
    def tree(nets: list[int]) -> cones.Formula:
        return nets[0] if len(nets) == 1 else (Gate.XOR, tree(nets[: len(nets) // 2]), tree(nets[len(nets) // 2 :]))

    assert lut_cones(build([tree(list(range(6)))], [1], 0)) == 1
    assert lut_cones(build([tree(list(range(8)))], [1], 0)) == 2
    assert lut_cones(build([3], [1], 0)) == 0


def test_files_round_trip(tmp_path: Path) -> None:
    netlist, path = random_netlist(5), tmp_path / "encoder.json"
    library.save(netlist, path, {"seed": 5})
    again = library.load(path)
    assert again.to_dict() == netlist.to_dict()
    assert np.array_equal(again.table, netlist.table)
    figures = json.loads(path.read_text())["figures"]
    assert figures["max_error"] == netlist.max_error() and figures["bits"] == 12


def test_bad_netlists_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match=r"gate 0 \(1, 16, 2\)"):
        Netlist(gate_array([(1, 16, 2)]), np.array([16]), np.array([1]))
    with pytest.raises(LoweringError, match="gate 0"):
        Netlist(gate_array([(7, 0, 2)]), np.array([16]), np.array([1]))
    with pytest.raises(LoweringError, match="16 signed bits"):
        Netlist(gate_array([]), np.array([3]), np.array([40000]))
    with pytest.raises(LoweringError, match="one position weight a bit"):
        Netlist(gate_array([]), np.array([16]), np.array([1]))
    with pytest.raises(LoweringError, match="constant 9000000 of an encoder exceeds 20 bits"):
        Netlist(gate_array([]), np.array([3]), np.array([4]), 9_000_000)
    good = random_netlist(1).to_dict()
    for key, value in (
        ("outputs", [*good["outputs"][1:], 2**32]),  # not net 0
        ("outputs", [*good["outputs"][1:], 3.5]),
        ("outputs", [*good["outputs"][1:], 2**80]),
        ("outputs", [[1]]),
        ("positions", "x"),
        ("constant", 1e400),
        ("gates", [["AND", 0]]),
        ("gates", [["AND", 2**32, 0], *good["gates"]]),
    ):
        (tmp_path / "odd.json").write_text(json.dumps({"netlist": good | {key: value}}))
        with pytest.raises(ConfigError, match=r"odd\.json is not an encoder file"):
            library.load(tmp_path / "odd.json")
    with pytest.raises(ConfigError, match="cannot read the encoder"):
        library.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ConfigError, match="not an encoder file"):
        library.load(tmp_path / "bad.json")
    with pytest.raises(ConfigError, match="no encoder of 17 bits"):
        library.shipped(17, "nand2")
