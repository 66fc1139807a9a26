// SPDX-License-Identifier: Apache-2.0
// Sum of two operands of either sign in a register.
//
// Formula  sum = +-a +-b, modulo 2^WIDTH; bit 0, 1 of NEGATE: a, b is subtracted, at most one of them.
// Ports    advance: the register loads; a, b: operands, aligned and extended to WIDTH bits.
// Latency  1 cycle.
// Cost     a LUT and a carry a bit.

module binary_sum #(
    parameter int unsigned WIDTH = 8,
    parameter logic [1:0] NEGATE = 2'b00
) (
    input  logic clk,
    input  logic advance,
    input  logic [WIDTH-1:0] a,
    input  logic [WIDTH-1:0] b,
    output logic [WIDTH-1:0] sum
);
  if (NEGATE == 2'b11) begin : g_check
    $error("binary_sum: NEGATE must leave one operand positive");
  end
  wire [WIDTH-1:0] total;
  if (NEGATE[0]) begin : g_a
    assign total = b - a;
  end else if (NEGATE[1]) begin : g_b
    assign total = a - b;
  end else begin : g_both
    assign total = a + b;
  end

  always_ff @(posedge clk) if (advance) sum <= total;
endmodule
