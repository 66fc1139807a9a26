# SPDX-License-Identifier: Apache-2.0
"""Every layer against numpy integers, its gradients, and what Keras does with it: save, load, clone, prune."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.errors import ConfigError, DietError, LoweringError, UnsupportedLayerError
from dietcnn_hls.integers import im2col
from dietcnn_hls.lowered import Window
from dietcnn_hls.methods.dietcnn.training import Codebook
from dietcnn_hls.training import (
    CodebookActivation,
    ExactBatchNormalization,
    LookupConv2D,
    LookupDense,
    LookupDepthwiseConv2D,
    custom_objects,
)
from dietcnn_hls.training.tf import tf


def coded(rng: np.random.Generator, shape: tuple[int, ...], fraction: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Random grid integers and their float32 values."""
    integers = rng.integers(0, 2**fraction, shape)
    return integers, (integers * 2.0**-fraction).astype(np.float32)


def integer_weights(layer: object, fraction: int) -> np.ndarray:
    scaled = layer.decoded_kernel().astype(np.float64) * 2.0**fraction  # type: ignore[attr-defined]
    assert (scaled == np.rint(scaled)).all()
    return scaled.astype(np.int64)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("symbols", [2, 4, 16])
def test_conv2d_equals_integers(padding: str, stride: int, symbols: int) -> None:
    rng = np.random.default_rng(symbols + stride)
    integers, x = coded(rng, (3, 9, 8, 5))
    layer = LookupConv2D(7, 3, strides=stride, padding=padding, kernel_quantizer=Codebook(symbols, 3), bias_fraction=8)
    layer.build(x.shape)
    layer.bias.assign(rng.normal(size=7))
    layer.refit()
    window = Window.same((3, 3), (stride, stride), 9, 8) if padding == "same" else Window((3, 3), (stride, stride))
    columns = im2col(integers, window.size, window.stride, window.padding, 0)
    bias = np.floor(layer.bias.numpy().astype(np.float64) * 2**8 + 0.5).astype(np.int64)
    expected = np.einsum("nhwijc,ijco->nhwo", columns, integer_weights(layer, 3)) + bias
    assert len(np.unique(layer.decoded_kernel())) <= symbols
    np.testing.assert_array_equal(layer(x, training=False).numpy().astype(np.float64) * 2**8, expected)


def test_dense_is_exact_where_float32_is_not() -> None:
    """Sums of 2^24 and more with a spread of magnitudes: float32 accumulation would lose the low bits."""
    rng = np.random.default_rng(0)
    integers, x = coded(rng, (4, 3000), fraction=8)
    layer = LookupDense(6, kernel_quantizer=Codebook(256, 7, bits=8), use_bias=False, kernel_initializer="random_normal")
    layer.build(x.shape)
    layer.kernel.assign(rng.uniform(-1, 1, layer.kernel.shape))
    layer.refit()
    expected = integers @ integer_weights(layer, 7)
    np.testing.assert_array_equal(layer(x).numpy(), (expected * 2.0**-15).astype(np.float32))


def test_depthwise_equals_integers() -> None:
    rng = np.random.default_rng(3)
    integers, x = coded(rng, (2, 7, 7, 4))
    layer = LookupDepthwiseConv2D(3, depthwise_quantizer=Codebook(4, 3), use_bias=False, padding="same")
    layer.build(x.shape)
    layer.refit()
    columns = im2col(integers, (3, 3), (1, 1), (1, 1, 1, 1), 0)
    expected = np.einsum("nhwijc,ijcm->nhwcm", columns, integer_weights(layer, 3)).reshape(2, 7, 7, 4)
    np.testing.assert_array_equal(layer(x).numpy().astype(np.float64) * 2**8, expected)


