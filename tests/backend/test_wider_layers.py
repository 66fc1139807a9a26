# SPDX-License-Identifier: Apache-2.0
"""Layers and models that hls4ml's parser cannot read or reads in part: the same integers as Keras where nothing is rounded."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import tensorflow_model_optimization as tfmot

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from dietcnn_hls.tf import tf
from tests.graphs import random_codes

L = tf.keras.layers
Input, Model, Sequential = L.Input, tf.keras.Model, tf.keras.Sequential


def filled(model: Any, seed: int = 0) -> Any:
    """Weights of two fractional bits, of which float32 loses nothing."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.integers(-4, 4, w.shape) / 4 for w in model.get_weights()])
    return model


def one(shape: tuple[int, ...], *layers: Any) -> Any:
    return filled(Sequential([L.InputLayer(shape), *layers]))


def two(left: tuple[int, ...], right: tuple[int, ...], join: Callable[[Any, Any], Any]) -> Any:
    a, b = Input(left), Input(right)
    return filled(Model([a, b], join(a, b)))


def merged(kind: str, left: tuple[int, ...], right: tuple[int, ...]) -> Any:
    return two(left, right, lambda a, b: getattr(L, kind)()([a, b]))


def shared_layer() -> Any:
    x = Input((6, 2))
    conv = L.Conv1D(2, 2, padding="same", activation="relu", name="twice")
    return filled(Model(x, L.Add()([conv(conv(x)), conv(x)])))


def shared_model(nested: bool = False) -> Any:
    """Two inputs through one tower; its input has the name of the model's own."""
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inner = Input((4,), name="a")
    tower = Model(inner, L.Dense(3, name="d", activation="relu")(L.Dense(4, name="e")(inner)), name="tower")
    if nested:
        tower = Sequential([Input((4,), name="c"), tower, L.Dense(3, name="d")], name="outer")
    return filled(Model([a, b], L.Subtract(name="gap")([tower(a), tower(b)])))


def many() -> Any:
    x = Input((5,))
    ways = [L.Dense(3, name=f"d{number}")(x) for number in range(3)]
    return filled(Model(x, L.Concatenate()([L.Add()(ways), L.Maximum()(ways), L.Minimum()([*ways, ways[0]])])))


def pruned() -> Any:
    model = Sequential([L.InputLayer((5, 3)), L.Conv1D(4, 2), L.Flatten(), L.Dense(3, activation="relu")])
    made = tfmot.sparsity.keras.prune_low_magnitude(model)
    rng = np.random.default_rng(0)
    for layer in made.layers:
        for weight in layer.layer.weights:
            weight.assign(rng.integers(-4, 4, weight.shape) / 4)
    return made


