# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (tables of cases read best one to a line)
"""Float models read into plans, and every refusal by name and remedy before any work."""

from __future__ import annotations

import numpy as np
import pytest

from dietcnn_hls.data.networks import lenet5
from dietcnn_hls.errors import ConfigError, DietError, LoweringError, UnsupportedLayerError
from dietcnn_hls.training import LookupDense
from dietcnn_hls.training.plan import INPUT
from dietcnn_hls.training.reader import read_plan
from dietcnn_hls.training.tf import qkeras, tf

L = tf.keras.layers


def sequential(*layers) -> tf.keras.Model:
    return tf.keras.Sequential([L.Input((8, 8, 2)), *layers], name="net")


def test_lenet() -> None:
    plan = read_plan(lenet5())
    assert [(s.name, s.kind) for s in plan] == [
        ("conv1", "linear"),
        ("conv1_relu", "activation"),
        ("pool1", "keep"),
        ("conv2", "linear"),
        ("conv2_relu", "activation"),
        ("pool2", "keep"),
        ("flatten", "keep"),
        ("dense1", "linear"),
        ("dense1_relu", "activation"),
        ("dense2", "linear"),
        ("dense2_relu", "activation"),
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
        ("c_relu", "activation", ("c",)),
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


def leads_nowhere() -> tf.keras.Model:
    image = L.Input((8,))
    hidden = L.Dense(8, name="hidden")(image)
    model = tf.keras.Model(image, [L.Dense(2, name="out")(hidden), L.Dense(2, name="spare")(hidden)], name="net")
    model.outputs.pop()
    return model


def read_output() -> tf.keras.Model:
    image = L.Input((8,))
    first = L.Dense(2, name="first")(image)
    model = tf.keras.Model(image, [first, L.Dense(2, name="second")(first)], name="net")
    model.outputs.pop()
    return model


def called(layer, **arguments) -> tf.keras.Model:
    image = L.Input((8, 8, 2))
    return tf.keras.Model(image, L.Dense(2)(L.Flatten()(layer(L.Conv2D(2, 3)(image), **arguments))))


def operation() -> tf.keras.Model:
    image = L.Input((8,))
    return tf.keras.Model(image, L.Dense(2)(tf.nn.relu(L.Dense(3)(image), name="bare")))


def nested() -> tf.keras.Model:
    inner = tf.keras.Sequential([L.Input((8,)), L.Dense(3)], name="inner")
    return tf.keras.Sequential([L.Input((8,)), inner, L.Dense(2)])


def open_size() -> tf.keras.Model:
    return tf.keras.Sequential([L.Input((None, None, 1), name="any"), L.Conv2D(2, 3), L.GlobalAveragePooling2D()])


def unlike() -> tf.keras.Model:
    image = L.Input((8, 8, 2))
    total = L.Add(name="sum")([L.Conv2D(2, 1)(image), L.MaxPooling2D(8)(image)])
    return tf.keras.Model(image, L.Dense(2)(L.Flatten()(total)))


class Subclassed(tf.keras.Model):
    """A model that is its own code."""

    def __init__(self) -> None:
        super().__init__(name="own")
        self.dense = L.Dense(2)

    def call(self, inputs, training=None):
        return self.dense(inputs)


class Overridden(tf.keras.Sequential):
    """A Sequential whose layers are not the whole of it."""

    def call(self, inputs, training=None, mask=None):
        return -super().call(inputs, training, mask)


class Square(L.Dense):
    """A dense layer that computes something else."""

    def call(self, inputs):
        return super().call(inputs) ** 2


def relu(x):
    """Not the function of this name."""
    return -x


def built(model: tf.keras.Model) -> tf.keras.Model:
    model(np.zeros((1, 8, 8, 2), np.float32))
    return model


CASES = [
    (lambda: sequential(L.UpSampling2D(name="up")), UnsupportedLayerError, "'up' of type UpSampling2D has no lowering; supported"),
    (lambda: sequential(L.PReLU(name="p")), UnsupportedLayerError, "'p' of type PReLU has no lowering; use LeakyReLU"),
    (lambda: sequential(L.LayerNormalization(name="n")), UnsupportedLayerError, "'n' of type LayerNorm.*use BatchNormalization"),
    (lambda: sequential(Square(2, name="own")), UnsupportedLayerError, "'own' of type Square is a class of its own.*use Dense"),
    (operation, UnsupportedLayerError, "'tf.nn.relu' of type TFOpLambda has no lowering; operations outside layers"),
    (nested, UnsupportedLayerError, "'inner' of type Sequential has no lowering; models inside models"),
    (lambda: sequential(L.Activation("gelu", name="a")), UnsupportedLayerError, "'a': activation 'gelu' has no lowering; use relu"),
    (lambda: sequential(L.Activation(relu, name="a")), UnsupportedLayerError, "'a': activation 'relu' has no lowering"),
    (lambda: sequential(L.Conv2D(2, 3, activation=lambda x: x, name="c")), UnsupportedLayerError, "'c': activation '<lambda>'"),
    (lambda: sequential(L.Conv2D(2, 3, activation=L.PReLU(), name="c")), UnsupportedLayerError, "'c': .*PReLU has no lowering"),
    (lambda: sequential(L.LeakyReLU(-0.5, name="r")), UnsupportedLayerError, "'r': alpha=-0.5 has no lowering.*never falls"),
    (lambda: sequential(L.ReLU(max_value=0, name="r")), UnsupportedLayerError, "'r': max_value=0 leaves nothing but zeros"),
    (lambda: sequential(L.BatchNormalization(axis=1, name="bn")), UnsupportedLayerError, r"'bn': axis=\[1\] has no lowering"),
    (lambda: sequential(L.BatchNormalization(name="bn")), UnsupportedLayerError, "model 'net' has no Conv2D, Depthwise.* or Dense"),
    (lambda: sequential(L.Flatten(), L.Dense(2), L.ReLU(), L.BatchNormalization(name="bn")), UnsupportedLayerError, "'bn': .* put one behind it"),
    (lambda: called(L.BatchNormalization(name="bn"), training=True), UnsupportedLayerError, "'bn' is called with training=True"),
    (lambda: called(L.Dropout(0.5, name="d"), training=1), UnsupportedLayerError, "'d' is called with training=1"),
    (lambda: sequential(L.AveragePooling2D(3, padding="same", name="p"), L.Flatten(), L.Dense(2)), UnsupportedLayerError, "'p': an average over padded windows has no lowering; use padding='valid'"),
    (lambda: sequential(L.GlobalAveragePooling2D(data_format="channels_first", name="p"), L.Dense(2)), UnsupportedLayerError, r"'p' \(GlobalAveragePooling2D\): data_format='channels_first' has no lowering: use data_format='channels_last'"),
    (lambda: sequential(L.Conv2D(4, 3, groups=2, name="c")), UnsupportedLayerError, r"'c' \(Conv2D\): groups=2 has no lowering: .*use groups=1, or a DepthwiseConv2D"),
    (lambda: sequential(L.Conv2D(4, 3, dilation_rate=2, name="c")), UnsupportedLayerError, r"'c' \(Conv2D\): dilation_rate=\(2, 2\) has no lowering: .*use dilation_rate=1"),
    (lambda: sequential(L.Dense(4, name="d")), UnsupportedLayerError, "'d': a dense layer reads flat data; put a Flatten"),
    (lambda: sequential(L.Softmax(name="s"), L.Conv2D(2, 3)), UnsupportedLayerError, "'s': softmax has a lowering as the last"),
    (lambda: sequential(L.Conv2D(2, 3), L.Softmax(axis=1, name="s")), UnsupportedLayerError, "'s': axis=1 has no lowering"),
    (lambda: sequential(L.Flatten(), L.Dense(2, dtype="float64", name="d")), UnsupportedLayerError, r"'d' \(Dense\): dtype='float64' has no"),
    (lambda: sequential(L.Conv2D(2, 3, dtype="mixed_float16", name="c")), UnsupportedLayerError, r"'c' \(Conv2D\): dtype='mixed_float16' has"),
    (lambda: tf.keras.Sequential([L.Input((8,), dtype="uint8", name="i"), L.Dense(2)]), UnsupportedLayerError, r"'i' \(InputLayer\): dtype='uint8'"),
    (lambda: tf.keras.Sequential([L.Input((5, 4), name="i"), L.Flatten(), L.Dense(2)]), UnsupportedLayerError, "'i': an input of shape"),
    (open_size, UnsupportedLayerError, "'any': an input of shape .* leaves sizes open"),
    (lambda: sequential(L.MaxPooling2D(data_format="channels_first", name="p")), UnsupportedLayerError, r"'p' \(MaxPooling2D\): data_format"),
    (lambda: sequential(qkeras.QConv2D(2, 3, name="q")), UnsupportedLayerError, "'q' of type QConv2D is quantised already"),
    (shared, UnsupportedLayerError, "'twice' is used more than once"),
    (add_of_three, UnsupportedLayerError, "'sum' adds 3 tensors; add two at a time"),
    (unlike, UnsupportedLayerError, r"'sum' adds shapes \(8, 8, 2\) and \(1, 1, 2\)"),
    (leads_nowhere, UnsupportedLayerError, "layer 'spare' leads to no output"),
    (read_output, UnsupportedLayerError, "layer 'second' leads to no output|layer 'first' is the output and is read by others"),
    (two_outputs, ConfigError, "'net' must be Sequential or functional, with one input and one output"),
    (lambda: built(Subclassed()), ConfigError, "model 'own' of class Subclassed computes what its own code says"),
    (lambda: Overridden([L.Input((8,)), L.Dense(2)]), ConfigError, "of class Overridden computes what its own code says"),
    (lambda: tf.keras.Sequential([L.Dense(3)]), ConfigError, "give its first layer an input shape"),
    (lambda: "lenet5", ConfigError, "a built tf.keras model is needed, got str"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "error", "text"), CASES)
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