def test_weights_on_a_midpoint_take_the_upper_symbol() -> None:
    layer = LookupDense(1, kernel_quantizer=Codebook(4, 3, zero=False), use_bias=False)
    layer.build((1, 3))
    layer.set_state({"codebook": np.array([-4, -1, 1, 4]) / 8})
    layer.kernel.assign(np.array([[-2.5], [0.0], [2.5]]) / 8)
    assert (layer.decoded_kernel() * 8).ravel().tolist() == [-1, 1, 4]


def test_activation_counts_thresholds() -> None:
    layer = CodebookActivation(4, 3)
    layer.build((None, 5))
    layer.set_codebook(np.array([0, 1, 3, 7]) / 8, np.array([0.1, 0.1, 0.5]))
    x = np.array([[-1.0, np.nextafter(np.float32(0.1), np.float32(0)), 0.1, 0.4999, 0.5]], np.float32)
    assert (layer(x).numpy() * 8).tolist() == [[0, 0, 3, 3, 7]]


def test_batch_norm_is_the_stated_rounding() -> None:
    rng = np.random.default_rng(1)
    layer = ExactBatchNormalization()
    layer.build((None, 6))
    layer.set_weights([rng.normal(size=6), rng.normal(size=6), rng.normal(size=6), rng.uniform(0.1, 9, 6)])
    gamma, beta, mean, variance = (w.astype(np.float64) for w in layer.get_weights())
    gain = gamma / np.sqrt(variance + layer.epsilon)
    scale, shift = gain.astype(np.float32), (beta - mean * gain).astype(np.float32)
    x = rng.normal(size=(1000, 6)).astype(np.float32) * 100
    expected = (x.astype(np.float64) * scale.astype(np.float64) + shift.astype(np.float64)).astype(np.float32)
    graph = tf.function(lambda v: layer(v, training=False))
    np.testing.assert_array_equal(layer(x).numpy(), expected)
    np.testing.assert_array_equal(graph(x).numpy(), expected)


def network() -> tf.keras.Model:
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            CodebookActivation(8, 5, name="encode_input"),
            LookupConv2D(4, 3, kernel_quantizer=Codebook(4, 3), use_bias=False),
            ExactBatchNormalization(),
            CodebookActivation(8, 5),
            layers.MaxPooling2D(),
            LookupDepthwiseConv2D(2, depthwise_quantizer=Codebook(8, 3), bias_fraction=8),
            CodebookActivation(8, 5, bits=6, signed=True),
            layers.Flatten(),
            LookupDense(10, kernel_quantizer=Codebook(8, 3), bias_fraction=8),
        ]
    )
    for layer in model.layers:
        if hasattr(layer, "refit"):
            layer.refit()
    return model


def images(count: int = 16) -> np.ndarray:
    return (np.random.default_rng(5).integers(0, 256, (count, 8, 8, 1)) / 256).astype(np.float32)


def test_every_trainable_variable_has_a_gradient() -> None:
    tf.keras.utils.set_random_seed(0)
    model = network()
    for training in (True, False):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(images(), training=training)))
        for variable, gradient in zip(model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True):
            assert float(tf.norm(gradient)) > 0, variable.name


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_save_and_load(tmp_path, suffix: str, explicit: bool) -> None:
    model = network()
    path = tmp_path / f"model{suffix}"
    model.save(path)
    loaded = tf.keras.models.load_model(path, custom_objects=custom_objects() if explicit else None)
    np.testing.assert_array_equal(loaded.predict(images(), verbose=0), model.predict(images(), verbose=0))
    short = [w.name.split("/")[-1] for w in model.weights]  # Keras' own format drops the layer's prefix
    assert [w.name.split("/")[-1] for w in loaded.weights] == short


def test_clone_model() -> None:
    model = network()
    clone = tf.keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(images(), verbose=0), model.predict(images(), verbose=0))


def test_constraints_survive() -> None:
    layer = LookupDense(3, kernel_quantizer=Codebook(4, 3), kernel_constraint="non_neg")
    layer.build((None, 4))
    assert isinstance(layer.kernel_constraint, tf.keras.constraints.NonNeg)