MODELS: dict[str, Callable[[], Any]] = {
    "dilated row": lambda: one((11, 2), L.Conv1D(3, 3, dilation_rate=2)),
    "dilated row, same": lambda: one((8, 2), L.Conv1D(3, 3, dilation_rate=3, padding="same")),
    "dilated row, causal": lambda: one((8, 2), L.Conv1D(3, 3, dilation_rate=2, padding="causal")),
    "dilated image": lambda: one((8, 7, 2), L.Conv2D(3, (3, 2), dilation_rate=(2, 3), padding="same")),
    "dilated depthwise": lambda: one((8, 7, 2), L.DepthwiseConv2D(3, dilation_rate=(2, 2), padding="same")),
    "dilated separable": lambda: one((8, 7, 2), L.SeparableConv2D(3, 2, dilation_rate=(2, 2))),
    "dilated separable row": lambda: one((9, 2), L.SeparableConv1D(3, 2, dilation_rate=2, padding="same")),
    "groups": lambda: one((6, 6, 4), L.Conv2D(6, 3, groups=2, strides=2, padding="same")),
    "groups of a row": lambda: one((6, 6), L.Conv1D(6, 1, groups=3)),
    "groups and dilation": lambda: one((9, 4), L.Conv1D(4, 3, groups=2, dilation_rate=2)),
    "multiplier": lambda: one((6, 5, 2), L.DepthwiseConv2D((2, 3), depth_multiplier=3)),
    "multiplier of a row": lambda: one((6, 2), L.DepthwiseConv1D(2, depth_multiplier=2, padding="same")),
    "separable with a multiplier": lambda: one((6, 5, 2), L.SeparableConv2D(3, 2, depth_multiplier=2)),
    **{
        f"transposed, {padding}, {size}, {stride}": lambda padding=padding, size=size, stride=stride: one(  # type: ignore[misc]
            (4, 3, 2), L.Conv2DTranspose(3, size, strides=stride, padding=padding)
        )
        for padding in ("valid", "same")
        for size, stride in ((3, 1), ((3, 2), (2, 2)), (2, 3), ((4, 1), (2, 3)))
    },
    "transposed row": lambda: one((5, 2), L.Conv1DTranspose(3, 4, strides=2, padding="same", activation="relu")),
    "repeat": lambda: one((4,), L.Dense(3), L.RepeatVector(5), L.Conv1D(2, 2)),
    "einsum": lambda: one((2, 4, 3), L.EinsumDense("...x,xy->...y", 5, activation="relu", bias_axes="y")),
    "einsum without a bias": lambda: one((4, 3), L.EinsumDense("abc,cd->abd", (None, 2))),
    "each step": lambda: one((4, 3), L.TimeDistributed(L.Dense(5, activation="relu")), L.TimeDistributed(L.Dense(2))),
    "slopes of channels": lambda: one((4, 5, 3), L.PReLU(shared_axes=[1, 2])),
    "slopes of all values": lambda: one((3, 2, 2), L.PReLU()),
    "dot": lambda: two((6,), (6,), lambda a, b: L.Dot(1)([a, b])),
    "dot behind layers": lambda: two((6,), (5,), lambda a, b: L.Dense(2)(L.Dot(-1)([L.Dense(4)(a), L.Dense(4)(b)]))),
    **{
        f"{kind} {left} {right}": lambda kind=kind, left=left, right=right: merged(kind, left, right)  # type: ignore[misc]
        for kind, left, right in (
            ("Add", (3, 4, 2), (1, 1, 2)),
            ("Add", (1, 1, 2), (3, 4, 2)),
            ("Subtract", (3, 4, 2), (3, 4, 1)),
            ("Subtract", (3, 4, 1), (3, 4, 2)),
            ("Multiply", (3, 4, 2), (1, 4, 1)),
            ("Average", (3, 2), (1, 2)),
            ("Maximum", (4,), (1,)),
            ("Minimum", (1, 2), (4, 2)),
            ("Multiply", (4, 2), (2,)),
        )
    },
    "shared layer": shared_layer,
    "shared model": shared_model,
    "shared model of models": lambda: shared_model(nested=True),
    "many tensors": many,
    "pruned": pruned,
}


def random_window(seed: int) -> Any:
    """A convolution of any kind over one or two axes, then what reads its pixels."""
    rng = np.random.default_rng(seed)
    flat = bool(rng.integers(2))
    sizes = [int(n) for n in rng.integers(7, 11, 1 if flat else 2)]
    size, rate = ([int(n) for n in rng.integers(1, 4, len(sizes))] for _ in range(2))
    stride = [int(n) for n in rng.integers(1, 3, len(sizes))]
    padding = str(rng.choice(["valid", "same"]))
    kind = str(rng.choice(["Conv", "DepthwiseConv", "SeparableConv", "Transpose"]))
    strided = kind == "Transpose" or bool(rng.integers(2))
    options: dict[str, Any] = {"padding": padding, **({"strides": stride} if strided else {"dilation_rate": rate})}
    if len(set(stride)) > 1 and kind in ("DepthwiseConv", "SeparableConv"):  # which TensorFlow does not compute
        options = {"padding": padding}
    axes, channels = f"{len(sizes)}D", int(rng.choice([2, 4]))
    multiplier = int(rng.integers(1, 3))
    layer = {
        "Conv": lambda: getattr(L, f"Conv{axes}")(4, size, groups=int(rng.choice([1, 2])), **options),
        "DepthwiseConv": lambda: getattr(L, f"DepthwiseConv{axes}")(size, depth_multiplier=multiplier, **options),
        "SeparableConv": lambda: getattr(L, f"SeparableConv{axes}")(3, size, depth_multiplier=multiplier, **options),
        "Transpose": lambda: getattr(L, f"Conv{axes}Transpose")(3, size, **options),
    }[kind]()
    return one((*sizes, channels), layer, L.ReLU())


def converted(model: Any, folder: Path, config: dict[str, Any] | None = None, io_type: str = "io_stream") -> Any:
    with contextlib.redirect_stdout(io.StringIO()):  # hls4ml prints each layer
        if config is None:
            config = hls4ml.utils.config_from_keras_model(
                model, granularity="name", backend="DietCNN", default_precision="fixed<16,8>"
            )
        return hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend="DietCNN", output_dir=str(folder), io_type=io_type
        )


def samples(model: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(-8, 8, (20, *given.shape[1:])) / 4 for given in model.inputs]


