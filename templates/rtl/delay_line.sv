// SPDX-License-Identifier: Apache-2.0
// A word some enabled cycles later: registers in a row, which synthesis makes a shift register in LUTs of where they are many.
//
// Ports    advance: all registers load; in: word; out: the same STAGES advances later.
// Latency  STAGES cycles.

module delay_line #(
    parameter int unsigned WIDTH = 1,
    parameter int unsigned STAGES = 1
) (
    input  logic clk,
    input  logic advance,
    input  logic [WIDTH-1:0] in,
    output logic [WIDTH-1:0] out
);
  logic [STAGES*WIDTH-1:0] line;
  if (STAGES == 1) begin : g_one
    always_ff @(posedge clk) if (advance) line <= in;
  end else begin : g_row
    always_ff @(posedge clk) if (advance) line <= {line[(STAGES-1)*WIDTH-1:0], in};
  end
  assign out = line[STAGES*WIDTH-1 -: WIDTH];
endmodule
