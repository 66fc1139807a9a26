#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for ``vitis-run``: succeeds, or fails in one of the real tool's ways, as FAKE_VITIS says.

It is copied onto PATH under the tool's name, reads ``build_opt.tcl`` as the generated script would, prints what the tool
prints, and copies the recorded report tree named by FAKE_VITIS_TREE.
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path

MODE = os.environ["FAKE_VITIS"]
COMPARE = "INFO: [SIM 211-2] *************** CSIM start ***************\nimage 0: ok\nimage 1: expected 5, got 6\n"
CSIM_FAILURES = {
    "csim_mismatch": COMPARE
    + "@E Simulation failed: Function 'main' returns nonzero value '1'.\n"
    + "ERROR: [SIM 211-100] 'csim_design' failed: nonzero return value.\n",
    "csim_errors": COMPARE + "ERROR: [SIM 211-100] CSim failed with errors.\n",
    "csim_old": COMPARE + "ERR: [SIM 100] CSim failed with errors.\n",
    "csim_compile": "lenet_test.cpp:3:10: fatal error: no such header\n"
    + "ERROR: [SIM 211-100] 'csim_design' failed: compilation error(s).\n",
}


def options() -> dict[str, bool]:
    text = Path("build_opt.tcl").read_text()
    return {name: value == "1" for name, value in re.findall(r"^\s+(\w+)\s+([01])$", text, re.MULTILINE)}


def synthesise() -> None:
    print("***** C/RTL SYNTHESIS *****")
    print("INFO: [HLS 200-42] -- Implementing module 'conv1'")
    if MODE == "no_report":
        print("ERROR: [HLS 200-70] Pre-synthesis failed.")
        return
    shutil.copytree(os.environ["FAKE_VITIS_TREE"], ".", dirs_exist_ok=True)
    report = Path("cnn_forward_prj/solution1/syn/report/csynth.xml")
    report.touch()
    if MODE == "damaged_report":
        report.write_text("<profile><UserAssignments>")


def main() -> int:
    wanted = options()
    print("****** Vitis HLS v2021.2 (64-bit)", sys.argv[1:])
    if MODE == "licence":
        print("ERROR: [Common 17-345] A valid license was not found for feature 'HLS' and/or device 'xcvu13p'.")
        return 1
    if MODE == "crash":
        print("ERROR: [HLS 200-101] 'open_project': cannot open lenet_prj")
        return 3
    if MODE == "hang":
        print("***** C SIMULATION *****", flush=True)
        time.sleep(60)
    print("INFO: [Common 17-349] Got license for feature 'HLS' and/or device 'xc7vx485t'")
    if wanted["csim"] and MODE != "csim_skipped":
        print("***** C SIMULATION *****")
        print(CSIM_FAILURES.get(MODE, "INFO: [SIM 211-1] CSim done with 0 errors."))
        if MODE in CSIM_FAILURES:
            return 0
    if wanted["synth"]:
        synthesise()
    if wanted["export"] and MODE != "no_export":
        Path("cnn_forward_prj/solution1/impl").mkdir(parents=True, exist_ok=True)
        Path("cnn_forward_prj/solution1/impl/export.zip").write_bytes(b"PK")
    return 0


if __name__ == "__main__":
    sys.exit(main())