@pytest.mark.parametrize("title", [*MODELS, *range(6)])
def test_equal_to_keras(title: str | int, tmp_path: Path) -> None:
    model = random_window(title) if isinstance(title, int) else MODELS[title]()
    graph = lowered_graph(converted(model, tmp_path))
    x = samples(model)
    codes = reference.quantize_input(graph, x if len(x) > 1 else x[0])
    found = reference.output_values(graph, reference.predict(graph, codes))
    keras = model.predict(x if len(x) > 1 else x[0], verbose=0)
    assert np.array_equal(np.asarray(found).reshape(keras.shape), keras), title


def everything() -> Any:
    """One network of nearly all of these layers, two ends."""
    image = Input((7, 6, 4), name="image")
    x = L.Conv2D(4, 2, groups=2, dilation_rate=(2, 1), activation="relu", name="grouped")(image)
    gate = L.GlobalAveragePooling2D(keepdims=True, name="gate")(x)
    x = L.Multiply(name="gated")([L.Conv2DTranspose(4, 3, strides=2, padding="same", name="wider")(x), gate])
    x = L.MaxPooling2D(5, name="pool")(x)
    tower = L.Dense(3, name="tower")
    left = tower(L.Flatten(name="flat")(x))
    right = tower(L.Flatten(name="flat_right")(L.Permute((2, 1, 3), name="turned")(x)))
    repeated = L.RepeatVector(2, name="repeated")(left)
    return filled(
        Model(image, [L.Dot(1, name="dot")([left, L.Dense(3, name="last")(right)]), L.Add(name="sum")([repeated, left])])
    )


def test_cpp_and_rtl_compute_the_same(tmp_path: Path) -> None:
    model = everything()
    graphs = {}
    for io_type in ("io_parallel", "io_stream"):
        made = converted(model, tmp_path / io_type, {"Model": {"Precision": "fixed<16,8>", "ReuseFactor": 1}}, io_type)
        made.compile()
        graphs[io_type] = lowered_graph(made)
        x = samples(model)[0]
        expected = reference.output_values(
            graphs[io_type], reference.predict(graphs[io_type], reference.quantize_input(graphs[io_type], x))
        )
        for found, wanted in zip(made.predict(x), expected, strict=True):
            assert np.array_equal(found.reshape(wanted.shape), wanted), io_type
    graph = graphs["io_stream"]
    design = generate(graph, {node.name: legal_folds(graph, node)[0] for node in graph.linear_nodes})
    codes = random_codes(graph, 2, 0)
    for found, wanted in zip(
        simulate_many([design], [codes], optimize="-O0")[0].outputs, reference.predict(graph, codes), strict=True
    ):
        assert np.array_equal(found, wanted)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_shared_layer_in_a_file_reads_the_first_ones_weights(tmp_path: Path) -> None:
    model = shared_layer()
    model.save(tmp_path / "model.h5")
    config = hls4ml.utils.config.create_config(str(tmp_path / "out"), "from_file", "DietCNN")
    hls = {
        "Model": {"Precision": "fixed<20,10>", "ReuseFactor": 1},
        "LayerName": {"twice": {"Precision": {"result": "fixed<9,5>"}}},
    }
    with contextlib.redirect_stdout(io.StringIO()):
        made = hls4ml.converters.keras_v2_to_hls(config | {"KerasH5": str(tmp_path / "model.h5"), "HLSConfig": hls})
    graphs = [lowered_graph(made), lowered_graph(converted(model, tmp_path / "again", hls))]
    x = samples(model)[0]
    results = [reference.predict(graph, reference.quantize_input(graph, x)) for graph in graphs]
    assert np.array_equal(*results) and results[0].any()
    for name in ("twice", "twice_2", "twice_3"):  # copies have what the configuration says of the layer
        assert graphs[0][name].stream.bits == 9


def test_a_shared_model_in_a_file_is_refused(tmp_path: Path) -> None:
    shared_model().save(tmp_path / "model.h5")
    config = hls4ml.utils.config.create_config(str(tmp_path / "out"), "from_file", "DietCNN")
    hls = {"Model": {"Precision": "fixed<20,10>", "ReuseFactor": 1}}
    with pytest.raises(UnsupportedLayerError, match=r"layer 'tower.*used more than once; load the file with Keras"):
        hls4ml.converters.keras_v2_to_hls(config | {"KerasH5": str(tmp_path / "model.h5"), "HLSConfig": hls})


def test_another_einsum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLayerError, match=r"layer 'e' \(EinsumDense\).*'abc,bcd->ad' is no product of the last axis"):
        converted(one((4, 3), L.EinsumDense("abc,bcd->ad", (2,), name="e")), tmp_path)


