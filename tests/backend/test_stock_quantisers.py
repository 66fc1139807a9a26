# SPDX-License-Identifier: Apache-2.0
"""QKeras' quantisers as stock hls4ml reads them: signs, ternary weights, powers of two, scales of their own, bit for bit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import qkeras

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.errors import SaturationWarning, UnsupportedLayerError
from dietcnn_hls.tf import tf
from tests.backend.stock_models import configuration, ours, stock

layers = tf.keras.layers
BITS = qkeras.quantized_bits


def filled(model: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    values = [rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.7, w.shape) for w in model.weights]
    model.set_weights(values)
    return model


def every_quantiser() -> Any:
    """One of each kind, one behind the other."""
    weights = [
        (qkeras.binary(alpha=1), qkeras.QActivation("binary_tanh")),
        (qkeras.binary(alpha=1), qkeras.QActivation(qkeras.ternary(alpha=1, threshold=0.4))),
        (qkeras.ternary(alpha="auto"), qkeras.QActivation(qkeras.quantized_relu(5, 2))),
        (BITS(4, 0, alpha="auto_po2"), qkeras.QActivation(qkeras.quantized_tanh(5))),
        (BITS(5, 1, alpha=None), qkeras.QActivation(qkeras.quantized_sigmoid(6, use_real_sigmoid=True))),
        (qkeras.quantized_po2(4), qkeras.QActivation(qkeras.quantized_relu(6, 3, negative_slope=0.25))),
        (qkeras.stochastic_ternary(), layers.Activation("linear")),
    ]
    model = [layers.InputLayer((8,))]
    for number, (quantiser, activation) in enumerate(weights):
        model.append(qkeras.QDense(6, kernel_quantizer=quantiser, bias_quantizer=BITS(6, 2), use_bias=number > 1))
        model += [layers.BatchNormalization(), activation] if number < 2 else [activation]
    return filled(tf.keras.Sequential(model), 3)


def test_every_quantiser_gives_stock_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "product", np.prod, raising=False)  # hls4ml 1.3 writes powers of two by this name of numpy 1
    model = every_quantiser()
    x = np.random.default_rng(1).normal(0, 2, (200, 8))
    config = {"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}}
    theirs = stock(model, config, tmp_path / "stock").predict(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        found = ours(model, config, tmp_path / "ours", "io_stream").predict(x)
    assert np.array_equal(found.reshape(theirs.shape), theirs) and len(np.unique(theirs)) > 20


@pytest.mark.parametrize(
    ("quantiser", "words"),
    [
        (BITS(4, 0, keep_negative=False), "use quantized_bits, binary"),
        (qkeras.quantized_relu(4), "use quantized_bits, binary"),
    ],
    ids=["unsigned", "rectified"],
)
def test_what_hls4mls_types_have_no_words_for_is_refused(quantiser: Any, words: str, tmp_path: Path) -> None:
    model = tf.keras.Sequential([layers.InputLayer((4,)), qkeras.QDense(3, kernel_quantizer=quantiser, name="q")])
    with pytest.raises(UnsupportedLayerError, match=f"layer 'q'.*{words}|layer 'q': no method"):
        hls4ml.converters.convert_from_keras_model(
            model, backend="DietCNN", output_dir=str(tmp_path), hls_config={"Model": {"Precision": "fixed<16,6>"}}
        )


@pytest.mark.parametrize("rounding", ["TRN", "RND"])
def test_sums_beyond_64_bits_are_taken_in_two_parts(rounding: str, tmp_path: Path) -> None:
    """Exact where the result drops the bits below; integers of Python are the witness."""
    model = filled(tf.keras.Sequential([layers.InputLayer((5,), name="x"), layers.Dense(3, name="d")]), 1)
    config = configuration(model, 0)
    for name, kind in (("weight", "fixed<34,4>"), ("bias", "fixed<34,4>"), ("result", f"fixed<40,16,{rounding}>")):
        config["LayerName"]["d"]["Precision"][name] = kind
    config["LayerName"]["x"]["Precision"]["result"] = "fixed<34,6>"
    config["LayerName"]["d_linear"]["Precision"]["result"] = kind
    graph = lowered_graph(
        hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", output_dir=str(tmp_path), hls_config=config)
    )
    codes = np.random.default_rng(2).integers(-(1 << 33), 1 << 33, (50, 5))
    kernel, bias = (np.vectorize(lambda w: int(np.floor(w * 2**30)), otypes=[object])(w) for w in model.get_weights())
    sums = codes.astype(object) @ kernel + bias * (1 << 28)
    drop = 58 - 24
    rounded = (sums + (1 << (drop - 1) if rounding == "RND" else 0)) >> drop
    assert "d_low_sum" in {node.name for node in graph.nodes}
    assert np.array_equal(reference.predict(graph, codes), rounded.astype(np.int64))


def test_results_wider_than_any_stream_are_refused(tmp_path: Path) -> None:
    model = filled(tf.keras.Sequential([layers.InputLayer((4,)), layers.BatchNormalization(name="bn")]), 1)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis", default_precision="fixed<34,4>")
    with pytest.raises(UnsupportedLayerError, match=r"layer 'bn' .*its results have \d+ bits, and streams 62; give its result"):
        hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", output_dir=str(tmp_path), hls_config=config)


SCALED: dict[str, Any] = {
    "number": BITS(4, 0, alpha=0.5),
    "list": BITS(4, 0, alpha=[0.5, 0.25, 2.0]),
    "array": BITS(4, 0, alpha=np.array([0.5, 0.25, 2.0], np.float32)),
    "ternary": qkeras.ternary(alpha=0.5),
}


@pytest.mark.parametrize("given", SCALED)
def test_scales_that_are_given_equal_qkeras(given: str, tmp_path: Path) -> None:
    """Scales by channel are applied behind the sums; a bias without a quantiser has hls4ml's default type."""
    layer = qkeras.QDense(3, kernel_quantizer=SCALED[given], bias_quantizer=None, name="q")
    model = tf.keras.Sequential([layers.InputLayer((5,), name="x"), layer])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, (5, 3)), rng.integers(-8, 8, 3) / 8])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="DietCNN", default_precision="fixed<18,8>")
    graph = lowered_graph(
        hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", output_dir=str(tmp_path), hls_config=config)
    )
    x = rng.integers(-32, 32, (20, 5)) / 16
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(found, model.predict(x, verbose=0))
