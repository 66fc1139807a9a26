# SPDX-License-Identifier: Apache-2.0
"""The open hardware flow of a build, end to end: RTL, stalls, mapped netlist, toggles and resources in one report."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls import reference
from dietcnn_hls.api import convert_and_build
from dietcnn_hls.build.config import ChecksConfig
from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.folding import FoldingSpec, solve
from dietcnn_hls.hardware.timing import delays_of
from dietcnn_hls.lowered import Fold, Linear, LoweredGraph, Reshape, Source, Stream, Window, node
from dietcnn_hls.reports.model import Latency, Report
from dietcnn_hls.rtl import simulation, synthesis
from dietcnn_hls.rtl.design import generate
from dietcnn_hls.tools.yosys.timing import analyse
from tests import graphs
from tests.cases import exhaustive
from tests.methods.dietcnn.examples import table_kernel


def network() -> LoweredGraph:
    """Encoder, a convolution that can see whole windows of 12 x 12 pixels, and a dense layer."""
    rng = np.random.default_rng(11)
    nodes = [node("image", Source(), [], Stream((12, 12, 1), 0, 255, 8))]
    nodes.append(graphs.encode(rng, "encoder", nodes[-1], 8))
    nodes.append(node("conv", Linear(table_kernel(rng, nodes[-1].stream, 2, 9, 4), None, Window((3, 3))), [nodes[-1]]))
    nodes.append(graphs.encode(rng, "act", nodes[-1], 8))
    nodes.append(node("flatten", Reshape((200,)), [nodes[-1]]))
    nodes.append(node("logits", Linear(table_kernel(rng, nodes[-1].stream, 3, 200, 4), None, None), [nodes[-1]]))
    return LoweredGraph("flow_net", tuple(nodes))


GRAPH = network()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flow")


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    """A small network through everything that needs no licence."""
    codes = graphs.random_codes(GRAPH, 12, 0).astype(np.uint8)
    labels = reference.predict(GRAPH, codes.astype(np.int64)).argmax(axis=1)
    return convert_and_build(
        GRAPH,
        folder,
        x_test=codes,
        y_test=labels,
        folding={"target_interval": 120, "input_pixels": 2, "layers": {"logits": {"pe": 3, "simd": 2}}},
        synthesis="yosys",
        checks={"netlist_samples": 4},
    )


def test_rtl_stalled_rtl_and_mapped_netlist_equal_the_c_simulation(report: Report) -> None:
    assert report.bit_exact is not None
    counted = {pair: (found.samples, found.mismatches) for pair, found in report.bit_exact.items()}
    assert counted == {
        "csim_vs_reference": (12, 0),
        "rtl_vs_csim": (12, 0),
        "rtl_stalled_vs_csim": (12, 0),
        "netlist_vs_csim": (4, 0),
    }


@exhaustive
def test_a_build_cut_short_in_synthesis_repeats_no_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = graphs.random_codes(GRAPH, 4, 0).astype(np.uint8)
    arguments = {"x_test": codes, "folding": 200, "synthesis": "yosys", "checks": {"layer_resources": False}}

    simulated: list[object] = []
    simulate, synthesise = simulation.simulate, synthesis.synthesise

    def noted(*given: Any, **options: Any) -> Any:
        simulated.append(given[0])
        return simulate(*given, **options)

    def interrupted(*given: Any, **options: Any) -> Any:
        if simulated:  # what comes before that finds the registers
            raise KeyboardInterrupt
        return synthesise(*given, **options)

    with monkeypatch.context() as cut:
        cut.setattr(simulation, "simulate", noted)
        cut.setattr(synthesis, "synthesise", interrupted)
        with pytest.raises(KeyboardInterrupt):
            convert_and_build(GRAPH, tmp_path, **arguments)  # type: ignore[arg-type]
    monkeypatch.setattr(simulation, "simulate", lambda *_, **__: pytest.fail("simulated again"))
    report = convert_and_build(GRAPH, tmp_path, **arguments)  # type: ignore[arg-type]
    assert report.resources is not None and report.resources.lut
    assert report.bit_exact is not None and report.bit_exact["rtl_stalled_vs_csim"].mismatches == 0
    assert report.activity is not None and report.activity.toggles_per_inference > 0


def test_every_figure_names_its_source(report: Report) -> None:
    assert report.latency is not None and report.latency.source == "rtl_simulation"
    assert report.latency.interval == 120
    assert report.activity is not None and report.activity.source == "rtl_activity"
    assert report.resources is not None and report.resources.source.startswith("yosys ")
    assert report.resources.source.endswith("/carry") and report.resources.dsp == 0
    layers = {layer.name: layer.resources for layer in report.layers or () if layer.resources}
    assert set(layers) >= {node.name for node in GRAPH.linear_nodes}
    assert all(found.source.endswith("/carry/per-module") for found in layers.values())


def test_the_clock_is_analysed_and_cycles_become_time(report: Report) -> None:
    timing, latency = report.timing, report.latency
    assert timing is not None and latency is not None and latency.interval is not None
    assert timing.source == f"sta yosys 0.70/{delays_of('xc7z020clg400-1').version}"
    assert round(1000 * timing.period_ns) == round(1000 * (timing.logic_ns or 0)) + round(1000 * (timing.net_ns or 0))
    assert timing.clock_ns == max(timing.period_ns, report.clock_ns or 0)
    assert timing.interval_ns == round(latency.interval * timing.clock_ns, 3)
    assert timing.levels and timing.from_ and timing.to and timing.error


def test_the_slowest_paths_are_told_by_module(folder: Path, report: Report) -> None:
    text = (folder / "timing.txt").read_text()
    assert report.timing is not None
    assert f"period {report.timing.period_ns:.3f} ns" in text
    pairs = re.findall(r"^\d+\. (\S+) -> (\S+): (\d+) = logic", text, re.MULTILINE)
    assert len(pairs) == len({pair[:2] for pair in pairs}) == 10
    periods = [int(period) for *_, period in pairs]
    assert periods == sorted(periods, reverse=True)
    assert any(source.startswith("conv_") for source, *_ in pairs)


def test_a_part_without_delays_says_so() -> None:
    found = analyse({}, "xcvu13p-flga2577-2-e", 5.0, "0.70")
    assert found.timing is None
    assert found.text.startswith("No timing analysis: there is no delay table for xcvu13p-flga2577-2-e")


def test_checks_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="netlist_samples needs the netlist of the whole design"):
        ChecksConfig(netlist_samples=1, whole_resources=False)
    with pytest.raises(ValueError, match="both false"):
        ChecksConfig(layer_resources=False, whole_resources=False)


def test_several_input_pixels_a_beat_speed_up_a_first_layer_that_waits_for_them() -> None:
    with pytest.raises(ConfigError, match="layer 'conv' takes at least 144 cycles; it cannot reach 120"):
        solve(GRAPH, FoldingSpec(target_interval=120))
    fast = solve(GRAPH, FoldingSpec(target_interval=120, input_pixels=2))
    assert fast["conv"].simd == 9, "only a window that comes whole takes several pixels"


def test_without_synthesis_the_memories_of_the_design_are_counted(tmp_path: Path) -> None:
    graph = network()
    report = convert_and_build(graph, tmp_path, folding={"target_interval": 2000}, synthesis="yosys", flows=())
    assert report.resources is not None and report.resources.source == "estimate"
    assert report.folding is not None
    folds = {name: Fold(**fold) for name, fold in report.folding["layers"].items()}  # type: ignore[union-attr,arg-type]
    assert report.resources.bram18 == sum(memory.bram18 for memory in generate(graph, folds).memories)
    assert report.memory is not None and report.memory.fifo_bits == 0


def test_a_shorter_chain_makes_more_register_stages_and_the_same_outputs(tmp_path: Path) -> None:
    codes = graphs.random_codes(GRAPH, 3, 0).astype(np.uint8)
    layers = {"conv": {"pe": 1, "simd": 9}, "logits": {"pe": 3, "simd": 20}}
    latency = []
    for chain in (8, 2):
        report = convert_and_build(
            GRAPH,
            tmp_path / str(chain),
            x_test=codes,
            folding={"layers": layers, "chain": chain},
            synthesis="yosys",
            flows=(),
            checks={"activity": False},
        )
        assert report.bit_exact is not None and report.bit_exact["rtl_vs_csim"].mismatches == 0
        assert report.latency is not None and report.latency.cycles is not None
        latency.append(report.latency.cycles)
        # what is said before any simulation
        told = convert_and_build(
            GRAPH, tmp_path / f"told{chain}", folding={"layers": layers, "chain": chain}, synthesis="yosys", flows=()
        )
        assert told.latency == Latency(cycles=report.latency.cycles, interval=report.latency.interval, source="estimate")
    assert latency[0] < latency[1]
    assert report.folding is not None and report.folding["chain"] == 2
