# SPDX-License-Identifier: Apache-2.0
"""Names that mean something to C++, SystemVerilog, Tcl, a shell or a file system: refused at the door, or harmless.

Layers may be called anything: `tests.test_names` builds them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls import hls, reference
from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import ConfigError, DietError
from dietcnn_hls.hardware.folding import solve
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.names import check_design_name
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.rtl.simulation import simulate_many
from tests.graphs import random_codes
from tests.hostile.builds import GRAPH, X, untouched

WORDS = """
    main exit abort printf malloc free abs div time clock signal read write open close link index y0 y1 j0 gamma log exp sin atan2
    select remove rename system rand random yn jn std vector string array min max swap hash function move forward list map set
    pair tuple ap_int ap_uint ap_fixed hls stream nnet config parameters defines weights bridge test input output result
    kernel layer model design myproject project solution1 firmware tb_data logits image encoder x y z i j n a b c data codes
    top sim sim_top dut dut0 Vsim_top VlModule Verilated vl_finish clk rst reset in_valid in_ready in_data out_valid out_ready
    out_data fifo rom ram memory table width depth state count sum product lane word beat generate initial always_latch real
    integer logic_vector bit_vector cell design_top library work unit module_top clocking1 int8 uint8 size len str print lambda
    yield None True False exec eval puts open_project create_clock catch1 source1 cd ls rm cat CON PRN AUX NUL com1 lpt1
    setup batch random_net net predict T U V K N M R S P Q CONFIG_T input_t accum_t NULL_ X86 linux1 _x a__b A1 aB
""".split()
"""Words that may or may not name a design."""

NEVER = [
    *("", " ", "a b", "a-b", "a.b", "1a", "../x", "/etc/passwd", "a/b", "a\\b", "a'b", 'a"b', "$x", "${HOME}", "[exec rm]"),
    *("`id`", "a;b", "a\nb", "a\rb", "a\tb", "a\0b", "a#b", "a%b", "é", "ſ", "ａ", "²", "a" * 300, "__x", "x\u202e", "😀", "-rf"),
    *("int", "class", "module", "wire", "reg", "always", "proc", "set", "puts", "exec", "asm", "union", "template", "generate"),
]
"""Names that no design can have."""


def tiny(name: str) -> LoweredGraph:
    return replace(GRAPH, name=name)


@pytest.mark.parametrize("name", NEVER)
def test_names_that_no_design_can_have(name: str, tmp_path: Path) -> None:
    """At every door, before anything is written, in one line that shows the name."""
    doors = (
        lambda: hls.generate(tiny(name), tmp_path / "out"),
        lambda: generate(tiny(name), solve(GRAPH)),
    )
    for door in doors:
        with untouched(tmp_path), pytest.raises(DietError) as caught:
            door()
        assert "\n" not in str(caught.value) and "\0" not in str(caught.value) and len(str(caught.value)) < 500


def test_every_word_is_refused_or_works_in_every_tool(tmp_path: Path, programs: Path) -> None:
    accepted = []
    for word in dict.fromkeys(WORDS):
        try:
            accepted.append(check_design_name(word))
        except ConfigError as error:
            assert f"'{word}'" in str(error)
    assert 20 < len(accepted) < len(WORDS)
    sources = []
    for word in accepted[::9]:
        hls.generate(tiny(word), tmp_path / word)
        sources += [f"{word}/{word}_bridge.cpp", f"{word}/firmware/{word}.cpp"]
    (tmp_path / "all.cpp").write_text("".join(f'#include "{source}"\n' for source in sources))
    done = subprocess.run(["g++", "-std=c++14", "-fsyntax-only", "all.cpp"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:800]
    designs, codes = [generate(tiny(word), solve(GRAPH)) for word in accepted[2::20]], random_codes(GRAPH, 3, 0)
    results = simulate_many(designs, [codes] * len(designs), cache_dir=programs, optimize="-O0")
    for word, result in zip(accepted[2::20], results, strict=True):
        assert np.array_equal(result.outputs, reference.predict(GRAPH, codes)), word


def test_a_report_of_strange_layers_can_be_read_anywhere(tmp_path: Path) -> None:
    from dietcnn_hls.reports.compare import compare

    report = convert_and_build(strange_linear(), tmp_path / "out", x_test=X[:2], synthesis="none")
    comparison = compare([report, report.model_copy(update={"design": "other"})], layers=True)
    html = comparison.render("html")
    assert "<script>" not in html and "&lt;script&gt;" in html
    rows = [line for line in comparison.render("md").splitlines() if line.startswith("|")]
    assert len(rows) > len(GRAPH.nodes) and len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


def strange_linear() -> LoweredGraph:
    """A network whose layers' names break tables and pages."""
    names = iter(("</td><script>alert(1)</script>", "a | b", "a -- b", "=1+1", '"quoted", too'))
    renamed = {item.name: next(names, item.name) for item in GRAPH.nodes}
    nodes = tuple(
        replace(item, name=renamed[item.name], inputs=tuple(renamed[name] for name in item.inputs)) for item in GRAPH.nodes
    )
    return replace(GRAPH, nodes=nodes)
