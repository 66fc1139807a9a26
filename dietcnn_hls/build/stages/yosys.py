# SPDX-License-Identifier: Apache-2.0
"""Stages of the open synthesis: the design as a whole through each flow, its layers apart, its mapped netlist simulated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dietcnn_hls import progress
from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.request import YOSYS
from dietcnn_hls.build.stage import Stage, no_images
from dietcnn_hls.build.stages.rtl import VERILATOR, has_rtl, seen
from dietcnn_hls.build.stages.software import csim_expected
from dietcnn_hls.reports.beside import TIMING_TEXT
from dietcnn_hls.rtl import simulation, synthesis
from dietcnn_hls.tools import yosys as tool
from dietcnn_hls.tools.yosys.timing import timing_of

if TYPE_CHECKING:
    from dietcnn_hls.build.request import Request
    from dietcnn_hls.build.state import State
    from dietcnn_hls.tools.yosys.script import Flow
    from dietcnn_hls.tools.yosys.synthesis import SynthesisResult

SYNTHESISER = (YOSYS, "synthesis")


def _whole(state: State, flow: Flow) -> SynthesisResult:
    """The whole design, from the cache of syntheses where it is there."""
    folder, request = state.workspace.resolve("rtl"), state.request
    return synthesis.synthesise_whole(state.design, folder, request.hardware.part, request.measure.dsp, flow)


def _apart(state: State) -> SynthesisResult:
    """The same with its module instances apart, through the first flow."""
    folder, request = state.workspace.resolve("rtl"), state.request
    measure = request.measure
    return synthesis.synthesise_apart(state.design, folder, request.hardware.part, measure.dsp, measure.flows[0])


def _synthesise(state: State) -> Facts:
    """The first flow's figures head the report."""
    results, seconds = [], {}
    for flow in state.request.measure.flows:
        start = time.perf_counter()
        with progress.step(f"Yosys, {flow} flow, whole design"):
            results.append(_whole(state, flow))
        seconds[f"synthesis_{flow}"] = round(time.perf_counter() - start, 2)
    return Facts.of(
        resources=results[0].resources(),
        other_resources=[result.resources() for result in results[1:]] or None,
        versions={"yosys": results[0].build},
        timings_s=seconds,
    )


def _synthesise_layers(state: State) -> Facts:
    """Resources of every layer; their sum stands for the design where that is not synthesised as a whole."""
    apart = _apart(state)
    layers = {name: {"resources": found} for name, found in synthesis.layer_resources(state.design, apart).items()}
    total = None if state.request.checks.whole_resources else apart.resources()
    return Facts.of(resources=total, layers=layers, versions={"yosys": apart.build})


def _time(state: State) -> Facts:
    """The clock that the mapped design reaches, and its slowest paths in a text file."""
    request = state.request
    mapped = _whole(state, request.measure.flows[0]) if request.checks.whole_resources else _apart(state)
    found = timing_of(mapped, request.hardware.clock_period)
    atomic_write_text(state.workspace.resolve(TIMING_TEXT), found.text)
    if found.missed:
        progress.note(f"{request.name}: {found.missed}")
    return Facts.of(timing=found.timing)


def _simulate_netlist(state: State) -> Facts:
    """What Yosys made of the design, simulated in its place."""
    mapped = simulation.gate_level(state.design, _whole(state, state.request.measure.flows[0]))
    return Facts(outputs=simulation.simulate(mapped, state.codes[: _netlist_count(state.request)]).outputs)


def _netlist_count(request: Request) -> int:
    return request.count(request.checks.netlist_samples)


def _no_flow(request: Request) -> str:
    return "" if request.measure.flows else "flows is empty"


def _no_netlist(request: Request) -> str:
    return _no_flow(request) or no_images(request) or ("" if request.checks.netlist_samples else "checks.netlist_samples is 0")


def _inputs(request: Request) -> tuple[object, ...]:
    return request.measure.flows, tool.find().build


SYNTHESIS = Stage(
    "synthesis",
    _synthesise,
    needs=("rtl",),
    inputs=_inputs,
    wanted=lambda request: has_rtl(request) and request.checks.whole_resources,
    unfit=_no_flow,
    tools=(SYNTHESISER,),
)
LAYERS = Stage(
    "synthesis_layers",
    _synthesise_layers,
    needs=("rtl",),
    inputs=lambda request: (_inputs(request), request.checks.whole_resources),
    wanted=lambda request: has_rtl(request) and request.checks.layer_resources,
    unfit=_no_flow,
    title=lambda state: "Yosys, layers apart",
    tools=(SYNTHESISER,),
)
TIMING = Stage(
    "timing",
    _time,
    needs=("rtl",),
    inputs=lambda request: (_inputs(request), request.checks.whole_resources, request.hardware.clock_period),
    wanted=has_rtl,
    unfit=_no_flow,
    title=lambda state: "static timing analysis",
    tools=(SYNTHESISER,),
    leaves=(TIMING_TEXT,),
    timing="timing_analysis",
)
NETLIST = Stage(
    "netlist",
    _simulate_netlist,
    needs=("synthesis", "csim_more"),
    inputs=seen(_netlist_count),
    wanted=has_rtl,
    unfit=_no_netlist,
    title=lambda state: f"simulation of the mapped netlist on {_netlist_count(state.request)} images",
    tools=(VERILATOR, SYNTHESISER),
    timing="netlist_simulation",
    compared={"netlist_vs_csim": csim_expected},
)
