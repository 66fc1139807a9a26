# SPDX-License-Identifier: Apache-2.0
"""The carry flow's techmap is proved equal to the operators it replaces, by Yosys' own SAT solver."""

from __future__ import annotations

import shutil
from pathlib import Path

from dietcnn_hls.tools import yosys
from dietcnn_hls.tools.yosys.engine import LOG_NAME
from dietcnn_hls.tools.yosys.script import CARRY_MAP
from dietcnn_hls.tools.yosys.workfolder import template

# SIGNS 0: unsigned, 1: signed, 2: a unsigned, 3: b unsigned, 4: sum and difference
DESIGN = """
module operators #(parameter int AW = 4, parameter int BW = 4, parameter int YW = 8, parameter int SIGNS = 0)
    (input logic [AW-1:0] a, input logic [BW-1:0] b, output logic [YW-1:0] y);
  if (SIGNS == 0) assign y = a * b;
  else if (SIGNS == 1) assign y = $signed(a) * $signed(b);
  else if (SIGNS == 2) assign y = $signed({1'b0, a}) * $signed(b);
  else if (SIGNS == 3) assign y = $signed(a) * $signed({1'b0, b});
  else assign y = ($signed(a) + YW'(b)) - ($signed(b) - $signed(a));
endmodule
"""

PROOF = r"""
read_verilog -sv -defer operators.sv
chparam -set AW {0} -set BW {1} -set YW {2} -set SIGNS {3} $abstract\operators
hierarchy -top operators
proc
opt_clean
wreduce
copy operators gold
techmap -map carry.v operators/t:$add operators/t:$sub operators/t:$mul
select -assert-none operators/t:$add operators/t:$sub operators/t:$mul
select -assert-min 1 operators/t:$alu
miter -equiv -make_outputs -flatten gold operators miter
sat -prove trigger 0 -verify miter
design -reset
"""

# equal and unequal widths, odd ones, products cut short and extended
CASES = [
    (4, 4, 8, 0),
    (4, 6, 10, 0),
    (5, 5, 10, 1),
    (6, 4, 5, 1),
    (4, 5, 12, 1),
    (5, 4, 9, 2),
    (4, 5, 9, 2),
    (5, 4, 9, 3),
    (5, 7, 9, 4),
]


def test_every_operator_is_proved_equal(tmp_path: Path) -> None:
    (tmp_path / "operators.sv").write_text(DESIGN)
    shutil.copyfile(template(CARRY_MAP), tmp_path / CARRY_MAP)
    script = "".join(PROOF.format(*case) for case in CASES)
    yosys.run(yosys.find("yowasp"), script, tmp_path, what="carry.v", proof=(), timeout_s=300)
    assert (tmp_path / LOG_NAME).read_text().count("SAT proof finished - no model found: SUCCESS!") == len(CASES)
