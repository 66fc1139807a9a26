# SPDX-License-Identifier: Apache-2.0
"""ConLoCNN's conversion: batch-norms folded, layers exact, outputs nearer to the float model than with nearest rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.conlocnn import METHOD, ConLoOptions
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.conlocnn.reader import read_signed_digits
from dietcnn_hls.methods.conlocnn.training import SignedDigits, layer_moments
from dietcnn_hls.training import LookupDense, custom_objects
from dietcnn_hls.training.codebooks import activation_fraction
from dietcnn_hls.training.linear import channels_of, from_taps, tap_weights, to_taps
from dietcnn_hls.training.reader import read_plan
from dietcnn_hls.training.tf import tf


def float_model() -> tf.keras.Model:
    """Every kind of linear layer, batch-norms with signs, 'same' padding and strides."""
    keras = tf.keras.layers
    tf.keras.utils.set_random_seed(3)
    model = tf.keras.Sequential(
        [
            keras.Input((9, 8, 2)),
            keras.Conv2D(5, (3, 2), padding="same", strides=2, name="conv"),
            keras.BatchNormalization(name="conv_norm"),
            keras.ReLU(name="conv_relu"),
            keras.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu", name="depthwise"),
            keras.Flatten(name="flat"),
            keras.Dense(14, activation="relu", name="hidden"),
            keras.Dense(4, name="logits"),
        ]
    )
    norm = model.get_layer("conv_norm")
    norm.gamma.assign([1.0, -0.5, 2.0, 0.25, 0.0])
    norm.moving_mean.assign([0.1, 0.0, -0.2, 0.3, 0.0])
    norm.moving_variance.assign([0.5, 1.0, 2.0, 0.1, 0.3])
    model.get_layer("depthwise").bias.assign(np.linspace(-0.1, 0.2, 10))
    return model


def images(count: int, seed: int = 9) -> np.ndarray:
    """Smooth images: neighbouring pixels are correlated, as in real ones."""
    rng = np.random.default_rng(seed)
    base = rng.integers(40, 216, (count, 1, 1, 2)) + rng.integers(-40, 41, (count, 9, 8, 2))
    return (base / 256).astype(np.float32)


@pytest.mark.parametrize("rounding", ["nearest", "compensated"])
@pytest.mark.parametrize("bits", [3, 5])
def test_weights_lie_on_the_format_and_lower_to_it(bits: int, rounding: str) -> None:
    model = METHOD.quantize(float_model(), images(100), ConLoOptions(weight_bits=bits, rounding=rounding))
    quantized = [layer for layer in model.layers if hasattr(layer, "quantizer") and hasattr(layer, "bias_fraction")]
    assert [layer.name for layer in quantized] == ["conv", "depthwise", "hidden", "logits"]
    steps = {step.name: step for step in read_plan(float_model())}
    for layer in quantized:
        taps = to_taps(steps[layer.name], layer.kernel.numpy())
        scheme = read_signed_digits(layer.name, layer.quantizer.get_config(), {})
        kernel = METHOD.lower(LinearSpec(layer.name, taps, scheme, Stream((1,), 0, 255, 8)))
        assert isinstance(kernel, SignedDigitKernel) and kernel.format.bits == bits
        assert np.array_equal(kernel.weights * 2.0**-layer.quantizer.fraction, taps)
        assert np.array_equal(layer.decoded_kernel(), layer.kernel.numpy())


def test_dense_inference_is_the_kernel() -> None:
    rng = np.random.default_rng(0)
    layer = LookupDense(6, kernel_quantizer=SignedDigits(((0, 1, 2), (4,)), 5), use_bias=False, name="dense")
    layer.build((None, 40))
    layer.kernel.assign(rng.normal(0, 0.3, (40, 6)))
    codes = rng.integers(0, 256, (9, 40))
    scheme = read_signed_digits("dense", layer.quantizer.get_config(), {})
    spec = LinearSpec("dense", layer.kernel.numpy().T, scheme, Stream((40,), 0, 255, 8))
    outputs = layer((codes / 256).astype(np.float32), training=False).numpy()
    assert np.array_equal(outputs.astype(np.float64) * 2.0**13, METHOD.lower(spec).accumulate(codes))


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_compensated_outputs_are_nearer_to_the_float_model(bits: int) -> None:
    model, x = float_model(), images(400)
    wanted = model.predict(x, verbose=0)
    errors = []
    for rounding in ("nearest", "compensated"):
        converted = METHOD.quantize(model, x, ConLoOptions(weight_bits=bits, rounding=rounding))
        errors.append(float(((converted.predict(x, verbose=0) - wanted) ** 2).mean()))
    assert errors[1] < errors[0]


def test_wider_weights_are_nearer() -> None:
    model, x = float_model(), images(200)
    wanted = model.predict(x, verbose=0)
    errors = []
    for bits in (2, 3, 4, 6, 8):
        converted = METHOD.quantize(model, x, ConLoOptions(weight_bits=bits))
        errors.append(float(((converted.predict(x, verbose=0) - wanted) ** 2).mean()))
    assert errors == sorted(errors, reverse=True)


def test_saving_keeps_the_function(tmp_path: Path) -> None:
    model = METHOD.quantize(float_model(), images(50), ConLoOptions())
    model.save(tmp_path / "m.keras")
    loaded = tf.keras.models.load_model(tmp_path / "m.keras", custom_objects=custom_objects(), compile=False)
    assert np.array_equal(loaded(images(20), training=False), model(images(20), training=False))


def test_gradients_pass_straight_through() -> None:
    quantizer = SignedDigits(((0, 1, 2),), 3)
    kernel = tf.Variable([[0.3, -0.9, 0.01]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer.quantize(kernel, {}) * [[1.0, 2.0, 3.0]])
    assert tape.gradient(loss, kernel).numpy().tolist() == [[1.0, 2.0, 3.0]]


def test_batch_norm_folds_into_the_taps() -> None:
    model = float_model()
    step = read_plan(model)[0]
    folded = tf.keras.layers.Conv2D(5, (3, 2), padding="same", strides=2)
    folded.build((None, 9, 8, 2))
    folded.set_weights([from_taps(step, tap_weights(step)), step.gain_and_shift()[1]])
    wanted = model.get_layer("conv_norm")(model.get_layer("conv")(images(20)), training=False)
    assert np.abs(folded(images(20)) - wanted).max() < 1e-5


def test_channels_are_those_before_a_flatten() -> None:
    plan = read_plan(float_model())
    steps = {step.name: step for step in plan}
    assert channels_of(plan, steps["conv"], 12) == 2
    assert channels_of(plan, steps["hidden"], 5 * 4 * 10) == 10
    assert channels_of(plan, steps["logits"], 14) == 14


def test_moments_of_depthwise_layers_are_one_a_channel() -> None:
    plan = read_plan(float_model())
    data = np.random.default_rng(1).integers(0, 8, (16, 5, 4, 5)).astype(np.float32)
    moments = layer_moments(plan, plan[2], data)
    assert len(moments) == 5 and all(m.mean.shape == (9,) for m in moments)
    assert [float(m.mean[4]) for m in moments] == data.mean(axis=(0, 1, 2), dtype=np.float64).tolist()  # the centre sees all


def test_activation_grids_balance_rounding_and_clipping() -> None:
    assert activation_fraction(np.array([0.0, 0.5, 255 / 256]), 8, signed=False) == 8
    assert activation_fraction(np.array([200.0]), 8, signed=False) == 0
    assert activation_fraction(np.append(np.linspace(0, 1, 5000), 3.0), 4, signed=False) == 4  # clips the outlier
    assert activation_fraction(np.array([-1.0, 0.9]), 8, signed=True) == 7
    assert activation_fraction(np.array([-100.0, 0.5]), 8, signed=False) == 8
    assert activation_fraction(np.zeros(3), 8, signed=False) >= 7
