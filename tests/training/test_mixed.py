# SPDX-License-Identifier: Apache-2.0
"""Whole models of one method or several: Keras = reference = C-simulation, and every layer is its own method's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.api import convert
from dietcnn_hls.errors import ConfigError, UnsupportedLayerError
from dietcnn_hls.lowered import Linear
from dietcnn_hls.methods.choice import method_choice
from dietcnn_hls.training import logits
from dietcnn_hls.training.tf import tf

SIGNED_DIGITS = {"name": "conlocnn", "weight_bits": 6}
CHOICES: dict[str, Any] = {
    "conlocnn": "conlocnn",
    "deepchip": "deepchip",
    "edges": {"name": "deepchip", "layers": {"conv1": SIGNED_DIGITS, "logits": SIGNED_DIGITS}},
    "all": {"name": "deepchip", "layers": {"conv1": "dietcnn", "hidden": "fixed_point", "logits": SIGNED_DIGITS}},
    "symbols": {"name": "dietcnn", "layers": {"conv2": "deepchip", "hidden": SIGNED_DIGITS}},
    "reversed": {
        "name": "conlocnn",
        "layers": {"conv1": "deepchip", "hidden": {"name": "deepchip", "power_of_two_scales": True}},
    },
}


def float_model(residual: bool = False) -> tf.keras.Model:
    keras = tf.keras.layers
    tf.keras.utils.set_random_seed(6)
    entry = keras.Input((8, 8, 1))
    x = keras.Conv2D(6, 3, padding="same", use_bias=False, name="conv1")(entry)
    x = keras.ReLU(name="relu1")(keras.BatchNormalization(name="norm1")(x))
    x = keras.MaxPooling2D(name="pool")(x)
    y = keras.ReLU(name="relu2")(keras.Conv2D(6, 3, padding="same", name="conv2")(x))
    x = keras.Flatten(name="flat")(keras.Add(name="join")([x, y]) if residual else y)
    x = keras.Dense(12, activation="relu", name="hidden")(x)
    model = tf.keras.Model(entry, keras.Dense(10, name="logits")(x), name="small")
    model.get_layer("norm1").gamma.assign([1.0, -0.5, 2.0, 0.25, -1.0, 0.1])
    model.get_layer("norm1").moving_variance.assign([0.5, 1.0, 2.0, 0.1, 0.3, 1.0])
    return model


def images(count: int = 80) -> np.ndarray:
    return (np.random.default_rng(9).integers(0, 256, (count, 8, 8, 1)) / 256).astype(np.float32)


def methods_of(choice: Any) -> dict[str, str]:
    """The method that each layer should have."""
    spec = choice if isinstance(choice, Mapping) else {"name": choice}
    names = {name: spec["name"] for name in ("conv1", "conv2", "hidden", "logits")}
    return names | {k: v if isinstance(v, str) else v["name"] for k, v in spec.get("layers", {}).items()}


@pytest.mark.parametrize("name", CHOICES)
def test_keras_reference_and_c_simulation_agree(name: str, tmp_path: Path) -> None:
    model = method_choice(CHOICES[name], "method").quantize(float_model(), images())
    graph = convert(model, "net")
    found = {node.name: node.op.kernel.method for node in graph.nodes if isinstance(node.op, Linear)}
    assert found == methods_of(CHOICES[name])
    codes = reference.quantize_input(graph, images())
    outputs = reference.predict(graph, codes)
    assert np.array_equal(reference.output_values(graph, outputs), logits(model, images()))
    assert len(np.unique(outputs)) > 50
    hls.generate(graph, tmp_path)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), outputs)


def test_trained_batch_norms_of_shifts_stay_exact() -> None:
    """After training, exponents and shifts are no longer those of the conversion."""
    model = method_choice("deepchip", "method").quantize(float_model(), images())
    model.compile(tf.keras.optimizers.Adam(2e-2), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.get_layer("norm1").exponents.numpy().tolist()
    model.fit(images(), np.arange(80) % 10, batch_size=16, epochs=6, verbose=0)
    assert model.get_layer("norm1").exponents.numpy().tolist() != before
    graph = convert(model, "net")
    outputs = reference.predict(graph, reference.quantize_input(graph, images()))
    assert np.array_equal(reference.output_values(graph, outputs), logits(model, images()))


def test_residual_adds_of_uniform_streams_work() -> None:
    choice = method_choice({"name": "conlocnn", "layers": {"conv2": "deepchip"}}, "method")
    model = choice.quantize(float_model(residual=True), images())
    graph = convert(model, "net")
    outputs = reference.predict(graph, reference.quantize_input(graph, images()))
    assert np.array_equal(reference.output_values(graph, outputs), logits(model, images()))


def test_a_layer_that_the_network_lacks_is_named_with_a_suggestion() -> None:
    choice = method_choice({"name": "deepchip", "layers": {"conv_1": "conlocnn"}}, "method")
    with pytest.raises(ConfigError, match=r"no conv or dense layer 'conv_1'. Did you mean 'conv1'\?"):
        choice.quantize(float_model(), images())


@pytest.mark.parametrize(
    "spec, text",
    [
        ({"name": "deepchip", "layers": ["conv1"]}, r"method.layers: give a method for each layer"),
        ({"name": "deepchip", "layers": {"conv1": {"name": "conlocn"}}}, "Did you mean 'conlocnn'"),
        ({"name": "deepchip", "layers": {"conv1": {"name": "conlocnn", "weight_bit": 3}}}, r"method.layers.conv1: unknown key"),
        ({"layers": {}}, "method: give the name of a method"),
    ],
)
def test_bad_choices_are_refused_before_any_work(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        method_choice(spec, "method")


def test_unsupported_layers_are_refused() -> None:
    model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(3, activation="gelu", name="d")])
    with pytest.raises(UnsupportedLayerError, match="'gelu' has no lowering"):
        method_choice({"name": "deepchip", "layers": {"d": "conlocnn"}}, "method").quantize(model, np.zeros((2, 4)))
