# SPDX-License-Identifier: Apache-2.0
"""What hls4ml's ModelGraph offers beside predict(): trace, save and load, plots, extensions; each works or is refused by name."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
from hls4ml.converters.keras_v2_to_hls import get_layer_handlers

from dietcnn_hls import backend, reference
from dietcnn_hls.backend.tracing import trace
from dietcnn_hls.errors import ConfigError, LeftToHostWarning, UnsupportedLayerError
from tests.backend.keras_models import RandomModel, images, qkeras, shift_norm_model, tf
from tests.backend.keras_models import keras_layers as L
from tests.graphs import branching_graph, random_codes
from tests.kernels import every

KERNEL = qkeras.quantized_bits(6, 0, alpha=1)


def network() -> Any:
    bias = qkeras.quantized_bits(8, 2, alpha=1)
    layers = [
        L.InputLayer((6, 6, 2), name="image"),
        qkeras.QConv2D(4, 3, kernel_quantizer=KERNEL, bias_quantizer=bias, name="conv"),
        qkeras.QActivation("quantized_relu(6,2)", name="relu"),
        L.Flatten(name="flat"),
        qkeras.QDense(5, kernel_quantizer=KERNEL, bias_quantizer=bias, activation=qkeras.quantized_relu(6, 3), name="hidden"),
        qkeras.QDense(3, kernel_quantizer=KERNEL, use_bias=False, name="logits"),
    ]
    model = tf.keras.Sequential(layers)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(-1, 1, weight.shape))
    return model


def stock(model: Any, folder: Path, **options: Any) -> Any:
    return hls4ml.converters.convert_from_keras_model(model, output_dir=str(folder), backend="DietCNN", **options)


def inner(model: Any, name: str, x: np.ndarray) -> np.ndarray:
    return np.asarray(tf.keras.Model(model.inputs, model.get_layer(name).output)(x, training=False))


@pytest.mark.parametrize("seed", [3, 7, 11, 19, 64])
def test_trace_yields_what_keras_layers_yield(tmp_path: Path, seed: int) -> None:
    """Biases and batch-norms that lie in thresholds included."""
    model = RandomModel(seed, symbolic=seed >= 60).build()
    x = images(model, 5, seed)
    outputs, layers = stock(model, tmp_path).trace(x)
    assert np.array_equal(outputs, np.asarray(model(x, training=False))) and outputs.dtype == np.float32
    expected = {layer.name for layer in model.layers if not isinstance(layer, L.InputLayer | L.Dropout)}
    missing = expected - set(layers)
    assert all(isinstance(model.get_layer(name), L.MaxPooling2D) for name in missing), missing
    for name in expected & set(layers):
        assert np.array_equal(layers[name], inner(model, name, x)), name


def test_trace_of_batch_norms_of_shifts(tmp_path: Path) -> None:
    model = shift_norm_model(2)
    x = images(model, 4, 0)
    _, layers = stock(model, tmp_path).trace(x)
    assert {"norm0", "act0", "norm1", "act1"} <= set(layers)
    for name in layers:
        assert np.array_equal(layers[name], inner(model, name, x)), name


def test_trace_takes_flags_single_samples_and_activations_as_arguments(tmp_path: Path) -> None:
    model = network()
    x = images(model, 4, 1)
    converted = stock(model, tmp_path)
    outputs, layers = converted.trace(x[2].astype(np.float64))
    assert outputs.shape == (3,) and outputs.dtype == np.float64 and layers["conv"].shape == (1, 4, 4, 4)
    assert list(layers) == ["conv", "conv_linear", "relu", "flat", "hidden", "hidden_quantized_relu", "logits", "logits_linear"]
    assert np.array_equal(layers["hidden_quantized_relu"], inner(model, "hidden", x[2:3]))
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="DietCNN")
    config["LayerName"]["relu"]["Trace"] = True
    _, layers = stock(model, tmp_path, hls_config=config).trace(x)
    assert list(layers) == ["relu"] and np.array_equal(layers["relu"], inner(model, "relu", x))


def test_trace_of_a_saved_graph(tmp_path: Path) -> None:
    graph = branching_graph(4, every())
    codes = random_codes(graph, 3, 0)
    stream = graph.input.stream
    _, layers = trace(backend.model_graph_from_lowered(graph, str(tmp_path)), stream.decode(codes) * 2.0**-stream.fraction)
    expected = reference.run(graph, codes, keep=True)
    assert set(layers) == {node.name for node in graph.nodes[1:]}
    for node in graph.nodes[1:]:
        assert np.array_equal(layers[node.name], node.stream.decode(expected[node.name]) * 2.0**-node.stream.fraction)


def test_saved_models_load_and_compute_the_same(tmp_path: Path) -> None:
    model = RandomModel(7).build()
    x = images(model, 4, 0)
    converted = stock(model, tmp_path / "out", project_name="kept", io_type="io_stream")
    backend.graphs.set_folding(converted, None)
    converted.save(str(tmp_path / "model.fml"))
    loaded = hls4ml.converters.load_saved_model(str(tmp_path / "model.fml"))
    graph, again = backend.lowered_graph(converted), backend.lowered_graph(loaded)
    assert [(n.name, n.inputs, n.stream) for n in again.nodes] == [(n.name, n.inputs, n.stream) for n in graph.nodes]
    assert backend.graphs.folding_of(loaded, again) == backend.graphs.folding_of(converted, graph)
    loaded.compile()
    assert np.array_equal(loaded.predict(x), np.asarray(model(x, training=False)))
    outputs, layers = loaded.trace(x)
    assert np.array_equal(outputs, loaded.predict(x)) and graph.output.name in layers


def test_every_layer_has_name_class_and_output_variable(tmp_path: Path) -> None:
    converted = stock(network(), tmp_path)
    for layer in converted.get_layers():
        assert layer.attributes["name"] == layer.name and layer.attributes["class_name"] == layer.class_name
        variable = converted.get_layer_output_variable(layer.name)
        assert tuple(variable.shape) == layer.stream.shape
    assert converted.get_layer_output_variable("nope") is None


def test_a_final_softmax_is_left_to_the_host_and_says_so(tmp_path: Path) -> None:
    for last in (L.Softmax(name="p"), L.Activation("softmax", name="p"), L.Softmax(axis=1, name="p")):
        model = tf.keras.Sequential([L.InputLayer((6, 6, 2)), *network().layers, last])
        with pytest.warns(LeftToHostWarning, match=r"layer 'p' \(softmax\) is left to the host: the design ends at the logits"):
            converted = stock(model, tmp_path)
        said = [{"layer": "p", "operation": "softmax"}]
        assert list(converted.get_layers())[-1].get_attr("left_to_host") == said
        assert backend.lowered_graph(converted).metadata == {"left_to_host": said}
    converted.compile()
    x = images(model, 3, 0)
    assert np.array_equal(converted.predict(x), np.asarray(network()(x, training=False)))
    assert "p" not in converted.trace(x)[1]


def test_plots_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With shapes and precisions; pydot is stood in for by what records its calls."""
    nodes: list[str] = []

    class Recorder:
        def __init__(self, *args: Any, **options: Any) -> None:
            nodes.append(str(options.get("label", "")))

        def __getattr__(self, name: str) -> Any:
            return lambda *args, **options: None

    module = types.SimpleNamespace(Dot=Recorder, Node=Recorder, Edge=Recorder, Cluster=Recorder)
    monkeypatch.setattr("hls4ml.utils.plot.pydot", module)
    monkeypatch.setattr("hls4ml.utils.plot.check_pydot", lambda: True)
    hls4ml.utils.plot_model(stock(network(), tmp_path), to_file=str(tmp_path / "x.png"), show_shapes=True, show_precision=True)
    assert sum("DietLinear" in label for label in nodes) == 3 and any("(4, 4, 4)" in label for label in nodes)