def test_products_wider_than_any_stream_lose_what_their_type_drops(tmp_path: Path) -> None:
    """Inputs of 32 bits; integers of Python are the witness."""
    model = two((3,), (3,), lambda a, b: [L.Dot(1, name="dot")([a, b]), L.Multiply(name="product")([a, b])])
    graph = lowered_graph(converted(model, tmp_path, {"Model": {"Precision": "fixed<32,16>", "ReuseFactor": 1}}))
    codes = [np.random.default_rng(seed).integers(-(1 << 31), 1 << 31, (50, 3)) for seed in range(2)]
    products = (codes[0].astype(object) * codes[1].astype(object)) >> 16
    found = reference.predict(graph, codes)
    for array, exact in zip(found, (products.sum(axis=1)[:, None], products), strict=True):
        assert np.array_equal(array, ((exact + (1 << 31)) % (1 << 32) - (1 << 31)).astype(np.int64))


def test_a_reshape_that_is_read_and_is_an_output(tmp_path: Path) -> None:
    """Results have Keras' shapes in both io types, also where hls4ml has nothing to do for one."""
    image = Input((6, 2))
    row = L.Conv1D(1, 2, name="row")(image)
    flat = L.Flatten(name="flat")(row)
    model = filled(Model(image, [row, flat, L.Dense(2, name="d")(flat)]))
    for io_type in ("io_parallel", "io_stream"):
        graph = lowered_graph(converted(model, tmp_path, {"Model": {"Precision": "fixed<18,9>", "ReuseFactor": 1}}, io_type))
        assert [node.stream.shape for node in graph.outputs] == [(5, 1), (5,), (2,)]
        x = samples(model)[0]
        found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
        for ours, keras in zip(found, model.predict(x, verbose=0), strict=True):
            assert np.array_equal(ours, keras)


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("dims", [(1, 2), (2, 1), (1, 2, 3), (2, 1, 3), (3, 1, 2), (2, 3, 1)], ids=str)
def test_permuted_values_of_a_dense_layer(dims: tuple[int, ...], io_type: str, tmp_path: Path) -> None:
    """hls4ml turns the weights round, as if every Permute were one of its own."""
    model = one((2, 3, 4)[-len(dims) :], L.Permute(dims), L.Flatten(), L.Dense(3))
    graph = lowered_graph(converted(model, tmp_path, io_type=io_type))
    x = samples(model)[0]
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(found, model.predict(x, verbose=0))


def test_reshaped_inputs_are_joined_in_streams(tmp_path: Path) -> None:
    """A beat of an input holds more than a piece of what is joined: C simulation aborted, for it found a stream empty."""
    a, b = Input((4,)), Input((6,))
    model = Model([a, b], L.Concatenate()([L.Reshape((2, 2))(a), L.Reshape((2, 3))(b)]))
    made = converted(model, tmp_path, {"Model": {"Precision": "ufixed<8,8>", "ReuseFactor": 1}})
    made.compile()
    x = [np.random.default_rng(0).integers(0, 256, (20, size)).astype(np.float32) for size in (4, 6)]
    wanted = np.concatenate([x[0].reshape(-1, 2, 2), x[1].reshape(-1, 2, 3)], axis=-1)
    assert np.array_equal(made.predict(x).reshape(wanted.shape), wanted)
    graph, codes = lowered_graph(made), [array[:3].astype(np.int64) for array in x]
    result = simulate_many([generate(graph, {})], [codes], optimize="-O0")[0]
    assert np.array_equal(result.outputs, reference.predict(graph, codes))


@pytest.mark.parametrize(
    "padding",
    [
        L.Conv2D(2, 3, padding="same", name="it"),
        L.ZeroPadding2D(1, name="it"),
        L.AveragePooling2D(2, padding="same", name="it"),
        L.Conv2DTranspose(2, 3, strides=2, name="it"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_zeros_are_padded_beside_values_that_never_are_zero(padding: Any, tmp_path: Path) -> None:
    """A constant, or a bias that outweighs all products: zero is no code of its stream."""
    model = tf.keras.Sequential([L.InputLayer((3, 3, 1)), L.Conv2D(2, 1, name="constant"), padding])
    model.set_weights([np.rint(weight * 4) / 4 for weight in model.get_weights()])
    model.get_layer("constant").set_weights([np.zeros((1, 1, 1, 2)), np.array([-3.0, -2.0])])
    made = hls4ml.converters.convert_from_keras_model(
        model, hls_config={"Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1}}, backend="DietCNN", output_dir=str(tmp_path)
    )
    graph = lowered_graph(made)
    outputs = reference.output_values(graph, reference.predict(graph, random_codes(graph, 2, 0)))
    assert np.array_equal(outputs.ravel(), np.asarray(model(np.zeros((2, 3, 3, 1)))).ravel())
