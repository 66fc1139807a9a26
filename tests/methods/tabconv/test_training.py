# SPDX-License-Identifier: Apache-2.0
"""Product quantisation in Keras: Keras = reference, both encoders; fitting, fine-tuning, saving, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.data import datasets
from dietcnn_hls.errors import ConfigError, UnsupportedLayerError
from dietcnn_hls.methods.tabconv import METHOD, TabConvOptions
from dietcnn_hls.methods.tabconv.training import ProductQuantizer
from dietcnn_hls.training import LookupConv2D, LookupDense, Recipe, UniformActivation, accuracy, load_model, logits, train
from dietcnn_hls.training.rebuild import FloatNetwork
from dietcnn_hls.training.tf import tf
from tests.training import nets

L = tf.keras.layers


def filled(layer: Any, rng: np.random.Generator, low: float, high: float) -> None:
    """Random trees or prototypes, tables and grids."""
    quantizer, state = layer.quantizer, layer.state
    new = {"table": rng.normal(0, 2, state["table"].shape), "fractions": rng.integers(2, 6, state["fractions"].shape)}
    if "elements" in state:
        new["elements"] = rng.integers(0, quantizer.subspace, state["elements"].shape)
        new["thresholds"] = rng.uniform(low, high, state["thresholds"].shape)
    else:
        scale = 2.0**quantizer.input_fraction
        new["prototypes"] = np.floor(rng.uniform(low, high, state["prototypes"].shape) * scale) / scale
    layer.set_state(new)
    layer.bias.assign(rng.normal(0, 3, layer.bias.shape))


def random_model(seed: int, encoder: str) -> Any:
    rng = np.random.default_rng(seed)
    image = L.Input((6, 5, 2))
    conv = LookupConv2D(
        3,
        (3, 2),
        strides=(2, 1) if seed % 2 else 1,
        padding="same" if seed % 3 else "valid",
        kernel_quantizer=ProductQuantizer(3, (3, 2), 2, 3 if seed % 2 else 6, 8, encoder, 8 + seed % 4, 8),
        bias_fraction=2,
        name="conv",
    )
    x = L.Flatten()(UniformActivation(6, 2)(conv(image)))
    dense = LookupDense(
        4, kernel_quantizer=ProductQuantizer(4, (1, 1), x.shape[1], 1, 4, encoder, 8, 2), bias_fraction=2, name="dense"
    )
    model = tf.keras.Model(image, dense(x), name="random")
    filled(conv, rng, 0.0, 0.99)
    filled(dense, rng, 0.0, 15.0)
    return model


def check_exact(model: Any, x: np.ndarray) -> Any:
    graph = lower_keras(model, "net")
    outputs = reference.predict(graph, reference.quantize_input(graph, x))
    assert np.array_equal(reference.output_values(graph, outputs), logits(model, x))
    return graph


@pytest.mark.parametrize("encoder", ["tree", "exact"])
@pytest.mark.parametrize("seed", range(4))
def test_keras_equals_reference(seed: int, encoder: str) -> None:
    x = np.random.default_rng(seed).integers(0, 256, (8, 6, 5, 2)).astype(np.float32) / 256
    graph = check_exact(random_model(seed, encoder), x)
    assert all(node.op.kernel.encoder == encoder for node in graph.linear_nodes)
    assert not np.array_equal(graph["conv"].op.kernel.members.ravel(), np.arange(12))  # columns of the window


def test_a_trained_network_survives_and_fine_tuning_improves_it(tmp_path: Path) -> None:
    model, data = nets.trained(), nets.digits()
    x = datasets.to_float(data.x_test)
    quantised = METHOD.quantize(model, nets.calibration(1000), TabConvOptions(subspace=2))
    before = accuracy(quantised, x, data.y_test)
    assert before >= 0.93 * accuracy(model, x, data.y_test)  # the paper's criterion, every layer tabularised, nothing trained
    graph = check_exact(quantised, x[:60])
    assert all(node.op.kernel.operations().multiplications == 0 for node in graph.linear_nodes)
    kernel = quantised.get_layer("conv2").kernel.numpy()
    train(quantised, nets.split(), Recipe(epochs=2, batch=64, shift=0, learning_rate=2e-3), seed=1, teacher=model)
    assert accuracy(quantised, x, data.y_test) > before
    assert np.array_equal(quantised.get_layer("conv2").kernel.numpy(), kernel)  # the latent kernel rests
    check_exact(quantised, x[:60])
    quantised.save(tmp_path / "model.keras")
    assert np.array_equal(logits(load_model(tmp_path / "model.keras"), x[:50]), logits(quantised, x[:50]))


def test_exact_encoder_multiplies_and_says_so() -> None:
    quantised = METHOD.quantize(nets.trained(), nets.calibration(), TabConvOptions(encoder="exact", prototypes=6))
    graph = check_exact(quantised, nets.calibration(40))
    assert all(node.op.kernel.operations().multiplications > 0 for node in graph.linear_nodes)


def test_many_prototypes_make_the_layer_exact() -> None:
    """K covers all distinct sub-vectors of the calibration data: the first layer differs by the rounding of its table only."""
    model, x = nets.trained(), nets.calibration(20)
    options = TabConvOptions(encoder="exact", prototypes=1024, subspace=1, table_bits=16)
    rebuilder = METHOD.keras.rebuilder(FloatNetwork.read(model, x), options)
    rebuilder.build()
    assert rebuilder.similarity["conv1"] > 0.999999


def test_thresholds_and_tables_are_what_is_trained() -> None:
    layer = random_model(0, "tree").get_layer("conv")
    assert sorted(v.name.split("/")[-1] for v in layer.trainable_variables) == ["bias:0", "table:0", "thresholds:0"]
    with tf.GradientTape() as tape:
        x = tf.constant(np.random.default_rng(0).random((4, 6, 5, 2)).astype(np.float32))
        loss = tf.reduce_sum(tf.square(layer(x, training=True)))
    assert all(np.abs(g.numpy()).max() > 0 for g in tape.gradient(loss, layer.trainable_variables))


def test_what_cannot_be_tabularised_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"2, 4, 8, \.\.\. leaves, got 12"):
        METHOD.quantize(nets.trained(), nets.calibration(), TabConvOptions(prototypes=12))
    with pytest.raises(UnsupportedLayerError, match="layer 'dw': a depthwise convolution"):
        METHOD.quantize(nets.residual(), nets.calibration(), TabConvOptions())
