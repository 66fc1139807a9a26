# SPDX-License-Identifier: Apache-2.0
"""The open hardware flow of a build: SystemVerilog, simulation in Verilator, synthesis in Yosys, into the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dietcnn_hls import hls, progress
from dietcnn_hls.atomic import atomic_write_text
from dietcnn_hls.build.config import ChecksConfig
from dietcnn_hls.build.state import Build
from dietcnn_hls.hardware.memories import check_fits
from dietcnn_hls.reports.measure import compared
from dietcnn_hls.reports.model import ESTIMATE, Activity, Latency, Resources
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.diagram import diagram
from dietcnn_hls.rtl.simulation import Stalls, gate_level, simulate
from dietcnn_hls.rtl.verilog import Packed
from dietcnn_hls.tools.verilator import find_tools
from dietcnn_hls.tools.vivado import write_vivado
from dietcnn_hls.tools.yosys.script import Flow
from dietcnn_hls.tools.yosys.synthesis import (
    SynthesisJob,
    SynthesisResult,
    sum_results,
    synthesise,
    synthesise_many,
)
from dietcnn_hls.tools.yosys.timing import TIMING_TEXT, timing_of

ONE_RUN_BITS = 4_000_000
"""Bits of memories up to which one Yosys run takes all modules: a bit takes a hundred bytes and more, WebAssembly has 4 GiB."""

ACTIVITY_SAMPLES = 10
"""Images over which toggles are averaged; they settle within a few."""


def run(
    build: Build,
    design: RtlDesign,
    codes: np.ndarray | None,
    labels: np.ndarray | None,
    checks: ChecksConfig,
    *,
    flows: tuple[Flow, ...],
    dsp: bool,
) -> None:
    """Write, simulate and synthesise; adds to the build's hardware sections, accuracy, bit-exactness and layers.

    Args:
        build: a build whose graph and C-simulation are done.
        design: from `fitting_design`.
        codes: input codes of test images, or None for synthesis alone.
        labels: their labels, or None.
        checks: how many images to simulate, and what else to do.
        flows: Yosys flows; the first one's figures head the report; empty: nothing is synthesised.
        dsp: multipliers may use DSP blocks.
    """
    _write(build, design, dsp)
    # what Yosys measures takes its place
    build.hardware["resources"] = Resources(bram18=sum(stored.bram18 for stored in design.memories), source=ESTIMATE)
    if codes is not None:
        _simulate(build, design, codes[: checks.rtl_samples], labels, checks)
    if flows:
        whole = _synthesise(build, design, flows, dsp, checks)
        if whole is not None and codes is not None and checks.netlist_samples:
            _netlist(build, design, whole, codes[: checks.netlist_samples])


def fitting_design(build: Build, dsp: bool) -> RtlDesign:
    """The build's design; ResourceError naming layers and remedies when the part holds less memory than it needs."""
    options = RtlOptions(chain=build.spec.chain, use_dsp=dsp, input_codes=build.spec.input_codes(build.graph))
    design = generate(build.graph, build.folding, options)
    check_fits(design.memories, build.part)
    return design


def _write(build: Build, design: RtlDesign, dsp: bool) -> None:
    build.fifo_bits = design.fifo_bits()
    key = f"{build.key}-{design.options}"
    with build.timed("rtl_generate", "generate SystemVerilog"):
        if not build.workspace.done("rtl", key):
            with build.workspace.stage("rtl", key) as folder:
                sources = design.write(folder)
                (folder / "diagram.md").write_text(f"# {design.name}\n\n```mermaid\n{diagram(design)}```\n")
                write_vivado(
                    folder / "vivado",
                    sources,
                    design.name,
                    part=build.part,
                    clock_ns=build.clock_period,
                    include_files=design.memories_in(folder),
                    dsp=dsp,
                )


def _simulate(build: Build, design: RtlDesign, codes: np.ndarray, labels: np.ndarray | None, checks: ChecksConfig) -> None:
    expected = _expected(build, codes)
    free = _simulated(build, design, "rtl_simulation", f"RTL simulation of {len(codes)} images", codes)
    build.bit_exact["rtl_vs_csim"] = compared(free.outputs, expected)
    build.hardware["latency"] = Latency(cycles=free.latency, interval=free.interval, source="rtl_simulation")
    if labels is not None:
        build.score("rtl", free.outputs, codes, labels)
    if checks.rtl_stalls:
        few = codes[:1000]
        text = f"RTL simulation of {len(few)} images under random stalls"
        stalled = _simulated(build, design, "rtl_stalls", text, few, stalls=Stalls())
        build.bit_exact["rtl_stalled_vs_csim"] = compared(stalled.outputs, expected[: len(few)])
    if checks.activity:
        _activity(build, design, codes[:ACTIVITY_SAMPLES])


def _expected(build: Build, codes: np.ndarray) -> np.ndarray:
    """C-simulation's outputs of the first test images."""
    if build.outputs is not None and len(build.outputs) >= len(codes):
        return build.outputs[: len(codes)]
    return hls.compile(build.workspace.resolve("hls")).predict(codes)


class _Simulated(NamedTuple):
    """What the report takes of a `SimResult`."""

    outputs: np.ndarray
    latency: int | None
    interval: int | None
    toggles: int | None


