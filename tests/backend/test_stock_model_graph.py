# SPDX-License-Identifier: Apache-2.0
"""hls4ml's model object of a float network: traces, saved files, plots, profiles, its command line, layers of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
from hls4ml.converters.keras_v2_to_hls import get_layer_handlers

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.errors import ConfigError, UnsupportedLayerError
from dietcnn_hls.lowered.storage import load_graph
from dietcnn_hls.tf import tf

L = tf.keras.layers
PRECISION = {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1}}


def network() -> Any:
    """Two dense layers and a softmax."""
    tf.keras.utils.set_random_seed(3)
    layers = [L.InputLayer((4,), name="x"), L.Dense(6, activation="relu", name="a"), L.Dense(3, name="b")]
    return tf.keras.Sequential([*layers, L.Activation("softmax", name="s")])


def converted(folder: Path, config: dict[str, Any] | None = None) -> Any:
    return hls4ml.converters.convert_from_keras_model(
        network(), hls_config=config or PRECISION, backend="DietCNN", output_dir=str(folder), project_name="net"
    )


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (20, 4)).astype(np.float32)


def values(made: Any, x: np.ndarray) -> np.ndarray:
    graph = lowered_graph(made)
    return np.asarray(reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x))))


def test_saved_models_load_and_compute_the_same(tmp_path: Path, x: np.ndarray) -> None:
    made = converted(tmp_path / "out")
    made.save(str(tmp_path / "model.fml"))
    loaded = hls4ml.converters.load_saved_model(str(tmp_path / "model.fml"))
    assert [layer.name for layer in loaded.get_layers()] == [layer.name for layer in made.get_layers()]
    assert np.array_equal(values(loaded, x), values(made, x))


def test_traces_are_close_to_what_keras_layers_yield(tmp_path: Path, x: np.ndarray) -> None:
    """By the names of hls4ml's layers, within the steps of their grids; outputs are those of predict."""
    made, model = converted(tmp_path), network()
    outputs, layers = made.trace(x)
    assert np.array_equal(outputs, values(made, x)) and {"a", "a_relu", "b", "s"} <= set(layers)
    keras = np.asarray(tf.keras.Model(model.inputs, model.get_layer("b").output)(x))
    assert layers["b"].shape == keras.shape and np.abs(layers["b"] - keras).max() < 0.05


def test_every_layer_has_its_variable_and_its_type(tmp_path: Path) -> None:
    made = converted(tmp_path)
    for layer in made.get_layers():
        assert made.get_layer_output_variable(layer.name) is layer.get_output_variable()
    assert str(made.get_layer_output_variable("x").type.precision).startswith("fixed<16,6")


def test_numerical_profiles_are_refused_by_their_name(tmp_path: Path) -> None:
    """hls4ml converts the model once more without optimizers, which leaves nothing lowered."""
    with pytest.raises(ConfigError, match=r"Optimizers: .*profiling\.numerical sets it"):
        converted(tmp_path, PRECISION | {"Optimizers": []})


def test_hls4mls_command_line_reads_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, x: np.ndarray) -> None:
    """``hls4ml convert -c FILE``, with `Backend: DietCNN` in the file."""
    from hls4ml import cli

    network().save(tmp_path / "net.h5")
    (tmp_path / "config.yml").write_text(
        "{KerasModel: net.h5, OutputDir: out, ProjectName: mine, Backend: DietCNN, Part: xc7z020clg400-1, ClockPeriod: 5, "
        "IOType: io_stream, HLSConfig: {Model: {Precision: 'ap_fixed<16,6>', ReuseFactor: 1}}}"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["hls4ml", "convert", "-c", "config.yml"])
    cli.main()
    graph = load_graph(tmp_path / "out" / "lowered_graph.npz")
    assert (tmp_path / "out/firmware/mine.cpp").is_file() and graph.name == "mine"
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(found, values(converted(tmp_path / "again"), x))
    (tmp_path / "config.yml").write_text((tmp_path / "config.yml").read_text().replace("ReuseFactor: 1", "ReuseFactr: 1"))
    with pytest.raises(ConfigError, match="ReuseFactr"):
        cli.main()


class KReverse(L.Layer):
    """hls4ml's example of a layer of the user's own."""

    def call(self, x: Any) -> Any:
        return tf.reverse(x, axis=[-1])


class HReverse(hls4ml.model.layers.Layer):
    """The same as hls4ml's recipe registers it."""

    def initialize(self) -> None:
        source = self.get_input_variable()
        self.add_output_variable(list(source.shape), getattr(source, "dim_names", None))


def test_a_layer_of_the_users_own_is_refused_by_its_name(tmp_path: Path) -> None:
    """C++ that a user registers has no lowering: the layer is named, and its template is not taken."""

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, reader: Any) -> Any:
        layer = {"class_name": "HReverse", "name": keras_layer["config"]["name"]}
        return layer | ({} if input_names is None else {"inputs": input_names}), list(input_shapes[0])

    hls4ml.converters.register_keras_v2_layer_handler("KReverse", parse)
    if "HReverse" not in hls4ml.model.layers.layer_map:
        hls4ml.model.layers.register_layer("HReverse", HReverse)
    try:
        model = tf.keras.Sequential([L.InputLayer((4,)), KReverse(name="turned"), L.Dense(3)])
        with pytest.raises(UnsupportedLayerError, match=r"layer 'turned' \(KReverse\)"):
            hls4ml.converters.convert_from_keras_model(model, hls_config=PRECISION, backend="DietCNN", output_dir=str(tmp_path))
        template = type("ReverseTemplate", (), {"__module__": "mine"})
        with pytest.raises(ConfigError, match=r"takes no template \(ReverseTemplate\)"):
            hls4ml.backends.get_backend("DietCNN").register_template(template)
    finally:
        get_layer_handlers().pop("KReverse")
