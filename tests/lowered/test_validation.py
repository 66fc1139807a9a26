# SPDX-License-Identifier: Apache-2.0
"""Streams, windows, operations, kernels and graphs refuse, when they are made, what no spelling could compute alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.errors import ConfigError, DatasetError, LoweringError
from dietcnn_hls.lowered import (
    Add,
    Encode,
    Fold,
    Kernel,
    Linear,
    LoweredGraph,
    MaxPool,
    Node,
    Operation,
    Requantize,
    Reshape,
    Source,
    Stream,
    SumPool,
    SymbolMap,
    Window,
    infer_stream,
    node,
)
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.methods.dietcnn.kernel import SymbolicKernel, TableKernel
from dietcnn_hls.methods.encodingnet.kernel import NetlistKernel
from dietcnn_hls.methods.fixed_point.kernel import MultiplyKernel
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel

IMAGE = Stream((4, 4, 2), 0, 255, 8)
SYMBOLS = Stream((4, 4, 2), 0, 3, 4, (0, 1, 3, 6))
VECTOR = Stream((2,), 0, 3, 4, (0, 1, 3, 6))
LEVELS = (0, 1, 2)


def refused(make: Callable[[], object], text: str) -> None:
    with pytest.raises(LoweringError, match=text):
        make()


@pytest.mark.parametrize(
    "change, text",
    [
        ({"shape": ()}, "shape"),
        ({"shape": (2, 2, 2, 2)}, r"\(H, W, C\), \(W, C\) or \(N,\)"),
        ({"shape": (0,)}, "at least 1"),
        ({"shape": (2.0,)}, "Stream.shape cannot be a float"),
        ({"shape": [4, 4, "2"]}, "integer"),
        ({"shape": 3}, "tuple"),
        ({"shape": (2**31,)}, "codes"),
        ({"shape": (2**20, 2**20, 2**20)}, "codes"),
        ({"lo": 256}, "hi must be at least 256"),
        ({"lo": True}, "integer"),
        ({"lo": 0.0}, "float"),
        ({"hi": 2**62}, "codes of 63 bits"),
        ({"lo": -(2**62)}, "codes of 63 bits"),
        ({"fraction": 1000}, "fraction"),
        ({"fraction": "8"}, "integer"),
        ({"levels": (0, 1, 3)}, "3 symbols must range over 0..2"),
        ({"lo": 0, "hi": 2, "levels": (0, 3, 1)}, "increase strictly"),
        ({"lo": 0, "hi": 2, "levels": (0, 1, 1)}, "increase strictly"),
        ({"lo": 0, "hi": 2, "levels": (0, 1, 2**63)}, "between"),
        ({"lo": 0, "hi": 2, "levels": (0, 1, None)}, "integer"),
        ({"lo": 0, "hi": -1, "levels": ()}, "hi must be at least 0"),
        ({"lo": 0, "hi": 2, "levels": np.arange(3.0)}, "float64"),
    ],
)
def test_streams(change: dict[str, Any], text: str) -> None:
    refused(lambda: dataclasses.replace(IMAGE, **change), text)


def test_streams_take_the_integers_of_numpy() -> None:
    stream = Stream([np.int64(2)], np.int16(-4), np.uint8(4), np.int32(1))  # type: ignore[arg-type]
    assert stream == Stream((2,), -4, 4, 1) and type(stream.lo) is int and type(stream.shape[0]) is int


@pytest.mark.parametrize(
    "change, text",
    [
        ({"size": (3,)}, "2 integers"),
        ({"size": (0, 3)}, "at least|between"),
        ({"size": (3, 2.0)}, "float"),
        ({"size": (10**6, 3)}, "between"),
        ({"stride": (0, 1)}, "stride"),
        ({"stride": (1, 1, 1)}, "stride"),
        ({"padding": (0, 0, 0)}, "padding"),
        ({"padding": (0, 0, -1, 0)}, "padding"),
        ({"padding": (0, 0, 0, None)}, "padding"),
        ({"padding": (0, 3, 0, 0)}, "padding alone"),
        ({"padding": (0, 0, 7, 2)}, "padding alone"),
        ({"groups": 0}, "groups"),
        ({"groups": True}, "groups"),
    ],
)
def test_windows(change: dict[str, Any], text: str) -> None:
    refused(lambda: dataclasses.replace(Window((3, 3)), **change), text)


def test_folds() -> None:
    for pe, simd in ((0, 1), (1, -1), (True, 1), (1, 2.0), ("1", 1)):
        with pytest.raises(ConfigError, match="must be an integer of at least 1"):
            Fold(pe, simd)  # type: ignore[arg-type]


def table(rows: int = 4, taps: int = 2, outputs: int = 3) -> TableKernel:
    return TableKernel(np.arange(rows * 2).reshape(rows, 2), np.zeros((outputs, taps), np.uint8), 4)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: Linear(None), "kernel of a linear layer"),
        (lambda: Linear(table(), np.zeros(2, np.int64)), "bias must be of shape 3, got 2"),
        (lambda: Linear(table(), np.zeros(3)), "Linear.bias must be an array of integers or booleans, got float64"),
        (lambda: Linear(table(), [1, 2, 3]), "array of integers"),
        (lambda: Linear(table(), np.full(3, 2**62)), "bias must be between"),
        (lambda: Linear(table(), window=(3, 3)), "window of a linear layer"),
        (lambda: Linear(table(), window=Window((1, 1), groups=2)), "2 groups do not divide 3 outputs"),
        (lambda: Encode(np.zeros((1, 2), np.int64), np.array([False]), (0, 1), 0), "shape any x 1, got 1 x 2"),
        (lambda: Encode(np.array([[3, 2]]), np.array([False]), LEVELS, 0), "must not decrease"),
        (lambda: Encode(np.array([[2, 3]]), np.array([False, True]), LEVELS, 0), "flip must be of shape 1, got 2"),
        (lambda: Encode(np.array([[2, 3]]), np.array([0]), LEVELS, 0), "array of booleans"),
        (lambda: Encode(np.array([[2.0, 3.0]]), np.array([False]), LEVELS, 0), "float64"),
        (lambda: Encode(np.array([2, 3]), np.array([False]), LEVELS, 0), "shape any x 2, got 2"),
        (lambda: Encode(np.array([[2, 3]]), np.array([False]), (0, 2, 1), 0), "increase strictly"),
        (lambda: Encode(np.zeros((1, 0), np.int64), np.array([False]), (5,), 0), "two levels"),
        (lambda: Encode(np.array([[2, 3]]), np.array([False]), LEVELS, 0.5), "float"),
        (lambda: Encode(np.array([[2, 3]], np.uint64) + np.uint64(2**63), np.array([False]), LEVELS, 0), "between"),
        (lambda: Requantize(1, "up", 0, 7, 3), "unknown rounding 'up'. Known: floor, half_down"),
        (lambda: Requantize(1, None, 0, 7, 3), "unknown rounding None"),
        (lambda: Requantize(61, "floor", 0, 7, 3), "shift must be between"),
        (lambda: Requantize(1, "floor", 8, 7, 3), "hi must be at least 8"),
        (lambda: Requantize(1.0, "floor", 0, 7, 3), "float"),
        (lambda: SymbolMap(np.array([[0, 3]]), LEVELS, 0), "must be between 0 and 2, got 3"),
        (lambda: SymbolMap(np.array([[0, -1]]), LEVELS, 0), "must be between 0 and 2, got -1"),
        (lambda: SymbolMap(np.array([0, 1]), LEVELS, 0), "shape any x any"),
        (lambda: MaxPool(None), "pool's window"),
        (lambda: MaxPool(Window((2, 2), groups=2)), "no groups"),
        (lambda: SumPool(Window((2, 2), padding=(1, 0, 0, 0))), "no padding"),
        (lambda: SumPool(Window((2, 2)), -1), "shift must be between"),
        (lambda: SumPool(Window((2, 2)), "1"), "shift must be an integer"),
        (lambda: Reshape(()), "shape"),
        (lambda: Reshape((2, -1)), "shape"),
        (lambda: Reshape(4), "shape"),
        (lambda: Add((0,)), "2 integers"),
        (lambda: Add((0, -1)), "between 0 and 60, got -1"),
        (lambda: Add((0, 61)), "between 0 and 60, got 61"),
    ],
)
def test_operations(make: Callable[[], object], text: str) -> None:
    refused(make, text)


@pytest.mark.parametrize(
    "op, inputs, text",
    [
        (Source(), [IMAGE], "reads 0 stream"),
        (Source(), [], "declared stream"),
        (Add((0, 0)), [IMAGE], "reads 2 stream"),
        (Reshape((32,)), [], "reads 1 stream"),
        (Reshape((31,)), [IMAGE], "cannot become"),
        (Reshape((2, 2, 4, 2)), [IMAGE], r"\(H, W, C\), \(W, C\) or \(N,\)"),
        (Linear(table(taps=3)), [VECTOR], "kernel of 3 taps on a window of 2"),
        (Linear(table(rows=5)), [VECTOR], r"table of 5 rows cannot be read with codes 0..3"),
        (Linear(table(taps=18), window=Window((3, 3))), [VECTOR], "slides over an image"),
        (Linear(table(taps=50), window=Window((5, 5))), [SYMBOLS], "does not fit an image of 4 x 4"),
        (Linear(table(taps=1), window=Window((1, 1), groups=3)), [SYMBOLS], "3 groups do not divide 2 channels"),
        (
            Linear(table(taps=18), window=Window((3, 3), padding=(1, 1, 1, 1))),
            [dataclasses.replace(SYMBOLS, levels=(1, 2, 3, 6))],
            "no exact zero",
        ),
        (
            Linear(table(taps=18), window=Window((3, 3), padding=(1, 1, 1, 1))),
            [Stream((4, 4, 2), 1, 3, 0)],
            "codes 1..3 have no zero",
        ),
        (Encode(np.zeros((3, 2), np.int64), np.zeros(3, bool), LEVELS, 0), [IMAGE], "3 rows of thresholds for 2 channels"),
        (SymbolMap(np.zeros((3, 4), np.int64), LEVELS, 0), [SYMBOLS], "3 rows of a symbol map's table for 2 channels"),
        (SymbolMap(np.zeros((1, 5), np.int64), LEVELS, 0), [SYMBOLS], "table of 5 symbols cannot be read with codes 0..3"),
        (SymbolMap(np.zeros((1, 4), np.int64), LEVELS, 0), [Stream((4,), -1, 2, 0)], "codes -1..2"),
        (Requantize(4, "floor", 0, 7, 3), [IMAGE], r"takes the grid 2\^-8 to 2\^-4, not to 2\^-3"),
        (Requantize(0, "floor", 0, 7, 4), [SYMBOLS], "no integers to shift"),
        (Requantize(-60, "floor", 0, 7, 68), [IMAGE], "exceed 62 bits"),
        (MaxPool(Window((2, 2))), [VECTOR], "slides over an image"),
        (MaxPool(Window((5, 2))), [IMAGE], "does not fit"),
        (SumPool(Window((2, 2))), [VECTOR], "slides over an image"),
        (SumPool(Window((2, 2))), [Stream((4, 4, 2), 0, 2**61, 0)], "codes of 64 bits"),
        (Add((0, 0)), [IMAGE, SYMBOLS], "one grid"),
        (Add((0, 0)), [VECTOR, SYMBOLS], "one shape"),
        (Add((60, 60)), [IMAGE, IMAGE], "codes of 69 bits"),
    ],
)
def test_operations_and_what_they_read(op: Operation, inputs: Sequence[Stream], text: str) -> None:
    refused(lambda: infer_stream(op, inputs), text)


def test_wide_streams_are_no_tables() -> None:
    """Ranges of accumulators are computed, not enumerated."""
    wide = Stream((4, 4, 2), -(2**58), 2**58, 0)
    assert infer_stream(SumPool(Window((2, 2))), [wide]).hi == 2**60
    assert infer_stream(Add((1, 0)), [wide, dataclasses.replace(wide, fraction=1)]).lo == -(2**59) - 2**58


WEIGHTS = np.array([[1, -1]], np.int8)
CODES = np.arange(4)
ONE = np.zeros((1, 1), np.int64)
KERNELS: dict[str, Kernel] = {
    "table": TableKernel(np.arange(8).reshape(4, 2), np.array([[0, 1]]), 4),
    "symbolic": SymbolicKernel(np.ones((4, 2), int), np.ones((3, 3), int), np.array([[0, 1]]), LEVELS, 4, "tree"),
    "multiply": MultiplyKernel(WEIGHTS, 4, CODES, 0),
    "digits": SignedDigitKernel(np.array([[1, 2]]), ((0, 1, 2),), 4, CODES, 0),
    "ternary": TernaryKernel(WEIGHTS, 1, 2, np.array([0]), 4, CODES, 0),
    "netlist": NetlistKernel(np.array([[1, 0, 8]]), np.array([1]), np.array([16]), 0, WEIGHTS, 4, CODES, 0),
    "tree": ProductQuantKernel(
        "tree", np.array([[0, 1]]), ONE, ONE + 2, np.zeros((1, 2, 0), int), np.ones((1, 1, 2), int), ONE[0], 8, 4, CODES, 0
    ),
    "exact": ProductQuantKernel(
        "exact",
        np.array([[0, 1]]),
        np.zeros((1, 0), int),
        np.zeros((1, 0), int),
        np.ones((1, 3, 2), int),
        np.ones((1, 1, 3), int),
        ONE[0],
        8,
        4,
        CODES,
        0,
    ),
}
DECODED = ("multiply", "digits", "ternary", "netlist", "tree", "exact")


@pytest.mark.parametrize(
    "name, change, text",
    [
        *((name, {"fraction": 0.5}, "float") for name in KERNELS),
        *((name, {"fraction": 10**4}, "fraction") for name in KERNELS),
        *((name, {"integers": np.array([0, 1, 3, 2])}, "must increase") for name in DECODED),
        *((name, {"integers": CODES.astype(float)}, "float64") for name in DECODED),
        *((name, {"integers": np.zeros(0, int)}, "shape") for name in DECODED),
        *((name, {"lo": True}, "first input code") for name in DECODED),
        *((name, {"lo": 2}, "must be the integers themselves") for name in DECODED),
        *(
            (name, {"weights": WEIGHTS.astype(float)}, "float64")
            for name in ("table", "symbolic", "multiply", "ternary", "netlist")
        ),
        *((name, {"weights": WEIGHTS[0]}, "shape any x any") for name in ("table", "symbolic", "multiply", "ternary", "netlist")),
        ("table", {"weights": np.array([[0, 2]])}, "between 0 and 1, got 2"),
        ("table", {"weights": np.array([[0, -1]])}, "between 0 and 1, got -1"),
        ("table", {"table": np.arange(8)}, "product table must be of shape"),
        ("table", {"table": np.full((4, 2), 2**53)}, "may exceed 54 bits"),
        ("symbolic", {"product": np.full((4, 2), 3)}, "product table must be between 0 and 2, got 3"),
        ("symbolic", {"add": np.zeros((3, 2), int)}, "add table must be of shape 3 x 3"),
        ("symbolic", {"add": np.full((3, 3), -1)}, "add table must be between 0 and 2, got -1"),
        ("symbolic", {"levels": (0, 1)}, "must be"),
        ("symbolic", {"levels": (0, 2, 1)}, "increase"),
        ("symbolic", {"weights": np.array([[0, 2]])}, "between 0 and 1, got 2"),
        ("symbolic", {"order": "forest"}, "unknown tap order 'forest'"),
        ("multiply", {"weights": np.array([[2**60, 1]])}, "may exceed 62 bits"),
        ("digits", {"words": np.array([[8, 0]])}, "between 0 and 7, got 8"),
        ("digits", {"words": np.array([[-1, 0]])}, "between 0 and 7, got -1"),
        ("digits", {"positions": ((0, 1, 99),)}, "positions of a digit"),
        ("digits", {"positions": ((0, "1"),)}, "integer"),
        ("digits", {"positions": (0, 1)}, "tuple of some integers"),
        ("digits", {"positions": ()}, "at least one digit"),
        ("ternary", {"weights": np.array([[2, 0]])}, "between -1 and 1, got 2"),
        ("ternary", {"positive": 0}, "scale must be at least 1"),
        ("ternary", {"negative": None}, "scale must be an integer"),
        ("ternary", {"negative": 2**61}, "may exceed 62 bits"),
        ("ternary", {"shifts": np.array([-1])}, "between 0 and 60"),
        ("ternary", {"shifts": np.array([0, 0])}, "shape 1, got 2"),
        ("netlist", {"weights": np.array([[128, 0]])}, "between -128 and 127"),
        ("netlist", {"integers": np.arange(256)}, "between -128 and 127"),
        ("netlist", {"gates": np.array([[9, 0, 8]])}, "no such kind"),
        ("netlist", {"gates": np.array([[1, 0, 16]])}, "later net"),
        ("netlist", {"gates": np.array([1, 0, 8])}, "shape any x 3"),
        ("netlist", {"bits": np.array([17])}, "bits that its gates drive"),
        ("netlist", {"positions": np.array([1, 2])}, "shape 1, got 2"),
        ("netlist", {"positions": np.array([2**20])}, "exceed 16 signed bits"),
        ("netlist", {"constant": 2**30}, "constant of an encoder"),
        ("tree", {"encoder": "forest"}, "unknown encoder 'forest'"),
        ("tree", {"members": np.array([[0, 2]])}, "each tap in one"),
        ("tree", {"members": np.array([[0, 0]])}, "each tap in one"),
        ("tree", {"elements": ONE + 2}, "inputs that trees look at must be between 0 and 1"),
        ("tree", {"elements": np.zeros((1, 2), int)}, "shape 1 x 1"),
        ("tree", {"thresholds": ONE + 5}, "thresholds of trees must be between 0 and 4"),
        ("tree", {"prototypes": np.zeros((1, 2, 2), int)}, "shape 1 x 2 x 0"),
        ("tree", {"table": np.ones((1, 1, 3), int)}, "balanced tree"),
        ("tree", {"table": np.full((1, 1, 2), 128)}, "between -128 and 127"),
        ("tree", {"table": np.ones((1, 2, 2), int)}, "shape any x 1 x any"),
        ("tree", {"table_width": 0}, "width of table entries"),
        ("tree", {"shifts": ONE[0] - 1}, "shifts of a product quantiser"),
        ("exact", {"prototypes": np.full((1, 3, 2), 9)}, "prototypes of subspaces must be between 0 and 3"),
        ("exact", {"thresholds": ONE}, "shape 1 x 0"),
    ],
)
def test_kernels(name: str, change: dict[str, Any], text: str) -> None:
    refused(lambda: dataclasses.replace(KERNELS[name], **change), text)  # type: ignore[type-var]


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_read_the_codes_they_were_made_for(name: str) -> None:
    op = Linear(KERNELS[name])
    assert infer_stream(op, [Stream((2,), 0, 3, 0)]).shape == (1,)
    for other in (Stream((2,), 0, 4, 0), Stream((2,), 0, 2, 0), Stream((2,), -1, 2, 0), Stream((2,), 0, 2**40, 0)):
        refused(lambda other=other: infer_stream(op, [other]), "cannot read codes|cannot be read with codes")
    if name in DECODED:
        refused(lambda: infer_stream(op, [VECTOR]), "cannot read codes")


def test_what_has_been_checked_stays_so() -> None:
    """Arrays are copied in rows and cannot be written to; a copy that a kernel has made is not copied again."""
    given = np.asfortranarray(np.array([[0, 1], [1, 0]], ">i4"))
    kernel = TableKernel(np.arange(8).reshape(4, 2), given, 4)
    given[0, 0] = 9
    assert kernel.weights.tolist() == [[0, 1], [1, 0]] and kernel.weights.flags.c_contiguous and kernel.weights.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        kernel.weights[0, 0] = 9
    assert dataclasses.replace(kernel, fraction=3).weights is kernel.weights
    refused(lambda: dataclasses.replace(kernel, weights=np.ma.masked_array(given, given > 0)), "MaskedArray")


def test_a_kernel_that_misstates_its_bounds() -> None:
    class Lying(TableKernel):
        wrong: tuple[np.ndarray, np.ndarray]

        def bounds(self) -> tuple[np.ndarray, np.ndarray]:
            return self.wrong

    one = np.zeros(3, np.int64)
    for wrong, text in (
        ((one, one[:2]), "highest results of a kernel must be of shape 3, got 2"),
        ((one.astype(float), one), "lowest results of a kernel must be an array of integers"),
        ((one + 1, one), "lowest results of a kernel exceed its highest"),
    ):
        Lying.wrong = wrong
        refused(lambda: Linear(Lying(np.zeros((4, 2), int), np.zeros((3, 2), int), 0)), text)


IN = node("in", Source(), [], VECTOR)
OUT = node("out", Linear(table()), [IN])


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: LoweredGraph("g", ()), "begins with its input"),
        (lambda: LoweredGraph("g", [IN, OUT]), "nodes of a graph must be a tuple"),
        (lambda: LoweredGraph("g", (IN, "out")), "each node"),
        (lambda: LoweredGraph("g", (OUT, IN)), "begins with its input and has one, but 'out' is 'linear'"),
        (lambda: LoweredGraph("g", (IN, dataclasses.replace(IN, name="two"))), "has one, but 'two' is 'input'"),
        (lambda: LoweredGraph("g", (IN, OUT, OUT)), "two operations are named 'out'"),
        (lambda: LoweredGraph("g", (IN, dataclasses.replace(OUT, inputs=("x",)))), "'out' reads 'x', which does not come before"),
        (lambda: LoweredGraph("g", (IN, dataclasses.replace(OUT, inputs=("out",)))), "'out' reads 'out'"),
        (lambda: LoweredGraph("g", (IN, dataclasses.replace(OUT, inputs=()))), r"'out' \(linear\): 'linear' reads 1"),
        (lambda: LoweredGraph("g", (IN, dataclasses.replace(OUT, stream=VECTOR))), r"'out' \(linear\) produces"),
        (lambda: LoweredGraph("a b", (IN, OUT)), "identifier"),
        (lambda: LoweredGraph("../g", (IN, OUT)), "identifier"),
        (lambda: LoweredGraph("", (IN, OUT)), "identifier"),
        (lambda: LoweredGraph(None, (IN, OUT)), "identifier"),
        (lambda: LoweredGraph("g", (IN, OUT), []), "metadata"),
        (lambda: LoweredGraph("g", (IN, OUT), {"a": {1: 2}}), "key of the metadata"),
        (lambda: LoweredGraph("g", (IN, OUT), {"a": [float("nan")]}), "holds nan"),
        (lambda: LoweredGraph("g", (IN, OUT), {"a": np.arange(3)}), "ndarray"),
        (lambda: Node("", Source(), (), VECTOR), "name of a layer"),
        (lambda: Node("a\nb", Source(), (), VECTOR), "printable"),
        (lambda: Node(None, Source(), (), VECTOR), "printable"),
        (lambda: Node("a", Source, (), VECTOR), "operation of 'a'"),
        (lambda: Node("a", Source(), [], VECTOR), "inputs of 'a'"),
        (lambda: Node("a", Source(), (1,), VECTOR), "an input of 'a'"),
        (lambda: Node("a", Source(), (), None), "stream of 'a'"),
    ],
)
def test_graphs(make: Callable[[], object], text: str) -> None:
    refused(make, text)


def test_nodes_are_found_by_name() -> None:
    graph = LoweredGraph("g", (IN, OUT))
    assert (
        graph["out"] is OUT and graph.consumers("in") == (OUT,) and graph.linear_nodes == (OUT,) and OUT.kernel is OUT.op.kernel
    )
    refused(lambda: graph["oat"], "'g' has no layer 'oat'. Did you mean 'out'")
    refused(lambda: IN.kernel, r"'in' \(input\) is no linear layer")


def test_real_values_become_symbols_exactly() -> None:
    stream = Stream((1,), 0, 3, 2, (-3, 0, 1, 4))
    graph = LoweredGraph("g", (node("in", Source(), [], stream),))
    values = np.array([[-0.75], [0.0], [0.25], [1.0]])
    assert reference.quantize_input(graph, values).tolist() == [[0], [1], [2], [3]]
    for wrong in (0.5, -0.5, 4.0, np.nan):
        with pytest.raises(DatasetError):
            reference.quantize_input(graph, np.array([[wrong]]))
