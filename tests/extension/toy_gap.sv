// SPDX-License-Identifier: Apache-2.0
// |a - b| of two signed integers.  Latency  none (combinational).

module toy_gap #(
    parameter int unsigned BITS = 8
) (
    input  logic signed [BITS-1:0] a,
    input  logic signed [BITS-1:0] b,
    output logic [BITS-1:0] gap
);
  assign gap = a < b ? b - a : a - b;
endmodule