def test_profiling_is_refused_by_its_name(tmp_path: Path) -> None:
    """`numerical` converts the model once more without optimizers, which leaves nothing lowered."""
    config = stock(network(), tmp_path).config.config
    with pytest.raises(ConfigError, match=r"Optimizers: .*profiling\.numerical sets it: profile the Keras model alone"):
        hls4ml.converters.convert_from_config(config | {"HLSConfig": config["HLSConfig"] | {"Optimizers": []}})


class KDouble(L.Layer):
    """A user's layer that a user's pass takes out."""

    def call(self, x: Any) -> Any:
        return x


class HDouble(hls4ml.model.layers.Layer):
    def initialize(self) -> None:
        self.add_output_variable(list(self.get_input_variable().shape))


class RemoveDouble(hls4ml.model.optimizer.OptimizerPass):
    def match(self, node: Any) -> bool:
        return node.class_name == "HDouble" and node.name == "known"

    def transform(self, model: Any, node: Any) -> bool:
        model.remove_node(node)
        return True


def test_hls4mls_recipe_for_extensions(tmp_path: Path) -> None:
    """Passes run on hls4ml's layers before they are read; what they leave is refused by name; templates are refused."""

    def parse(keras_layer: Any, input_names: Any, input_shapes: Any, reader: Any) -> Any:
        layer = {"class_name": "HDouble", "name": keras_layer["config"]["name"]}
        return layer | ({} if input_names is None else {"inputs": input_names}), list(input_shapes[0])

    hls4ml.converters.register_keras_v2_layer_handler("KDouble", parse)
    hls4ml.model.layers.register_layer("HDouble", HDouble)
    ours = hls4ml.backends.get_backend("DietCNN")
    ours.register_pass("remove_double", RemoveDouble, flow="dietcnn:optimize")
    source = tmp_path / "nnet_mine.h"
    source.write_text("// mine\n")
    ours.register_source(source)
    try:
        plain, layers = network(), network().layers
        model = tf.keras.Sequential([L.InputLayer((6, 6, 2)), *layers[:2], KDouble(name="known"), *layers[2:]])
        model.set_weights(plain.get_weights())
        converted = stock(model, tmp_path / "out")
        x = images(model, 3, 0)
        graph = backend.lowered_graph(converted)
        values = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
        assert np.array_equal(values, np.asarray(plain(x, training=False)))
        converted.write()
        assert (tmp_path / "out/firmware/nnet_utils/nnet_mine.h").read_text() == "// mine\n"
        left = tf.keras.Sequential([L.InputLayer((6, 6, 2)), KDouble(name="left"), *network().layers])
        with pytest.raises(UnsupportedLayerError, match=r"layer 'left' \(KDouble\) has no lowering"):
            stock(left, tmp_path)
        template = type("MineTemplate", (), {"__module__": "mine"})
        with pytest.raises(ConfigError, match=r"takes no template \(MineTemplate\)"):
            ours.register_template(template)
    finally:
        hls4ml.model.flow.update_flow("dietcnn:optimize", remove_optimizers=["dietcnn:remove_double"])
        ours.get_custom_source().clear()
        get_layer_handlers().pop("KDouble")
        sys.modules.pop("mine", None)


