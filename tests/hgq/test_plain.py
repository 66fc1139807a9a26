# SPDX-License-Identifier: Apache-2.0
"""Keras 3's own layers through hls4ml with one word changed: what its Vitis backend computes of them, in C++ and RTL too."""

from __future__ import annotations

import functools
import tempfile
import warnings
from pathlib import Path
from typing import Any

import hls4ml
import keras
import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.backend import lowered_graph
from dietcnn_hls.backend.readers.keras.modern import in_keras2_words
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.backend.stock_models import configuration, ours, random_model, stock
from tests.graphs import random_codes

L = keras.layers
SEEDS = tuple(range(12))
BRANCHING = tuple(range(12, 24))


def branching_model(seed: int) -> Any:
    """Branches of unlike layers that meet, a model within the model, and a head."""
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    image = L.Input((6, 5, 2), name="image")
    left = L.Conv2D(3, 3, padding="same", activation=str(rng.choice(["relu", "tanh", "softplus", "sigmoid"])), name="left")(image)
    right = L.SeparableConv2D(3, 3, padding="same", name="right")(image)
    right = [L.LeakyReLU(0.25, name="bent"), L.ReLU(name="bent"), L.ELU(name="bent")][seed % 3](right)
    joined = [L.Add(name="join"), L.Concatenate(name="join"), L.Maximum(name="join")][int(rng.integers(3))]([left, right])
    joined = L.BatchNormalization(name="norm")(joined)
    pool = [L.MaxPooling2D(2, name="pool"), L.AveragePooling2D((2, 1), name="pool"), L.MaxPooling2D((1, 2), name="pool")][
        seed // 3 % 3
    ]
    inner = keras.Sequential([L.Input(joined.shape[1:]), pool, L.Flatten(name="flat")], name="inner")
    logits = L.Dense(3, name="logits")(inner(joined))
    model = keras.Model(
        image, L.Activation("softmax", name="chances")(logits) if rng.random() < 0.3 else logits, name=f"branching_{seed}"
    )
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 2, weight.shape) if "variance" in weight.name else rng.normal(0, 0.7, weight.shape))
    return model


@functools.cache
def found(seed: int) -> tuple[LoweredGraph, int]:
    """Our graph of a model, and how many outputs of reference and C++ differ from what stock C++ computes."""
    model = random_model(seed, keras) if seed in SEEDS else branching_model(seed)
    # hls4ml's own streams of padded rows end with words left over, and its parser of Keras 3 fails on separable convolutions
    io_type = ("io_parallel", "io_stream")[seed % 2 if len(model.input_shape) == 4 else 0]
    separable = any(isinstance(layer, L.SeparableConv2D) for layer in model.layers)
    read = in_keras2_words(model) if separable else model
    x = np.random.default_rng(seed).normal(0, 2, (60, *model.input_shape[1:]))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values beyond the input's range
        made = ours(model, configuration(model, seed, "DietCNN"), Path(folder) / "ours", io_type)
        graph = lowered_graph(made)
        theirs = stock(read, configuration(read, seed), Path(folder) / "stock", io_type).predict(x).reshape(len(x), -1)
        compiled = made.predict(x).reshape(len(x), -1)
        own = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, x))).reshape(len(x), -1)
    return graph, int((compiled != theirs).sum() + (own != theirs).sum())


@pytest.mark.parametrize("seed", SEEDS + BRANCHING)
def test_hls4mls_own_numbers(seed: int) -> None:
    assert found(seed)[1] == 0


def test_the_rtl_computes_the_same() -> None:
    graphs = [LoweredGraph(f"net{seed}", g.nodes, g.metadata, g.results) for seed in BRANCHING[::2] for g in [found(seed)[0]]]
    codes = [random_codes(graph, 3, seed) for seed, graph in enumerate(graphs)]
    designs = [generate(graph, {node.name: legal_folds(graph, node)[0] for node in graph.linear_nodes}) for graph in graphs]
    for design, given, result in zip(designs, codes, simulate_many(designs, codes), strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, given)), design.name


def small(*more: Any) -> Any:
    return keras.Sequential([L.Input((6, 6, 2), name="image"), L.Conv2D(3, 3, name="conv"), *more])


def converted(model: Any, folder: Path) -> Any:
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="DietCNN")
    return hls4ml.converters.convert_from_keras_model(model, backend="DietCNN", output_dir=str(folder), hls_config=config)


def test_one_configuration_does_for_both_backends() -> None:
    ours, theirs = (hls4ml.utils.config_from_keras_model(small(), granularity="name", backend=b) for b in ("DietCNN", "Vitis"))
    assert ours["LayerName"].keys() == theirs["LayerName"].keys()


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (L.LayerNormalization(name="it"), "layer 'it'"),
        (L.GroupNormalization(1, name="it"), "layer 'it'"),
        (L.Conv3D(1, 1, name="it"), "layer 'it'"),
        (L.BatchNormalization(renorm=True, name="it"), r"layer 'it'.*renorm"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_lowering_is_refused_by_name(layer: Any, words: str, tmp_path: Path) -> None:
    shaped = [L.Reshape((4, 4, 3, 1))] if isinstance(layer, L.Conv3D) else []
    with pytest.raises(UnsupportedLayerError, match=words):
        converted(small(*shaped, layer), tmp_path)


def test_shared_layers_become_copies(tmp_path: Path) -> None:
    image, twice = L.Input((6, 6, 2), name="image"), L.Conv2D(2, 1, name="twice")
    model = keras.Model(image, L.Dense(2, name="d")(L.Flatten()(twice(twice(image)))))
    graph = lowered_graph(converted(model, tmp_path))
    assert sum(node.name.startswith("twice") for node in graph.linear_nodes) == 2
