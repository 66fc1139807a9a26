# SPDX-License-Identifier: Apache-2.0
"""Models of qkeras-v3's layers on Keras 3: Keras' own prediction = the reference = C++ = RTL, over 20 random models."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import qkeras

from dietcnn_hls import convert, hls, reference
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many

SEEDS = tuple(range(20))


def random_model(seed: int) -> Any:
    """A convolutional or dense network, with or without batch-norm, of one of eight quantisers of data."""
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(2, 5))
    activations = (
        *(qkeras.quantized_relu(bits), qkeras.quantized_relu(bits, 2), qkeras.quantized_bits(bits, 1, alpha=1)),
        *(qkeras.quantized_tanh(bits), qkeras.quantized_sigmoid(bits), qkeras.binary(alpha=1), qkeras.ternary(alpha=1)),
        qkeras.quantized_linear(bits, 1, alpha=1),
    )
    weights = {
        "kernel_quantizer": (qkeras.quantized_bits(4, 1, alpha=1), qkeras.ternary(alpha=1), qkeras.binary(alpha=1))[seed % 3],
        "bias_quantizer": qkeras.quantized_bits(6, 2, alpha=1),
    }
    if seed % 2:
        entry = keras.Input((6, 6, 2), name="x")
        at = qkeras.QConv2D(3, 3, strides=int(rng.integers(1, 3)), padding="same", name="c1", **weights)(entry)
    else:
        entry = keras.Input((8,), name="x")
        at = qkeras.QDense(5, name="d1", **weights)(entry)
    if seed % 4 > 1:
        at = keras.layers.BatchNormalization(name="bn")(at)
    at = qkeras.QActivation(activations[seed % 8], name="a1")(at)
    if seed % 2:
        at = keras.layers.MaxPooling2D(2, name="pool")(at) if at.shape[1] > 3 else at
        at = keras.layers.Flatten(name="flat")(at)
    model = keras.Model(entry, qkeras.QDense(3, name="logits", **weights)(at), name=f"net{seed}")
    for variable in model.weights:
        low, high = (0.5, 1.5) if variable.name in ("gamma", "moving_variance") else (-1.0, 1.0)
        variable.assign(rng.uniform(low, high, variable.shape))
    return model


@functools.cache
def pair(seed: int) -> tuple[Any, LoweredGraph]:
    model = random_model(seed)
    return model, convert(model)


def data(model: Any, count: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).integers(0, 256, (count, *model.input_shape[1:])) / 256).astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_computes_what_keras_predicts(seed: int) -> None:
    model, graph = pair(seed)
    x = data(model, 200, seed)
    theirs = np.asarray(model.predict(x, batch_size=200, verbose=0)).reshape(len(x), -1)
    codes = reference.quantize_input(graph, x)
    ours = reference.output_values(graph, reference.predict(graph, codes)).reshape(len(x), -1)
    assert np.array_equal(ours, theirs), f"{int((ours != theirs).sum())} of {theirs.size} outputs differ"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cpp_computes_the_same(seed: int, tmp_path: Path) -> None:
    model, graph = pair(seed)
    codes = reference.quantize_input(graph, data(model, 20, seed))
    hls.generate(graph, tmp_path, io_type="io_parallel" if seed % 2 else "io_stream")
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))


def test_the_rtl_computes_the_same() -> None:
    graphs = [pair(seed)[1] for seed in SEEDS]
    codes = [reference.quantize_input(graph, data(pair(seed)[0], 2, seed)) for seed, graph in enumerate(graphs)]
    designs = [generate(graph, {node.name: legal_folds(graph, node)[-1] for node in graph.linear_nodes}) for graph in graphs]
    for design, given, result in zip(designs, codes, simulate_many(designs, codes, optimize="-O0"), strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, given)), design.name


def refused(layer: Any, words: str) -> None:
    entry = keras.Input((4,), name="x")
    with pytest.raises(UnsupportedLayerError, match=words):
        convert(keras.Model(entry, layer(entry), name="net"))


def test_refused_by_name() -> None:
    refused(qkeras.QDense(3, name="d"), r"layer 'd' \(QDense\): its kernel has no quantiser; give it kernel_quantizer")
    refused(keras.layers.Dense(3, name="d"), r"layer 'd' \(keras's Dense\): it has no lowering. Use Keras' Activation")
    refused(
        qkeras.QActivation(qkeras.quantized_bits(4, alpha="auto"), name="a"), r"layer 'a' \(QActivation\): .* scales by the data"
    )


def test_a_saved_model_converts_alike(tmp_path: Path) -> None:
    model, graph = pair(1)
    model.save(tmp_path / "model.keras")
    again, codes = convert(tmp_path / "model.keras"), reference.quantize_input(graph, data(model, 20, 3))
    assert np.array_equal(reference.predict(again, codes), reference.predict(graph, codes))
