# SPDX-License-Identifier: Apache-2.0
"""Every argument of every layer and quantiser that the Keras path can meet: exact against Keras, or refused by the layer's name.

Each constructor argument is moved off its default, one at a time, in a small network. There is no third outcome. Arguments that
only shape training must be exact. The same holds for the model read from a file, compared with Keras' own reading of the file.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest

from dietcnn_hls import backend, reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.backend.readers.keras.arguments import ARGUMENTS
from dietcnn_hls.errors import DietError
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.training.integer_layers import ShiftBatchNormalization, SumPooling2D, UniformActivation
from dietcnn_hls.training.layers import CodebookActivation, ExactBatchNormalization
from tests.backend.keras_models import keras_layers as L
from tests.backend.keras_models import qkeras, tf
from tests.cases import EXHAUSTIVE, spread

SHAPE = (6, 6, 2)
KERNEL = "quantized_bits(5,0,alpha=1)"
BIAS = "quantized_bits(6,1,alpha=1)"

VALUES: dict[str, list[Any]] = {
    "bits": [1, 2, 4],
    "integer": [-1, 1, 3],
    "robust_masking": [True],
    "symmetric": [1, True],
    "keep_negative": [False],
    "alpha": [1.0, 0.5, 2, "auto", "auto_po2", None],
    "use_stochastic_rounding": [True],
    "scale_axis": [0, 1],
    "qnoise_factor": [0.0, 0.5],
    "var_name": ["own"],
    "use_ste": [False],
    "use_variables": [True],
    "use_sigmoid": [1],
    "negative_slope": [0.25],
    "relu_upper_bound": [1.5, 0.3, 6.0],
    "is_quantized_clip": [False],
    "u": [100.0],
    "use_real_tanh": [True],
    "use_real_sigmoid": [True, False],
    "threshold": [0.5],
    "number_of_unrolls": [2],
    "temperature": [3.0],
    "use_01": [True],
    "max_value": [1, 2],
    "quadratic_approximation": [True],
    "log2_rounding": ["floor"],
    "relu_shift": [2],
    "filters": [1, 5],
    "units": [1, 5],
    "kernel_size": [1, 2, (1, 3)],
    "strides": [2, (2, 1), 1],
    "padding": ["same", "valid"],
    "data_format": ["channels_last", "channels_first"],
    "dilation_rate": [2, (1, 2), 1],
    "groups": [2, 1],
    "depth_multiplier": [2],
    "activation": [
        "relu",
        "softmax",
        "sigmoid",
        "linear",
        "quantized_relu(4,1)",
        "quantized_bits(4,1,alpha=1)",
        "quantized_tanh(4)",
    ],
    "use_bias": [False, True],
    "bias_quantizer": [
        None,
        "quantized_bits(4,1,alpha=1)",
        "quantized_bits(20,0,alpha=1)",
        "quantized_po2(4)",
        "binary(alpha=1)",
    ],
    "kernel_quantizer": [None, "binary(alpha=1)", "ternary(alpha=1)", "quantized_po2(4)", "quantized_relu(4,0)", "bernoulli()"],
    "depthwise_quantizer": [None, "ternary(alpha=1)", "quantized_bits(4,0)"],
    "kernel_initializer": ["ones"],
    "depthwise_initializer": ["ones"],
    "bias_initializer": ["ones"],
    "kernel_regularizer": ["l2"],
    "depthwise_regularizer": ["l2"],
    "bias_regularizer": ["l2"],
    "activity_regularizer": ["l2"],
    "kernel_constraint": ["max_norm"],
    "depthwise_constraint": ["max_norm"],
    "bias_constraint": ["max_norm"],
    "kernel_range": [1.0],
    "depthwise_range": [1.0],
    "bias_range": [1.0],
    "pool_size": [3, (1, 2)],
    "target_shape": [(-1,), (4, -1, 1), (36, 2), (72,), (2, 18, 2)],
    "axis": [1, -1, 3, 2],
    "rate": [0.9],
    "noise_shape": [(1, 6, 6, 2)],
    "seed": [3],
    "epsilon": [0.1],
    "momentum": [0.5],
    "center": [False],
    "scale": [False],
    "beta_initializer": ["ones"],
    "gamma_initializer": ["zeros"],
    "moving_mean_initializer": ["ones"],
    "moving_variance_initializer": ["ones"],
    "beta_regularizer": ["l2"],
    "gamma_regularizer": ["l2"],
    "beta_constraint": ["max_norm"],
    "gamma_constraint": ["max_norm"],
    "synchronized": [True],
    "lowest": [-2],
    "highest": [0, 3],
    "function": [{"kind": "sigmoid"}, {"kind": "relu", "max_value": 0.5}],
    "gain": [2.0],
    "fraction": [2, 6],
    "signed": [True],
    "shift": [1],
    "symbols": [4, 256],
    "group": ["images"],
    "input_shape": [SHAPE],
    "name": ["other", "input", "kernel", "stride_height", "op", "Dense"],
    "trainable": [False],
    "dtype": ["float64", "float16", "mixed_float16"],
    "dynamic": [True],
}
"""Values other than the default, by argument."""

_KERAS_BASE = ("name", "trainable", "dtype")
_SKIPPED = ("self", "kwargs", "args", "current_step")

ACTIVATIONS = {
    **{name: getattr(qkeras, name) for name in (
        *("quantized_bits", "quantized_relu", "quantized_tanh", "quantized_sigmoid", "quantized_ulaw", "quantized_po2"),
        *("quantized_relu_po2", "quantized_hswish", "binary", "ternary", "stochastic_binary", "stochastic_ternary", "bernoulli"),
    )},
}  # fmt: skip
START: dict[str, dict[str, Any]] = {
    "quantized_bits": {"bits": 6, "integer": 1, "alpha": 1},
    "quantized_relu": {"bits": 6, "integer": 2},
}


def network(*layers: Any, shape: tuple[int, ...] = SHAPE) -> Any:
    return tf.keras.Sequential([L.InputLayer(shape, name="image"), *layers])


def conv(**options: Any) -> Any:
    return qkeras.QConv2D(
        **({"filters": 3, "kernel_size": 3, "kernel_quantizer": KERNEL, "bias_quantizer": BIAS, "name": "it"} | options)
    )


def depthwise(**options: Any) -> Any:
    start = {"kernel_size": 3, "depthwise_quantizer": KERNEL, "bias_quantizer": BIAS, "name": "it"}
    return qkeras.QDepthwiseConv2D(**(start | options))


def dense(**options: Any) -> Any:
    return qkeras.QDense(**({"units": 3, "kernel_quantizer": KERNEL, "bias_quantizer": BIAS, "name": "it"} | options))


def front() -> Any:
    return conv(use_bias=False, name="front")


def layer(kind: Callable[..., Any], **start: Any) -> Callable[..., Any]:
    return lambda **options: kind(**({"name": "it"} | start | options))


LAYERS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[[Any], Any]]] = {
    # name: (constructor, class with the signature, network around it)
    "QConv2D": (conv, qkeras.QConv2D, lambda it: network(it)),
    "QDepthwiseConv2D": (depthwise, qkeras.QDepthwiseConv2D, lambda it: network(it)),
    "QDense": (dense, qkeras.QDense, lambda it: network(L.Flatten(name="flat"), it)),
    "MaxPooling2D": (layer(L.MaxPooling2D), L.MaxPooling2D, lambda it: network(front(), it)),
    "SumPooling2D": (layer(SumPooling2D, pool_size=(2, 2)), SumPooling2D, lambda it: network(front(), it)),
    "Flatten": (layer(L.Flatten), L.Flatten, lambda it: network(front(), it, dense(name="back"))),
    "Reshape": (layer(L.Reshape, target_shape=(72,)), L.Reshape, lambda it: network(it, L.Flatten(name="f"), dense(name="back"))),
    "Dropout": (layer(L.Dropout, rate=0.5), L.Dropout, lambda it: network(it, front())),
    "Activation": (layer(L.Activation, activation="linear"), L.Activation, lambda it: network(front(), it)),
    "QActivation": (
        layer(qkeras.QActivation, activation="quantized_relu(6,2)"),
        qkeras.QActivation,
        lambda it: network(front(), it),
    ),
    "Softmax": (layer(L.Softmax), L.Softmax, lambda it: network(L.Flatten(name="flat"), dense(name="front"), it)),
    "CodebookActivation": (layer(CodebookActivation, symbols=8, fraction=4), CodebookActivation, lambda it: network(front(), it)),
    "UniformActivation": (layer(UniformActivation, bits=5, fraction=3), UniformActivation, lambda it: network(front(), it)),
    "ExactBatchNormalization": (
        layer(ExactBatchNormalization),
        L.BatchNormalization,
        lambda it: network(front(), it, CodebookActivation(8, 4, name="back")),
    ),
    "ShiftBatchNormalization": (
        layer(ShiftBatchNormalization, lowest=-4, highest=1, fraction=8),
        ShiftBatchNormalization,
        lambda it: network(front(), it, UniformActivation(5, 3, name="back")),
    ),
    "Add": (layer(L.Add), L.Add, lambda it: two_branches(it)),
    **{
        kind: (layer(getattr(L, kind), **start), getattr(L, kind), around)
        for kind, start, around in (
            ("Conv2D", {"filters": 3, "kernel_size": 3}, lambda it: network(it)),
            ("DepthwiseConv2D", {"kernel_size": 3}, lambda it: network(it)),
            ("Dense", {"units": 3}, lambda it: network(L.Flatten(name="flat"), it)),
            ("AveragePooling2D", {}, lambda it: network(front(), it)),
            ("GlobalMaxPooling2D", {}, lambda it: network(front(), it)),
            ("GlobalAveragePooling2D", {}, lambda it: network(front(), it)),
            ("BatchNormalization", {}, lambda it: network(front(), it, CodebookActivation(8, 4, name="back"))),
            ("ReLU", {}, lambda it: network(front(), it)),
            ("LeakyReLU", {}, lambda it: network(front(), it)),
            ("ELU", {}, lambda it: network(front(), it)),
            ("PReLU", {}, lambda it: network(front(), it)),
            ("ZeroPadding2D", {}, lambda it: network(it, front())),
            ("UpSampling2D", {}, lambda it: network(it, front())),
            ("SeparableConv2D", {"filters": 3, "kernel_size": 3}, lambda it: network(it)),
        )
    },
    **{
        kind: (layer(getattr(qkeras, kind), **start), getattr(qkeras, kind), around)
        for kind, start, around in (
            ("QBatchNormalization", {}, lambda it: network(front(), it, CodebookActivation(8, 4, name="back"))),
            ("QSeparableConv2D", {"filters": 3, "kernel_size": 3, "depthwise_quantizer": KERNEL, "pointwise_quantizer": KERNEL},
             lambda it: network(it)),
            ("QConv2DBatchnorm", {"filters": 3, "kernel_size": 3, "kernel_quantizer": KERNEL}, lambda it: network(it)),
            ("QAveragePooling2D", {}, lambda it: network(front(), it)),
            ("QGlobalAveragePooling2D", {}, lambda it: network(front(), it)),
        )
    },
}  # fmt: skip


def two_branches(it: Any) -> Any:
    inputs = L.Input(SHAPE, name="image")
    return tf.keras.Model(inputs, it([conv(name="a")(inputs), conv(name="b")(inputs)]))


def moved(signature: Callable[..., Any], extra: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """No argument, then each argument at each of its other values."""
    yield {}
    names = [name for name in inspect.signature(signature.__init__).parameters if name not in _SKIPPED]  # type: ignore[misc]
    for name in dict.fromkeys((*names, *extra)):
        for value in VALUES.get(name, [Unlisted]):
            yield {name: value}


class Unlisted:
    """Stands for the missing value of an argument that `VALUES` does not list."""


def randomised(model: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        word = weight.name.split("/")[-1]
        if "variance" in word or "gamma" in word:
            weight.assign(rng.uniform(0.3, 2, weight.shape))
        elif "levels" not in word and "threshold" not in word:
            weight.assign(rng.normal(0, 0.6, weight.shape))
    return model


def images(seed: int) -> np.ndarray:
    codes = np.random.default_rng(seed).integers(0, 256, (12, *SHAPE))
    codes[0], codes[1] = 0, 255
    return (codes / 256).astype(np.float32)


def logits(model: Any, x: np.ndarray) -> np.ndarray:
    """Keras' outputs, before a final softmax."""
    last = model.layers[-1]
    word = getattr(getattr(last, "activation", None), "__name__", type(last).__name__).lower()
    if word != "softmax":
        return np.asarray(model(x, training=False))
    if isinstance(last, L.Softmax | L.Activation):
        return np.asarray(tf.keras.Model(model.inputs, last.input)(x, training=False))
    softmax, last.activation = last.activation, None
    found = np.asarray(model(x, training=False))
    last.activation = softmax
    return found


