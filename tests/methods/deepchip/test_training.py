# SPDX-License-Identifier: Apache-2.0
"""Ternary layers in Keras: three values, the gradients of trained ternary quantisation, exact inference, shift batch-norms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.lowered import Stream
from dietcnn_hls.methods.base import LinearSpec
from dietcnn_hls.methods.deepchip import METHOD, DeepChipOptions
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.deepchip.reader import read_ternary
from dietcnn_hls.methods.deepchip.training import Ternary
from dietcnn_hls.training import LookupConv2D, LookupDense, LookupDepthwiseConv2D, custom_objects
from dietcnn_hls.training.integer_layers import PositiveGain, ShiftBatchNormalization
from dietcnn_hls.training.tf import tf

LAYERS = {
    "conv": lambda q: LookupConv2D(5, 3, kernel_quantizer=q, use_bias=False, name="conv"),
    "dense": lambda q: LookupDense(6, kernel_quantizer=q, use_bias=False, name="dense"),
    "depthwise": lambda q: LookupDepthwiseConv2D(3, depthwise_quantizer=q, use_bias=False, name="depthwise"),
}


def built(kind: str, quantizer: Ternary, seed: int = 1) -> tf.keras.layers.Layer:
    rng = np.random.default_rng(seed)
    layer = LAYERS[kind](quantizer)
    layer.build((None, 40) if kind == "dense" else (None, 7, 6, 4))
    layer.kernel.assign(rng.normal(0, 0.2, layer.kernel.shape))
    layer.set_state({"positive": np.array(0.30), "negative": np.array(0.11)})
    return layer


def lowered(layer: tf.keras.layers.Layer, depthwise: bool, fraction: int = 8) -> TernaryKernel:
    kernel = layer.kernel.numpy()
    taps = kernel.reshape(-1, kernel.shape[2] * kernel.shape[3]).T if depthwise else kernel.reshape(-1, kernel.shape[-1]).T
    scheme = read_ternary(layer.name, layer.quantizer.get_config(), layer.state)
    result = METHOD.lower(LinearSpec(layer.name, taps, scheme, Stream((1,), 0, 255, fraction)))
    assert isinstance(result, TernaryKernel)
    return result


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_kernel_holds_exactly_the_three_values_of_keras(kind: str, power_of_two: bool) -> None:
    layer = built(kind, Ternary(0.1, 5, 4, power_of_two))
    kernel = lowered(layer, kind == "depthwise")
    values = np.unique(layer.decoded_kernel())
    assert values.tolist() == [-kernel.negative / 32, 0, kernel.positive / 32]
    assert (kernel.positive, kernel.negative) == ((8, 4) if power_of_two else (10, 4))
    decoded = layer.decoded_kernel()
    taps = decoded.reshape(-1, decoded.shape[2] * decoded.shape[3]).T if kind == "depthwise" else None
    taps = decoded.reshape(-1, decoded.shape[-1]).T if taps is None else taps
    assert np.array_equal(kernel.scaled_weights, taps.astype(np.float64) * 32)


def test_dense_inference_is_the_kernel() -> None:
    layer = built("dense", Ternary(0.1, 5))
    codes = np.random.default_rng(0).integers(0, 256, (9, 40))
    outputs = layer((codes / 256).astype(np.float32), training=False).numpy()
    assert np.array_equal(outputs.astype(np.float64) * 2.0**13, lowered(layer, False).accumulate(codes))


def test_gradients_are_those_of_trained_ternary_quantisation() -> None:
    """Powers of two and small integers, so that float32 sums are exact."""
    quantizer = Ternary(0.5, 2)
    latent = tf.constant([[1.0, 0.25, -0.75], [-1.0, 0.75, 0.5]])
    state = {"positive": tf.Variable(0.75), "negative": tf.Variable(0.5)}
    upstream = tf.constant([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    with tf.GradientTape() as tape:
        tape.watch(latent)
        loss = tf.reduce_sum(quantizer.quantize(latent, state) * upstream)
    of_latent, of_positive, of_negative = tape.gradient(loss, [latent, state["positive"], state["negative"]])
    assert of_latent.numpy().tolist() == [[0.75, 2.0, 2.0], [4.0, 12.0, 32.0]]  # positive * g, g, negative * g by zone
    assert of_positive.numpy() == 1 + 16 and of_negative.numpy() == -(4 + 8)


def test_the_optimiser_trains_the_scales() -> None:
    layer = built("dense", Ternary(0.1, 5))
    assert {v.name.split("/")[-1].split(":")[0] for v in layer.trainable_weights} == {"kernel", "positive", "negative"}


def test_scales_beyond_the_grid_take_its_ends_and_nan_is_refused() -> None:
    layer = built("dense", Ternary(0.1, 5))
    layer.set_state({"positive": np.array(9.0), "negative": np.array(-1.0)})
    kernel = lowered(layer, False)
    assert (kernel.positive, kernel.negative) == (15, 1)
    assert np.unique(layer.decoded_kernel()).tolist() == [-1 / 32, 0, 15 / 32]
    layer.set_state({"positive": np.array(np.nan)})
    with pytest.raises(LoweringError, match="'dense': scales hold NaN"):
        lowered(layer, False)


def shift_norm(channels: int, seed: int = 0) -> ShiftBatchNormalization:
    rng = np.random.default_rng(seed)
    layer = ShiftBatchNormalization(-4, 1, 12)
    layer.build((None, channels))
    layer.gamma.assign(rng.uniform(0.05, 2, channels))
    layer.beta.assign(rng.normal(0, 1, channels))
    layer.moving_mean.assign(rng.normal(0, 1, channels))
    layer.moving_variance.assign(rng.uniform(0.1, 4, channels))
    return layer


def test_shift_norm_is_a_shift_and_an_add_on_the_grid() -> None:
    layer = shift_norm(50)
    exponents = layer.exponents.numpy()
    gain = layer.gamma.numpy() / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    assert exponents.min() == -4 and exponents.max() >= 0
    inside = (gain > 2.0**-4) & (gain < 1.5 * 2.0)
    assert ((gain < 1.5 * 2.0**exponents) & (gain > 0.75 * 2.0**exponents))[inside].all()
    integers = np.random.default_rng(1).integers(-4000, 4000, (20, 50))
    outputs = layer((integers / 256).astype(np.float32), training=False).numpy().astype(np.float64)
    _, shift = (t.numpy().astype(np.float64) for t in layer.affine())
    assert np.array_equal(shift * 4096, np.rint(shift * 4096))
    assert np.array_equal(outputs * 4096, (integers << (exponents + 4)) + (shift * 4096).astype(np.int64))


def test_shift_norm_trains_like_a_batch_norm_with_resting_exponents() -> None:
    layer = shift_norm(3)
    layer.moving_variance.assign([1.0, 1.0, 1.0])
    layer.gamma.assign([1.0, 0.5, 2.0])
    x = np.random.default_rng(2).normal(0, 1, (64, 3)).astype(np.float32)
    before = layer.exponents.numpy().tolist()
    outputs = layer(x, training=True).numpy()
    deviation = (outputs - layer.beta.numpy()).std(axis=0) / x.std(axis=0)
    assert np.rint(np.log2(deviation)).tolist() == before == [0, -1, 1]
    assert (layer.moving_mean.numpy() != shift_norm(3).moving_mean.numpy()).all()


def test_gammas_stay_positive_and_bad_ranges_are_refused() -> None:
    assert PositiveGain()(tf.constant([-1.0, 0.0, 3.0])).numpy().tolist() == [2.0**-10, 2.0**-10, 3.0]
    with pytest.raises(ConfigError, match="exponents from 2 to 1 leave none"):
        ShiftBatchNormalization(2, 1, 8)


def float_model(norm: bool = True) -> tf.keras.Model:
    keras = tf.keras.layers
    tf.keras.utils.set_random_seed(4)
    layers = [keras.Input((8, 8, 1)), keras.Conv2D(6, 3, use_bias=not norm, name="conv1")]
    layers += [keras.BatchNormalization(name="norm1")] if norm else []
    layers += [keras.ReLU(name="relu1"), keras.MaxPooling2D(name="pool"), keras.Flatten(name="flat")]
    model = tf.keras.Sequential([*layers, keras.Dense(12, activation="relu", name="hidden"), keras.Dense(10, name="logits")])
    if norm:
        model.get_layer("norm1").gamma.assign([1.0, -0.5, 2.0, 0.25, -1.0, 0.0])
        model.get_layer("norm1").moving_variance.assign([0.5, 1.0, 2.0, 0.1, 0.3, 1.0])
    return model


def images(count: int = 64) -> np.ndarray:
    return (np.random.default_rng(9).integers(0, 256, (count, 8, 8, 1)) / 256).astype(np.float32)


@pytest.mark.parametrize("norm", [True, False])
def test_conversion_keeps_statistics_and_signs(norm: bool) -> None:
    model = METHOD.quantize(float_model(norm), images(), DeepChipOptions())
    layers = {layer.name: layer for layer in model.layers}
    for name in ("conv1", "hidden", "logits"):
        assert len(np.unique(layers[name].decoded_kernel())) <= 3
    assert [layer.name for layer in model.layers if isinstance(layer, ShiftBatchNormalization)] == [
        "norm1" if norm else "conv1_norm",
        "hidden_norm",
    ]
    assert (layers["hidden_norm"].gamma.numpy() > 0).all()
    reference, converted = float_model(norm).predict(images(), verbose=0), model.predict(images(), verbose=0)
    correlation = np.corrcoef(reference.ravel(), converted.ravel())[0, 1]
    assert correlation > 0.5


def test_training_lowers_the_loss_and_saving_keeps_the_function(tmp_path: Path) -> None:
    model = METHOD.quantize(float_model(), images(), DeepChipOptions(threshold=0.2))
    labels = (images().mean(axis=(1, 2, 3)) * 400).astype(int) % 10
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.Adam(5e-3), loss)
    losses = model.fit(images(), labels, batch_size=32, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    model.save(tmp_path / "m.keras")
    loaded = tf.keras.models.load_model(tmp_path / "m.keras", custom_objects=custom_objects(), compile=False)
    assert np.array_equal(loaded(images(), training=False), model(images(), training=False))
