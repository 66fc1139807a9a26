# SPDX-License-Identifier: Apache-2.0
"""Lookups in training: the compiled form has the values and gradients of the plain one, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.training import CodebookActivation, lookups
from dietcnn_hls.training.tf import tf


def values(count: int, thresholds: np.ndarray) -> tf.Tensor:
    """Normal numbers among which every threshold and its neighbours are."""
    around = [thresholds, np.nextafter(thresholds, np.float32(9)), np.nextafter(thresholds, np.float32(-9))]
    rest = np.random.default_rng(1).normal(size=count).astype(np.float32)
    return tf.constant(np.concatenate([*around, rest])[:count].reshape(2, -1))


@pytest.mark.parametrize("symbols", [2, 8, 32])
@pytest.mark.parametrize("signed", [False, True])
def test_compiled_lookups_equal_plain_ones(monkeypatch: pytest.MonkeyPatch, symbols: int, signed: bool) -> None:
    layer = CodebookActivation(symbols, fraction=6, signed=signed)
    layer.build((None, 4))
    x = values(2**18, layer.thresholds.numpy())
    many = values(2**20, layer.thresholds.numpy())
    seen: list[int] = []
    compiled_form = lookups._fused_lookup
    monkeypatch.setattr(lookups, "_fused_lookup", lambda *given: seen.append(given[0].shape[1]) or compiled_form(*given))

    def outcome() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        @tf.function
        def run() -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
            return y, tape.gradient(y, x, output_gradients=x * 3.0)

        found, slope = run()
        return found.numpy(), slope.numpy(), layer(many).numpy()

    compiled = outcome()
    assert layer(x[:, :9], training=True).shape == (2, 9) and seen == [2**17, 2**19]
    monkeypatch.setattr(lookups, "_FUSED_SYMBOLS", 0)
    plain = outcome()
    assert seen == [2**17, 2**19] and all(np.array_equal(a, b) for a, b in zip(compiled, plain, strict=True))
    assert np.array_equal(plain[0], layer(x).numpy()) and len(np.unique(plain[0])) == symbols


def test_ties_take_the_upper_level() -> None:
    thresholds, levels = tf.constant([0.5, 0.5, 1.0]), tf.constant([0.0, 1.0, 2.0, 3.0])
    x = tf.constant([0.4, 0.5, 0.7, 1.0, 5.0])
    for look in (lookups._search, lookups._fused_lookup):
        assert look(x, levels, thresholds).numpy().tolist() == [0.0, 2.0, 2.0, 3.0, 3.0]
