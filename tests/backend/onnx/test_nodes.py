# SPDX-License-Identifier: Apache-2.0
"""ONNX nodes one by one: exact, or refused by the node's name; and where the model comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import convert, reference
from dietcnn_hls.errors import DietError, LeftToHostWarning, LoweringError, OutputError, UnsupportedLayerError
from dietcnn_hls.lowered import Grid, Requantize

pytest.importorskip("qonnx", reason="the extra onnx is not installed: pip install 'dietcnn_hls[onnx]'")

from dietcnn_hls.backend.readers.onnx import lower_onnx
from dietcnn_hls.backend.readers.onnx.tensors import grid_of
from tests.backend.onnx.models import Net, execute
from tests.backend.onnx.test_equality import codes_of, draw


def image(change: Callable[[Net, str], str], pads: int = 1, side: int = 6) -> Any:
    net = Net((1, 2, side, side), 7)
    at = net.conv(net.quant("x", 6, 0.0625), 2, 3, pads=[pads] * 4)
    return net.model(change(net, at))


def check(model: Any, grid: Grid | None = None) -> Any:
    graph = lower_onnx(model, "net", grid).graph
    x = draw(model, 20, 1)
    if graph.source.rounding is None:
        x = graph.input.stream.fraction and np.clip(np.rint(x * 2.0**graph.input.stream.fraction), 0, graph.input.stream.hi)
        x = (x * 2.0**-graph.input.stream.fraction).astype(np.float32)
    found = reference.output_values(graph, reference.predict(graph, codes_of(graph, x)))
    theirs = execute(model, x)
    if found.ndim == 4:
        found = found.transpose(0, 3, 1, 2)
    assert np.array_equal(found, theirs), f"{int((found != theirs).sum())} of {theirs.size} differ"
    return graph


BEHIND: dict[str, Callable[[Net, str], str]] = {
    "negative batch-norm before a pool": lambda n, t: n.quant(
        n.node("MaxPool", [n.node("Mul", [t, n.constant(-0.5)])], kernel_shape=[2, 2]), 4, 0.5
    ),
    "pool between function and quantiser": lambda n, t: n.quant(
        n.node("MaxPool", [n.node("Add", [t, n.constant(0.3)])], kernel_shape=[2, 2]), 4, 0.5
    ),
    "mean of nine": lambda n, t: n.quant(n.node("AveragePool", [t], kernel_shape=[3, 3]), 6, 0.125),
    "global mean of 36": lambda n, t: n.quant(n.node("GlobalAveragePool", [t]), 6, 0.125),
    "clip": lambda n, t: n.node("Clip", [t, n.constant(-0.5), n.constant(0.75)]),
    "clip without an end": lambda n, t: n.quant(n.node("Clip", [t, "", n.constant(0.3)]), 4, 0.25),
    "divided": lambda n, t: n.quant(n.node("Div", [t, n.constant(3.0)]), 4, 0.25),
    "taken from a constant": lambda n, t: n.quant(n.node("Sub", [n.constant(1.5), t]), 4, 0.25),
    "zero point": lambda n, t: n.quant(t, 4, 0.25, zero=5, signed=0),
    "scales by channel": lambda n, t: n.quant(t, 3, np.array([0.25, 0.5, 1.0]).reshape(1, 3, 1, 1)),
    "one bit": lambda n, t: n.quant(t, 1, 0.5),
    "odd scale": lambda n, t: n.quant(t, 4, 0.375),
    "sum of two roads": lambda n, t: n.node("Add", [n.node("Relu", [t]), n.quant(t, 4, 0.5)]),
    "one tensor twice": lambda n, t: n.node("Add", [t, t]),
    "bias read twice": lambda n, t: n.node(
        "Add", [n.node("Add", [t, n.constant(np.array([0.5, 1, -2]).reshape(3, 1, 1))]), n.node("Relu", [t])]
    ),
    "concatenated symbols": lambda n, t: n.node("Concat", [n.bipolar(t), n.quant(n.norm(t, 3), 3, 0.5), t], axis=1),
    "functions by channel before a vector": lambda n, t: n.quant(
        n.node("Flatten", [n.node("Mul", [n.quant(t, 3, 0.5), n.constant(np.array([0.5, 2, 1]).reshape(3, 1, 1))])]), 3, 1.0
    ),
    "to a vector and back": lambda n, t: n.node(
        "Reshape", [n.node("Reshape", [t, n.constant(np.array([1, -1]))]), n.constant(np.array([1, 4, 9, 3]))]
    ),
    "trunc": lambda n, t: n.trunc(n.quant(t, 8, 0.0625), 0.0625, 8, 4),
    "same padding": lambda n, t: n.node("MaxPool", [t], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "dropout": lambda n, t: n.node("Dropout", [t]),
    "leaky": lambda n, t: n.quant(n.node("LeakyRelu", [t], alpha=0.3), 4, 0.25),
}


@pytest.mark.parametrize("kind", BEHIND)
def test_exact(kind: str) -> None:
    check(image(BEHIND[kind]))


def test_relu_and_quantiser_are_one_shift() -> None:
    graph = check(image(lambda n, t: n.quant(n.node("Relu", [t]), 4, 0.5)))
    assert isinstance(graph.output.op, Requantize) and graph.output.op.lo == 0 and len(graph.nodes) == 3


@pytest.mark.parametrize("given", [None, Grid(0, 15, 4)])
def test_what_may_enter_is_said_or_that_of_images(given: Grid | None) -> None:
    net = Net((1, 2, 6, 6), 7)
    graph = check(net.model(net.quant(net.conv("x", 2, 3), 4, 0.5)), given)
    assert graph.input.stream == (given or Grid(0, 255, 8)).stream((6, 6, 2))


REFUSED: dict[str, tuple[Callable[[Net, str], str], str]] = {
    "unknown": (lambda n, t: n.node("Tanh", [t], name="mine"), r"node 'mine' \(Tanh\): it has no lowering; known are Add, "),
    "floats at the end": (
        lambda n, t: n.norm(t, 3),
        r"node 'BatchNormalization_\d' .*the model's output takes integers.*Quant between",
    ),
    "floats before a layer": (
        lambda n, t: n.conv(n.norm(t, 3), 3, 2),
        r"node 'Conv_.*a convolution takes integers.*Quant between",
    ),
    "scale no power of two": (
        lambda n, t: n.quant(n.norm(t, 3), 4, 0.3),
        r"node 'Quant_\d' .*share no fixed-point grid|holds exactly",
    ),
    "falling slope": (lambda n, t: n.node("LeakyRelu", [t], alpha=-0.5), "a slope of -0.5 falls"),
    "dilated": (lambda n, t: n.conv(t, 3, 2, dilations=[2, 2]), r"node 'Conv_\d' .*without dilation"),
    "padded mean": (
        lambda n, t: n.node("AveragePool", [t], kernel_shape=[2, 2], pads=[1, 1, 0, 0]),
        "average over padded windows",
    ),
    "ceil": (lambda n, t: n.node("MaxPool", [t], kernel_shape=[2, 2], ceil_mode=1), "ceil_mode=0"),
    "padding without zero": (lambda n, t: n.conv(n.bipolar(t), 3, 2, pads=[1, 1, 1, 1]), "its input never is zero; pad none"),
    "rounding": (lambda n, t: n.quant(t, 4, 0.5, rounding="SOMEHOW"), "rounding_mode='SOMEHOW' is not known"),
    "constants by pixel": (
        lambda n, t: n.node("Add", [t, n.constant(np.arange(36.0).reshape(6, 6))]),
        "one by channel or one for all",
    ),
    "product of tensors": (lambda n, t: n.node("Mul", [t, t]), "it takes a tensor and a constant"),
    "too many levels": (lambda n, t: n.quant(n.norm(t, 3), 12, 0.0078125), "more than 256 values; use at most 8 bits"),
    "another shape": (
        lambda n, t: n.node("Reshape", [t, n.constant(np.array([1, 6, 18]))]),
        r"a shape \(1, 6, 18\) .* has no lowering",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_by_name(kind: str) -> None:
    change, words = REFUSED[kind]
    with pytest.raises(DietError, match=words):
        lower_onnx(image(change))


def test_float_weights_are_refused() -> None:
    net = Net((1, 4), 1)
    model = net.model(net.node("MatMul", [net.quant("x", 8, 0.0625), net.constant(net.rng.normal(0, 1, (4, 3)))], name="fc"))
    with pytest.raises(
        LoweringError, match=r"node 'fc' \(MatMul\): its weights share no fixed-point grid of 24 bits.*POWER_OF_TWO"
    ):
        lower_onnx(model)


def test_a_batch_is_refused() -> None:
    net = Net((3, 4), 1)
    with pytest.raises(UnsupportedLayerError, match=r"input 'x' of shape \[3, 4\]: give \(1, N\)"):
        lower_onnx(net.model(net.node("MatMul", [net.quant("x"), net.weights((4, 3))])))


def test_a_final_softmax_is_left_to_the_host() -> None:
    net = Net((1, 4), 1)
    at = net.node("MatMul", [net.quant("x", 8, 0.0625), net.weights((4, 3))])
    with pytest.warns(LeftToHostWarning, match="node 'probabilities'"):
        graph = lower_onnx(net.model(net.node("Softmax", [at], name="probabilities"))).graph
    assert graph.metadata == {"left_to_host": [{"layer": "probabilities", "operation": "softmax"}]}


def test_a_file_and_a_model_give_the_same_graph(tmp_path: Path) -> None:
    model = image(BEHIND["trunc"])
    for path in (tmp_path / "net.onnx", tmp_path / "net.bin"):  # what a file is follows from its content
        path.write_bytes(model.SerializeToString())
        assert [node.name for node in convert(path).nodes] == [node.name for node in convert(model).nodes]
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x08 nothing of the kind")
    with pytest.raises(OutputError, match=r"bad\.onnx is no ONNX model"):
        convert(tmp_path / "bad.onnx")


@pytest.mark.parametrize(
    ("values", "integers", "fraction"),
    [([0.5, -1.25, 3], [2, -5, 12], 2), ([0.0, 0.0], [0, 0], 0), ([4.0, 12.0], [1, 3], -2), ([2.0**-40], [1], 40)],
)
def test_floats_lie_on_the_coarsest_grid(values: list[float], integers: list[int], fraction: int) -> None:
    found, at = grid_of(np.array(values), "values")
    assert (found.tolist(), at) == (integers, fraction)


@pytest.mark.parametrize("values", [[0.1, np.nan], [np.inf], [1.0, 2.0**-30]])
def test_floats_without_a_grid_are_refused(values: list[float]) -> None:
    with pytest.raises(LoweringError, match=r"hold NaN or Inf|share no fixed-point grid"):
        grid_of(np.array(values), "values")
