# SPDX-License-Identifier: Apache-2.0
"""C simulation: writes the C++ HLS project of a lowered graph, compiles it natively and runs whole test sets."""

from dietcnn_hls.hls.project import GRAPH_FILE, generate, write_testbench
from dietcnn_hls.hls.simulation import CSim, compile

__all__ = ["GRAPH_FILE", "CSim", "compile", "generate", "write_testbench"]
