# SPDX-License-Identifier: Apache-2.0
"""Stages of the vendor's tools, where they are installed: Vitis HLS on the C++ project, Vivado on the SystemVerilog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dietcnn_hls import progress
from dietcnn_hls.build.facts import Facts, plain
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.build.stages.rtl import has_rtl
from dietcnn_hls.tools import vitis, vivado

if TYPE_CHECKING:
    from dietcnn_hls.build.request import Request
    from dietcnn_hls.build.state import State


def _vitis(state: State) -> Facts:
    return Facts(plain(vitis.to_sections(vitis.run(state.workspace.resolve("hls"), progress=progress.note))))


def _vivado(state: State) -> Facts:
    """Figures after place and route, which take the place of those before."""
    report = vivado.run(state.workspace.resolve("rtl/vivado"), progress=progress.note)
    return Facts.of(resources=report.resources(), timing=report.timing(), versions={"vivado": report.version or None})


def _vivado_inputs(request: Request) -> object:
    return request.hardware.part, request.hardware.clock_period, request.measure.dsp, vivado.find().version


VITIS = Stage(
    "vitis",
    _vitis,
    needs=("hls",),
    wanted=lambda request: request.synthesis == "vitis",
    title=lambda state: "Vitis HLS: csim, csynth, export",
    tools=(("vitis", "Vitis HLS synthesis"),),
)
VIVADO = Stage(
    "vivado",
    _vivado,
    needs=("rtl",),
    inputs=_vivado_inputs,
    wanted=lambda request: has_rtl(request) and request.checks.vivado,
    title=lambda state: "Vivado: synthesis, placement, routing",
    tools=(("vivado", "Vivado synthesis"),),
)
