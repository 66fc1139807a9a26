# SPDX-License-Identifier: Apache-2.0
"""Names: what may name a design is known when it is read; layers may be called anything."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hls.cpp import layer_identifiers
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.names import CPP, SYSTEMVERILOG, TCL, check_design_name, design_name, own_modules, tcl_word, unique_identifiers
from dietcnn_hls.rtl import verilog
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.graphs import Shape, random_codes, random_graph, residual

CLASHES = {
    "C++": ["while", "int", "namespace", "co_await", "and_eq"],
    "SystemVerilog": ["reg", "module", "always", "logic", "endmodule", "Reg", "input", "NULL"],
    "Tcl": ["set", "proc", "exec", "open_project"],
    "module or header": ["rom", "stream_fifo", "kernel_table", "nnet_types", "sim_main", "carry"],
    "port, folder or file": ["clk", "in_valid", "firmware", "parameters", "defines", "tb_data"],
    "C library": ["size_t", "uint8_t", "std", "BUFSIZ", "errno", "main", "pthread_t", "INT_MAX"],
    "letters, digits": ["", "a b", "../x", "7up", "_x", "größe", "a;exec", "a\n"],
    "81 characters": ["x" * 81],
}


@pytest.mark.parametrize("reason, name", [(reason, name) for reason, names in CLASHES.items() for name in names])
def test_what_cannot_name_a_design_is_told_why_and_what_would_do(reason: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot name a design: .*{re.escape(reason)}") as caught:
        check_design_name(name)
    if name:
        offered = re.search(r"'(\w+)' would do", str(caught.value))
        assert offered is not None and check_design_name(offered[1]) == offered[1]


@pytest.mark.parametrize("name", [None, 5, True, b"net", ["net"]])
def test_a_name_is_text(name: object) -> None:
    with pytest.raises(ConfigError, match="a project needs a name of letters"):
        check_design_name(name, "project")


def test_plain_names_pass() -> None:
    for name in ("model", "net", "lenet5_8x4", "ECAL", "T1", "x" * 80, "top", "my_rom", "always_on"):
        assert check_design_name(name) == design_name(name) == name
    assert design_name("conv/1: größe") == "conv_1__gr__e" and design_name("module") == "module_net"
    assert {"while", "xor"} <= CPP and len(SYSTEMVERILOG) == 248 and "set" in TCL and "rom" in own_modules()


def test_identifiers_are_unique_even_where_case_is_ignored() -> None:
    names = unique_identifiers(["a b", "a_b", "A_B", "while", "7", "reg", "uint8_t", "output"])
    assert names == {
        **{"a b": "a_b", "a_b": "a_b_2", "A_B": "A_B_3", "while": "while_", "7": "n7"},
        **{"reg": "reg_", "uint8_t": "uint8_t_", "output": "output_"},
    }
    long = ["x" * 100, "x" * 101, "y" * 300]
    assert len({name.lower() for name in unique_identifiers(long).values()}) == 3
    assert max(map(len, unique_identifiers(long).values())) <= 80


def test_no_identifier_is_anothers_part() -> None:
    names = unique_identifiers(["conv", "conv_out", "conv_relu", "dense_out2_x", "dense"], parts=["out"])
    assert names == {
        **{"conv": "conv", "conv_out": "layer2_conv_out", "conv_relu": "conv_relu"},
        **{"dense_out2_x": "dense_out2_x", "dense": "layer2_dense"},
    }
    assert layer_identifiers(["net", "net_load"], "net") == {"net": "net_", "net_load": "net_load_"}


def test_words_of_tcl_stand_for_themselves() -> None:
    assert [tcl_word(text) for text in ("xc7z020clg400-1", "2.5", "a b", "x; exec ls", "$x[y]")] == [
        *("xc7z020clg400-1", "2.5", "{a b}", "{x; exec ls}", "{$x[y]}")
    ]
    for text in ("a}b", "a\\", "a\nb"):
        with pytest.raises(ConfigError, match="a Tcl script cannot"):
            tcl_word(text)


def renamed(graph: LoweredGraph, names: list[str], design: str) -> LoweredGraph:
    mapping = dict(zip([node.name for node in graph.nodes], names, strict=False))
    nodes = tuple(
        dataclasses.replace(n, name=mapping.get(n.name, n.name), inputs=tuple(mapping.get(i, i) for i in n.inputs))
        for n in graph.nodes
    )
    return LoweredGraph(design, nodes)


ODD = [
    ["codes", "reg", "in_valid", "a/b", "Ü", "Dense", "dense", "output", "samples", "clk"],
    ["input", "int64_t", "x" * 100, "x" * 101, "x" * 300, "module", "1st conv:0", "n_out", "nnet", "got"],
    ["net", "net_t", "net_load", "net_out", "net_codes", "net_window", "net_config", "net_net", "results", "firmware"],
]


def odd_graph(case: int) -> LoweredGraph:
    """A network whose layers have odd names, input and output among them."""
    graph = residual(blocks=1, height=6) if case == 2 else random_graph(10, ("table",), Shape(side=6, channels=3, symbols=4))
    return renamed(graph, ODD[case][: len(graph.nodes) - 1] + ODD[case][-1:], "net")


@pytest.mark.parametrize("case, io_type", enumerate(["io_stream", "io_parallel", "io_stream"]))
def test_layers_of_any_name_compute_in_cpp(tmp_path: Path, case: int, io_type: str) -> None:
    graph = odd_graph(case)
    codes = random_codes(graph, 4, case)
    hls.generate(graph, tmp_path, io_type=io_type)
    assert np.array_equal(hls.compile(tmp_path).predict(codes), reference.predict(graph, codes))


def test_layers_of_any_name_compute_in_systemverilog(programs: Path) -> None:
    graphs = [dataclasses.replace(odd_graph(case), name=f"net{case}") for case in range(len(ODD))]
    designs = [generate(graph, {n.name: Fold(1, 1) for n in graph.linear_nodes}) for graph in graphs]
    codes = [random_codes(graph, 3, seed) for seed, graph in enumerate(graphs)]
    results = simulate_many(designs, codes, cache_dir=programs, optimize="-O0")
    for graph, array, result in zip(graphs, codes, results, strict=True):
        assert np.array_equal(result.outputs, reference.predict(graph, array)), graph.name


def test_parts_of_identifiers_cannot_meet() -> None:
    """Wires, instances and files of any two layers differ, although one layer's name continues the other's."""
    graph = residual(blocks=2, height=6)
    names = ["a", *(f"a_{part}" for part in sorted(verilog._PARTS))][: len(graph.nodes)]
    graph = renamed(graph, names, "net")
    design = generate(graph, {n.name: Fold(1, 1) for n in graph.linear_nodes})
    text = design.files["net.sv"]
    declared = re.findall(r"^  wire (?:\[\d+:0\] )?(\w+)(?:, \w+)?;", text, re.MULTILINE)
    instances = re.findall(r"\b(\w+_unit) \(", text)
    assert len(set(declared)) == len(declared) and len(set(instances)) == len(instances) > 10
