# SPDX-License-Identifier: Apache-2.0
"""Stock models through hls4ml with one word changed: what its Vitis backend computes, bit for bit, in C++ and RTL too."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import qkeras
from hls4ml.model.optimizer.passes.bn_fuse import FuseBatchNormalization

from dietcnn_hls import reference
from dietcnn_hls.backend import convert, lowered_graph
from dietcnn_hls.backend.readers.stock.fixed import ROUNDINGS, FixedType
from dietcnn_hls.errors import ConfigError, ConfigWarning, LoweringError, SaturationWarning, UnsupportedLayerError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from dietcnn_hls.tf import tf
from tests.backend.stock_models import configuration, ours, random_model, stock
from tests.cases import spread
from tests.graphs import random_codes

layers = tf.keras.layers
SEEDS = (3, 5, 12)
"""A softmax behind enlarging, batch-norm and ELU; cropping and a depthwise convolution; a strided row. Others: the benchmark."""


@pytest.mark.parametrize("seed", spread(SEEDS, 1))
def test_hls4mls_own_numbers(seed: int, tmp_path: Path) -> None:
    model = random_model(seed)
    x = np.random.default_rng(seed).normal(0, 2, (100, *model.input_shape[1:]))
    theirs = stock(model, configuration(model, seed), tmp_path / "stock").predict(x).reshape(len(x), -1)
    for io_type in ("io_parallel", "io_stream"):
        made = ours(model, configuration(model, seed), tmp_path / io_type, io_type)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)
            found = made.predict(x).reshape(len(x), -1)
        assert np.array_equal(found, theirs), f"{io_type}: {int((found != theirs).sum())} of {theirs.size} outputs differ"


def test_the_rtl_computes_the_same(tmp_path: Path) -> None:
    designs, codes = [], []
    for seed in SEEDS:
        model = random_model(seed)
        made = hls4ml.converters.convert_from_keras_model(
            model, hls_config=configuration(model, seed), backend="DietCNN", output_dir=str(tmp_path), project_name=f"net{seed}"
        )
        graph = lowered_graph(made)
        designs.append(generate(graph, {node.name: legal_folds(graph, node)[0] for node in graph.linear_nodes}))
        codes.append(random_codes(graph, 3, seed))
    for design, given, result in zip(designs, codes, simulate_many(designs, codes, optimize="-O0"), strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, given)), design.name


def small(*more: Any) -> Any:
    return tf.keras.Sequential([layers.InputLayer((4,)), layers.Dense(3, name="d"), *more])


def converted(model: Any, tmp_path: Path, **config: Any) -> Any:
    return hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", output_dir=str(tmp_path), hls_config=config)


def test_values_beyond_the_input_are_said(tmp_path: Path) -> None:
    made = converted(small(), tmp_path, Model={"Precision": "fixed<8,3>", "ReuseFactor": 1})
    made.compile()
    with pytest.warns(SaturationWarning, match="1 of 4 input values lie beyond -4 to 3.96875 and wrap around"):
        made.predict(np.array([[0.5, 1, 2, 9]]))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (layers.Softmax(axis=(1, 2), name="s"), "layer 's' .*over several axes"),
        (layers.MaxPooling1D(2, data_format="channels_first", name="p"), "layer 'p' .*channels_last"),
    ],
    ids=["axes", "channels"],
)
def test_what_hls4ml_would_drop_is_refused(layer: Any, words: str, tmp_path: Path) -> None:
    model = tf.keras.Sequential([layers.InputLayer((6, 3)), layer])
    with pytest.raises(UnsupportedLayerError, match=words):
        converted(model, tmp_path, Model={"Precision": "fixed<16,6>", "ReuseFactor": 1})


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no layer 'dd'"):
        converted(small(), tmp_path, Model={"Precision": "fixed<16,6>", "ReuseFactor": 1}, LayerName={"dd": {"ReuseFactor": 1}})


def test_a_style_that_changes_nothing_is_said(tmp_path: Path) -> None:
    with pytest.warns(ConfigWarning, match=r"PipelineStyle: designs are dataflows.*'pipeline' changes nothing"):
        made = converted(small(), tmp_path, Model={"Precision": "fixed<16,6>", "ReuseFactor": 1, "PipelineStyle": "pipeline"})
    assert made.config.pipeline_style == "dataflow"


def test_our_own_call_takes_no_floats(tmp_path: Path) -> None:
    """Whoever forgets `fit_codebooks` does not get a design of multipliers."""
    with pytest.raises(UnsupportedLayerError, match="fit_codebooks"):
        convert(small(), tmp_path)


@pytest.mark.parametrize("rounding", ROUNDINGS.values())
@pytest.mark.parametrize(("overflow", "symmetric"), [("wrap", False), ("saturate", False), ("saturate", True)])
def test_floats_and_integers_are_cast_alike(rounding: str, overflow: str, symmetric: bool) -> None:
    kind = FixedType(6, 3, True, rounding, overflow, symmetric)
    integers = np.arange(-2000, 2000)
    assert np.array_equal(kind.codes(integers, 7), kind.of_floats(integers / 128))


def test_sums_wider_than_any_stream_are_refused_by_the_layer(tmp_path: Path) -> None:
    """Weights and inputs of 32 bits in two layers behind each other: more than 62 bits, none of which may be lost."""
    model = tf.keras.Sequential([layers.InputLayer((5, 5, 3)), layers.SeparableConv2D(4, 3, name="wide")])
    model.set_weights([np.full(weight.shape, 60.3) for weight in model.get_weights()])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="fixed<32,8>")
    with pytest.raises(LoweringError, match=r"layer 'wide.*62 bits"):
        hls4ml.converters.convert_from_keras_model(model, hls_config=config, backend="DietCNN", output_dir=str(tmp_path))


def test_what_hls4mls_passes_stumble_over_is_refused_by_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FuseBatchNormalization, "match", lambda self, node: node.no_such_thing)
    with pytest.raises(UnsupportedLayerError, match=r"layer '\w+': hls4ml's own passes .* use another layer or quantiser"):
        converted(small(), tmp_path, Model={"Precision": "fixed<16,6>", "ReuseFactor": 1})


def separable(depthwise: Any) -> Any:
    """Both halves have quantisers; weights whose scales are powers of two."""
    deep = qkeras.QSeparableConv1D(
        2, 2, depthwise_quantizer=depthwise, pointwise_quantizer=qkeras.ternary(alpha="auto_po2"), name="deep"
    )
    model = tf.keras.Sequential([layers.InputLayer((6, 3)), deep, layers.Dense(2)])
    rng = np.random.default_rng(0)
    model.set_weights([np.sign(rng.normal(0, 1, w.shape)) / 2 for w in model.get_weights()])
    return model


def test_scales_of_a_separable_convolution_are_those_of_qkeras(tmp_path: Path) -> None:
    """hls4ml's pass stumbles over its halves, which have no attribute 'name'."""
    model = separable(qkeras.quantized_bits(4, 1, alpha=1))
    graph = lowered_graph(converted(model, tmp_path, Model={"Precision": "fixed<24,12>", "ReuseFactor": 1}))
    x = np.random.default_rng(1).integers(-8, 8, (20, 6, 3)) / 4
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert np.array_equal(found, model.predict(x, verbose=0))


