# SPDX-License-Identifier: Apache-2.0
"""Activations as tables: those that hls4ml has none of, a user's own, QKeras' quantisers; softmax in all of hls4ml's ways."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import qkeras

import dietcnn_hls
from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.backend.functions import _FUNCTIONS, find_function, known_functions
from dietcnn_hls.backend.readers.stock.fixed import FixedType
from dietcnn_hls.backend.readers.stock.quantisers import rectify
from dietcnn_hls.errors import ConfigError, SaturationWarning, UnsupportedLayerError
from dietcnn_hls.tf import tf
from tests.backend.stock_models import ours, stock

L = tf.keras.layers
GIVEN = "fixed<9,4>"
RESULT = FixedType(11, 7, True, "half_even", "saturate")
CODES = np.arange(-256, 256)


def converted(layer: Any, folder: Path, result: str | None = "fixed<11,4,RND_CONV,SAT>", given: str = GIVEN) -> Any:
    """One activation on all codes of its input."""
    model = tf.keras.Sequential([L.InputLayer((1,), name="x"), layer])
    names: dict[str, Any] = {"x": {"Precision": {"result": given}}}
    if result is not None:
        names[layer.name] = {"Precision": {"result": result}}
    with contextlib.redirect_stdout(io.StringIO()):  # hls4ml prints each layer
        return hls4ml.converters.convert_from_keras_model(
            model,
            backend="DietCNN",
            output_dir=str(folder),
            hls_config={"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}, "LayerName": names},
        )


def table_of(made: Any) -> np.ndarray:
    graph = lowered_graph(made)
    return reference.output_values(graph, reference.predict(graph, CODES[:, None])).ravel()


@pytest.mark.parametrize("name", known_functions())
def test_a_table_holds_the_function_at_every_code(name: str, tmp_path: Path) -> None:
    found = table_of(converted(L.Activation(name, name="act") if hasattr(tf.keras.activations, name) else named(name), tmp_path))
    expected = RESULT.of_floats(find_function(name)(CODES / 32)) / 128  # type: ignore[misc]
    assert np.array_equal(found, expected)
    if hasattr(tf.keras.activations, name):  # and is the function that Keras has by this name
        keras = np.asarray(getattr(tf.keras.activations, name)(tf.constant(CODES / 32, tf.float64)))
        assert np.abs(np.clip(keras, RESULT.lo / 128, RESULT.hi / 128) - found).max() <= 2.0**-7


def named(name: str) -> Any:
    """A layer whose function Keras only knows by its name."""

    def function(x: Any) -> Any:
        return x

    function.__name__ = name
    return L.Activation(function, name="act")


def test_a_function_that_a_user_registers(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLayerError, match=r"layer 'act'.*'cube' has no lowering.*register_activation\(\)"):
        converted(named("cube"), tmp_path)
    dietcnn_hls.register_activation("cube", lambda x: x**3)
    try:
        assert np.array_equal(table_of(converted(named("cube"), tmp_path)), RESULT.of_floats((CODES / 32) ** 3) / 128)
        model = tf.keras.Sequential([L.InputLayer((2,)), L.Dense(2, activation=named("cube").activation, name="d")])
        made = hls4ml.converters.convert_from_keras_model(
            model, backend="DietCNN", output_dir=str(tmp_path), hls_config={"Model": {"Precision": "fixed<12,4>"}}
        )
        assert "d_cube" in {node.name for node in lowered_graph(made).nodes}
    finally:
        del _FUNCTIONS["cube"]


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [("sigmoid", np.exp, "hls4ml has a function of this name"), ("a b", np.exp, "Python identifier"), ("cube", 3, "no function")],
)
def test_what_cannot_be_registered(name: str, function: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dietcnn_hls.register_activation(name, function)


def test_tables_have_a_limit_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        UnsupportedLayerError, match=r"layer 'act'.*a table of 'gelu' for the 17 bits of its input.*up to 16 index bits"
    ):
        lowered_graph(converted(L.Activation("gelu", name="act"), tmp_path, given="fixed<17,4>"))


def test_a_function_without_a_value_is_refused(tmp_path: Path) -> None:
    dietcnn_hls.register_activation("root", np.sqrt)
    try:
        with pytest.raises(UnsupportedLayerError, match=r"layer 'act'.*'root' gives no number at -8"):
            lowered_graph(converted(named("root"), tmp_path))
    finally:
        del _FUNCTIONS["root"]


@pytest.mark.parametrize(
    "arguments", [{"max_value": 2.0}, {"max_value": 2.3}, {"negative_slope": 0.3, "threshold": 0.5, "max_value": 3}]
)
def test_a_relu_with_arguments(arguments: dict[str, float], tmp_path: Path) -> None:
    layer = L.ReLU(**arguments, name="act")
    found = table_of(converted(layer, tmp_path))
    given = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0, **arguments}
    expected = rectify(CODES / 32, **given)
    assert np.array_equal(found, RESULT.of_floats(expected) / 128)
    assert np.abs(np.asarray(layer(CODES / 32)) - expected).max() < 1e-6  # Keras' own, in float32


QUANTISERS = [
    qkeras.quantized_ulaw(6, 1),
    qkeras.quantized_po2(4),
    qkeras.quantized_relu_po2(4, max_value=2),
    qkeras.quantized_relu(5, 2, relu_upper_bound=1.5),
    qkeras.quantized_bits(4, 1, keep_negative=False, alpha=1),
    qkeras.quantized_hswish(6, 2),
    qkeras.binary(use_01=True, alpha=1),
]


@pytest.mark.parametrize("quantiser", QUANTISERS, ids=[type(each).__name__ for each in QUANTISERS])
def test_quantisers_that_hls4ml_has_no_words_for(quantiser: Any, tmp_path: Path) -> None:
    """Their values are QKeras' own, whatever types other layers have."""
    found = table_of(converted(qkeras.QActivation(quantiser, name="act"), tmp_path, result=None))
    assert np.array_equal(found, np.asarray(quantiser(tf.constant(CODES / 32, tf.float32))))


