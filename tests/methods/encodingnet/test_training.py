# SPDX-License-Identifier: Apache-2.0
"""Encoded products in Keras: Keras = reference, padding included; conversion of a trained network; saving; gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.data import datasets
from dietcnn_hls.errors import ConfigError, UnsupportedLayerError
from dietcnn_hls.methods import get
from dietcnn_hls.methods.encodingnet import METHOD, EncodingOptions, library
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.encodingnet.training import EncodedProducts
from dietcnn_hls.training import LookupConv2D, LookupDense, UniformActivation, accuracy, load_model, logits
from dietcnn_hls.training.tf import tf
from tests.methods.encodingnet.examples import random_netlist
from tests.training import nets

L = tf.keras.layers


def random_model(seed: int) -> Any:
    """A small network of layers with a random encoder, whose zero times a weight is not zero."""
    rng, encoder = np.random.default_rng(seed), random_netlist(seed, 20, 8).to_dict()
    image = L.Input((6, 5, 2))
    x = UniformActivation(8, 6, signed=True)(image)
    conv = LookupConv2D(
        3,
        (3, 2),
        strides=(2, 1) if seed % 2 else 1,
        padding="same" if seed % 3 else "valid",
        kernel_quantizer=EncodedProducts(encoder, 7, 6),
        bias_fraction=13,
        name="conv",
    )
    x = UniformActivation(7, -4)(conv(x))
    dense = LookupDense(4, kernel_quantizer=EncodedProducts(encoder, 5, -4), bias_fraction=1, name="dense")
    model = tf.keras.Model(image, dense(L.Flatten()(x)), name="random")
    for layer in (conv, dense):
        layer.kernel.assign(rng.normal(0, 0.7, layer.kernel.shape))
        layer.bias.assign(rng.normal(0, 3, layer.bias.shape))
    return model


def check_exact(model: Any, x: np.ndarray) -> Any:
    graph = lower_keras(model, "net")
    outputs = reference.predict(graph, reference.quantize_input(graph, x))
    assert np.array_equal(reference.output_values(graph, outputs), logits(model, x))
    return graph


@pytest.mark.parametrize("seed", range(6))
def test_keras_equals_reference_with_arbitrary_encoders(seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 256, (8, 6, 5, 2)).astype(np.float32) / 256
    graph = check_exact(random_model(seed), x)
    assert all(isinstance(node.op.kernel, NetlistKernel) for node in graph.linear_nodes)


@pytest.mark.parametrize(("objective", "bits"), [("carry_cones", 28), ("nand2", 40)])
def test_a_trained_network_keeps_its_accuracy_and_is_exact(objective: str, bits: int, tmp_path: Path) -> None:
    model, data = nets.trained(), nets.digits()
    quantised = METHOD.quantize(model, nets.calibration(), EncodingOptions(bits=bits, objective=objective))
    x = datasets.to_float(data.x_test)
    graph = check_exact(quantised, x[:100])
    assert all(node.op.kernel.operations().multiplications == 0 for node in graph.linear_nodes)
    assert accuracy(quantised, x, data.y_test) >= accuracy(model, x, data.y_test) - 0.02
    quantised.save(tmp_path / "model.keras")
    assert np.array_equal(logits(load_model(tmp_path / "model.keras"), x[:50]), logits(quantised, x[:50]))


def test_bias_correction_takes_off_the_mean_error() -> None:
    model, x = nets.trained(), nets.calibration()
    folder = Path(library.__file__).parent / "encoders"
    plain, corrected = (
        METHOD.quantize(model, x, EncodingOptions(encoder=folder / "nand2_36.json", correct_bias=flag)) for flag in (False, True)
    )
    exact = logits(model, x)
    assert np.abs((logits(corrected, x) - exact).mean(axis=0)).sum() < np.abs((logits(plain, x) - exact).mean(axis=0)).sum()


def test_images_of_one_column_stay_of_known_size() -> None:
    """A width of one broadcasts with an unknown one, which the padding of the next layer then could not read."""
    keras = tf.keras.layers
    tf.keras.utils.set_random_seed(4)
    model = tf.keras.Sequential([keras.Input((8, 1, 1))])
    for layer in (keras.Conv2D(3, 1, strides=2), keras.ReLU(), keras.Conv2D(3, 3, padding="same"), keras.ReLU()):
        model.add(layer)
    model.add(keras.Flatten())
    model.add(keras.Dense(3))
    x = (np.random.default_rng(4).integers(0, 256, (40, 8, 1, 1)) / 256).astype(np.float32)
    check_exact(METHOD.quantize(model, x, EncodingOptions()), x)


def test_gradients_are_those_of_the_exact_product() -> None:
    encoder = random_netlist(4, 20, 8).to_dict()
    layer = LookupDense(3, kernel_quantizer=EncodedProducts(encoder, 7, 7), use_bias=False)
    x = tf.constant(np.random.default_rng(0).integers(0, 128, (5, 4)).astype(np.float32) / 128)
    layer.build(x.shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x, training=True))
    by_input, by_kernel = tape.gradient(total, [x, layer.kernel])
    decoded = layer.decoded_kernel()
    assert np.array_equal(by_input.numpy(), np.tile(decoded.sum(axis=1), (5, 1)).astype(np.float32))
    assert np.array_equal(by_kernel.numpy(), np.tile(x.numpy().sum(axis=0)[:, None], (1, 3)))
    assert not np.array_equal(layer(x, training=True).numpy(), x.numpy() @ decoded)


def test_what_has_no_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="no encoder of 47 bits for objective 'nand2' is shipped; there are 64, 56, 48, 40, 36"):
        METHOD.quantize(nets.trained(), nets.calibration(), EncodingOptions(bits=47, objective="nand2"))
    with pytest.raises(UnsupportedLayerError, match="layer 'dw': encoded products have no depthwise form"):
        METHOD.quantize(nets.residual(), nets.calibration(), EncodingOptions())
    assert get("encodingnet") is METHOD
