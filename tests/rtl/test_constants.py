# SPDX-License-Identifier: Apache-2.0
"""Kernel arrays of shared sums: random layers of every method equal the reference, at any clock, as RTL and as a netlist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.hardware.sharing import Score, Sums, share
from dietcnn_hls.lowered import Constants, Fold, Linear, LoweredGraph, Source, Stream, Window, node
from dietcnn_hls.methods.products import Products
from dietcnn_hls.reference import predict
from dietcnn_hls.rtl import constants
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.constants import KEPT_FROM, SharedSums
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.latency import latency
from dietcnn_hls.rtl.simulation import gate_level, lint, simulate_many
from dietcnn_hls.tools.yosys.synthesis import synthesise
from tests import graphs
from tests.cases import exhaustive
from tests.kernels import examples, with_hardware
from tests.rtl.random_designs import STALLS

STREAMS = (Stream((6,), 0, 5, 3, (0, 1, 3, 4, 9, 11)), Stream((6,), 0, 7, 3), Stream((6,), 0, 255, 8), Stream((6,), -4, 3, 2))


def dense(seed: int, *, levels: bool = False, signed: bool = False) -> LoweredGraph:
    """A dense layer of random integers with a bias, of integers or of a codebook."""
    rng = np.random.default_rng(seed)
    bits, inputs, outputs = int(rng.integers(2, 7)), int(rng.integers(1, 12)), int(rng.integers(1, 9))
    lo = -(1 << bits - 1) if signed else 0
    hi = lo + (1 << bits) - 1
    integers = np.sort(rng.choice(np.arange(-40, 90), hi + 1, replace=False)) if levels else np.arange(lo, hi + 1)
    stream = Stream((inputs,), lo, hi, 3, tuple(integers.tolist()) if levels else None)
    weights = rng.integers(-(1 << rng.integers(1, 7)), 1 << rng.integers(1, 7), (outputs, inputs))
    weights[rng.random(weights.shape) < 0.3] = 0
    source = node("image", Source(), [], stream)
    linear = Linear(Products(weights, 3, integers, lo), rng.integers(-50, 50, outputs), None)
    return LoweredGraph(f"dense{seed}", (source, node("dense", linear, [source])))


def unrolled(graph: LoweredGraph, clock: float | None = None) -> RtlDesign:
    pipelining = Pipelining() if clock is None else Pipelining.of(DEFAULT_PART, clock)
    folds = solve(graph, FoldingSpec(unroll=True))
    return generate(graph, folds, RtlOptions(share_sums=True, pipelining=pipelining))


def layers() -> list[LoweredGraph]:
    return [dense(seed, levels=seed % 3 == 1, signed=seed % 3 == 2) for seed in range(12)]


def check(designs: list[RtlDesign], programs: Path) -> None:
    codes = [graphs.random_codes(design.graph, 6, seed) for seed, design in enumerate(designs)]
    for stalls in STALLS:
        for design, found, array in zip(
            designs, simulate_many(designs, codes, stalls=stalls, cache_dir=programs, optimize="-O0"), codes, strict=True
        ):
            assert np.array_equal(found.outputs, predict(design.graph, array)), f"{design.name} under {stalls}"
            assert found.latency == (None if stalls else latency(design))


def test_dense_layers_equal_the_reference(programs: Path) -> None:
    designs = [unrolled(graph, (None, 10.0, 4.0)[place % 3]) for place, graph in enumerate(layers())]
    shared = [design for design in designs if any(name.endswith("_sums.sv") for name in design.files)]
    assert len(shared) > 6
    assert [lint(design) for design in shared[::3]] == [""] * len(shared[::3])
    check(designs, programs)


def test_constants_are_the_kernel() -> None:
    """What a kernel says of itself as a matrix is what it accumulates, for the kernels that do."""
    told = [name for name in with_hardware() if check_constants(name)]
    assert set(told) == {"multiply", "signed_digit", "table", "ternary"}


def check_constants(name: str) -> bool:
    example = examples()[name]
    source = next(stream for stream in STREAMS if example.accepts(stream))
    kernel = example.draw(np.random.default_rng(5), source, 3, 6, 4)
    constants = kernel.constants()
    if constants is None:
        return False
    count = len(constants.integers) if not constants.ends_only else int(constants.integers[1]) - constants.lo + 1
    codes = np.random.default_rng(1).integers(0, count, (40, kernel.taps)) + constants.lo
    integers = codes if constants.ends_only else constants.integers[codes - constants.lo]
    assert np.array_equal(integers @ constants.matrix.T, kernel.accumulate(codes))
    return True


def test_convolutions_share_sums_in_every_window(programs: Path) -> None:
    rng = np.random.default_rng(7)
    source = node("image", Source(), [], Stream((6, 5, 2), 0, 7, 3))
    kernel = Products(rng.integers(-9, 10, (4, 3 * 3 * 2)), 3, np.arange(8), 0)
    conv = node("conv", Linear(kernel, None, Window((3, 3), (1, 1), (1, 1, 1, 1), 1)), [source])
    graph = LoweredGraph("shared_conv", (source, conv))
    design = generate(graph, {"conv": Fold(4, 18)}, RtlOptions(share_sums=True))
    assert "shared_conv_conv_sums.sv" in design.files
    check([design], programs)


@exhaustive
def test_the_netlist_equals_the_reference(programs: Path, tmp_path: Path) -> None:
    """Yosys gets the adders spelt out in primitives, the simulator the plain sum: both must be the same."""
    design = unrolled(dense(14))
    files = design.write(tmp_path)
    result = synthesise(files, design.name, part=DEFAULT_PART, dsp=False, include_files=design.memories_in(tmp_path))
    assert result.cells["LUT6_2"] > 0
    codes = graphs.random_codes(design.graph, 40, 3)
    (found,) = simulate_many([gate_level(design, result)], [codes], cache_dir=programs, optimize="-O0")
    assert np.array_equal(found.outputs, predict(design.graph, codes))


def test_folded_layers_keep_their_lanes() -> None:
    graph = dense(15)
    op = graph["dense"].op
    assert isinstance(op, Linear)
    design = generate(graph, {"dense": Fold(1, 1)}, RtlOptions(share_sums=True))
    assert not any(name.endswith("_sums.sv") for name in design.files)


def test_shared_sums_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix is searched once for all designs; another matrix, other ends and a damaged file are searched again."""
    monkeypatch.setenv("DIETCNN_CACHE", str(tmp_path))
    searched: list[int] = []

    def counted(matrix: np.ndarray, score: Score) -> Sums:
        searched.append(len(matrix))
        return share(matrix, score)

    monkeypatch.setattr(constants, "share", counted)
    matrix = np.random.default_rng(3).integers(-20, 20, (16, 16))
    first = SharedSums.of(Constants(0, np.arange(8), matrix))
    assert len(searched) == 2
    again = SharedSums.of(Constants(0, np.arange(8), matrix.copy()))
    assert len(searched) == 2 and again.module("sums", 3) == first.module("sums", 3)
    codes = np.random.default_rng(4).integers(0, 8, (20, 16))
    assert np.array_equal(share(matrix).evaluate(codes), Sums.from_arrays(share(matrix).arrays()).evaluate(codes))
    SharedSums.of(Constants(0, np.arange(8), matrix + 1))
    SharedSums.of(Constants(0, np.arange(16), matrix))
    assert len(searched) == 6
    for file in tmp_path.rglob("sums.npz"):
        file.write_bytes(file.read_bytes()[:-9])
    assert SharedSums.of(Constants(0, np.arange(8), matrix)).module("sums", 3) == first.module("sums", 3)
    assert len(searched) == 8
    SharedSums.of(Constants(0, np.arange(8), matrix[:, : KEPT_FROM // 16 - 1]))
    assert len(searched) == 10 and len(list((tmp_path / "sums").glob("*/sums.npz"))) == 3
