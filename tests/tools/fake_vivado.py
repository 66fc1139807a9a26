#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for ``vivado``: succeeds, or fails in one of the real tool's ways, as FAKE_VIVADO says.

It is copied onto PATH under the tool's name, looks for the script that it is to run, prints what the tool prints, and copies the
recorded reports of the folder that FAKE_VIVADO_REPORTS names.
"""

import os
import shutil
import sys
import time
from pathlib import Path

MODE = os.environ["FAKE_VIVADO"]


def main() -> int:
    arguments = sys.argv[1:]
    print("****** Vivado v2021.2 (64-bit)", arguments)
    script = Path(arguments[arguments.index("-source") + 1])
    if arguments[:2] != ["-mode", "batch"] or not script.is_file():
        return 2
    if MODE == "licence":
        print("ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or device 'xcvu13p'.")
        return 1
    print("Command: synth_design -top {lenet}", flush=True)
    if MODE == "hang":
        time.sleep(60)
    if MODE == "error":
        print("ERROR: [Synth 8-439] module 'lane_sum' not found [lenet.sv:12]")
        return 1
    print("INFO: [Common 17-349] Got license for feature 'Synthesis' and/or device 'xc7z020'")
    print("Command: place_design\nCommand: route_design")
    if MODE == "no_report":
        print("ERROR: [Common 17-69] Command failed: Placer could not place all instances")
        return 0
    names = ["utilization.rpt"] if MODE == "no_timing" else ["utilization.rpt", "timing_summary.rpt"]
    Path("reports").mkdir(exist_ok=True)
    for name in names:
        shutil.copyfile(Path(os.environ["FAKE_VIVADO_REPORTS"]) / name, Path("reports") / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
