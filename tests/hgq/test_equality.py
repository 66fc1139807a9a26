# SPDX-License-Identifier: Apache-2.0
"""HGQ2's models: Keras' own prediction = the reference = C++ = RTL; what has no lowering is refused by its name."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hgq.layers import QDense, QDenseT, QDot
from hgq.quantizer import QuantizerConfig

from dietcnn_hls import convert, hls, reference
from dietcnn_hls.backend.readers.keras3 import is_keras3
from dietcnn_hls.backend.readers.keras3.graph import TABLES
from dietcnn_hls.build.account import account
from dietcnn_hls.errors import UnsupportedLayerError
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.methods.products import TapTables
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.hgq.models import data, random_model, scopes, settled, table_model

SEEDS = tuple(range(44))
"""The first 20: networks of products; the others have table layers."""


@functools.cache
def pair(seed: int) -> tuple[Any, LoweredGraph]:
    model = random_model(seed) if seed < 20 else table_model(seed - 20)
    return model, convert(model)


def codes_of(graph: LoweredGraph, x: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values beyond the input's range wrap around, as in the model
        return reference.quantize_input(graph, x)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_computes_what_keras_predicts(seed: int) -> None:
    model, graph = pair(seed)
    x = data(model, 300, seed)
    theirs = np.asarray(model.predict(x, batch_size=300, verbose=0)).reshape(len(x), -1)
    ours = reference.output_values(graph, reference.predict(graph, codes_of(graph, x))).reshape(len(x), -1)
    assert np.array_equal(ours, theirs), f"{int((ours != theirs).sum())} of {theirs.size} outputs differ"


def test_table_layers_become_sums_of_tables() -> None:
    """Other layers multiply, table layers never do; each has one, and most of its pairs tell few bits apart."""
    for seed in SEEDS[20:]:
        model, graph = pair(seed)
        tables = [node for node in graph.linear_nodes if isinstance(node.kernel, TapTables)]
        assert len(tables) == sum(type(layer).__name__ in TABLES for layer in model.layers)
        assert all(node.kernel.operations().multiplications == 0 for node in tables)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cpp_computes_the_same(seed: int, tmp_path: Path) -> None:
    model, graph = pair(seed)
    codes = codes_of(graph, data(model, 20, seed))
    hls.generate(graph, tmp_path, io_type="io_parallel" if seed % 2 else "io_stream")
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))


def test_the_rtl_computes_the_same() -> None:
    graphs = [pair(seed)[1] for seed in SEEDS]
    codes = [codes_of(graph, data(pair(seed)[0], 2, seed)) for seed, graph in enumerate(graphs)]
    folds = [{node.name: legal_folds(graph, node) for node in graph.linear_nodes} for graph in graphs]
    designs = [
        generate(graph, {name: legal[(-1, len(legal) // 2, 0)[seed % 3]] for name, legal in all_folds.items()})
        for seed, (graph, all_folds) in enumerate(zip(graphs, folds, strict=True))
    ]
    for design, given, result in zip(designs, codes, simulate_many(designs, codes, optimize="-O0"), strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, given)), design.name


def model_with(layer: Any, shape: tuple[int, ...] = (4,), overflow: str = "WRAP") -> Any:
    first, second, third = scopes(overflow)
    with first, second, third:
        entry = keras.Input(shape, name="x")
        at = layer()(entry)
        at = keras.layers.Flatten(name="flat")(at) if len(at.shape) > 2 else at
        return settled(keras.Model(entry, QDense(3, name="logits")(at), name="net"), 1)


REFUSED = {
    "a product of two tensors": (
        lambda: lambda at: QDot(axes=-1, name="dot")([at, at]),
        r"layer 'dot' \(hgq's QDot\): it has no lowering. Use HGQ2's QAdd, .*QDenseT",
    ),
    "tables of many bits": (
        lambda: QDenseT(3, name="t", iq_conf=QuantizerConfig("kif", "datalane", i0=7, f0=8)),
        r"layer 't' \(QDenseT\): its quantiser tells 1\d bits of the input apart at \(.*\); a table takes up to 12",
    ),
    "Keras' own floats": (lambda: keras.layers.Dense(3, name="d"), r"layer 'd' \(keras's Dense\): it has no lowering"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_by_name(kind: str) -> None:
    layer, words = REFUSED[kind]
    with pytest.raises(UnsupportedLayerError, match=words):
        convert(model_with(layer))


def test_saturation_by_element_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"bits by element with the overflow 'SAT' have no lowering; use WRAP"):
        convert(model_with(lambda: QDense(3, name="d"), overflow="SAT"))


def test_a_model_without_hgq_is_refused() -> None:
    entry = keras.Input((4,))
    with pytest.raises(UnsupportedLayerError, match="nothing says its number formats"):
        convert(keras.Model(entry, keras.layers.ReLU()(entry), name="plain"))


def test_a_saved_model_converts_alike(tmp_path: Path) -> None:
    model, graph = pair(0)
    model.save(tmp_path / "model.keras")
    assert is_keras3(model)
    again = convert(tmp_path / "model.keras")
    x = codes_of(graph, data(model, 50, 3))
    assert np.array_equal(reference.predict(again, x), reference.predict(graph, x))


def test_the_account_names_every_layer() -> None:
    model, _ = pair(20)
    rows = account(model).rows
    assert [row.layer for row in rows] == [layer.name for layer in model.layers]
    assert all("linear (tabconv)" in row.became for row in rows if row.kind == "QDenseT")