def test_scales_that_hls4ml_would_drop_are_refused(tmp_path: Path) -> None:
    words = r"layer 'deep_depthwise' \(DepthwiseConv1D\): hls4ml casts its weights, .* to int<2>; use alpha=1, or give"
    with pytest.raises(UnsupportedLayerError, match=words):
        converted(separable(qkeras.ternary(alpha="auto_po2")), tmp_path, Model={"Precision": "fixed<24,12>", "ReuseFactor": 1})


@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_batch_norm_behind_a_depthwise_convolution(multiplier: int, tmp_path: Path) -> None:
    """hls4ml scales the kernel by its last axis, which is not the channels' own."""
    rng = np.random.default_rng(multiplier)
    deep = layers.DepthwiseConv2D(2, depth_multiplier=multiplier, name="deep")
    model = tf.keras.Sequential([layers.InputLayer((5, 4, 3)), deep, layers.BatchNormalization(epsilon=0.0, name="bn")])
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", default_precision="fixed<24,12>")
    channels = 3 * multiplier
    scale, beta, mean = (rng.integers(-8, 8, channels) / 4 for _ in range(3))
    deep.set_weights([rng.integers(-4, 4, w.shape) / 4 for w in deep.get_weights()])
    model.layers[-1].set_weights([scale, beta, mean, np.ones(channels)])
    graph = lowered_graph(converted(model, tmp_path, **config))
    x = rng.integers(-8, 8, (20, 5, 4, 3)) / 4
    found = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x)))
    assert not [node.name for node in graph.nodes if node.name.startswith("bn")]
    assert np.array_equal(found, (np.asarray(deep(x), np.float64) - mean) * scale + beta)
