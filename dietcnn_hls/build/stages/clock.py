# SPDX-License-Identifier: Apache-2.0
"""The stage that decides with how much margin the RTL's registers are laid out, so that the mapped design meets its clock.

The model behind `hardware.pipelining` is right to a tenth or so. A first design is synthesised and analysed; where it misses the
clock, a second one is made for a clock that is shorter by as much, and the better of the two is the build's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dietcnn_hls import progress
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.errors import ToolError
from dietcnn_hls.hardware.memories import check_fits
from dietcnn_hls.hardware.timing import why_none
from dietcnn_hls.rtl import synthesis
from dietcnn_hls.tools import yosys
from dietcnn_hls.tools.yosys.timing import timing_of

if TYPE_CHECKING:
    from dietcnn_hls.build.request import Request
    from dietcnn_hls.build.state import State
    from dietcnn_hls.rtl.design import RtlDesign

BEYOND = 0.03
"""What the second try holds back beside the share of the clock by which the first one missed it."""

MOST = 0.6
"""The largest share of a clock that is held back."""


def _decide(state: State) -> Facts:
    """The margin of the build's design; ResourceError as the stage that writes it."""
    if not _analysed(state.request):
        return Facts()
    clock, first = state.request.hardware.clock_period, state.design_for(0.0)
    check_fits(first.memories, state.request.hardware.part)  # before minutes of synthesis that cannot help
    reached = _period(state, first)
    if reached is None or reached <= clock:
        return Facts()
    margin = round(min(MOST, 1 - clock / reached + BEYOND), 3)
    second = state.design_for(margin)
    if second.files == first.files:
        return Facts()
    again = _period(state, second)
    return Facts.of(pipelining={"margin": margin}) if again is not None and again < reached else Facts()


def _period(state: State, design: RtlDesign) -> float | None:
    """The period that a design reaches, ns; None where no analysis says one: the stages of the synthesis tell why."""
    measure, part = state.request.measure, state.request.hardware.part
    with tempfile.TemporaryDirectory() as folder, progress.step(f"Yosys, {measure.flows[0]} flow, for the clock"):
        design.write(Path(folder))
        try:
            mapped = synthesis.synthesise_whole(design, Path(folder), part, measure.dsp, measure.flows[0])
            timing = timing_of(mapped, state.request.hardware.clock_period).timing
        except ToolError:
            return None
    return None if timing is None else timing.period_ns


def _analysed(request: Request) -> bool:
    """Whether the build analyses its design as a whole."""
    whole = request.synthesis == "yosys" and request.checks.whole_resources and bool(request.measure.flows)
    return whole and not why_none(request.hardware.part) and _engine() is not None


def _engine() -> str | None:
    try:
        return yosys.find().build
    except ToolError:
        return None


CLOCK = Stage(
    "clock",
    _decide,
    needs=("lowered", "folding"),
    inputs=lambda request: (
        request.hardware.part,
        request.hardware.clock_period,
        request.measure.dsp,
        _analysed(request) and (request.measure.flows, _engine()),
    ),
)