def _simulated(
    build: Build,
    design: RtlDesign,
    name: str,
    description: str,
    codes: np.ndarray,
    *,
    stalls: Stalls | None = None,
    activity: bool = False,
) -> _Simulated:
    """`simulate`, or what it gave in an earlier build of the same design."""

    def compute() -> tuple[np.ndarray, dict[str, Any]]:
        result = simulate(design, codes, stalls=stalls, activity=activity)
        return result.outputs, {"latency": result.latency, "interval": result.interval, "toggles": result.toggles}

    inputs = (codes, repr(design.options), repr(stalls), activity, find_tools().version)
    outputs, facts = build.measured_with_facts(name, description, compute, *inputs)
    return _Simulated(outputs, **facts)


def _activity(build: Build, design: RtlDesign, few: np.ndarray) -> None:
    counted = _simulated(build, design, "rtl_activity", f"toggles of {len(few)} images", few, activity=True)
    if counted.toggles is not None:
        build.hardware["activity"] = Activity(
            toggles_per_inference=counted.toggles, source="rtl_activity", samples=len(few), weight="every named net counts 1"
        )


def _synthesise(
    build: Build, design: RtlDesign, flows: tuple[Flow, ...], dsp: bool, checks: ChecksConfig
) -> SynthesisResult | None:
    """Whole design and layers apart, as asked for; returns the first flow's whole design."""
    place = (design, build.workspace.resolve("rtl"), build.part, dsp)
    results = []
    if checks.whole_resources:
        for flow in flows:
            with build.timed(f"synthesis_{flow}", f"Yosys, {flow} flow, whole design"):
                results.append(_synthesised(*place, flow))
    if checks.layer_resources:
        with build.timed("synthesis_layers", "Yosys, layers apart"):
            apart = synthesise_apart(*place, flows[0])
        for name, resources in layer_resources(design, apart).items():
            build.layers.setdefault(name, {})["resources"] = resources
        results.append(apart)
    build.hardware["resources"] = results[0].resources()
    _time(build, results[0])
    others = tuple(result.resources() for result in results[1:] if not result.parts)
    if others:
        build.hardware["other_resources"] = others
    build.versions["yosys"] = results[0].build
    return results[0] if checks.whole_resources else None


def _time(build: Build, mapped: SynthesisResult) -> None:
    """The clock that the mapped design reaches, and its slowest paths in a text file."""
    with build.timed("timing_analysis", "static timing analysis"):
        found = timing_of(mapped, build.clock_period)
    atomic_write_text(build.workspace.resolve(TIMING_TEXT), found.text)
    if found.timing is not None:
        build.hardware["timing"] = found.timing.with_cycles(build.hardware.get("latency"))


def _netlist(build: Build, design: RtlDesign, mapped: SynthesisResult, codes: np.ndarray) -> None:
    """What Yosys made of the design, simulated in its place."""
    expected = _expected(build, codes)
    with build.timed("netlist_simulation", f"simulation of the mapped netlist on {len(codes)} images"):
        outputs = simulate(gate_level(design, mapped), codes).outputs
    build.bit_exact["netlist_vs_csim"] = compared(outputs, expected)


def _synthesised(design: RtlDesign, folder: Path, part: str, dsp: bool, flow: Flow, hierarchy: bool = False) -> SynthesisResult:
    sources, memories = design.sources_in(folder), design.memories_in(folder)
    return synthesise(sources, design.name, part=part, flow=flow, dsp=dsp, include_files=memories, hierarchy=hierarchy)


def synthesise_apart(design: RtlDesign, folder: Path, part: str, dsp: bool, flow: Flow) -> SynthesisResult:
    """A written design with its module instances kept apart: their figures in ``parts``, the sum as the result's own.

    Designs with memories beyond `ONE_RUN_BITS` are synthesised instance by instance.
    """
    if sum(memory.words * memory.bits for memory in design.memories) > ONE_RUN_BITS:
        return _one_by_one(design, folder, part, dsp, flow)
    return _synthesised(design, folder, part, dsp, flow, hierarchy=True)


def _one_by_one(design: RtlDesign, folder: Path, part: str, dsp: bool, flow: Flow) -> SynthesisResult:
    """The same as one run with ``hierarchy=True``, each module instance in a run of its own, which the cache keeps.

    What is lost are the top's own gates, a LUT2 in front of each weight memory.
    """
    library = design.library_in(folder)
    jobs = []
    for instance in design.instances:
        parameters = {key: value.value if isinstance(value, Packed) else value for key, value in instance.parameters.items()}
        files = [folder / str(value) for value in parameters.values() if value in design.memory_files]
        jobs.append(SynthesisJob(library, instance.module, parameters, part, flow, dsp, files))
    with progress.step(f"{len(jobs)} modules one by one"):
        results = synthesise_many(jobs)
    parts = dict(zip((instance.name for instance in design.instances), results, strict=True))
    return sum_results(results, design.name).model_copy(update={"parts": parts})


def layer_resources(design: RtlDesign, apart: SynthesisResult) -> dict[str, Resources]:
    """Resources of every layer: the sum of its module instances in a synthesis with ``hierarchy=True``."""
    groups: dict[str, list[SynthesisResult]] = {}
    for instance in design.instances:
        if instance.name in apart.parts:  # an instance that turned out to be wires alone is gone
            groups.setdefault(instance.layer, []).append(apart.parts[instance.name])
    return {layer: sum_results(parts, layer).resources() for layer, parts in groups.items()}