def outcome(make: Callable[[], Any], convert: Callable[[Any], LoweredGraph] = lambda model: lower_keras(model, "net")) -> str:
    """'exact', 'refused' or 'no Keras' (Keras itself rejects the argument); anything else fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model, x = randomised(make(), 1), images(2)
            keras = logits(model, x)
        except DietError:
            return "refused"
        except Exception:  # whatever Keras and QKeras raise for their own arguments
            return "no Keras"
        names = [each.name for each in model.layers]
        try:
            graph = convert(model)
        except DietError as error:
            assert any(f"'{name}'" in str(error) for name in names), f"the refusal names no layer: {error}"
            return "refused"
        values = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    wrong = int((values != keras).sum())
    assert wrong == 0, f"{wrong} of {keras.size} outputs differ, by {np.abs(values - keras).max():g} at most"
    assert len(np.unique(keras)) > 1, "a constant network proves nothing"
    return "exact"


def walked(cases: Iterable[dict[str, Any]], make: Callable[[dict[str, Any]], Any]) -> dict[str, str]:
    found = {}
    for options in cases:
        ((name, value),) = options.items() or (("", ""),)
        assert value is not Unlisted, f"argument '{name}' is new: give it values in VALUES"
        try:
            found[f"{name}={value}"] = outcome(lambda options=options: make(options))  # type: ignore[misc]
        except AssertionError as error:
            raise AssertionError(f"{name}={value!r}: {error}") from error
    return found


EXACT = {
    "QConv2D": [
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "use_bias",
        "bias_initializer",
        "kernel_regularizer",
        "name",
        "trainable",
    ],
    "QDepthwiseConv2D": ["kernel_size", "depth_multiplier", "depthwise_regularizer", "name"],
    "QDense": ["units", "use_bias", "kernel_constraint", "name"],
    "MaxPooling2D": ["pool_size", "strides", "padding", "name"],
    "Softmax": ["axis=1", "axis=-1"],
    "ExactBatchNormalization": ["epsilon", "center", "scale", "momentum", "moving_mean_initializer"],
    "UniformActivation": ["bits", "fraction", "signed"],
    "Reshape": ["target_shape=(-1,)", "target_shape=(4, -1, 1)"],
}
"""Arguments of which all (or this) value must come out exact wherever Keras takes them."""


_TRAINING = re.compile(r"\w+_(initializer|regularizer|constraint|range)|trainable|name|momentum|seed|dynamic|synchronized")


def part(cases: list[tuple[str, dict[str, Any]]], count: int) -> dict[str, list[dict[str, Any]]]:
    """What an ordinary run takes: each value of each argument somewhere, and all arguments that shape inference in each kind."""

    def shaped(case: tuple[str, dict[str, Any]]) -> tuple[str, ...]:
        return () if any(map(_TRAINING.fullmatch, case[1])) else (case[0], *case[1])

    chosen = spread(cases, count, lambda case: str(case[1]), shaped)
    return {kind: [options for each, options in chosen if each == kind] for kind, _ in cases}


READ = [kind for kind in LAYERS if kind in ARGUMENTS and kind not in ("Conv2D", "DepthwiseConv2D", "Dense")]
OF_LAYERS = part([(kind, options) for kind in READ for options in moved(LAYERS[kind][1], _KERAS_BASE)], 40)
OF_QUANTISERS = part([(name, options) for name in START for options in moved(ACTIVATIONS[name])], 10)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_argument_of_every_layer(kind: str) -> None:
    make, _, around = LAYERS[kind]
    if kind not in READ:
        assert outcome(lambda: around(make())) == "refused"
        return
    found = walked(OF_LAYERS[kind], lambda options: around(make(**options)))
    assert found.pop("=") == "exact"
    for wanted in EXACT.get(kind, []):
        outcomes = {key: value for key, value in found.items() if key == wanted or key.split("=")[0] == wanted}
        assert set(outcomes.values()) <= {"exact", "no Keras"}, (wanted, outcomes)
        assert "exact" in outcomes.values() or not EXHAUSTIVE, (wanted, outcomes)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("place", ["QActivation", "argument", "kernel"])
def test_every_argument_of_every_quantiser(name: str, place: str) -> None:
    quantizer, start = ACTIVATIONS[name], START.get(name, {})

    def make(options: dict[str, Any]) -> Any:
        found = quantizer(**(start | options))
        if place == "QActivation":
            return network(front(), qkeras.QActivation(found, name="it"))
        if place == "argument":
            return network(conv(activation=found))
        return network(conv(kernel_quantizer=found))

    if name not in START or (place, name) == ("kernel", "quantized_relu"):
        assert outcome(lambda: make({})) == "refused"
        return
    found = walked(OF_QUANTISERS[name], make)
    assert found["="] == "exact"
    exact = {"bits", "integer", "symmetric", "keep_negative", "var_name", "use_ste", "use_variables", "is_quantized_clip"}
    for key, value in found.items():
        if key.split("=")[0] in exact and key != "bits=1":
            assert value in ("exact", "no Keras"), (key, value)
    refused = {"qnoise_factor=0.5", "alpha=auto", "alpha=0.5", "negative_slope=0.25", "use_sigmoid=1"} & set(found)
    assert all(found[key] == "refused" for key in refused)


BOUNDS = [(1.5, "exact"), (0.3, "refused"), (6.0, "exact"), (3.9375, "exact"), (0.0625, "exact"), (0.01, "refused")]


@pytest.mark.parametrize("bound, wanted", BOUNDS)
def test_a_bound_of_a_relu_that_is_not_clipped(bound: float, wanted: str) -> None:
    def make(clip: bool) -> Callable[[], Any]:
        quantizer = qkeras.quantized_relu(6, 2, relu_upper_bound=bound, is_quantized_clip=clip)
        return lambda: network(conv(use_bias=False), qkeras.QActivation(quantizer, name="relu"))

    assert outcome(make(False)) == wanted
    assert outcome(make(True)) == "exact"  # QKeras then ignores the bound


@pytest.mark.parametrize("kind", ["QConv2D", "QDense", "QDepthwiseConv2D", "QActivation"])
def test_files_are_read_as_keras_reads_them(kind: str, tmp_path: Path) -> None:
    """A few arguments that change inference, from .h5 and from .json with .h5 weights."""
    options = {
        "QConv2D": [
            {"strides": 2},
            {"padding": "same"},
            {"dilation_rate": 2},
            {"groups": 2},
            {"activation": "quantized_relu(4,1)"},
        ],
        "QDense": [{"use_bias": False}, {"activation": "softmax"}, {"activation": "sigmoid"}],
        "QDepthwiseConv2D": [{"depth_multiplier": 2}, {"dilation_rate": 2, "padding": "same"}],
        "QActivation": [
            {"activation": qkeras.quantized_relu(6, 2, qnoise_factor=0.5)},
            {"activation": "quantized_bits(5,1,alpha=1)"},
        ],
    }[kind]
    make, _, around = LAYERS[kind]

    def from_file(separate: bool) -> Callable[[Any], LoweredGraph]:
        def convert(model: Any) -> LoweredGraph:
            config = hls4ml.utils.config.create_config(str(tmp_path / "out"), "net", "DietCNN")
            config["HLSConfig"] = {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}}
            config["KerasH5"], config["LookupOnly"] = str(tmp_path / "model.h5"), True  # as our own call has it
            if separate:
                model.save_weights(tmp_path / "model.h5")
                (tmp_path / "model.json").write_text(model.to_json())
                config["KerasJson"] = str(tmp_path / "model.json")
            else:
                model.save(tmp_path / "model.h5")
            return backend.lowered_graph(hls4ml.converters.keras_v2_to_hls(config))

        return convert

    for separate in (False, True):
        for chosen in options:
            expected = outcome(lambda chosen=chosen: around(make(**chosen)))  # type: ignore[misc]
            assert outcome(lambda chosen=chosen: around(make(**chosen)), from_file(separate)) == expected, chosen  # type: ignore[misc]
