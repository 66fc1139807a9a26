# SPDX-License-Identifier: Apache-2.0
"""Stages of the SystemVerilog: written, simulated free running, under random stalls, and with its toggles counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.stage import Stage, no_images
from dietcnn_hls.build.stages.software import csim_expected
from dietcnn_hls.hardware.memories import check_fits
from dietcnn_hls.reports.model import ESTIMATE, RTL_ACTIVITY, RTL_SIMULATION, Activity, Latency, Memory, Resources
from dietcnn_hls.rtl import simulation
from dietcnn_hls.rtl.diagram import diagram
from dietcnn_hls.rtl.latency import latency
from dietcnn_hls.tools import verilator, vivado

if TYPE_CHECKING:
    from dietcnn_hls.build.request import Request
    from dietcnn_hls.build.state import State

ACTIVITY_SAMPLES = 10
"""Images over which toggles are averaged; they settle within a few."""

STALLED_SAMPLES = 1000
"""Images that are simulated under random stalls, at most."""

VERILATOR = ("verilator", "RTL simulation")


def _write(state: State) -> Facts:
    """ResourceError naming layers and remedies when the part holds less memory than the design needs."""
    design, folder, hardware = state.design, state.folder, state.request.hardware
    check_fits(design.memories, hardware.part)
    sources = design.write(folder)
    (folder / "diagram.md").write_text(f"# {design.name}\n\n```mermaid\n{diagram(design)}```\n")
    vivado.write(
        folder / "vivado",
        sources,
        design.name,
        part=hardware.part,
        clock_ns=hardware.clock_period,
        include_files=design.memories_in(folder),
        dsp=state.request.measure.dsp,
    )
    cycles = latency(design)
    known: dict[str, Any] = {}
    if cycles is not None:
        known["latency"] = Latency(cycles=cycles, interval=max(design.layer_cycles().values()), source=ESTIMATE)
    return Facts.of(
        memory=Memory(fifo_bits=design.fifo_bits()),
        resources=Resources(bram18=sum(memory.bram18 for memory in design.memories), source=ESTIMATE),
        **known,
    )


def _rtl_count(request: Request) -> int:
    return request.count(request.checks.rtl_samples)


def _stalled_count(request: Request) -> int:
    return min(_rtl_count(request), STALLED_SAMPLES)


def _activity_count(request: Request) -> int:
    return min(_rtl_count(request), ACTIVITY_SAMPLES)


def _simulate(state: State) -> Facts:
    result = simulation.simulate(state.design, state.codes[: _rtl_count(state.request)])
    return Facts.of(result.outputs, latency=Latency(cycles=result.latency, interval=result.interval, source=RTL_SIMULATION))


def _stall(state: State) -> Facts:
    codes = state.codes[: _stalled_count(state.request)]
    return Facts(outputs=simulation.simulate(state.design, codes, stalls=simulation.Stalls()).outputs)


def _count_toggles(state: State) -> Facts:
    codes = state.codes[: _activity_count(state.request)]
    toggles = simulation.simulate(state.design, codes, activity=True).toggles
    if toggles is None:
        return Facts()
    return Facts.of(
        activity=Activity(
            toggles_per_inference=toggles, source=RTL_ACTIVITY, samples=len(codes), weight="every named net counts 1"
        )
    )


def has_rtl(request: Request) -> bool:
    """Whether a whole build of a request makes SystemVerilog."""
    return request.synthesis == "yosys"


def seen(count: Callable[[Request], int]) -> Callable[[Request], Any]:
    """A simulation depends on how many images it sees and on the simulator's version."""
    return lambda request: (count(request), verilator.find().version)


RTL = Stage(
    "rtl",
    _write,
    needs=("lowered", "folding", "clock"),
    inputs=lambda request: (request.hardware.part, request.hardware.clock_period, request.measure.dsp),
    wanted=has_rtl,
    title=lambda state: "generate SystemVerilog",
    files=lambda request: True,
    timing="rtl_generate",
)
RTL_SIMULATED = Stage(
    "rtl_simulation",
    _simulate,
    needs=("rtl", "csim_more"),
    inputs=seen(_rtl_count),
    wanted=has_rtl,
    unfit=no_images,
    title=lambda state: f"RTL simulation of {_rtl_count(state.request)} images",
    tools=(VERILATOR,),
    form="rtl",
    compared={"rtl_vs_csim": csim_expected},
)
RTL_STALLED = Stage(
    "rtl_stalls",
    _stall,
    needs=("rtl", "csim_more"),
    inputs=seen(_stalled_count),
    wanted=lambda request: has_rtl(request) and request.checks.rtl_stalls,
    unfit=no_images,
    title=lambda state: f"RTL simulation of {_stalled_count(state.request)} images under random stalls",
    tools=(VERILATOR,),
    compared={"rtl_stalled_vs_csim": csim_expected},
)
RTL_ACTIVE = Stage(
    "rtl_activity",
    _count_toggles,
    needs=("rtl", "images"),
    inputs=seen(_activity_count),
    wanted=lambda request: has_rtl(request) and request.checks.activity,
    unfit=no_images,
    title=lambda state: f"toggles of {_activity_count(state.request)} images",
    tools=(VERILATOR,),
)