NAMES = [
    "input",
    "kernel",
    "op",
    "stream",
    "trained",
    "stride_height",
    "name",
    "inputs",
    "weight",
    "Dense",
    "dense",
    "bias_of",
    "a/b",
]


def test_layers_may_have_any_name(tmp_path: Path) -> None:
    """hls4ml's marks, attributes of its layers and ours, names that hold a variable's, names that differ in case only."""

    def model(names: list[str]) -> Any:
        inputs = L.Input((6, 6, 2), name=names[0])
        x = qkeras.QConv2D(4, 3, kernel_quantizer=KERNEL, bias_quantizer=KERNEL, padding="same", name=names[1])(inputs)
        x = qkeras.QActivation("quantized_relu(6,2)", name=names[2])(x)
        y = qkeras.QDepthwiseConv2D(3, depthwise_quantizer=KERNEL, use_bias=False, padding="same", name=names[3])(x)
        y = qkeras.QActivation("quantized_relu(6,2)", name=names[4])(y)
        y = L.MaxPooling2D(name=names[5])(L.Add(name=names[6])([x, y]))
        y = qkeras.QActivation("quantized_relu(5,3)", name=names[7])(y)
        y = L.Flatten(name=names[8])(y)
        found = tf.keras.Model(inputs, qkeras.QDense(3, kernel_quantizer=KERNEL, bias_quantizer=KERNEL, name=names[9])(y))
        rng = np.random.default_rng(0)
        for weight in found.weights:
            weight.assign(rng.uniform(-1, 1, weight.shape))
        return found

    for turn in range(len(NAMES)):
        names = (NAMES[turn:] + NAMES[:turn])[:10]
        made = model(names)
        config = {"LayerName": {names[1]: {"ReuseFactor": 9}, names[9]: {"ReuseFactor": 3}}}
        for converted in (stock(made, tmp_path, hls_config=config), backend.convert(made, tmp_path)):
            graph = backend.lowered_graph(converted)
            assert {node.name for node in graph.nodes} == set(names)
            x = images(made, 4, turn)
            values = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
            assert np.array_equal(values, np.asarray(made(x, training=False))), names
            assert converted.get_layer_output_variable(names[1]) is not None
            again = backend.lowered_graph(backend.model_graph_from_lowered(graph, str(tmp_path)))
            assert [(n.name, n.inputs) for n in again.nodes] == [(n.name, n.inputs) for n in graph.nodes]
        folds = backend.graphs.folding_of(stock(made, tmp_path, hls_config=config), graph)
        assert folds[names[1]].reuse_factor(4, 18) == 9 and folds[names[9]].reuse_factor(3, 36) == 3
