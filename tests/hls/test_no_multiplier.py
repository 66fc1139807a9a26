# SPDX-License-Identifier: Apache-2.0
"""Lookup designs multiply no two run-time operands: they compile with integer types whose `*` is deleted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dietcnn_hls import hls
from dietcnn_hls.lowered import LoweredGraph
from tests.graphs import branching_graph, random_graph

SHIM = Path(__file__).parent / "no_multiply"


def compile_without_multiplier(graph: LoweredGraph, folder: Path, io_type: str) -> subprocess.CompletedProcess[str]:
    hls.generate(graph, folder, io_type=io_type)
    flags = ["-std=c++14", "-w", "-O0", "-DDIETCNN_AP_TYPES", f"-I{SHIM}", "-fsyntax-only"]
    return subprocess.run(
        ["g++", *flags, str(folder / "firmware" / f"{graph.name}.cpp")], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("kernel", ["table", "symbolic", "signed_digit", "ternary"])
@pytest.mark.parametrize("seed", [1, 2])
def test_lookup_designs_compile_without_a_multiplication(tmp_path: Path, kernel: str, io_type: str, seed: int) -> None:
    for graph in (random_graph(seed, (kernel,)), branching_graph(seed, (kernel,))):
        done = compile_without_multiplier(graph, tmp_path / graph.name, io_type)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_the_multiplying_baseline_does_not(tmp_path: Path, io_type: str) -> None:
    done = compile_without_multiplier(branching_graph(1, ("multiply",)), tmp_path, io_type)
    assert done.returncode != 0
    assert "operator*" in done.stderr and "deleted function" in done.stderr
