# SPDX-License-Identifier: Apache-2.0
"""No hidden multiplier in SystemVerilog: as Yosys reads it, no lookup design holds a product of two run-time operands.

The operation counts must agree: a kernel counts multiplications if and only if one is found.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.lowered import Combine, LoweredGraph
from dietcnn_hls.lowered.operation import OPERATIONS
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.tools import yosys
from tests.arithmetic_graphs import arithmetic_graph
from tests.graphs import Shape, branching_graph, pooling_graph, random_graph
from tests.kernels import examples, with_hardware

SMALL = Shape(side=5, channels=4, symbols=8)
PRODUCTS = frozenset({"$mul", "$macc", "$macc_v2", "$div", "$mod", "$divfloor", "$modfloor", "$pow"})
"""Yosys' cells for ``*``, ``/``, ``%`` and ``**``; by a constant they are indices into packed vectors."""

MULTIPLIERS = ("booth_rows",)
"""Modules that multiply without a ``*``."""

LOOKUP = tuple(name for name in with_hardware() if not examples()[name].multiplies)
NETWORKS = tuple(f"{name}_net" for name in ("branching_1", "branching_4", "pooling_1", "pooling_2"))
ARITHMETIC = range(8)


def design(name: str, graph: LoweredGraph, dsp: bool = False) -> RtlDesign:
    """A design of folds in the middle of what is legal, so that outputs, taps and beats are all several."""
    graph = dataclasses.replace(graph, name=name)
    folds = {n.name: legal_folds(graph, n) for n in graph.linear_nodes}
    return generate(graph, {n: legal[len(legal) // 2] for n, legal in folds.items()}, RtlOptions(use_dsp=dsp))


def every_design() -> list[RtlDesign]:
    """One a kernel, with DSP blocks forbidden and allowed, and networks of every operation with all lookup kernels."""
    made = []
    for name in with_hardware():
        made += [design(f"{name}_{form}_net", random_graph(1, (name,), SMALL), form == "dsp") for form in ("lut", "dsp")]
    made += [design(f"branching_{seed}_net", branching_graph(seed, LOOKUP, SMALL)) for seed in (1, 4)]
    made += [design(f"pooling_{seed}_net", pooling_graph(seed, LOOKUP, SMALL)) for seed in (1, 2)]
    return made + [design(f"arithmetic_{seed}_net", arithmetic_graph(seed)) for seed in ARITHMETIC]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Where each design multiplies: one run of Yosys elaborates all of them."""
    folder, designs = tmp_path_factory.mktemp("designs"), every_design()
    files = sorted({path.name for made in designs for path in made.write(folder)})
    instances = "".join(f"  {made.name} {made.name}_unit (.clk(clk));\n" for made in designs)
    (folder / "everything.sv").write_text(f"module everything (input logic clk);\n{instances}endmodule\n")
    script = f"read_verilog -sv -defer everything.sv {' '.join(files)}\nhierarchy -top everything\nproc\nwrite_json all.json\n"
    yosys.run(yosys.find(), script, folder, what="all designs", proof=["all.json"], timeout_s=600)
    modules = json.loads((folder / "all.json").read_text())["modules"]
    return {made.name: multiplied(modules, made.name) for made in designs}


def multiplied(modules: dict[str, Any], name: str) -> set[str]:
    """What multiplies two run-time operands in a module or below it: places in the sources, modules of `MULTIPLIERS`."""
    places, seen, todo = set(), set(), [name]
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        if modules[module]["attributes"].get("hdlname", module) in MULTIPLIERS:
            places.add(modules[module]["attributes"]["hdlname"])
        for cell in modules[module]["cells"].values():
            if cell["type"] in PRODUCTS and not any(constant(cell["connections"].get(side, [])) for side in "AB"):
                places.add(cell["attributes"]["src"])
            elif cell["type"] in modules:
                todo.append(cell["type"])
    return places


def constant(bits: list[int | str]) -> bool:
    """Whether a vector has no net."""
    return bool(bits) and all(isinstance(bit, str) for bit in bits)


@pytest.mark.parametrize("name", [*(f"{name}_{form}_net" for name in LOOKUP for form in ("lut", "dsp")), *NETWORKS])
def test_lookup_designs_multiply_nothing(found: dict[str, set[str]], name: str) -> None:
    assert found[name] == set()


@pytest.mark.parametrize(
    "form, places", [("lut", ("booth_rows", "kernel_multiply_dsp.sv")), ("dsp", ("kernel_multiply_dsp.sv",))]
)
def test_the_twin_is_found_out(found: dict[str, set[str]], form: str, places: tuple[str, ...]) -> None:
    """The check can fail: kernels that multiply are caught in both forms, and their counts say so."""
    for name in with_hardware():
        if examples()[name].multiplies:
            assert any(where.startswith(places) for where in found[f"{name}_{form}_net"]), found[f"{name}_{form}_net"]
            graph = random_graph(1, (name,), SMALL)
            assert all(node.op.kernel.operations().multiplications for node in graph.linear_nodes)  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", ARITHMETIC)
def test_plain_arithmetic_multiplies_where_its_counts_say_so(found: dict[str, set[str]], seed: int) -> None:
    """Two streams are multiplied in one module only, and nowhere else; quotients are by constants."""
    graph = arithmetic_graph(seed)
    products = [n for n in graph.nodes if isinstance(n.op, Combine) and n.op.function == "multiply"]
    places = found[f"arithmetic_{seed}_net"]
    assert bool(products) == bool(places) and all(where.startswith("stream_combine.sv") for where in places), places


def test_all_kernels_and_operations_are_there(found: dict[str, set[str]]) -> None:
    designs = every_design()
    assert {made.name for made in designs} == set(found)
    assert {node.op.kind for made in designs for node in made.graph.nodes} == {op.kind for op in OPERATIONS.values()}
    assert any(found[f"arithmetic_{seed}_net"] for seed in ARITHMETIC)
