# SPDX-License-Identifier: Apache-2.0
"""Activations as integer operations, against the float functions that they stand for, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls import reference
from dietcnn_hls.backend.activations import Before, lower_activation, symbol_bias
from dietcnn_hls.backend.linear import bias_fraction, bias_integers
from dietcnn_hls.backend.trained import Codebook, TrainedLinear, Uniform
from dietcnn_hls.errors import LoweringError, UnsupportedLayerError
from dietcnn_hls.lowered import Encode, Requantize, Source, Stream, SymbolMap, node
from dietcnn_hls.methods.fixed_point.scheme import UniformScheme

uniforms = st.builds(
    lambda bits, fraction, signed, rounding: Uniform(
        -(2 ** (bits - 1)) if signed else 0, 2 ** (bits - signed) - 1, fraction, rounding
    ),
    st.integers(2, 7),
    st.integers(-2, 8),
    st.booleans(),
    st.sampled_from(["half_even", "half_up"]),
)


@settings(max_examples=60, deadline=None)
@given(uniforms)
def test_uniform_thresholds_are_its_rounding(uniform: Uniform) -> None:
    """Every tie between two codes, and the float32 numbers on both sides of it."""
    ties = ((np.arange(uniform.lo - 2, uniform.hi + 3) + 0.5) * 2.0**-uniform.fraction).astype(np.float32)
    y = np.concatenate([ties, np.nextafter(ties, np.float32(-np.inf)), np.nextafter(ties, np.float32(np.inf))])
    codebook = uniform.codebook
    symbols = (y[:, None] >= codebook.thresholds).sum(axis=1)
    assert np.array_equal(np.array(codebook.levels)[symbols] * 2.0**-uniform.fraction, uniform.values(y))


@settings(max_examples=60, deadline=None)
@given(uniforms, st.integers(0, 10), st.integers(0, 2**32 - 1))
def test_requantize_and_thresholds_agree(uniform: Uniform, fraction: int, seed: int) -> None:
    """The shift and, behind a batch-norm that changes nothing, the encoder yield the same values."""
    rng = np.random.default_rng(seed)
    stream = Stream((3,), -3000, 3000, fraction)
    codes = rng.integers(stream.lo, stream.hi + 1, (200, 3))
    identity = Before(scale=np.ones(3, np.float32), shift=np.zeros(3, np.float32))
    values = []
    for before, kind in ((Before(), Requantize), (identity, Encode)):
        op = lower_activation("act", stream, uniform, before)
        assert isinstance(op, kind)
        source = node("x", Source(), [], stream)
        result = node("y", op, [source])
        values.append(result.stream.decode(reference.evaluate(result, [stream], [codes])) * 2.0**-result.stream.fraction)
    assert np.array_equal(*values)
    assert np.array_equal(values[0], uniform.values((codes * 2.0**-fraction).astype(np.float32)))


def test_an_activation_of_symbols_is_a_table_of_its_values() -> None:
    stream = Stream((2,), 0, 3, 2, (-4, -1, 0, 5))
    before = Before(np.array([0.5, -0.25]), np.array([2.0, -1.0], np.float32), np.array([0.0, 1.0], np.float32))
    op = lower_activation("act", stream, Codebook((0, 1, 2), 0, np.array([0.0, 1.5], np.float32)), before)
    assert isinstance(op, SymbolMap)
    # channel 0: 2 * (level / 4 + 1/2) = -1, 0.5, 1, 3.5; channel 1: 1 - (level / 4 - 1/4) = 2.25, 1.5, 1.25, 0
    assert op.table.tolist() == [[0, 1, 1, 2], [2, 2, 1, 1]]


def test_a_bias_on_symbols_is_a_table_onto_all_sums() -> None:
    stream = Stream((2,), 0, 2, 1, (-1, 0, 3))
    op = symbol_bias("logits", stream, np.array([0.25, -0.5]))
    assert op.fraction == 2 and op.levels == (-4, -2, -1, 1, 4, 7)
    values = np.array(op.levels)[op.table] * 2.0**-op.fraction
    assert values.tolist() == [[-0.25, 0.25, 1.75], [-1.0, -0.5, 1.0]]


def test_too_many_thresholds_are_refused() -> None:
    before = Before(scale=np.ones(1, np.float32), shift=np.zeros(1, np.float32))
    with pytest.raises(UnsupportedLayerError, match=r"layer 'act': .* 512 levels .* at most 256 levels"):
        lower_activation("act", Stream((1,), 0, 9, 0), Uniform(0, 511, 8), before)


def linear(bias: list[float] | None) -> TrainedLinear:
    return TrainedLinear("conv", np.ones((3, 2)), UniformScheme(-1, 1, 0), None if bias is None else np.array(bias), None)


def test_biases_stay_on_their_grid() -> None:
    assert bias_integers(linear([0.75, -0.5]), 3).tolist() == [6, -4] and bias_integers(linear(None), 3).tolist() == [0, 0]
    assert bias_fraction(np.array([3.0]), "conv") == 0 and bias_fraction(np.array([0.75]), "conv") == 2
    with pytest.raises(LoweringError, match=r"layer 'conv': the bias is not on the accumulator's grid 2\^-1"):
        bias_integers(linear([0.75, 0.0]), 1)
    with pytest.raises(LoweringError, match="layer 'conv': the bias lies on no grid of 40 bits"):
        bias_fraction(np.array([2.0**-50]), "conv")