def test_pruning() -> None:
    """The optimisation toolkit's pruning, as QKeras' users do it: half of every kernel becomes the exact zero."""
    from tensorflow_model_optimization.sparsity import keras as sparsity

    schedule = sparsity.ConstantSparsity(0.5, begin_step=0, frequency=1)
    model = tf.keras.models.clone_model(
        network(),
        clone_function=lambda layer: (
            sparsity.prune_low_magnitude(layer, schedule)
            if isinstance(layer, (LookupConv2D, LookupDense, LookupDepthwiseConv2D))
            else layer
        ),
    )
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images(), np.arange(16) % 10, epochs=2, verbose=0, callbacks=[sparsity.UpdatePruningStep()])
    stripped = sparsity.strip_pruning(model)
    pruned = [layer for layer in stripped.layers if hasattr(layer, "refit")]
    assert len(pruned) == 3
    for layer in pruned:
        layer.refit()
        assert (layer.decoded_kernel() == 0).mean() >= 0.5, layer.name


def test_training_improves_through_all_layers() -> None:
    tf.keras.utils.set_random_seed(1)
    model = network()
    model.compile(tf.keras.optimizers.Adam(0.05), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    labels = np.arange(16) % 10
    history = model.fit(images(), labels, epochs=40, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: Codebook(1, 3), ConfigError, "a weight codebook of 1 symbols: a codebook holds 2 to 256"),
        (lambda: Codebook(2**20, 3), ConfigError, "1048576 symbols"),
        (lambda: Codebook(32, 3, bits=4), ConfigError, "32 weight symbols do not fit a grid of 4 bits"),
        (lambda: Codebook(4, 3, accumulate="sum"), ConfigError, "'exact' or 'symbolic'"),
        (lambda: Codebook(4, 3, accumulate="symbolic"), ConfigError, "needs sum_symbols and sum_fraction"),
        (lambda: CodebookActivation(1, 5, name="relu1"), ConfigError, "layer 'relu1': a codebook of 1 symbols"),
        (lambda: CodebookActivation(64, 5, name="relu1"), ConfigError, "'relu1': 64 symbols do not fit a grid of 5 bits"),
        (lambda: LookupDense(3, name="fc"), ConfigError, "layer 'fc' needs a codebook in kernel_quantizer"),
        (
            lambda: LookupDense(3, name="fc", kernel_quantizer=Codebook(4, 3), activation="relu"),
            UnsupportedLayerError,
            "layer 'fc' has a fused activation; put a CodebookActivation behind it",
        ),
        (
            lambda: LookupConv2D(3, 3, name="c", kernel_quantizer=Codebook(4, 3), dilation_rate=2),
            UnsupportedLayerError,
            "layer 'c': dilation and groups have no lowering",
        ),
        (
            lambda: LookupConv2D(3, 3, name="c", kernel_quantizer=Codebook(4, 3), data_format="channels_first"),
            UnsupportedLayerError,
            "layer 'c': use data_format='channels_last'",
        ),
    ],
)
def test_errors_say_what_to_do(build, error: type[DietError], text: str) -> None:
    with pytest.raises(error, match=text.replace("(", "\\(")):
        build()


def test_nan_weights_are_named() -> None:
    layer = LookupDense(3, name="fc", kernel_quantizer=Codebook(4, 3))
    layer.build((None, 4))
    layer.kernel.assign(np.full((4, 3), np.nan))
    with pytest.raises(LoweringError, match="layer 'fc': weights hold NaN or Inf"):
        layer.refit()


def test_a_codebook_off_the_grid_is_refused() -> None:
    layer = CodebookActivation(3, 2, name="relu1")
    layer.build((None, 4))
    with pytest.raises(LoweringError, match="'relu1': levels must increase on the grid"):
        layer.set_codebook(np.array([0, 0.3, 0.5]), np.array([0.1, 0.4]))
    with pytest.raises(LoweringError, match="'relu1' takes 3 levels and 2 thresholds"):
        layer.set_codebook(np.array([0, 0.5]), np.array([0.1]))
