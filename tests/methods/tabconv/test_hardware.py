# SPDX-License-Identifier: Apache-2.0
"""Product quantisation in SystemVerilog: every fold of convolutions whose subspaces are columns of the window.

Subspaces of neighbouring taps are covered by the common suite of random networks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.errors import ConfigError, LoweringError
from dietcnn_hls.hardware.folding import FoldingSpec, choices, solve
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Source, Stream, Window, node
from dietcnn_hls.methods.tabconv.fit import subspace_taps
from dietcnn_hls.methods.tabconv.kernel import ProductQuantKernel
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import Stalls, lint, simulate_many

WINDOW, CHANNELS, OUTPUTS = (3, 2), 2, 4


def graph(name: str, subspace: int, leaves: int, signed: bool, width: int = 8) -> LoweredGraph:
    rng = np.random.default_rng(subspace * 100 + leaves)
    members = subspace_taps(WINDOW, CHANNELS, subspace)
    lo, hi = (-8, 7) if signed else (0, 15)
    kernel = ProductQuantKernel(
        encoder="tree",
        members=members,
        elements=rng.integers(0, subspace, (len(members), leaves - 1)).astype(np.uint16),
        thresholds=rng.integers(lo, hi + 2, (len(members), leaves - 1)),
        prototypes=np.zeros((len(members), leaves, 0), np.int64),
        table=rng.integers(-(1 << (width - 1)), 1 << (width - 1), (OUTPUTS, len(members), leaves)),
        shifts=rng.integers(0, 3, OUTPUTS),
        table_width=width,
        fraction=4,
        integers=np.arange(lo, hi + 1),
        lo=lo,
    )
    source = node("image", Source(), [], Stream((5, 4, CHANNELS), lo, hi, 4))
    window = Window(WINDOW, (1, 2), (1, 1, 0, 1))
    return LoweredGraph(name, (source, node("conv", Linear(kernel, None, window), [source])), {})


CASES = [(3, 16, False, 8), (6, 4, True, 8), (3, 2, True, 5), (6, 8, False, 11)]


def test_every_fold_equals_the_reference(programs: Path) -> None:
    designs, images, expected = [], [], []
    for number, case in enumerate(CASES):
        folds = choices(graph("all", *case))["conv"].folds
        assert {fold.simd for fold in folds} == ({3, 6, 12} if case[0] == 3 else {6, 12})
        for fold in [folds[0], *(f for f in folds[1:] if f.pe == 2), folds[-1]]:
            net = graph(f"net_{number}_{fold.pe}_{fold.simd}", *case)
            stream = net.input.stream
            codes = np.random.default_rng(number).integers(stream.lo, stream.hi + 1, (6, *stream.shape))
            designs.append(generate(net, {"conv": fold}))
            images.append(codes)
            expected.append(reference.predict(net, codes))
    for stalls in (None, Stalls()):
        results = simulate_many(designs, images, stalls=stalls, cache_dir=programs, optimize="-O0")
        for design, result, right in zip(designs, results, expected, strict=True):
            assert np.array_equal(result.outputs, right), design.name
    assert lint(designs[-1]) == ""


def test_folds_that_part_a_subspace_are_refused() -> None:
    net = graph("net", 3, 16, False)
    with pytest.raises(ConfigError, match=r"layer 'conv': SIMD 2 .*whose taps come in blocks.*SIMD: \[3, 6, 12\]"):
        generate(net, {"conv": Fold(1, 2)})
    assert solve(net, FoldingSpec()) == {"conv": Fold(1, 3)}


def test_the_exact_encoder_has_no_hardware() -> None:
    kernel = graph("net", 3, 16, False)["conv"].op.kernel  # type: ignore[union-attr]
    exact = ProductQuantKernel(
        "exact", kernel.members, kernel.elements[:, :0], kernel.thresholds[:, :0], np.zeros((4, 16, 3), np.int64), kernel.table,
        kernel.shifts, 8, 4, kernel.integers, 0,
    )  # fmt: skip
    with pytest.raises(LoweringError, match="multiplies and has no hardware: build with `encoder: tree`"):
        exact.rtl()
