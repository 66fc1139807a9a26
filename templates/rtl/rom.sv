// SPDX-License-Identifier: Apache-2.0
// Read-only memory with a registered output, filled from FILE ($readmemh, one word a line, word 0 first).
//
// Latency  `data` shows the addressed word one cycle after `read`, and keeps it while `read` is low.
// BLOCK    1: block RAM, 0: LUTs with a register behind them.

module rom #(
    parameter int unsigned DEPTH = 2,
    parameter int unsigned WIDTH = 1,
    parameter bit BLOCK = 1'b1,
    parameter FILE = ""
) (
    input  logic clk,
    input  logic read,
    input  logic [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] address,
    output logic [WIDTH-1:0] data
);
  if (BLOCK) begin : g_block
    (* rom_style = "block", ram_style = "block" *) logic [WIDTH-1:0] words[DEPTH];
    initial $readmemh(FILE, words);
    always_ff @(posedge clk) if (read) data <= words[address];
  end else begin : g_distributed
    (* rom_style = "distributed", ram_style = "logic" *) logic [WIDTH-1:0] words[DEPTH];
    initial $readmemh(FILE, words);
    always_ff @(posedge clk) if (read) data <= words[address];
  end
endmodule
