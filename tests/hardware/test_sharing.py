# SPDX-License-Identifier: Apache-2.0
"""Shared sums of constant matrices and the adders that they become: equal to the matrix, never more than without sharing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.hardware import sharing
from dietcnn_hls.hardware.adders import AdderNetwork, build_adders
from dietcnn_hls.hardware.sharing import SCORES, Sums, Term, share


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """Small matrices of many kinds: wide weights, ternary ones, repeated rows, zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape, bits = (draw(st.integers(1, 9)), draw(st.integers(1, 9))), draw(st.integers(1, 9))
    matrix = rng.integers(-(1 << bits) + 1, 1 << bits, shape)
    matrix[rng.random(shape) < draw(st.sampled_from([0.0, 0.5]))] = 0
    return np.repeat(matrix, 2, axis=0) * draw(st.sampled_from([1, 1, -1])) if draw(st.booleans()) else matrix


def run(network: AdderNetwork, inputs: np.ndarray) -> np.ndarray:
    """What the adders compute, each within its stated range; (N, outputs) with the offsets still to be added."""
    values = [inputs[:, number] for number in range(inputs.shape[1])]
    for adder in network.adders:
        total = sum(((values[term.source] << term.shift) * term.sign for term in adder.terms), np.zeros(len(inputs), np.int64))
        assert adder.result.lo <= total.min() and total.max() <= adder.result.hi
        assert not (total & ((1 << adder.result.zeros) - 1)).any()
        values.append(total)
    columns = []
    for output in network.outputs:
        term = output.term
        exact = np.zeros(len(inputs), np.int64) if term is None else (values[term.source] << term.shift) * term.sign
        columns.append(exact - output.offset)
    return np.stack(columns, axis=1)


@settings(max_examples=60, deadline=None)
@given(matrix=matrices(), score=st.sampled_from(SCORES), lo=st.sampled_from([-128, -3, 0]), hi=st.sampled_from([0, 1, 100]))
def test_sums_and_adders_equal_the_matrix(matrix: np.ndarray, score: sharing.Score, lo: int, hi: int) -> None:
    inputs = np.random.default_rng(0).integers(lo, hi + 1, (20, matrix.shape[1]))
    sums = share(matrix, score)
    assert np.array_equal(sums.evaluate(inputs), inputs @ matrix.T)
    network = build_adders(sums, lo, hi)
    offsets = np.array([output.offset for output in network.outputs])
    assert np.array_equal(run(network, inputs) + offsets, inputs @ matrix.T)
    for adder in network.adders:
        assert len(adder.terms) in (2, 3) and sum(term.sign < 0 for term in adder.terms) < len(adder.terms)
        assert all(network.values[term.source].stage < adder.result.stage for term in adder.terms)


def test_equal_rows_are_added_once() -> None:
    matrix = np.repeat(np.array([[1, 3, -5, 7]]), 4, axis=0)
    one, four = (build_adders(share(rows), 0, 15) for rows in (matrix[:1], matrix))
    assert four.luts <= one.luts + 2


def test_wide_matrices_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(3).integers(-7, 8, (5, 40))
    inputs = np.random.default_rng(4).integers(-8, 8, (30, 40))
    monkeypatch.setattr(sharing, "BLOCK_PAIRS", 50)
    assert np.array_equal(share(matrix).evaluate(inputs), inputs @ matrix.T)


def test_the_lowest_bits_of_a_single_term_need_no_adder() -> None:
    """x + 16 y of 4-bit inputs: nothing overlaps, and nothing is added where one has no bits."""
    sums = Sums(2, (), ((Term(0, 0, 1), Term(1, 3, 1)),))
    (adder,) = build_adders(sums, 0, 15).adders
    assert (adder.start, adder.result.bits, adder.luts) == (3, 8, 5)


def test_values_wait_as_long_as_their_last_reader_needs() -> None:
    sums = Sums(5, (), (tuple(Term(number, 0, 1) for number in range(5)), (Term(0, 0, 1),)))
    network = build_adders(sums, 0, 3)
    assert network.stages == 2 and network.delays() == {0: 2, **{number: 1 for number in (3, 4) if number in network.delays()}}
