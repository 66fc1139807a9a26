# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (tables of cases read best one to a line)
"""What has no lowering is refused by layer, class and remedy, through the stock converter and through ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend import convert
from dietcnn_hls.backend.graphs import lowered_graph
from dietcnn_hls.errors import ConfigError, DietError, ExactnessWarning, LoweringError, UnsupportedLayerError
from dietcnn_hls.methods.dietcnn.training import Codebook
from dietcnn_hls.training.layers import CodebookActivation, ExactBatchNormalization, LookupConv2D, LookupDense
from tests.backend.keras_models import keras_layers, qkeras, tf


def functional(*layers: Any, shape: tuple[int, ...] = (6, 6, 2), encoder: bool = True) -> Any:
    """An encoder, then `layers`, as a model."""
    x = inputs = keras_layers.Input(shape, name="image")
    for layer in (*((CodebookActivation(8, 5, name="encoder"),) if encoder else ()), *layers):
        x = layer(x)
    return tf.keras.Model(inputs, x, name="model")


def conv(name: str = "conv", **options: Any) -> Any:
    return LookupConv2D(
        3, 3, kernel_quantizer=Codebook(4, 3), bias_fraction=options.pop("bias_fraction", 8), name=name, **options
    )


def stock(model: Any, folder: Path) -> Any:
    return hls4ml.converters.convert_from_keras_model(model, output_dir=str(folder), backend="DietCNN")


def quantised(kind: str) -> Any:
    return qkeras.QActivation(kind, name="act")


def shared() -> Any:
    inputs = keras_layers.Input((6, 6, 3), name="image")
    x = CodebookActivation(8, 5, name="encoder")(inputs)
    layer = LookupConv2D(3, 3, padding="same", kernel_quantizer=Codebook(4, 3), bias_fraction=8, name="twice")
    act = CodebookActivation(8, 5, name="act")
    return tf.keras.Model(inputs, layer(act(layer(x))), name="model")


def two_outputs() -> Any:
    inputs = keras_layers.Input((6, 6, 2), name="image")
    return tf.keras.Model(inputs, [conv("a")(inputs), conv("b")(inputs)], name="model")


def concatenated() -> Any:
    inputs = keras_layers.Input((6, 6, 2), name="image")
    x = CodebookActivation(8, 5, name="encoder")(inputs)
    return tf.keras.Model(inputs, keras_layers.Concatenate(name="join")([x, x]), name="model")


def subtracted() -> Any:
    inputs = keras_layers.Input((6, 6, 2), name="image")
    x = CodebookActivation(8, 5, name="encoder")(inputs)
    return tf.keras.Model(inputs, keras_layers.Subtract(name="minus")([x, x]), name="model")


def called_with_training() -> Any:
    inputs = keras_layers.Input((6, 6, 2), name="image")
    return tf.keras.Model(inputs, conv()(keras_layers.Dropout(0.5, name="drop")(inputs, training=True)), name="model")


CASES: list[tuple[str, Callable[[], Any], str]] = [
    ("stock batch-norm", lambda: functional(conv(), keras_layers.BatchNormalization(name="bn")), r"layer 'bn' \(BatchNormalization\).*ExactBatch"),
    ("float conv", lambda: functional(keras_layers.Conv2D(3, 3, name="c")), r"layer 'c' \(Conv2D\).*weights are floats.*fit_codebooks"),
    ("float dense", lambda: functional(keras_layers.Flatten(), keras_layers.Dense(3, name="d")), r"layer 'd' \(Dense\).*floats"),
    ("unquantised QConv2D", lambda: functional(qkeras.QConv2D(3, 3, name="q")), r"layer 'q' \(Conv2D|QConv2D\).*floats"),
    ("relu", lambda: functional(conv(), keras_layers.Activation("relu", name="r")), r"layer 'r' \(Activation 'relu'\).*CodebookActivation"),
    ("ReLU layer", lambda: functional(conv(), keras_layers.ReLU(name="r")), r"layer 'r' .*CodebookActivation"),
    ("sigmoid", lambda: functional(conv(), keras_layers.Activation("sigmoid", name="s")), r"layer 's' \(Activation 'sigmoid'\)"),
    ("leaky relu", lambda: functional(conv(), keras_layers.LeakyReLU(name="l")), r"layer 'l' \(LeakyReLU\).*CodebookActivation"),
    ("early softmax", lambda: functional(keras_layers.Softmax(name="s"), conv()), r"layer 's' \(Softmax\).*last layer"),
    ("average pool", lambda: functional(keras_layers.AveragePooling2D(name="p")), r"layer 'p' \(AveragePooling2D\).*MaxPooling2D"),
    ("global pool", lambda: functional(keras_layers.GlobalMaxPooling2D(name="p")), r"layer 'p' \(GlobalMaxPooling2D\).*whole image"),
    ("upsampling", lambda: functional(keras_layers.UpSampling2D(name="u")), r"layer 'u' \(UpSampling2D\) has no lowering: known are"),
    ("concatenate", concatenated, r"layer 'join' \(Concatenate\)"),
    ("subtract", subtracted, r"layer 'minus' \(Subtract\|Merge\)|layer 'minus' .*only Add"),
    ("batch-norm at the end", lambda: functional(conv(), ExactBatchNormalization(name="bn")), r"layer 'bn' .*feeds the model's output; put"),
    ("two batch-norms", lambda: functional(conv(), ExactBatchNormalization(name="a"), ExactBatchNormalization(name="b"), CodebookActivation(4, 5)), r"layer 'a' .*feeds 'b'|layer 'a' .*feeds"),
    ("sequence", lambda: functional(shape=(5, 4)), r"layer 'image' \(Input\).*images \(H, W, C\) or vectors"),
    ("channels first", lambda: functional(keras_layers.MaxPooling2D(data_format="channels_first", name="p")), r"layer 'p' .*channels_last"),
    ("dilation", lambda: functional(qkeras.QConv2D(3, 2, dilation_rate=2, kernel_quantizer="quantized_bits(4,0,alpha=1)", name="q")), r"layer 'q' \(QConv2D\).*dilation_rate=1"),
    ("groups", lambda: functional(qkeras.QConv2D(2, 2, groups=2, kernel_quantizer="quantized_bits(4,0,alpha=1)", name="q")), r"layer 'q' \(QConv2D\).*groups=1"),
    ("two outputs", two_outputs, r"model 'model' has 1 inputs and 2 outputs"),
    ("leaky quantised relu", lambda: functional(conv(), quantised("quantized_relu(4,0,negative_slope=0.25)")), r"layer 'act'"),
    ("one-bit activation", lambda: functional(conv(), quantised("quantized_bits(1,0,alpha=1)")), r"layer 'act'.*sign.*bits=2"),
    ("dense on an image", lambda: functional(LookupDense(3, kernel_quantizer=Codebook(4, 3), name="d")), r"layer 'd' \(LookupDense\).*reads an image of shape \(6, 6, 2\); put Flatten before it, or use a convolution of kernel_size=1"),
    ("softmax over another axis", lambda: functional(conv(), keras_layers.Softmax(axis=1, name="s")), r"layer 's' \(Softmax\).*axis=1 is not the last"),
    ("call with an argument", called_with_training, r"layer 'drop' \(Dropout\).*called with training=True"),
    ("ternary kernel", lambda: functional(qkeras.QConv2D(3, 3, kernel_quantizer=qkeras.ternary(alpha=1), name="q")), r"layer 'q': no method lowers the kernel quantiser 'ternary'"),
]  # fmt: skip


@pytest.mark.parametrize("title, model, text", CASES, ids=[title for title, *_ in CASES])
@pytest.mark.parametrize("converter", [stock, convert])
def test_unsupported_layers_are_named_with_a_remedy(
    tmp_path: Path, converter: Callable[..., Any], title: str, model: Callable[[], Any], text: str
) -> None:
    with pytest.raises(UnsupportedLayerError, match=text):
        converter(model(), tmp_path)


@pytest.mark.parametrize(
    "layer",
    [
        keras_layers.Lambda(lambda x: x, name="any"),
        keras_layers.SpatialDropout2D(0.2, name="any"),
        quantised("quantized_tanh(4)"),
    ],
)
def test_layers_that_hls4ml_cannot_read_are_refused_by_convert(tmp_path: Path, layer: Any) -> None:
    with pytest.raises(UnsupportedLayerError, match=f"layer '{layer.name}' .*has no lowering"):
        convert(functional(layer), tmp_path)


def test_nested_models_are_refused(tmp_path: Path) -> None:
    inner = functional(conv())
    outer = tf.keras.Sequential([keras_layers.Input((6, 6, 2)), inner])
    with pytest.raises(UnsupportedLayerError, match=r"layer 'model' .*models inside models"):
        convert(outer, tmp_path)


def test_a_layer_that_is_used_twice_is_two_layers(tmp_path: Path) -> None:
    model = shared()
    graph = lowered_graph(convert(model, tmp_path))
    assert [node.name for node in graph.nodes] == ["image", "encoder", "twice", "act", "twice_2"]
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3)) / 256
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(found, np.asarray(model(x.astype(np.float32), training=False)))


def test_a_layer_that_another_model_uses_too_converts(tmp_path: Path) -> None:
    model = functional(conv(), CodebookActivation(4, 5, name="act"))
    again = functional(*model.layers[1:], encoder=False)
    for each in (model, again):
        assert [n.name for n in lowered_graph(convert(each, tmp_path)).nodes] == ["image", "encoder", "conv", "act"]


class Subclassed(tf.keras.Model):
    def call(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    "model", [Subclassed(name="own"), tf.keras.Sequential(name="own"), tf.keras.Sequential([conv()], name="own")]
)
def test_models_without_a_known_input_are_refused(tmp_path: Path, model: Any) -> None:
    with pytest.raises(
        UnsupportedLayerError, match=r"model 'own' is not built, or not Sequential or functional.*begin it with an Input"
    ):
        convert(model, tmp_path)


def test_sums_that_float32_may_round_are_announced(tmp_path: Path) -> None:
    wide = qkeras.QConv2D(1, 3, kernel_quantizer=qkeras.quantized_bits(16, 0, alpha=1), use_bias=False, name="wide")
    model = functional(wide, shape=(6, 6, 8), encoder=False)
    with pytest.warns(ExactnessWarning, match="layer 'wide' .*2\\^24"):
        convert(assigned(model, "wide", "kernel", 0.5), tmp_path)


def assigned(model: Any, layer: str, variable: str, value: float) -> Any:
    found = getattr(model.get_layer(layer), variable)
    found.assign(np.full(found.shape, value, np.float32))
    return model


def codebook_without_zero() -> Any:
    model = functional(conv(padding="same"))
    model.get_layer("encoder").set_codebook(np.arange(1, 9) / 32, np.arange(1, 8) / 8)
    return model


LOWERING: list[tuple[str, Callable[[], Any], str]] = [
    ("NaN weights", lambda: assigned(functional(conv()), "conv", "kernel", np.nan), "layer 'conv': weights hold NaN or Inf"),
    ("Inf bias", lambda: assigned(functional(conv()), "conv", "bias", np.inf), "layer 'conv': weights hold NaN or Inf"),
    ("NaN thresholds", lambda: assigned(functional(conv()), "encoder", "thresholds", np.nan), "layer 'encoder': thresholds hold NaN"),
    ("levels off the grid", lambda: assigned(functional(conv()), "encoder", "levels", 0.3), r"layer 'encoder': levels are not on the grid 2\^-5"),
    ("variance below zero", lambda: assigned(functional(conv(), ExactBatchNormalization(name="bn"), CodebookActivation(4, 5)), "bn", "moving_variance", -1), "layer 'bn': batch-norm holds NaN"),
    ("bias finer than the sums", lambda: assigned(functional(conv(bias_fraction=12)), "conv", "bias", 2.0**-12), r"layer 'conv': the bias is not on the accumulator's grid 2\^-8; set bias_fraction to at most 8"),
    ("padding without a zero", codebook_without_zero, "layer 'conv' pads with zero, but the codebook that it reads has no exact zero"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("title, model, text", LOWERING, ids=[title for title, *_ in LOWERING])
def test_what_cannot_be_exact_is_refused(tmp_path: Path, title: str, model: Callable[[], Any], text: str) -> None:
    with pytest.raises(LoweringError, match=text):
        stock(model(), tmp_path)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"io_type": "io_serial"}, r"unknown io_type 'io_serial'\. Did you mean"),
        ({"project_name": "my project"}, "'my project' cannot name a design"),
        ({"clock_peroid": 3}, "backend DietCNN has no option 'clock_peroid'. Did you mean 'clock_period'"),
        ({"hls_config": {"LayerName": {"convv": {"ReuseFactor": 2}}}}, "the model has no layer 'convv'. Did you mean 'conv'"),
        (
            {"hls_config": {"Model": {"Strategy": "distributed_arithmetic"}}},
            "hls_config.Model: asks for Strategy 'distributed_arithmetic'",
        ),
        ({"hls_config": {"Model": {"ReuseFactor": 0}}}, "hls_config.Model: asks for ReuseFactor 0"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(tmp_path: Path, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        hls4ml.converters.convert_from_keras_model(functional(conv()), output_dir=str(tmp_path), backend="DietCNN", **options)


def test_convert_names_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes a Keras model or a LoweredGraph, not str"):
        convert("model.h5", tmp_path)


def test_other_backends_models_are_not_lowered(tmp_path: Path) -> None:
    model = functional(keras_layers.Flatten(name="f"), keras_layers.Dense(3, name="d"), encoder=False)
    other = hls4ml.converters.convert_from_keras_model(model, output_dir=str(tmp_path), backend="Vitis")
    with pytest.raises(LoweringError, match="layer 'image' is not lowered; convert the model with backend='DietCNN'"):
        lowered_graph(other)


def test_every_error_is_one_that_users_can_act_on() -> None:
    assert issubclass(UnsupportedLayerError, DietError) and issubclass(LoweringError, DietError)


UNREAD: dict[str, Callable[[], Any]] = {
    "Rescaling": lambda: keras_layers.Rescaling(0.5, name="it"),
    "LocallyConnected2D": lambda: keras_layers.LocallyConnected2D(2, 2, name="it"),
}


@pytest.mark.parametrize("kind", UNREAD)
def test_what_hls4mls_own_parser_cannot_read_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    model = tf.keras.Sequential(
        [
            keras_layers.InputLayer((6, 6, 2)),
            keras_layers.Conv2D(2, 3),
            UNREAD[kind](),
            keras_layers.Flatten(),
            keras_layers.Dense(2),
        ]
    )
    options = {"hls_config": {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1}}, "output_dir": str(tmp_path)}
    with pytest.raises(
        UnsupportedLayerError, match=rf"layer 'it' \({kind}\) has no lowering: hls4ml's parser stops at it .*; write it"
    ):
        hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", **options)
    with pytest.raises(Exception) as other:  # another backend's refusals stay hls4ml's own
        hls4ml.converters.convert_from_keras_model(model, backend="Vitis", **options)
    assert not isinstance(other.value, UnsupportedLayerError)


STATED: list[tuple[Any, str]] = [
    (keras_layers.Dense(3, activation=keras_layers.ReLU(), name="it"), "its activation is a layer, ReLU; put it behind this one"),
    (keras_layers.GRU(3, name="it"), 'Conv1D with padding="causal"'),
    (keras_layers.Bidirectional(keras_layers.LSTM(3), name="it"), 'Conv1D with padding="causal"'),
    (keras_layers.LayerNormalization(name="it"), "use BatchNormalization"),
    (keras_layers.TimeDistributed(keras_layers.Flatten(), name="it"), "use Conv1D or Conv2D over all steps"),
    (keras_layers.Lambda(lambda x: x, name="it"), r"register_activation\(\)"),
]


@pytest.mark.parametrize(("layer", "words"), STATED, ids=[type(layer).__name__ for layer, _ in STATED])
def test_what_nothing_makes_convertible_is_refused_before_its_keys_are_looked_at(layer: Any, words: str, tmp_path: Path) -> None:
    """A configuration by name holds keys and types of such layers that mean nothing else."""
    model = tf.keras.Sequential([keras_layers.InputLayer((6, 3)), layer])
    entry = {"it": {"Precision": {"recurrent_weight": "auto"}, "RecurrentReuseFactor": 1, "TableRangePower2": 1}}
    for config in ({"Model": {"Precision": "fixed<16,6>"}}, {"Model": {"Precision": "fixed<16,6>"}, "LayerName": entry}):
        with pytest.raises(UnsupportedLayerError, match=rf"layer 'it' \({type(layer).__name__}\).*{words}"):
            hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", output_dir=str(tmp_path), hls_config=config)
