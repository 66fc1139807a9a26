# SPDX-License-Identifier: Apache-2.0
"""A written design through Yosys: as a whole, with its module instances kept apart, and layer by layer."""

from __future__ import annotations

from pathlib import Path

from dietcnn_hls import progress
from dietcnn_hls.reports.model import Resources
from dietcnn_hls.rtl.design import RtlDesign
from dietcnn_hls.rtl.verilog import Packed
from dietcnn_hls.tools.yosys.engine import Crashed
from dietcnn_hls.tools.yosys.script import Flow
from dietcnn_hls.tools.yosys.synthesis import SynthesisJob, SynthesisResult, sum_results, synthesise, synthesise_many

ONE_RUN_BITS = 4_000_000
"""Bits of memories up to which one Yosys run takes all modules: a bit takes a hundred bytes and more, WebAssembly has 4 GiB."""


def synthesise_whole(
    design: RtlDesign, folder: Path, part: str, dsp: bool, flow: Flow, *, hierarchy: bool = False
) -> SynthesisResult:
    """A design that was written into `folder`; with `hierarchy` its module instances apart, in one run."""
    sources, memories = design.sources_in(folder), design.memories_in(folder)
    return synthesise(sources, design.name, part=part, flow=flow, dsp=dsp, include_files=memories, hierarchy=hierarchy)


def synthesise_apart(design: RtlDesign, folder: Path, part: str, dsp: bool, flow: Flow) -> SynthesisResult:
    """A written design with its module instances kept apart: their figures in ``parts``, the sum as the result's own.

    Designs with memories beyond `ONE_RUN_BITS`, and those at which one run crashes, are synthesised instance by instance.
    """
    if sum(memory.words * memory.bits for memory in design.memories) <= ONE_RUN_BITS:
        try:
            return synthesise_whole(design, folder, part, dsp, flow, hierarchy=True)
        except Crashed as error:
            progress.note(f"{error} Its modules are taken one by one.")
    return synthesise_one_by_one(design, folder, part, dsp, flow)


def synthesise_one_by_one(design: RtlDesign, folder: Path, part: str, dsp: bool, flow: Flow) -> SynthesisResult:
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


__all__ = ["ONE_RUN_BITS", "layer_resources", "synthesise_apart", "synthesise_one_by_one", "synthesise_whole"]
