// SPDX-License-Identifier: Apache-2.0
// sum = a + b modulo 2^OUT_BITS, with `a` extended by its sign if SIGNED, else by zeros. Combinational.

module extend_add #(
    parameter int unsigned IN_BITS = 1,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned OUT_BITS = 1
) (
    input  logic [IN_BITS-1:0] a,
    input  logic [OUT_BITS-1:0] b,
    output logic [OUT_BITS-1:0] sum
);
  /* verilator lint_off UNUSEDSIGNAL */  // the extension is dropped where the sum is narrower
  wire signed [IN_BITS:0] wide = {SIGNED & a[IN_BITS-1], a};
  /* verilator lint_on UNUSEDSIGNAL */
  assign sum = OUT_BITS'(wide) + b;
endmodule
