# SPDX-License-Identifier: Apache-2.0
"""The product-quantisation kernel: subspaces, bounds, counts, lowering; and the exact layer where prototypes suffice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel
from dietcnn_hls.methods.tabconv.lowering import code_thresholds, lower, table_fractions, table_integers
from dietcnn_hls.methods.tabconv.reader import read_product_quantizer
from tests.methods.tabconv.examples import plain
from tests.streams import stream

seeds = st.integers(0, 2**32 - 1)


def random_kernel(seed: int, encoder: str) -> ProductQuantKernel:
    rng = np.random.default_rng(seed)
    source = stream(rng)
    outputs, count, size = (int(v) for v in rng.integers(1, 5, 3))
    symbols = int(2 ** rng.integers(1, 4)) if encoder == "tree" else int(rng.integers(2, 7))
    nodes = symbols - 1 if encoder == "tree" else 0
    return ProductQuantKernel(
        encoder=encoder,  # type: ignore[arg-type]
        members=rng.permutation(count * size).reshape(count, size),
        elements=rng.integers(0, size, (count, nodes)).astype(np.uint16),
        thresholds=rng.integers(source.lo, source.hi + 2, (count, nodes)),
        prototypes=rng.choice(source.integers, (count, symbols, 0 if encoder == "tree" else size)),
        table=rng.integers(-128, 128, (outputs, count, symbols)),
        shifts=rng.integers(0, 4, outputs),
        table_width=8,
        fraction=6,
        integers=source.integers,
        lo=source.lo,
    )


@pytest.mark.parametrize("encoder", ["tree", "exact"])
@settings(max_examples=60, deadline=None)
@given(seeds)
def test_subspaces_may_lie_anywhere_and_bounds_sum_the_extreme_entries(encoder: str, seed: int) -> None:
    kernel, rng = random_kernel(seed, encoder), np.random.default_rng(seed + 1)
    codes = rng.integers(kernel.lo, kernel.lo + len(kernel.integers), (6, kernel.taps))
    expected = [[plain(kernel, window, output) for output in range(kernel.outputs)] for window in codes.tolist()]
    assert kernel.accumulate(codes).tolist() == expected
    lows, highs = kernel.bounds()
    for m in range(kernel.outputs):
        entries = [[int(v) for v in row] for row in kernel.table[m]]
        assert lows[m] == sum(map(min, entries)) * 2 ** int(kernel.shifts[m])
        assert highs[m] == sum(map(max, entries)) * 2 ** int(kernel.shifts[m])


def test_kernel_is_the_exact_layer_when_prototypes_cover_all_subvectors() -> None:
    rng = np.random.default_rng(7)
    weights, distinct = rng.integers(-9, 10, (3, 2, 3)), rng.integers(0, 16, (2, 4, 3))
    kernel = ProductQuantKernel(
        encoder="exact",
        members=np.arange(6).reshape(2, 3),
        elements=np.zeros((2, 0), np.uint16),
        thresholds=np.zeros((2, 0), np.int64),
        prototypes=distinct,
        table=np.einsum("ckv,ocv->ock", distinct, weights),
        shifts=np.zeros(3, np.int64),
        table_width=16,
        fraction=0,
        integers=np.arange(16),
        lo=0,
    )
    picks = rng.integers(0, 4, (50, 2))
    windows = np.stack([distinct[c][picks[:, c]] for c in range(2)], axis=1).reshape(50, 6)
    assert np.array_equal(kernel.accumulate(windows), windows @ weights.reshape(3, 6).T)


def test_tree_counts_no_multiplication_and_counts_its_encoding() -> None:
    kernel = random_kernel(11, "tree")
    outputs, count, depth = kernel.outputs, kernel.subspaces, kernel.trees.depth
    counts = kernel.operations()
    assert counts.multiplications == 0
    assert counts.comparisons == count * depth
    assert counts.lookups == outputs * count + count * depth
    assert counts.additions == outputs * (count - 1)
    assert kernel.encoding.as_dict() == {
        "multiplications": 0,
        "additions": 0,
        "lookups": count * depth,
        "shifts": 0,
        "comparisons": count * depth,
    }


def test_exact_encoder_counts_its_multiplications() -> None:
    kernel = random_kernel(12, "exact")
    counts = kernel.operations()
    assert counts.multiplications == kernel.symbols * kernel.taps == kernel.encoding.multiplications
    assert counts.comparisons == kernel.subspaces * (kernel.symbols - 1)


def test_table_bits_hold_entries_and_nodes() -> None:
    kernel = ProductQuantKernel(
        encoder="tree",
        members=np.arange(8).reshape(2, 4),
        elements=np.zeros((2, 3), np.uint16),
        thresholds=np.full((2, 3), 200),
        prototypes=np.zeros((2, 4, 0), np.int64),
        table=np.zeros((5, 2, 4), np.int64),
        shifts=np.zeros(5, np.int64),
        table_width=8,
        fraction=0,
        integers=np.arange(256),
        lo=0,
    )
    assert kernel.table_bits == 5 * 2 * 4 * 8 + 2 * 3 * (2 + 8)
    assert kernel.weight_bits == 0


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_code_thresholds_decide_as_values_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = stream(rng)
    thresholds = rng.normal(0, 2.0, 12).astype(np.float32)
    thresholds[:4] = rng.choice(source.integers, 4) * 2.0**-source.fraction  # on the grid: equality counts as reached
    codes = code_thresholds(thresholds, source)
    for code in range(source.lo, source.hi + 1):
        value = np.float32(source.integers[code - source.lo] * 2.0**-source.fraction)
        assert ((code >= codes) == (value >= thresholds)).all()


def test_table_grids_lose_least() -> None:
    rng = np.random.default_rng(8)
    table = rng.normal(0, [[[0.01]], [[1.0]], [[30.0]]], (3, 4, 16))
    fractions = table_fractions(table, 8)

    def error(f: np.ndarray) -> np.ndarray:
        return ((table_integers(table, f, 8) * 2.0 ** -f[:, None, None].astype(float) - table) ** 2).sum(axis=(1, 2))

    assert all((error(fractions) <= error(fractions + step)).all() for step in (-2, -1, 1))
    assert table_integers(np.array([[[0.5, 300.0, -300.0, -0.5]]]), np.array([0]), 8).tolist() == [[[1, 127, -128, 0]]]


def spec(**state: np.ndarray) -> LinearSpec:
    config = {"encoder": "exact", "table_bits": 8, "input_fraction": 2, "window": [1, 1], "channels": 1, "subspace": 1}
    given_state = {"table": np.zeros((1, 1, 2)), "fractions": np.zeros(1), "prototypes": np.zeros((1, 2, 1))} | state
    scheme = read_product_quantizer("dense1", config, given_state)
    return LinearSpec("dense1", np.zeros((1, 1)), scheme, Stream((1,), 0, 7, 2))


def test_lowering_puts_tables_on_one_grid() -> None:
    kernel = lower(spec(table=np.array([[[0.25, 1.0]], [[2.0, -4.0]]]), fractions=np.array([4, 1])))
    assert kernel.fraction == 4 and kernel.shifts.tolist() == [0, 3]
    assert kernel.table.tolist() == [[[4, 16]], [[4, -8]]]


@pytest.mark.parametrize(
    "state, message",
    [
        ({"table": np.full((1, 1, 2), np.inf)}, "tables hold NaN or Inf"),
        ({"prototypes": np.array([[[0.3], [0.0]]])}, "off the input's grid 2\\^-2"),
        ({"prototypes": np.array([[[2.0], [0.0]]])}, "off the input's grid"),
    ],
)
def test_lowering_refuses_what_is_not_exact(state: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(LoweringError, match=f"layer 'dense1': .*{message}"):
        lower(spec(**state))
