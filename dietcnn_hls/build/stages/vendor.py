# SPDX-License-Identifier: Apache-2.0
"""Stages of the vendor's tools, where they are installed: Vitis HLS on the C++ project, Vivado on the SystemVerilog."""

from __future__ import annotations

from dietcnn_hls.build.facts import Facts, plain
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.build.state import State
from dietcnn_hls.tools import vitis


def _vitis(state: State) -> Facts:
    return Facts(plain(vitis.to_sections(vitis.run(state.workspace.resolve("hls")))))


VITIS = Stage(
    "vitis",
    _vitis,
    needs=("hls",),
    wanted=lambda request: request.synthesis == "vitis",
    title=lambda state: "Vitis HLS: csim, csynth, export",
    tools=(("vitis", "Vitis HLS synthesis"),),
)
