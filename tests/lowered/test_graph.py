# SPDX-License-Identifier: Apache-2.0
"""The lowered graph, its reference and its storage, held against direct loops that share no code with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls import lowered, reference
from dietcnn_hls.backend.thresholds import affine, fold_thresholds
from dietcnn_hls.errors import DatasetError, LoweringError
from dietcnn_hls.lowered import Linear, LoweredGraph, MaxPool, Source, Stream, SumPool, Window
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.methods.dietcnn.kernel import TableKernel
from tests.graphs import random_codes, random_graph
from tests.kernels import every, plain

seeds = st.integers(0, 2**32 - 1)


def scalar_linear(op: Linear, stream: Stream, image: np.ndarray, row: int, column: int, output: int) -> int:
    """One output of a linear layer by plain loops."""
    if op.window is None:
        taps = [int(v) for v in image.ravel()]
    else:
        (kh, kw), (sh, sw), (top, _, left, _) = op.window.size, op.window.stride, op.window.padding
        taps = []
        for i in range(kh):
            for j in range(kw):
                y, x = row * sh + i - top, column * sw + j - left
                inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
                taps += [int(image[y, x, c]) if inside else stream.zero_code for c in range(image.shape[2])]
    return plain(op.kernel, taps, output) + (0 if op.bias is None else int(op.bias[output]))


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_linear_layers_equal_plain_loops(seed: int) -> None:
    graph = random_graph(seed, every())
    values = reference.run(graph, random_codes(graph, 3, seed), keep=True)
    rng = np.random.default_rng(seed)
    for node in graph.linear_nodes:
        image, result = values[node.inputs[0]][2], values[node.name][2]
        index = tuple(int(rng.integers(n)) for n in result.shape)
        row, column = index[:2] if len(index) == 3 else (0, 0)
        assert result[index] == scalar_linear(node.op, graph[node.inputs[0]].stream, image, row, column, index[-1])


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_codes_stay_in_the_declared_range(seed: int) -> None:
    graph = random_graph(seed, every())
    for name, codes in reference.run(graph, random_codes(graph, 8, seed), keep=True).items():
        stream = graph[name].stream
        assert codes.min() >= stream.lo and codes.max() <= stream.hi, name


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_saved_graph_is_the_same_graph_and_the_same_bytes(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("graph")
    graph = random_graph(seed, every())
    save_graph(graph, folder / "a.npz")
    loaded = load_graph(folder / "a.npz")
    save_graph(loaded, folder / "b.npz")
    assert (folder / "a.npz").read_bytes() == (folder / "b.npz").read_bytes()
    codes = random_codes(graph, 4, seed)
    assert np.array_equal(reference.predict(graph, codes), reference.predict(loaded, codes))


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_folded_thresholds_equal_the_float_layers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels, symbols = int(rng.integers(1, 5)), int(rng.integers(2, 17))
    low = -int(rng.integers(1, 5000))
    stream = Stream((channels,), low, int(rng.integers(1, 5000)), int(rng.integers(0, 12)))
    thresholds = np.sort(rng.normal(0, 1, symbols - 1)).astype(np.float32)
    scale = rng.normal(0, 1, channels).astype(np.float32)
    scale[rng.random(channels) < 0.2] = 0
    shift = rng.normal(0, 1, channels).astype(np.float32)
    bias = rng.integers(-300, 300, channels)
    encode = fold_thresholds(stream, thresholds, tuple(range(symbols)), 0, scale, shift, bias)
    acc = np.repeat(np.arange(stream.lo, stream.hi + 1)[:, None], channels, axis=1)
    expected = (affine(acc + bias, stream.fraction, scale, shift)[..., None] >= thresholds).sum(axis=-1)
    assert np.array_equal(reference.elementwise.encode(encode, [stream], [acc]), expected)


def test_same_padding_of_a_max_pool_never_wins() -> None:
    stream = Stream((1, 2, 1), -8, 7, 0)
    pooled = reference.pooling.max_pool(MaxPool(Window.same((3, 3), (1, 1), 1, 2)), [stream], [np.array([[[[-5], [-3]]]])])
    assert pooled.tolist() == [[[[-3], [-3]]]]


def test_a_mean_is_a_sum_on_a_finer_grid() -> None:
    image = lowered.node("image", Source(), [], Stream((2, 2, 1), 0, 7, 3))
    graph = LoweredGraph("net", (image, lowered.node("mean", SumPool(Window((2, 2)), shift=2), [image])))
    outputs = reference.predict(graph, np.array([[1, 2, 3, 5]]).reshape(1, 2, 2, 1))
    assert outputs.tolist() == [[[[11]]]] and graph.output.stream == Stream((1, 1, 1), 0, 28, 5)
    assert reference.output_values(graph, outputs).item() == (1 + 2 + 3 + 5) / 4 / 8


@pytest.mark.parametrize("x, text", [(np.full((1, 2, 2, 1), np.nan), "NaN"), (np.full((1, 2, 2, 1), 0.3), "grid 2\\^-8")])
def test_inputs_off_the_grid_are_refused(x: np.ndarray, text: str) -> None:
    graph = random_graph(0)
    source = graph.input.stream.reshaped(2, 2, 1)
    small = LoweredGraph("g", (graph.nodes[0].__class__("image", graph.nodes[0].op, (), source),))
    with pytest.raises(DatasetError, match=text):
        reference.quantize_input(small, x)


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("no")
    with pytest.raises(LoweringError, match=r"x\.npz is not a saved lowered graph"):
        load_graph(tmp_path / "x.npz")


def test_batches_are_as_large_as_their_windows_allow() -> None:
    """Results do not depend on the batch; a wide layer's windows set its size."""
    graph = random_graph(12)
    codes = random_codes(graph, 5, 0)
    assert np.array_equal(reference.predict(graph, codes), reference.predict(graph, codes, batch=2))
    assert reference.batch_size(graph) == 64
    image = lowered.node("image", Source(), [], Stream((64, 64, 64), 0, 7, 0, tuple(range(8))))
    kernel = TableKernel(np.ones((8, 4), np.int32), np.zeros((1, 576), np.uint8), 0)
    conv = lowered.node("conv", Linear(kernel, None, Window((3, 3), padding=(1, 1, 1, 1))), [image])
    assert reference.batch_size(LoweredGraph("wide", (image, conv))) == reference.WINDOW_CODES // (64 * 64 * 576) == 3
