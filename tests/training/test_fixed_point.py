# SPDX-License-Identifier: Apache-2.0
"""The fixed-point baseline: QKeras layers on exact grids, close to the float model, and readable by stock hls4ml."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls import methods
from dietcnn_hls.api import convert
from dietcnn_hls.backend.stock import convertible, stock_outputs
from dietcnn_hls.errors import ToolError
from dietcnn_hls.lowered import Fold, Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.fixed_point.lowering import lower
from dietcnn_hls.methods.fixed_point.reader import read_quantized_bits
from dietcnn_hls.training import accuracy, fit_codebooks, load_model, logits
from dietcnn_hls.training.tf import qkeras, tf
from tests.cases import exhaustive

from . import nets


def quantized(model: tf.keras.Model, **options: int) -> tf.keras.Model:
    method = methods.get("fixed_point")
    return method.quantize(model, nets.calibration(), method.options(**options))


def test_eight_bits_follow_the_float_model() -> None:
    for float_model in (nets.trained(), nets.residual()):
        model = quantized(float_model)
        expected = logits(float_model, nets.calibration())
        assert np.corrcoef(logits(model, nets.calibration()).ravel(), expected.ravel())[0, 1] > 0.99


def test_accuracy_of_the_trained_network_is_kept() -> None:
    data, model = nets.digits(), nets.trained()
    assert accuracy(quantized(model), data.x_test, data.y_test) > accuracy(model, data.x_test, data.y_test) - 0.02


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_and_biases_lie_on_the_accumulators_grid(bits: int) -> None:
    model = quantized(nets.trained(), activation_bits=bits, weight_bits=bits)
    fraction = 8
    for layer in model.layers:
        if isinstance(layer, qkeras.QActivation):
            fraction = layer.quantizer.bits - layer.quantizer.integer
        if not hasattr(layer, "kernel_quantizer_internal"):
            continue
        scheme = read_quantized_bits(layer.name, layer.kernel_quantizer_internal.get_config(), {})
        kernel, weight_fraction = layer.kernel.numpy(), scheme.fraction
        integers = lower(LinearSpec(layer.name, kernel.reshape(1, -1), scheme, Stream((1,), 0, 1, 0))).weights.reshape(
            kernel.shape
        )
        decoded = layer.kernel_quantizer_internal(layer.kernel).numpy()
        np.testing.assert_array_equal(decoded, integers * 2.0**-weight_fraction)
        assert np.abs(integers).max() > 2 ** (bits - 3)  # the range is used
        bias = layer.bias_quantizer_internal(layer.bias).numpy() * 2.0 ** (fraction + weight_fraction)
        np.testing.assert_array_equal(bias, np.rint(bias))


def test_only_stock_layers(tmp_path) -> None:
    model = quantized(nets.trained())
    packages = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert packages - {"keras", "tf_keras"} == {"qkeras"}  # Keras 2 has the second name where Keras 3 has the first
    model.save(tmp_path / "model.keras")
    x = nets.calibration(9)
    np.testing.assert_array_equal(logits(load_model(tmp_path / "model.keras"), x), logits(model, x))


@exhaustive
@pytest.mark.filterwarnings("ignore")
def test_stock_hls4ml_computes_the_same() -> None:
    """hls4ml's own Vitis backend, C-simulated at the design's reuse factors, yields Keras' logits bit for bit."""
    model = quantized(nets.trained())
    graph = convert(model, "stock")
    folding = {node.name: Fold(1, 1) for node in graph.linear_nodes}
    codes = nets.digits().x_test[:40]
    assert convertible(model) and not convertible(codebooks(nets.trained()))
    options = {"io_type": "io_stream", "part": "xc7z020clg400-1", "clock_period": 5.0}
    values = stock_outputs(model, graph, codes, folding=folding, **options)
    np.testing.assert_array_equal(values, logits(model, codes.astype(np.float32) / np.float32(256)))


@pytest.mark.filterwarnings("ignore")
def test_stock_hls4mls_failure_names_the_check(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    model = quantized(nets.trained())
    graph = convert(model, "stock")
    monkeypatch.setenv("PATH", str(tmp_path))
    options = {"io_type": "io_stream", "part": "xc7z020clg400-1", "clock_period": 5.0}
    with pytest.raises(ToolError, match=r"stock Vitis backend failed on 'stock'.*checks\.hls4ml_samples"):
        stock_outputs(model, graph, nets.digits().x_test[:2], folding={n.name: Fold(1, 1) for n in graph.linear_nodes}, **options)


def codebooks(model: tf.keras.Model) -> tf.keras.Model:
    return fit_codebooks(model, nets.calibration(), activation_symbols=8, weight_symbols=4)
