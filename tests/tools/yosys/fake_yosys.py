#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for native ``yosys``: writes a small netlist, or fails in one of the real tool's ways, as FAKE_YOSYS says.

Each run that is not asked for the version adds a line to the file that FAKE_YOSYS_RUNS names.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

LUT = {
    "type": "LUT2",
    "parameters": {"INIT": "1000"},
    "port_directions": {"I0": "input", "I1": "input", "O": "output"},
    "connections": {"I0": [2], "I1": ["1"], "O": [3]},
}
REGISTER = {
    "type": "FDRE",
    "parameters": {},
    "port_directions": {"C": "input", "D": "input", "Q": "output"},
    "connections": {"C": [4], "D": [3], "Q": [2]},
}


def main() -> int:
    mode = os.environ.get("FAKE_YOSYS", "ok")
    if sys.argv[1:] == ["-V"]:
        print("Yosys 0.23 (git sha1 7ce5011c24b)")
        return 0
    script = Path("synthesis.ys").read_text()
    with open(os.environ["FAKE_YOSYS_RUNS"], "a") as runs:
        runs.write(script.splitlines()[0] + "\n")
    log = ["1. Executing Verilog-2005 frontend: s0/design.sv", "2.18. Executing MEMORY_LIBMAP pass (mapping memories to cells)."]
    if mode == "error" or (mode == "error_b" and " b\n" in script):
        log += ["s0/design.sv:3: ERROR: syntax error, unexpected TOK_ID", ""]
    elif mode == "conflict":
        log += ["Warning: multiple conflicting drivers for design.\\y:"]
    elif mode == "crash":
        print("Error: failed to run main module `yosys.wasm`\nCaused by:\n    thrown Wasm exception")
    Path("yosys.log").write_text("\n".join(log))
    if log[-1] == "":
        return 1
    if mode == "crash":
        return 1
    if mode == "hang":
        time.sleep(60)
    if mode != "no_netlist":
        top = re.search(r"^json -o netlist.json (\w+)$", script, re.MULTILINE).group(1)  # type: ignore[union-attr]
        cells = {"lut": LUT, "register": REGISTER}
        if mode == "unmapped":
            cells["strange"] = {**LUT, "type": "filter_core"}
        Path("netlist.json").write_text(json.dumps({"modules": {top: {"cells": cells}}}))
        Path("netlist.v").write_text(f"module {top}(); endmodule\n")
    return 0


sys.exit(main())
