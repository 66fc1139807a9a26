# SPDX-License-Identifier: Apache-2.0
"""Yosys: find an engine, run a script with it, read the netlist that it wrote. `synthesis` does all three for a design."""

from __future__ import annotations

from dietcnn_hls.tools.yosys.engine import find, run
from dietcnn_hls.tools.yosys.netlist import read_netlist as read

__all__ = ["find", "read", "run"]
