# SPDX-License-Identifier: Apache-2.0
"""The stages of a build. Adding one is adding its value to `STAGES`; where it stands among those it needs follows from them.

Of stages that need nothing of each other, the one named first runs first: what may refuse a design stands before what is long.
"""

from __future__ import annotations

from dietcnn_hls.build.stage import Stage
from dietcnn_hls.build.stages.clock import CLOCK
from dietcnn_hls.build.stages.network import FOLDING, IMAGES, LOWERED, MODEL
from dietcnn_hls.build.stages.report import REPORT
from dietcnn_hls.build.stages.rtl import RTL, RTL_ACTIVE, RTL_SIMULATED, RTL_STALLED
from dietcnn_hls.build.stages.software import ACTIVATIONS, CSIM, CSIM_MORE, HLS, HLS4ML, KERAS, REFERENCE, STOCK
from dietcnn_hls.build.stages.vendor import VITIS, VIVADO
from dietcnn_hls.build.stages.yosys import LAYERS, NETLIST, SYNTHESIS, TIMING

STAGES: tuple[Stage, ...] = (
    MODEL,
    LOWERED,
    FOLDING,
    IMAGES,
    CLOCK,
    RTL,
    REFERENCE,
    ACTIVATIONS,
    HLS,
    CSIM,
    KERAS,
    HLS4ML,
    STOCK,
    CSIM_MORE,
    RTL_SIMULATED,
    RTL_STALLED,
    RTL_ACTIVE,
    SYNTHESIS,
    LAYERS,
    TIMING,
    NETLIST,
    VITIS,
    VIVADO,
    REPORT,
)

__all__ = ["STAGES"]
