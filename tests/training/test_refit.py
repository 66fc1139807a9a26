# SPDX-License-Identifier: Apache-2.0
"""Codebook refits: optimal for the present values, true to groups and scales, and usable from ``model.fit``."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.errors import LoweringError
from dietcnn_hls.training import CodebookActivation, RefitCodebooks, fit_codebooks, refit_codebooks
from dietcnn_hls.training.codebooks import fit_levels, midpoints
from dietcnn_hls.training.tf import tf

from . import nets


def activations(model: tf.keras.Model) -> list[CodebookActivation]:
    return [layer for layer in model.layers if isinstance(layer, CodebookActivation)]


def test_levels_follow_what_the_activation_reads() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration())
    x = nets.calibration()[::2]
    before = {layer.name: layer.scale for layer in activations(model)}
    first = activations(model)[0]
    refit_codebooks(model, x)
    expected = fit_levels(x / before[first.name] * 2.0**first.fraction, 8, first.grid) * 2.0**-first.fraction
    np.testing.assert_array_equal(first.levels.numpy(), expected.astype(np.float32))
    np.testing.assert_array_equal(first.thresholds.numpy(), midpoints(expected, before[first.name]))
    for layer in activations(model):
        assert abs(layer.scale / before[layer.name] - 1) < 1e-5


def test_kernels_are_refitted() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4)
    layer = model.get_layer("conv2")
    layer.kernel.assign(np.abs(layer.kernel.numpy()))
    refit_codebooks(model, nets.calibration(50))
    expected = fit_levels(layer.kernel.numpy() * 2.0**layer.quantizer.fraction, 4, layer.quantizer.grid)
    np.testing.assert_array_equal(layer.state["codebook"], (expected * 2.0**-layer.quantizer.fraction).astype(np.float32))


def test_groups_keep_equal_levels() -> None:
    model = fit_codebooks(nets.residual(), nets.calibration(), codebooks="shared")
    before = activations(model)[0].levels.numpy()
    refit_codebooks(model, nets.calibration(40))
    for group in ("signed", "unsigned"):
        levels = [layer.levels.numpy() for layer in activations(model) if layer.group == group]
        assert len(levels) > 1
        for other in levels[1:]:
            np.testing.assert_array_equal(other, levels[0])
    assert not np.array_equal(activations(model)[0].levels.numpy(), before)


def test_models_without_codebooks_are_left_alone() -> None:
    model = nets.trained()
    before = model.get_weights()
    refit_codebooks(model, nets.calibration(10))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nan_is_named() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration())
    model.get_layer("dense1").kernel.assign(np.full((64, 32), np.nan))
    with pytest.raises(LoweringError, match="layer 'dense1': weights hold NaN or Inf"):
        refit_codebooks(model, nets.calibration(10))


def test_as_a_callback_of_fit() -> None:
    model = fit_codebooks(nets.trained(), nets.calibration(), weight_symbols=4)
    model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    split = nets.split(200)
    x = split.x_train.astype(np.float32) / 256
    seen = []

    class Watch(RefitCodebooks):
        def on_epoch_begin(self, epoch, logs=None) -> None:
            before = self.model.get_layer("conv1").state["codebook"]
            super().on_epoch_begin(epoch, logs)
            levels = fit_levels(self.model.get_layer("conv1").kernel.numpy() * 2.0**fraction, 4, grid)
            after = self.model.get_layer("conv1").state["codebook"]
            seen.append((np.array_equal(after, before), np.array_equal(after * 2.0**fraction, levels)))

    fraction, grid = model.get_layer("conv1").quantizer.fraction, model.get_layer("conv1").quantizer.grid
    model.fit(x, split.y_train, epochs=4, verbose=0, callbacks=[Watch(x[:100], epochs=2)])
    assert seen[0][0] and seen[1][1] and seen[2][1] and seen[3][0]
