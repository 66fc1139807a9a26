# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (tables of cases read best one to a line)
"""A refusal's remedy leads to a model that converts and is exact: each is followed here, word by word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.errors import DietError
from dietcnn_hls.methods.dietcnn.training import Codebook
from dietcnn_hls.training.integer_layers import SumPooling2D
from dietcnn_hls.training.layers import CodebookActivation, ExactBatchNormalization, LookupConv2D
from tests.backend.keras_models import keras_layers as L
from tests.backend.keras_models import qkeras, tf

pytestmark = pytest.mark.filterwarnings("ignore")
KERNEL = qkeras.quantized_bits(5, 0, alpha=1)
BIAS = qkeras.quantized_bits(6, 1, alpha=1)
SHAPE = (4, 4, 2)


def net(*layers: Any, shape: tuple[int, ...] = SHAPE) -> Any:
    return tf.keras.Sequential([L.InputLayer(shape, name="image"), *layers])


def conv(filters: int = 3, size: Any = 3, **options: Any) -> Any:
    options = {"kernel_quantizer": KERNEL, "use_bias": False, "padding": "same", "name": "conv"} | options
    return qkeras.QConv2D(filters, size, **options)


def dense(units: int = 3, **options: Any) -> Any:
    return qkeras.QDense(units, **({"kernel_quantizer": KERNEL, "use_bias": False, "name": "dense"} | options))


def depthwise(size: Any = 3, **options: Any) -> Any:
    return qkeras.QDepthwiseConv2D(size, **({"depthwise_quantizer": KERNEL, "use_bias": False, "name": "dw"} | options))


def flat() -> Any:
    return L.Flatten(name="flat")


def relu() -> Any:
    return qkeras.QActivation("quantized_relu(8,4)", name="relu")


def codebook(**options: Any) -> Any:
    return CodebookActivation(8, 4, **({"name": "act"} | options))


def lookup(**options: Any) -> Any:
    return LookupConv2D(3, 3, kernel_quantizer=Codebook(4, 3), bias_fraction=4, **({"name": "conv"} | options))


def functional(build: Callable[[Any], Any], shape: tuple[int, ...] = SHAPE) -> Any:
    inputs = L.Input(shape, name="image")
    return tf.keras.Model(inputs, build(inputs))


def row() -> Any:
    return L.Reshape((6, 2), name="row")


def without_zero(**options: Any) -> Any:
    model = net(codebook(), lookup(**options))
    model.get_layer("act").set_codebook(np.arange(1, 9) / 16, np.arange(1, 8) / 8)
    return model


Make = Callable[[], Any]
CASES: list[tuple[str, Make, str, Make]] = [
    ("a sequence of vectors", lambda: net(flat(), dense(), shape=(5, 4)), r"layer 'image' \(Input\).*Input\(\(1, 5, 4\)\).*Flatten before dense", lambda: net(flat(), dense(), shape=(1, 5, 4))),
    ("a sequence", lambda: net(qkeras.QConv1D(3, 3, kernel_quantizer=KERNEL, name="c"), L.MaxPooling1D(2), shape=(6, 2)), r"layer 'image' \(Input\).*Input\(\(1, 6, 2\)\).*QConv2D of kernel_size=\(1, k\), MaxPooling2D of pool_size=\(1, p\)", lambda: net(conv(3, (1, 3)), L.MaxPooling2D((1, 2)), shape=(1, 6, 2))),
    ("a 1-D convolution", lambda: net(row(), qkeras.QConv1D(3, 3, kernel_quantizer=KERNEL, name="c"), shape=(12,)), r"layer 'c' \(QConv1D\).*Input\(\(1, steps, channels\)\).*QConv2D of kernel_size=\(1, k\)", lambda: net(conv(3, (1, 3)), shape=(1, 6, 2))),
    ("a 1-D float convolution", lambda: net(row(), L.Conv1D(3, 3, name="c"), shape=(12,)), r"layer 'c' \(Conv1D\).*QConv2D of kernel_size=\(1, k\)", lambda: net(conv(3, (1, 3)), shape=(1, 6, 2))),
    ("a 1-D pool", lambda: net(row(), L.MaxPooling1D(2, name="p"), shape=(12,)), r"layer 'p' \(MaxPooling1D\).*MaxPooling2D of pool_size=\(1, p\)", lambda: net(L.MaxPooling2D((1, 2)), shape=(1, 6, 2))),
    ("a 1-D global pool", lambda: net(row(), L.GlobalMaxPooling1D(name="p"), shape=(12,)), r"layer 'p' \(GlobalMaxPooling1D\).*pool_size=\(1, steps\) and Flatten", lambda: net(L.MaxPooling2D((1, 6)), flat(), shape=(1, 6, 2))),
    ("a 1-D mean", lambda: net(row(), L.AveragePooling1D(2, name="p"), shape=(12,)), r"layer 'p' \(AveragePooling1D\).*SumPooling2D of pool_size=\(1, p\)", lambda: net(SumPooling2D((1, 2), shift=1), shape=(1, 6, 2))),
    ("dense on an image", lambda: net(dense()), r"layer 'dense' \(QDense\).*reads an image of shape \(4, 4, 2\); put Flatten before it", lambda: net(flat(), dense())),
    ("dense on an image, by a convolution", lambda: net(dense()), "or use a convolution of kernel_size=1", lambda: net(conv(3, 1))),
    ("dense with a free bias", lambda: net(flat(), dense(use_bias=True)), r"layer 'dense': the bias .*2\^-12; give it bias_quantizer=quantized_bits\(b, i, alpha=1\) with b - i - 1 = 12 or less", lambda: net(flat(), dense(use_bias=True, bias_quantizer=qkeras.quantized_bits(14, 1, alpha=1)))),
    ("separable", lambda: net(L.SeparableConv2D(3, 3, name="s")), r"layer 's' \(SeparableConv2D\).*QDepthwiseConv2D and a QConv2D of kernel_size=1", lambda: net(depthwise(), conv(3, 1))),
    ("quantised separable", lambda: net(qkeras.QSeparableConv2D(3, 3, depthwise_quantizer=KERNEL, pointwise_quantizer=KERNEL, name="s")), r"layer 's' \(QSeparableConv2D\).*QDepthwiseConv2D and a QConv2D of kernel_size=1", lambda: net(depthwise(), conv(3, 1))),
    ("batch-norm in a convolution", lambda: net(qkeras.QConv2DBatchnorm(3, 3, kernel_quantizer=KERNEL, name="b"), codebook()), r"layer 'b' \(QConv2DBatchnorm\).*QConv2D and an ExactBatchNormalization behind it", lambda: net(conv(), ExactBatchNormalization(), codebook())),
    ("batch-norm in a depthwise one", lambda: net(qkeras.QDepthwiseConv2DBatchnorm(3, depthwise_quantizer=KERNEL, name="b"), codebook()), r"layer 'b' \(QDepthwiseConv2DBatchnorm\).*QDepthwiseConv2D and an ExactBatchNormalization", lambda: net(depthwise(), ExactBatchNormalization(), codebook())),
    ("quantised batch-norm", lambda: net(conv(), qkeras.QBatchNormalization(name="b"), codebook()), r"layer 'b' \(QBatchNormalization\).*use ExactBatchNormalization", lambda: net(conv(), ExactBatchNormalization(), codebook())),
    ("batch-norm", lambda: net(conv(), L.BatchNormalization(name="b"), codebook()), r"layer 'b' \(BatchNormalization\).*use ExactBatchNormalization", lambda: net(conv(), ExactBatchNormalization(), codebook())),
    ("batch-norm at the end", lambda: net(conv(), ExactBatchNormalization(name="b")), "layer 'b' .*feeds the model's output; put a CodebookActivation directly behind it", lambda: net(conv(), ExactBatchNormalization(name="b"), codebook())),
    ("global maximum", lambda: net(conv(), L.GlobalMaxPooling2D(name="g")), r"layer 'g' \(GlobalMaxPooling2D\).*MaxPooling2D\(pool_size=\(4, 4\)\), .*and Flatten", lambda: net(conv(), L.MaxPooling2D((4, 4)), flat())),
    ("mean", lambda: net(conv(), L.AveragePooling2D(name="p")), r"layer 'p' \(AveragePooling2D\).*SumPooling2D\(pool_size=\(2, 2\), shift=2\)", lambda: net(conv(), SumPooling2D(pool_size=(2, 2), shift=2))),
    ("mean with strides", lambda: net(conv(), L.AveragePooling2D((2, 1), (1, 2), name="p")), r"SumPooling2D\(pool_size=\(2, 1\), strides=\(1, 2\), shift=1\)", lambda: net(conv(), SumPooling2D(pool_size=(2, 1), strides=(1, 2), shift=1))),
    ("quantised mean", lambda: net(conv(), qkeras.QAveragePooling2D(name="p")), r"layer 'p' \(QAveragePooling2D\).*SumPooling2D\(pool_size=\(2, 2\), shift=2\)", lambda: net(conv(), SumPooling2D(pool_size=(2, 2), shift=2))),
    ("global mean", lambda: net(conv(), L.GlobalAveragePooling2D(name="g")), r"layer 'g' \(GlobalAveragePooling2D\).*SumPooling2D\(pool_size=\(4, 4\), shift=4\).*and Flatten", lambda: net(conv(), SumPooling2D(pool_size=(4, 4), shift=4), flat())),
    ("mean over padded windows", lambda: net(conv(), L.AveragePooling2D(padding="same", name="p")), "use padding='valid' or MaxPooling2D", lambda: net(conv(), L.MaxPooling2D(padding="same"))),
    ("relu", lambda: net(conv(), L.ReLU(name="r"), conv(name="last")), r"layer 'r' \(ReLU\).*QActivation\('quantized_relu\(8,4\)'\)", lambda: net(conv(), relu(), conv(name="last"))),
    ("relu by a codebook", lambda: net(conv(), L.Activation("relu", name="r"), conv(name="last")), r"layer 'r' \(Activation 'relu'\).*or CodebookActivation", lambda: net(conv(), codebook(), conv(name="last"))),
    ("relu as an argument", lambda: net(conv(activation="relu"), conv(name="last")), r"layer 'conv' \(QConv2D 'relu'\).*QActivation\('quantized_relu\(8,4\)'\)", lambda: net(conv(), relu(), conv(name="last"))),
    ("QActivation of a word", lambda: net(conv(), qkeras.QActivation("relu", name="r")), r"layer 'r' .*quantized_relu\(8,4\)", lambda: net(conv(), relu())),
    ("sigmoid at the end", lambda: net(flat(), dense(activation="sigmoid")), r"layer 'dense' \(QDense 'sigmoid'\).*leave it to the host", lambda: net(flat(), dense())),
    ("tanh", lambda: net(conv(), qkeras.QActivation("quantized_tanh(6)", name="t")), r"layer 't' \(QActivation 'quantized_tanh'\).*CodebookActivation, or QActivation with", lambda: net(conv(), codebook())),
    ("join", lambda: functional(lambda x: L.Concatenate(name="j")([conv(name="a")(x), conv(name="b")(x)])), r"layer 'j' \(Concatenate\).*only Add", lambda: functional(lambda x: L.Add(name="j")([conv(name="a")(x), conv(name="b")(x)]))),
    ("dilation", lambda: net(conv(dilation_rate=2)), r"layer 'conv' \(QConv2D\): dilation_rate=\[2, 2\] has no lowering: use dilation_rate=1", lambda: net(conv(dilation_rate=1))),
    ("groups", lambda: net(conv(2, groups=2)), r"groups=2 has no lowering: use groups=1, or a depthwise convolution", lambda: net(depthwise())),
    ("channels first", lambda: net(L.MaxPooling2D(data_format="channels_first", name="p")), "use data_format='channels_last'", lambda: net(L.MaxPooling2D(data_format="channels_last"))),
    ("a sign", lambda: net(conv(), qkeras.QActivation("quantized_bits(1,0,alpha=1)", name="s")), r"layer 's' \(quantized_bits\): bits=1 is a sign.*use bits=2", lambda: net(conv(), qkeras.QActivation("quantized_bits(2,0,alpha=1)"))),
    ("a scale", lambda: net(conv(kernel_quantizer="quantized_bits(5,0,alpha=0.5)")), r"layer 'conv' \(quantized_bits\): alpha=0.5 .*use alpha=1", lambda: net(conv(kernel_quantizer="quantized_bits(5,0,alpha=1)"))),
    ("noise", lambda: net(conv(), qkeras.QActivation(qkeras.quantized_relu(6, 2, qnoise_factor=0.5), name="r")), r"layer 'r' \(quantized_relu\): qnoise_factor=0.5 .*use qnoise_factor=1.0", lambda: net(conv(), qkeras.QActivation(qkeras.quantized_relu(6, 2, qnoise_factor=1.0)))),
    ("a bound off the grid", lambda: net(conv(), qkeras.QActivation(qkeras.quantized_relu(6, 2, relu_upper_bound=1.3, is_quantized_clip=False), name="r")), r"layer 'r' \(quantized_relu\): relu_upper_bound=1.3 .*multiple of the step 2\^-4", lambda: net(conv(), qkeras.QActivation(qkeras.quantized_relu(6, 2, relu_upper_bound=1.3125, is_quantized_clip=False)))),
    ("another bias quantiser", lambda: net(conv(use_bias=True, bias_quantizer="quantized_po2(4)")), r"layer 'conv' \(QConv2D\).*bias_quantizer is quantized_po2; use quantized_bits", lambda: net(conv(use_bias=True, bias_quantizer=BIAS))),
    ("an early softmax", lambda: net(L.Softmax(name="s"), conv()), r"layer 's' \(Softmax\).*only the model's last layer", lambda: net(flat(), dense(), L.Softmax(name="s"))),
    ("another axis", lambda: net(conv(), L.Softmax(axis=1, name="s")), "use axis=-1", lambda: net(conv(), L.Softmax(axis=-1, name="s"))),
    ("double precision", lambda: net(L.MaxPooling2D(dtype="float64", name="p")), r"layer 'p' \(MaxPooling2D\): dtype='float64' .*under the policy 'float32'", lambda: net(L.MaxPooling2D())),
    ("half precision", lambda: net(L.MaxPooling2D(dtype="mixed_float16", name="p")), r"layer 'p' \(MaxPooling2D\): dtype=.*float16.*under the policy 'float32'", lambda: net(L.MaxPooling2D())),
    ("weights far beyond their quantiser", lambda: far(3e9), r"layer 'conv': its weights reach 3e\+09, so far beyond 0.9375.*give the quantiser more integer bits", lambda: far(3.0)),
    ("open sizes", lambda: net(conv(), shape=(None, None, 2)), r"layer 'image' \(Input\).*leaves sizes open; a design needs a fixed one", lambda: net(conv())),
    ("not built", lambda: tf.keras.Sequential([conv()]), "is not built.*begin it with an Input of a fixed shape", lambda: net(conv())),
    ("models inside models", lambda: net(net(conv())), "models inside models are not taken apart; use their layers", lambda: net(conv())),
    ("noise layers", lambda: net(L.GaussianNoise(0.1, name="n"), conv()), r"layer 'n' \(GaussianNoise\).*build the model that you convert without it", lambda: net(conv())),
    ("no zero to pad with", lambda: without_zero(padding="same"), "layer 'conv' pads with zero, .*use padding='valid'", lambda: without_zero(padding="valid")),
    ("a finer bias than sums", lambda: finer(8), r"layer 'conv': the bias .*set bias_fraction to at most 7", lambda: finer(7)),
]  # fmt: skip


def finer(fraction: int) -> Any:
    layer = LookupConv2D(3, 3, kernel_quantizer=Codebook(4, 3), bias_fraction=fraction, name="conv")
    model = net(codebook(), layer)
    layer.bias.assign(np.array([1.0, 1 / 256, 0.5], np.float32))
    return model


def far(value: float) -> Any:
    model = net(conv(name="conv"))
    model.set_weights([np.random.default_rng(0).choice([value, 0.1], w.shape) for w in model.get_weights()])
    return model


def randomised(model: Any) -> Any:
    if not model.built:
        return model
    rng = np.random.default_rng(1)
    for weight in model.weights:
        word = weight.name.split("/")[-1]
        if ("kernel" in word and abs(weight.numpy()).max() < 2.9) or (
            "bias" in word and "quantizer" not in word and not weight.numpy().any()
        ):
            weight.assign(rng.normal(0, 0.6, weight.shape))
    return model


@pytest.mark.parametrize("title, refused, text, followed", CASES, ids=[title for title, *_ in CASES])
def test_the_remedy_leads_to_an_exact_model(title: str, refused: Make, text: str, followed: Make) -> None:
    with pytest.raises(DietError, match=text):
        lower_keras(randomised(refused()), "net")
    check_exact(followed())


def check_exact(model: Any) -> None:
    graph = lower_keras(randomised(model), "net")
    codes = np.random.default_rng(2).integers(0, 256, (8, *model.input_shape[1:]))
    x = (codes / 256).astype(np.float32)
    last = model.layers[-1]
    keras = tf.keras.Model(model.inputs, last.input) if isinstance(last, L.Softmax) else model
    values = reference.output_values(graph, reference.predict(graph, codes))
    assert np.array_equal(values, np.asarray(keras(x, training=False)))
    assert np.unique(values).size > 1


SAME: list[tuple[str, Make, Make]] = [
    ("dense on an image", lambda: dense(), lambda: conv(3, 1, name="dense")),
    ("global maximum", lambda: L.GlobalMaxPooling2D(), lambda: [L.MaxPooling2D(pool_size=(4, 4)), flat()]),
    ("mean", lambda: L.AveragePooling2D(), lambda: SumPooling2D(pool_size=(2, 2), shift=2)),
    ("global mean", lambda: L.GlobalAveragePooling2D(), lambda: [SumPooling2D(pool_size=(4, 4), shift=4), flat()]),
]


@pytest.mark.parametrize("title, refused, followed", SAME, ids=[title for title, *_ in SAME])
def test_remedies_that_promise_the_same_compute_the_same(title: str, refused: Make, followed: Make) -> None:
    models = [net(*(made if isinstance(made, list) else [made])) for made in (refused(), followed())]
    weights = randomised(models[0]).get_weights()
    models[1].set_weights([w.reshape(v.shape) for w, v in zip(weights, models[1].get_weights(), strict=True)])
    x = (np.random.default_rng(0).integers(0, 256, (6, *SHAPE)) / 256).astype(np.float32)
    first, second = (np.asarray(model(x, training=False)) for model in models)
    assert np.array_equal(first, second.reshape(first.shape))


def test_padding_as_a_layer_needs_no_remedy() -> None:
    check_exact(net(L.ZeroPadding2D(((1, 0), (2, 1))), conv(padding="valid")))