def test_a_scale_that_follows_from_the_data_is_refused(tmp_path: Path) -> None:
    layer = qkeras.QActivation(qkeras.quantized_bits(4, 1, keep_negative=False, alpha="auto"), name="act")
    with pytest.raises(UnsupportedLayerError, match=r"layer 'act'.*follows from the data; give it alpha=1"):
        converted(layer, tmp_path)


def heads() -> tuple[Any, dict[str, Any]]:
    """One output for each of hls4ml's softmaxes, a product with one value for all, a dot product; sums of rounded products."""
    x = L.Input((5,), name="x")
    dense, gate, other = (L.Dense(size, name=name)(x) for name, size in (("d", 6), ("gate", 1), ("other", 6)))
    ways = ("stable", "latency", "argmax", "legacy")
    ends = [L.Activation("softmax", name=way)(dense) for way in ways]
    model = tf.keras.Model(x, [*ends, L.Multiply(name="gated")([dense, gate]), L.Dot(1, name="dot")([dense, other])])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.8, w.shape) for w in model.get_weights()])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis", default_precision="fixed<14,5>")
    for way in ways:
        config["LayerName"][way]["Implementation"] = way
    config["LayerName"]["d"]["Precision"]["accum"] = "fixed<14,6,RND_CONV,WRAP>"
    config["LayerName"]["other"]["Precision"]["accum"] = "fixed<13,6,TRN_ZERO,WRAP>"
    config["LayerName"]["dot"]["Precision"]["accum"] = "fixed<16,8,RND_INF,WRAP>"
    return model, config


def test_softmax_in_all_of_hls4mls_ways(tmp_path: Path) -> None:
    model, config = heads()
    x = np.random.default_rng(1).normal(0, 2, (200, 5))
    theirs = stock(model, config, tmp_path / "stock").predict(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        found = ours(model, config, tmp_path / "ours", "io_stream").predict(x)
    for name, expected, got in zip(model.output_names, theirs, found, strict=True):
        assert np.array_equal(got, expected.reshape(got.shape)), name
    assert set(np.unique(theirs[2])) == {0, 1}


@pytest.mark.parametrize("axis", [1, 2, -2])
def test_softmax_over_any_axis_is_softmax_of_each_of_its_vectors(axis: int, tmp_path: Path) -> None:
    """hls4ml's own C++ takes all values for one vector."""
    model = tf.keras.Sequential([L.InputLayer((3, 4), name="x"), L.Softmax(axis=axis, name="s")])
    place = axis - 1 if axis > 0 else axis + 2
    row = tf.keras.Sequential([L.InputLayer(((3, 4)[place],), name="x"), L.Softmax(name="s")])
    config = {"Model": {"Precision": "fixed<12,4>", "ReuseFactor": 1}}
    graphs = []
    for each in (model, row):
        with contextlib.redirect_stdout(io.StringIO()):
            graphs.append(
                lowered_graph(
                    hls4ml.converters.convert_from_keras_model(
                        each, backend="DietCNN", output_dir=str(tmp_path), hls_config=config
                    )
                )
            )
    codes = np.random.default_rng(0).integers(-2048, 2048, (5, 3, 4))
    found = np.moveaxis(reference.predict(graphs[0], codes), 1 + place, -1)
    rows = np.moveaxis(codes, 1 + place, -1)
    assert np.array_equal(found, reference.predict(graphs[1], rows.reshape(-1, rows.shape[-1])).reshape(rows.shape))
