# SPDX-License-Identifier: Apache-2.0
"""Symbolic sums in Keras against the kernel that defines them, and the choice of their codebook."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.integers import im2col
from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.dietcnn.lowering import lower
from dietcnn_hls.methods.dietcnn.reader import read_codebook
from dietcnn_hls.methods.dietcnn.sums import SUM_BITS, fit_sums
from dietcnn_hls.methods.dietcnn.training import Codebook
from dietcnn_hls.training import LookupConv2D, LookupDense, LookupDepthwiseConv2D
from dietcnn_hls.training.tf import tf

LEVELS = tuple(np.cumsum([0, 3, 5, 2, 7, 9, 4, 10, 3, 6, 7, 8, 11, 3, 9, 40]).tolist())
FRACTION = 7


def symbolic(order: str, rng: np.random.Generator, sum_fraction: int = 8) -> tuple[Codebook, np.ndarray]:
    """A quantiser and an irregular codebook of sums, so that every rounding matters."""
    count = int(rng.integers(5, 40))
    others = rng.choice(np.setdiff1d(np.arange(-300, 300), [0]), count - 1, replace=False)
    sums = np.sort(np.append(others, 0)) * 2.0**-sum_fraction
    weights = int(rng.integers(2, 17))
    return Codebook(weights, 3, accumulate="symbolic", order=order, sum_symbols=count, sum_fraction=sum_fraction), sums


def spec(layer: object, quantizer: Codebook, weights: np.ndarray) -> LinearSpec:
    scheme = read_codebook("layer", quantizer.get_config(), layer.state)  # type: ignore[attr-defined]
    return LinearSpec("layer", weights, scheme, Stream((1,), 0, len(LEVELS) - 1, FRACTION, LEVELS))


def inputs(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    codes = rng.integers(0, len(LEVELS), shape)
    return codes, (np.array(LEVELS)[codes] * 2.0**-FRACTION).astype(np.float32)


@pytest.mark.parametrize("order", ["tree", "ripple"])
@pytest.mark.parametrize("seed", range(4))
def test_conv2d_equals_the_kernel(order: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, channels, outputs = int(rng.integers(1, 4)), int(rng.integers(1, 6)), int(rng.integers(1, 6))
    codes, x = inputs(rng, (3, 6, 7, channels))
    quantizer, sums = symbolic(order, rng, sum_fraction=int(rng.integers(4, 12)))
    layer = LookupConv2D(outputs, size, padding="same", kernel_quantizer=quantizer, use_bias=False)
    layer.build(x.shape)
    layer.refit()
    layer.set_state({"sum_codebook": sums})
    kernel = lower(spec(layer, quantizer, layer.kernel.numpy().reshape(-1, outputs).T))
    before = (size - 1) // 2
    columns = im2col(codes, (size, size), (1, 1), (before, size - 1 - before, before, size - 1 - before), 0)
    symbols = kernel.accumulate(columns.reshape(-1, kernel.taps))
    expected = sums.astype(np.float32)[symbols].reshape(3, 6, 7, outputs)
    np.testing.assert_array_equal(layer(x).numpy(), expected)
    np.testing.assert_array_equal(tf.function(layer)(x, training=True).numpy(), expected)


@pytest.mark.parametrize("order", ["tree", "ripple"])
def test_dense_equals_the_kernel_at_any_batch(order: str) -> None:
    rng = np.random.default_rng(9)
    codes, x = inputs(rng, (50, 37))
    quantizer, sums = symbolic(order, rng)
    layer = LookupDense(5, kernel_quantizer=quantizer, bias_fraction=8)
    layer.build(x.shape)
    layer.refit()
    layer.set_state({"sum_codebook": sums})
    layer.bias.assign(rng.integers(-20, 20, 5) / 256)
    expected = sums[lower(spec(layer, quantizer, layer.kernel.numpy().T)).accumulate(codes)] + layer.bias.numpy()
    for batch in (1, 7, 50):
        np.testing.assert_array_equal(layer(x[:batch]).numpy(), expected[:batch])


def test_depthwise_equals_the_kernel_of_each_channel() -> None:
    rng = np.random.default_rng(4)
    codes, x = inputs(rng, (2, 5, 5, 3))
    quantizer, sums = symbolic("tree", rng)
    layer = LookupDepthwiseConv2D(3, depthwise_quantizer=quantizer, use_bias=False)
    layer.build(x.shape)
    layer.refit()
    layer.set_state({"sum_codebook": sums})
    kernel = lower(spec(layer, quantizer, layer.kernel.numpy().reshape(9, 3).T))
    columns = im2col(codes, (3, 3), (1, 1), (0, 0, 0, 0), 0)
    parts = [kernel.accumulate(columns[..., c].reshape(-1, 9), slice(c, c + 1)) for c in range(3)]
    expected = sums.astype(np.float32)[np.concatenate(parts, axis=1)].reshape(2, 3, 3, 3)
    np.testing.assert_array_equal(layer(x).numpy(), expected)


def test_the_gradient_is_that_of_the_exact_sum() -> None:
    rng = np.random.default_rng(1)
    _, x = inputs(rng, (4, 12))
    quantizer, sums = symbolic("tree", rng)
    layer = LookupDense(3, kernel_quantizer=quantizer, use_bias=False)
    layer.build(x.shape)
    layer.set_state({"sum_codebook": sums})
    direction = rng.integers(-3, 4, (4, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True) * direction)
    np.testing.assert_array_equal(tape.gradient(loss, layer.kernel).numpy(), x.T @ direction)


@pytest.mark.parametrize("symbols", [2, 3, 16, 128, 256])
@pytest.mark.parametrize("order", ["tree", "ripple"])
def test_fitted_sums_follow_the_exact_ones(symbols: int, order: str) -> None:
    rng = np.random.default_rng(symbols)
    columns, kernel = np.maximum(rng.normal(size=(400, 60)), 0), rng.normal(size=(400, 60)) * 0.1
    found = fit_sums(columns, kernel, symbols, order)
    assert len(found.levels) == symbols and (np.diff(found.levels) > 0).all() and 0 in found.levels
    assert np.abs(found.levels).max() < 2 ** (SUM_BITS - 1)
    if symbols >= 128 and order == "tree":
        from dietcnn_hls.methods.dietcnn.sums import _correlation, _simulate

        assert _correlation((columns * kernel).sum(axis=1), _simulate(columns * kernel, found, order)) > 0.99
