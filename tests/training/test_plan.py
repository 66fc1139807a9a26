# SPDX-License-Identifier: Apache-2.0
"""Float models read into plans, and every refusal by name and remedy before any work."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.data.networks import lenet5
from dietcnn_hls.errors import ConfigError, DietError, LoweringError, UnsupportedLayerError
from dietcnn_hls.training import LookupDense
from dietcnn_hls.training.plan import INPUT, read_plan
from dietcnn_hls.training.tf import qkeras, tf

L = tf.keras.layers


def sequential(*layers) -> tf.keras.Model:
    return tf.keras.Sequential([L.Input((8, 8, 2)), *layers], name="net")


def test_lenet() -> None:
    plan = read_plan(lenet5())
    assert [(s.name, s.kind) for s in plan] == [
        ("conv1", "linear"),
        ("conv1_relu", "relu"),
        ("pool1", "keep"),
        ("conv2", "linear"),
        ("conv2_relu", "relu"),
        ("pool2", "keep"),
        ("flatten", "keep"),
        ("dense1", "linear"),
        ("dense1_relu", "relu"),
        ("dense2", "linear"),
        ("dense2_relu", "relu"),
        ("logits", "linear"),
    ]
    assert plan[0].inputs == (INPUT,) and plan[0].norm.name == "conv1_norm" and plan[-1].norm is None


def test_fused_activations_and_linear_ones() -> None:
    model = sequential(
        L.Conv2D(3, 3, activation="relu", name="c"),
        L.Activation("linear"),
        L.Flatten(name="f"),
        L.Dense(4, activation="softmax", name="d"),
    )
    plan = read_plan(model)
    assert [(s.name, s.kind, s.inputs) for s in plan] == [
        ("c", "linear", (INPUT,)),
        ("c_relu", "relu", ("c",)),
        ("f", "keep", ("c_relu",)),
        ("d", "linear", ("f",)),
        ("d_softmax", "softmax", ("d",)),
    ]


def test_batch_norm_and_bias_as_one_affine_map() -> None:
    model = sequential(L.Conv2D(2, 3, name="c"), L.BatchNormalization(epsilon=0.0, name="bn"), L.Flatten(), L.Dense(2))
    model.get_layer("c").bias.assign([3.0, -1.0])
    model.get_layer("bn").set_weights([np.array(v, np.float32) for v in ([2, 4], [1, 0.5], [5, 7], [4, 0.25])])
    gain, shift = read_plan(model)[0].gain_and_shift()
    assert gain.tolist() == [2 / 2, 4 / 0.5]
    assert shift.tolist() == [(3 - 5) * 1 + 1, (-1 - 7) * 8 + 0.5]


def shared() -> tf.keras.Model:
    image = L.Input((8,))
    layer = L.Dense(8, name="twice")
    return tf.keras.Model(image, layer(layer(image)))


def two_outputs() -> tf.keras.Model:
    image = L.Input((8,))
    return tf.keras.Model(image, [L.Dense(2)(image), L.Dense(2)(image)], name="net")


def add_of_three() -> tf.keras.Model:
    image = L.Input((8,))
    return tf.keras.Model(image, L.Dense(2)(L.Add(name="sum")([L.Dense(3)(image) for _ in range(3)])))


def norm_of_a_read_layer() -> tf.keras.Model:
    image = L.Input((8,))
    hidden = L.Dense(8)(image)
    relu = L.ReLU()(hidden)
    return tf.keras.Model(image, L.Dense(2)(L.Add()([relu, L.BatchNormalization(name="bn")(hidden)])))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (
            lambda: sequential(L.UpSampling2D(name="up")),
            UnsupportedLayerError,
            "'up' of type UpSampling2D has no lowering; supported",
        ),
        (lambda: sequential(L.Conv2D(3, 3, activation="tanh", name="c")), UnsupportedLayerError, "'c': activation 'tanh' has no"),
        (
            lambda: sequential(L.Activation("gelu", name="a")),
            UnsupportedLayerError,
            "'a': activation 'gelu' has no lowering; use relu",
        ),
        (lambda: sequential(L.ReLU(negative_slope=0.1, name="r")), UnsupportedLayerError, "'r': only a plain ReLU"),
        (lambda: sequential(L.BatchNormalization(name="bn")), UnsupportedLayerError, "'bn': .* put one behind it"),
        (
            lambda: sequential(L.Conv2D(3, 3), L.MaxPooling2D(), L.BatchNormalization(name="bn"), L.ReLU(), L.Flatten()),
            UnsupportedLayerError,
            "'bn': a batch-norm folds into",
        ),
        (
            lambda: sequential(L.AveragePooling2D(padding="same", name="p"), L.Flatten(), L.Dense(2)),
            UnsupportedLayerError,
            "'p': an average over padded windows has no lowering; use padding='valid'",
        ),
        (
            lambda: sequential(L.GlobalAveragePooling2D(data_format="channels_first", name="p"), L.Dense(2)),
            UnsupportedLayerError,
            "'p': use data_format='channels_last'",
        ),
        (norm_of_a_read_layer, UnsupportedLayerError, "'bn': a batch-norm folds into"),
        (lambda: sequential(L.Conv2D(4, 3, groups=2, name="c")), UnsupportedLayerError, "'c': dilation and groups have no"),
        (lambda: sequential(L.Conv2D(4, 3, dilation_rate=2, name="c")), UnsupportedLayerError, "'c': dilation and groups"),
        (lambda: sequential(L.Dense(4, name="d")), UnsupportedLayerError, "'d': a dense layer reads flat data; put a Flatten"),
        (
            lambda: sequential(L.Softmax(name="s"), L.Conv2D(2, 3)),
            UnsupportedLayerError,
            "'s': softmax has a lowering as the last",
        ),
        (
            lambda: sequential(L.MaxPooling2D(data_format="channels_first", name="p")),
            UnsupportedLayerError,
            "'p': use data_format",
        ),
        (lambda: sequential(qkeras.QConv2D(2, 3, name="q")), UnsupportedLayerError, "'q' of type QConv2D is quantised already"),
        (shared, UnsupportedLayerError, "'twice' is used more than once"),
        (add_of_three, UnsupportedLayerError, "'sum' adds 3 tensors; add two at a time"),
        (two_outputs, ConfigError, "'net' must be Sequential or functional, with one input and one output"),
        (lambda: tf.keras.Sequential([L.Dense(3)]), ConfigError, "give its first layer an input shape"),
        (lambda: "lenet5", ConfigError, "a built tf.keras model is needed, got str"),
    ],
)
def test_refusals(build, error: type[DietError], text: str) -> None:
    with pytest.raises(error, match=text):
        read_plan(build())


def test_nan_weights() -> None:
    model = sequential(L.Conv2D(3, 3, name="c"))
    model.layers[0].kernel.assign(np.full((3, 3, 2, 3), np.inf))
    with pytest.raises(LoweringError, match="layer 'c': weights hold NaN or Inf"):
        read_plan(model)


def test_our_own_layers_are_quantised_already() -> None:
    from dietcnn_hls.methods.dietcnn.training import Codebook

    model = sequential(L.Flatten(), LookupDense(2, kernel_quantizer=Codebook(4, 3), name="d"))
    with pytest.raises(UnsupportedLayerError, match="'d' of type LookupDense is quantised already; pass the float model"):
        read_plan(model)
