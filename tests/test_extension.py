# SPDX-License-Identifier: Apache-2.0
"""A method and an operation from outside the package go everywhere that the package's own go, with nothing patched.

The method is AdderNet's (Chen et al., CVPR 2020): the distance of code and weight takes the place of their product. The operation
is the distance of a code from a constant. Their C++ and SystemVerilog lie in ``tests/extension``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dietcnn_hls import convert_and_build, hls, methods, reference
from dietcnn_hls.backend.graphs import lowered_graph, model_graph_from_lowered
from dietcnn_hls.backend.layers import LAYERS, LoweredLayer
from dietcnn_hls.errors import ConfigError, LoweringError, UnsupportedLayerError
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.hls.cpp import IntType
from dietcnn_hls.hls.layers import SPELLINGS, LayerCode, elementwise
from dietcnn_hls.hls.network import IO_TYPES, Call, Network
from dietcnn_hls.integers import bits_for
from dietcnn_hls.lowered import (
    OPERATIONS,
    Fold,
    HlsArray,
    HlsKernel,
    Kernel,
    LaneKernel,
    Linear,
    LoweredGraph,
    MaxPool,
    Operation,
    Operations,
    Reshape,
    RtlKernel,
    Source,
    Stream,
    Widths,
    Window,
    checks,
    forget_operation,
    node,
    register_operation,
)
from dietcnn_hls.lowered.storage import load_graph, save_graph
from dietcnn_hls.methods.base import LinearSpec, Method, MethodOptions, Scheme
from dietcnn_hls.reference import EVALUATORS
from dietcnn_hls.rtl.builder import BUILDERS, Beats, Site
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.operators import add_offsets, fit_channels
from dietcnn_hls.rtl.simulation import Stalls, lint, simulate_many
from tests.graphs import random_codes
from tests.hls.builds import Case, ap_flags, build_all, random_folding

TEMPLATES = Path(__file__).parent / "extension"
REGISTRIES = (EVALUATORS, SPELLINGS, BUILDERS, LAYERS)


@dataclass(frozen=True, eq=False)
class AdderKernel(LaneKernel):
    """sum over taps of ``|code - weight|``, for input codes lo..hi that are integers."""

    method: ClassVar[str] = "toy_adder"
    weights: np.ndarray
    fraction: int
    lo: int
    hi: int

    def check(self) -> None:
        self.check_weights(-(2**20), 2**20)

    def check_input(self, stream: Stream) -> None:
        if stream.levels is not None or (stream.lo, stream.hi) != (self.lo, self.hi):
            raise LoweringError("another stream")

    @property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest distance of each weight from any code."""
        weights = self.weights.astype(np.int64)
        low, high = np.abs(weights - self.lo), np.abs(weights - self.hi)
        inside = (weights >= self.lo) & (weights <= self.hi)
        return np.where(inside, 0, np.minimum(low, high)), np.maximum(low, high)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self._ends
        return low.sum(axis=1), high.sum(axis=1)

    def accumulate(self, windows: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        return np.abs(windows[:, None, :] - self.weights[rows].astype(np.int64)).sum(axis=2)

    def operations(self) -> Operations:
        return Operations(additions=self.outputs * (2 * self.taps - 1), comparisons=self.outputs * self.taps)

    @property
    def table_bits(self) -> int:
        return 0

    @property
    def _bits(self) -> int:
        return bits_for(min(-1, int(self.weights.min())), int(self.weights.max()))

    @property
    def weight_bits(self) -> int:
        return self.weights.size * self._bits

    def hls(self) -> HlsKernel:
        arrays = {"weights": HlsArray(self.weights, self._bits, True, lanes=True)}
        return HlsKernel(TEMPLATES / "toy_adder.h", "toy_adder", {}, arrays)

    def rtl(self) -> RtlKernel:
        return RtlKernel(
            module="toy_adder",
            parameters={},
            tables={},
            weights=self.weights.astype(np.int64) & ((1 << self._bits) - 1),
            weight_bits=self._bits,
            sources=(TEMPLATES / "toy_adder.sv", TEMPLATES / "toy_gap.sv"),
            lane_bounds=self._ends,
        )


@dataclass(frozen=True)
class AdderScheme(Scheme):
    """Weights on the grid of the input."""


class AdderMethod(Method):
    def lower(self, spec: LinearSpec) -> Kernel:
        weights = np.rint(spec.weights * 2.0**spec.inputs.fraction).astype(np.int64)
        return AdderKernel(weights, spec.inputs.fraction, spec.inputs.lo, spec.inputs.hi)


METHOD = AdderMethod("toy_adder", "distances", "Chen et al., CVPR 2020", (AdderKernel,), (AdderScheme,), MethodOptions)


@dataclass(frozen=True, eq=False)
class Distance(Operation):
    """``code = |x - pivot|`` of integers."""

    pivot: int
    kind: ClassVar[str] = "toy_distance"
    pointwise: ClassVar[bool] = True

    def check(self) -> None:
        checks.integer("a pivot", self.pivot, -(2**20), 2**20)

    def result(self, *inputs: Stream) -> Stream:
        (source,) = inputs
        if source.levels is not None:
            raise LoweringError("symbols have no distance")
        ends = [abs(end - self.pivot) for end in source.range]
        return Stream(source.shape, 0 if source.lo <= self.pivot <= source.hi else min(ends), max(ends), source.fraction)

    def counts(self, inputs: Sequence[Stream], result: Stream) -> Operations:
        return Operations(additions=result.size, comparisons=result.size)

    def widths(self, inputs: Sequence[Stream], result: Stream) -> Widths:
        return Widths(add=result.bits, compare=inputs[0].bits)


def evaluate(op: Distance, streams: Sequence[Stream], inputs: Sequence[np.ndarray]) -> np.ndarray:
    return np.abs(inputs[0] - op.pivot)


def spell(network: Network, call: Call, op: Distance) -> LayerCode:
    code = elementwise(network, call, "toy_distance", 1, f"distance from {op.pivot}", TEMPLATES / "toy_distance.h")
    source = network.graph[call.node.inputs[0]].stream
    code.types(wide_t=IntType.holding(-1, source.lo, source.hi, op.pivot).cpp)
    code.integers(pivot=op.pivot)
    return code


def build(site: Site, op: Distance, sources: list[Beats]) -> Beats:
    (stream,), builder = site.streams, site.builder
    source = add_offsets(builder, site.node.inputs[0], stream, fit_channels(builder, site.layer, stream.channels, sources[0]))
    result = Beats("", source.codes, site.node.stream.lo, site.node.stream.hi, source.period)
    builder.include(TEMPLATES / "toy_distance.sv", TEMPLATES / "toy_gap.sv")
    parameters = {
        "LANES": source.codes,
        "IN_BITS": source.bits,
        "SIGNED": source.signed,
        "PIVOT": op.pivot,
        "OUT_BITS": result.bits,
    }
    return builder.stage(site.layer, "distances", "toy_distance", parameters, source, result)


class DietDistance(LoweredLayer):
    pass


ENTRIES = (evaluate, spell, build, DietDistance)


def register() -> None:
    methods.register(METHOD)
    register_operation(Distance)
    for registry, entry in zip(REGISTRIES, ENTRIES, strict=True):
        registry.register(Distance)(entry)


def forget() -> None:
    methods.forget(METHOD)
    forget_operation(Distance)
    for registry in REGISTRIES:
        registry.forget(Distance)


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    before = [set(OPERATIONS), set(methods.available()), *map(set, REGISTRIES)]
    register()
    yield
    forget()
    assert [set(OPERATIONS), set(methods.available()), *map(set, REGISTRIES)] == before


def linear(rng: np.random.Generator, name: str, source: Stream, outputs: int, taps: int) -> Kernel:
    """A trained layer lowered by the method of its scheme, as a front end would have it."""
    spec = LinearSpec(name, rng.integers(-12, 12, (outputs, taps)) * 2.0**-source.fraction, AdderScheme(), source)
    return methods.for_scheme(spec.scheme, name).lower(spec)


def network(seed: int = 0, signed: bool = False) -> LoweredGraph:
    rng = np.random.default_rng(seed)
    nodes = [node("image", Source(), [], Stream((5, 6, 2), -8 if signed else 0, 7, 3))]
    window = Window((3, 3), (1, 2), (1, 0, 1, 1))
    nodes.append(
        node("conv", Linear(linear(rng, "conv", nodes[-1].stream, 4, 18), rng.integers(-60, 60, 4), window), [nodes[-1]])
    )
    nodes.append(node("far", Distance(150), [nodes[-1]]))
    nodes.append(node("pool", MaxPool(Window((2, 2), (2, 1))), [nodes[-1]]))
    nodes.append(node("flat", Reshape((nodes[-1].stream.size,)), [nodes[-1]]))
    nodes.append(node("near", Distance(-3), [nodes[-1]]))
    nodes.append(node("logits", Linear(linear(rng, "logits", nodes[-1].stream, 3, nodes[-1].stream.size)), [nodes[-1]]))
    return LoweredGraph("toy_net", tuple(nodes), {"seed": seed})


def plain(graph: LoweredGraph, image: np.ndarray) -> list[int]:
    """The network by plain loops."""
    conv, logits = graph["conv"].op, graph["logits"].op
    (kh, kw), (sh, sw), (top, _, left, _) = conv.window.size, conv.window.stride, conv.window.padding
    rows, columns, outputs = graph["conv"].stream.shape
    far = np.zeros((rows, columns, outputs), int)
    for y, x, output in np.ndindex(rows, columns, outputs):
        total, tap = int(conv.bias[output]), 0
        for i in range(kh):
            for j in range(kw):
                for c in range(2):
                    row, column = y * sh + i - top, x * sw + j - left
                    code = int(image[row, column, c]) if 0 <= row < 5 and 0 <= column < 6 else 0
                    total += abs(code - int(conv.kernel.weights[output, tap]))
                    tap += 1
        far[y, x, output] = abs(total - 150)
    pooled = [
        max(int(far[2 * y + i, x + j, c]) for i in range(2) for j in range(2))
        for y, x, c in np.ndindex(*graph["pool"].stream.shape)
    ]
    return [sum(abs(value + 3 - int(w)) for value, w in zip(pooled, row, strict=True)) for row in logits.kernel.weights]


def test_every_target_knows_every_operation() -> None:
    everything = set(OPERATIONS.values())
    computed = {operation for operation in everything if operation.arity}
    assert Distance in computed and len(everything) - len(computed) == 1
    assert set(LAYERS) == everything
    for registry in (EVALUATORS, SPELLINGS, BUILDERS):
        assert set(registry) == computed, registry.target


def test_the_reference_equals_plain_loops() -> None:
    graph = network()
    codes = random_codes(graph, 4, 0)
    assert reference.predict(graph, codes).tolist() == [plain(graph, image) for image in codes]


@pytest.mark.parametrize("spelling", ["native", "ap"])
def test_cpp_equals_the_reference(tmp_path: Path, spelling: str) -> None:
    graphs = [network(seed, signed) for seed in range(2) for signed in (False, True)]
    cases = [
        Case(graph, io, random_folding(graph, n)) for n, (graph, io) in enumerate((g, io) for g in graphs for io in IO_TYPES)
    ]
    built = build_all(tmp_path, cases, *([ap_flags()] if spelling == "ap" else []))
    for case, simulation in zip(cases, built, strict=True):
        codes = random_codes(case.graph, 6, 1)
        assert np.array_equal(simulation.predict(codes), reference.predict(case.graph, codes))
    files = {path.name for path in (tmp_path / "net0" / "firmware" / "nnet_utils").iterdir()}
    assert {"toy_adder.h", "toy_distance.h", "toy_gap.h", "nnet_elementwise.h", "nnet_types.h"} <= files


def test_rtl_equals_the_reference(programs: Path) -> None:
    """At the least, a middle and the largest fold, in one program."""
    designs = []
    for lanes in (0, 1, 2):
        graph = dataclasses.replace(network(lanes, signed=lanes == 1), name=f"toy_net{lanes}")
        choices = {n.name: legal_folds(graph, n) for n in graph.linear_nodes}
        designs.append(generate(graph, {name: folds[(len(folds) - 1) * lanes // 2] for name, folds in choices.items()}))
    assert [lint(design) for design in designs] == ["", "", ""]
    codes = [random_codes(design.graph, 6, 2) for design in designs]
    for stalls in (None, Stalls()):
        results = simulate_many(designs, codes, stalls=stalls, cache_dir=programs, optimize="-O0")
        for design, result, images in zip(designs, results, codes, strict=True):
            assert np.array_equal(result.outputs, reference.predict(design.graph, images)), design.name


def test_counts_bits_and_widths() -> None:
    graph = network()
    conv, far = graph["conv"], graph["far"]
    positions = conv.stream.size // 4
    assert graph.counts(conv) == Operations(additions=positions * 4 * (2 * 18 - 1) + conv.stream.size, comparisons=positions * 72)
    assert graph.counts(far) == Operations(additions=far.stream.size, comparisons=far.stream.size)
    assert (conv.op.weight_bits, far.op.weight_bits) == (72 * 5 + 4 * 7, 0)
    assert graph.widths(far) == Widths(add=far.stream.bits, compare=conv.stream.bits)


def test_storage(tmp_path: Path) -> None:
    graph = network()
    save_graph(graph, tmp_path / "toy.npz")
    loaded = load_graph(tmp_path / "toy.npz")
    save_graph(loaded, tmp_path / "again.npz")
    assert (tmp_path / "toy.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    codes = random_codes(graph, 3, 0)
    assert np.array_equal(reference.predict(loaded, codes), reference.predict(graph, codes))
    forget()
    try:
        with pytest.raises(LoweringError, match=r"toy\.npz is not a saved lowered graph: no installed method has a kernel"):
            load_graph(tmp_path / "toy.npz")
    finally:
        register()


@pytest.mark.parametrize("io_type", IO_TYPES)
def test_the_hls4ml_backend(tmp_path: Path, io_type: str) -> None:
    graph = network()
    model = model_graph_from_lowered(graph, tmp_path / "out", io_type=io_type)
    assert [layer.class_name for layer in model.get_layers()].count("DietDistance") == 2
    assert lowered_graph(model)["far"].op.pivot == 150  # type: ignore[attr-defined]
    model.compile()
    values = random_codes(graph, 3, 0) / 2.0**graph.input.stream.fraction
    expected = reference.output_values(graph, reference.predict(graph, random_codes(graph, 3, 0)))
    assert np.array_equal(model.predict(values), expected)


@pytest.mark.parametrize("synthesis", ["none", "yosys"])
def test_a_build_and_its_report(tmp_path: Path, synthesis: str) -> None:
    graph = network()
    values = random_codes(graph, 4, 0) / 2.0**graph.input.stream.fraction
    report = convert_and_build(
        graph,
        tmp_path / "out",
        x_test=values,
        y_test=np.zeros(4, int),
        synthesis=synthesis,  # type: ignore[arg-type]
        flows=("carry",),
        clock_period=100.0,  # met by the first design
        checks={"activity": False, "layer_resources": False},
        folding=FoldingSpec(target_interval=200),
    )
    assert report.method == "toy_adder"
    assert {layer.name: layer.kind for layer in report.layers}["far"] == "toy_distance"
    assert report.layer("far").operations == graph.counts(graph["far"])
    assert report.operations.multiplications == 0
    compared = {key: value.mismatches for key, value in report.bit_exact.items()}
    wanted = {"csim_vs_reference"} | ({"rtl_vs_csim", "rtl_stalled_vs_csim"} if synthesis == "yosys" else set())
    assert compared == dict.fromkeys(wanted, 0)
    assert report.resources is not None and bool(report.resources.lut) == (synthesis == "yosys")
    assert (tmp_path / "out" / "report.json").exists()


def test_a_target_that_does_not_know_an_operation_says_so() -> None:
    graph = network()
    for registry, entry, use in (
        (EVALUATORS, evaluate, lambda: reference.predict(graph, random_codes(graph, 2, 0))),
        (BUILDERS, build, lambda: generate(graph, solve(graph))),
        (SPELLINGS, spell, lambda: hls.generate(graph, Path("/nowhere"))),
    ):
        registry.forget(Distance)
        try:
            with pytest.raises(UnsupportedLayerError, match=r"layer 'far': .* does not know the operation 'toy_distance'"):
                use()
        finally:
            registry.register(Distance)(entry)


def test_registrations_are_idempotent_and_exclusive() -> None:
    register()
    with pytest.raises(LoweringError, match="the reference has an entry for Distance already"):
        EVALUATORS.register(Distance)(lambda *_: np.zeros(1))
    with pytest.raises(LoweringError, match="'Distance' is registered already"):
        register_operation(type("Distance", (Operation,), {}))
    with pytest.raises(ConfigError, match="a method 'toy_adder' already"):
        methods.register(AdderMethod("toy_adder", "", "", (AdderKernel,), (), MethodOptions))


def test_files_of_two_owners_cannot_have_one_name(tmp_path: Path) -> None:
    (tmp_path / "nnet_types.h").write_text("")
    (tmp_path / "lane_sum.sv").write_text("module lane_sum (); endmodule")

    @dataclass(frozen=True, eq=False)
    class Clashing(AdderKernel):
        def hls(self) -> HlsKernel:
            return HlsKernel(tmp_path / "nnet_types.h", "toy_adder", {}, super().hls().arrays)

        def rtl(self) -> RtlKernel:
            return dataclasses.replace(super().rtl(), sources=(tmp_path / "lane_sum.sv",))

    image = node("image", Source(), [], Stream((2,), 0, 7, 3))
    kernel = Clashing(np.zeros((1, 2), int), 3, 0, 7)
    graph = LoweredGraph("toy_net", (image, node("dense", Linear(kernel), [image])))
    with pytest.raises(ConfigError, match=r"nnet_types\.h have one name"):
        hls.generate(graph, tmp_path / "out")
    with pytest.raises(ConfigError, match="has the name of one of ours"):
        generate(graph, {"dense": Fold(1, 1)})
