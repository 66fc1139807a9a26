# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog of signed digits and ternary weights: every weight times every activation, random networks, clean lint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import Fold, Kernel, Linear, LoweredGraph, Source, Stream, node
from dietcnn_hls.methods.conlocnn.format import DigitFormat
from dietcnn_hls.methods.conlocnn.kernel import SignedDigitKernel
from dietcnn_hls.methods.deepchip.kernel import TernaryKernel
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import Stalls, simulate_many
from dietcnn_hls.tools import verilator
from tests.graphs import Shape, random_codes, random_graph

FORMATS = {
    "three_places": ((0, 1, 2),),
    "gap": ((0, 1, 3),),
    "five_of_seven_codes": ((1, 2, 3, 4, 5),),
    "barrel": (tuple(range(7)),),
    "wide_gap": ((0, 1, 2, 3, 4, 5, 7),),
    "two_digits": ((0, 1, 2), (3,)),
    "three_digits": ((0,), (2, 4), (1, 2, 3, 4)),
}
SCALES = {"units": (1, 1), "powers": (8, 2), "odd": (11, 6), "long": (43, 21)}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


def one_tap(name: str, kernel: Kernel, stream: Stream, pe: int) -> RtlDesign:
    image = node("image", Source(), [], stream)
    return generate(LoweredGraph(name, (image, node("dense", Linear(kernel), [image]))), {"dense": Fold(pe, 1)})


def signed_digit_designs(stream: Stream) -> list[RtlDesign]:
    """One output for every word that means something."""
    designs = []
    for name, positions in FORMATS.items():
        words = np.flatnonzero(DigitFormat(positions).meaningful).astype(np.uint16)[:, None]
        kernel = SignedDigitKernel(words, positions, 8, stream.integers, stream.lo)
        designs.append(one_tap(name, kernel, stream, len(words) // 2))
    return designs


def ternary_designs(stream: Stream) -> list[RtlDesign]:
    """All three weights at several scales, each output with a shift of its own."""
    designs = []
    for name, (positive, negative) in SCALES.items():
        weights = np.array([[1], [-1], [0], [-1]], np.int8)
        kernel = TernaryKernel(weights, positive, negative, np.array([1, 4, 2, 2]), 8, stream.integers, stream.lo)
        designs.append(one_tap(name, kernel, stream, 2))
    return designs


@pytest.mark.parametrize("signed", [False, True])
def test_every_weight_times_every_activation(signed: bool, cache: Path) -> None:
    stream = Stream((1,), -128, 127, 7) if signed else Stream((1,), 0, 255, 8)
    designs = signed_digit_designs(stream) + ternary_designs(stream)
    codes = np.arange(stream.lo, stream.hi + 1)[:, None]
    results = simulate_many(designs, [codes] * len(designs), cache_dir=cache, optimize="-O0")
    for design, result in zip(designs, results, strict=True):
        assert np.array_equal(result.outputs, reference.predict(design.graph, codes)), design.name


@pytest.mark.parametrize("kernels", [("signed_digit",), ("ternary",), ("signed_digit", "ternary", "table", "multiply")])
def test_random_networks_equal_the_reference(kernels: tuple[str, ...], cache: Path) -> None:
    designs = []
    for seed in range(10):
        graph = dataclasses.replace(
            random_graph(seed, kernels, Shape(side=7, channels=4)), name=f"{kernels[0]}{len(kernels)}_{seed}"
        )
        rng = np.random.default_rng(seed)
        folds = {n.name: legal_folds(graph, n) for n in graph.linear_nodes}
        designs.append(generate(graph, {name: f[int(rng.integers(len(f)))] for name, f in folds.items()}))
    assert [verilator.lint(design) for design in designs[:3]] == ["", "", ""]
    codes = [random_codes(design.graph, 4, seed) for seed, design in enumerate(designs)]
    for stalls in (None, Stalls(seed=5)):
        results = simulate_many(designs, codes, stalls=stalls, cache_dir=cache, optimize="-O0")
        for design, result, images in zip(designs, results, codes, strict=True):
            wrong = int((result.outputs != reference.predict(design.graph, images)).sum())
            assert wrong == 0, f"{design.name} under {stalls}: {wrong} outputs differ"
