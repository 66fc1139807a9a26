# SPDX-License-Identifier: Apache-2.0
"""No hidden multiplier in C++: lookup designs compile with integers that have no `*`, and no native product is left in them.

The operation counts must agree: a kernel counts multiplications if and only if one is found.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from dietcnn_hls import hls
from dietcnn_hls.lowered import LoweredGraph
from tests.graphs import Shape, branching_graph, pooling_graph, random_graph
from tests.kernels import every, examples

SHIM = Path(__file__).parent / "no_multiply"
LOOKUP = tuple(name for name, example in examples().items() if not example.multiplies)
MULTIPLYING = tuple(name for name, example in examples().items() if example.multiplies)
SMALL = Shape(side=6, channels=3, symbols=8)
# a product, quotient or remainder of two values that are not known when compiling: `_3 = _1 * _2;`
_PRODUCT = re.compile(r"= \S*[A-Za-z_]\S* [*/%] \S*[A-Za-z_]\S*;")


def networks(kernels: Sequence[str]) -> list[LoweredGraph]:
    """Networks of every operation and of every one of these kernels, under names that tell them apart."""
    made = [random_graph(1, (name,), SMALL) for name in kernels]
    made += [branching_graph(1, tuple(kernels), SMALL), branching_graph(4, tuple(kernels), SMALL)]
    made += [pooling_graph(seed, tuple(kernels), SMALL) for seed in (1, 2)]
    return [dataclasses.replace(graph, name=f"net{number}") for number, graph in enumerate(made)]


def products(graphs: Sequence[LoweredGraph], folder: Path, io_type: str) -> list[str]:
    """Where the designs multiply at run time: operators that do not exist, products in the compiler's listing."""
    for graph in graphs:
        hls.generate(graph, folder / graph.name, io_type=io_type)
    source, listing = folder / "all.cpp", folder / "listing"
    source.write_text("".join(f'#include "{graph.name}/firmware/{graph.name}.cpp"\n' for graph in graphs))
    flags = ["-std=c++14", "-w", "-O0", "-DDIETCNN_AP_TYPES", f"-I{SHIM}", f"-fdump-tree-gimple={listing}"]
    done = subprocess.run(["g++", *flags, "-S", "-o", "/dev/null", source], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return native_products(listing.read_text())
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert errors and all("no match for ‘operator*’" in line or "no match for 'operator*'" in line for line in errors), errors
    return errors


def native_products(listing: str) -> list[str]:
    """Statements of a GIMPLE listing that multiply two run-time values, each behind the function that it stands in."""
    found, function = [], ""
    for line in listing.splitlines():
        if line and not line[0].isspace() and line[0] not in "{}":
            function = line
        if _PRODUCT.search(line):
            found.append(f"{function.strip()}: {line.strip()}")
    return found


@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_lookup_designs_multiply_nothing(tmp_path: Path, io_type: str) -> None:
    """Every kernel whose counts have no multiplication, every operation, groups, branches, pools."""
    graphs = networks(LOOKUP)
    assert products(graphs, tmp_path, io_type) == []
    drawn = {name for graph in graphs for name in graph.metadata["examples"]}  # type: ignore[attr-defined]
    assert drawn == set(LOOKUP)
    kernels = [node.op.kernel for graph in graphs for node in graph.linear_nodes]  # type: ignore[union-attr]
    assert all(kernel.operations().multiplications == 0 for kernel in kernels)


@pytest.mark.parametrize("name", MULTIPLYING)
def test_kernels_that_multiply_are_found_out(tmp_path: Path, name: str) -> None:
    """The check can fail: ordinary products miss their operator, distances to prototypes are native products."""
    graph = dataclasses.replace(random_graph(1, (name,), SMALL), name="net")
    assert products([graph], tmp_path, "io_stream")
    assert all(node.op.kernel.operations().multiplications > 0 for node in graph.linear_nodes)  # type: ignore[union-attr]


def test_the_lists_are_complete() -> None:
    assert set(LOOKUP) | set(MULTIPLYING) == set(every()) and LOOKUP and MULTIPLYING
    kinds = {node.op.kind for graph in networks(LOOKUP) for node in graph.nodes}
    assert kinds == {"input", "linear", "encode", "requantize", "symbol_map", "max_pool", "sum_pool", "reshape", "add"}


def test_a_listing_is_read_as_it_is_written() -> None:
    """Products by constants are indices; a product of two values is one, whatever they are called."""
    listing = (
        "int f (int a)\n{\n  _1 = a * 8;\n  _2 = _1 * -3;\n  D.12 = _1 * a;\n  _4 = (long) _1 + _2;\n  _5 = _1 % b.0_3;\n}\n"
    )
    assert native_products(listing) == ["int f (int a): D.12 = _1 * a;", "int f (int a): _5 = _1 % b.0_3;"]
