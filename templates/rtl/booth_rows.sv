// SPDX-License-Identifier: Apache-2.0
// The radix-4 Booth rows of one product, as unsigned addends that are left unsummed.
//
// Formula  a * b = sum of the rows, plus a constant that b alone decides. Of digit d of b (-2 .. 2; b in two's complement) and
//          u = |d| * a, row i is  u << 2i  for d > 0,  ~u << 2i  for d < 0, ~ over the bits that u can have, and 0 for d = 0.
//          If A_SIGNED, a + 2^(A_BITS-1) stands for a, so that no row is negative.
// Layout   row i takes ROW_BITS bits at rows[i*ROW_BITS]; ROW_BITS = A_BITS + 1 + 2*(ROWS-1), ROWS = ceil(B_BITS/2).
// Latency  none (combinational).
// Cost     a row's bit depends on two bits of a and three of b: the adder that takes it shares its LUT6.

module booth_rows #(
    parameter int unsigned A_BITS = 8,
    parameter bit A_SIGNED = 1'b0,
    parameter int unsigned B_BITS = 8,
    parameter int unsigned ROWS = 4,
    parameter int unsigned ROW_BITS = 15
) (
    input  logic [A_BITS-1:0] a,
    input  logic [B_BITS-1:0] b,
    output logic [ROWS*ROW_BITS-1:0] rows
);
  if (ROWS != (B_BITS + 1) / 2 || ROW_BITS != A_BITS + 2 * ROWS - 1) begin : g_check
    $error("booth_rows: A_BITS=%0d and B_BITS=%0d do not make ROWS=%0d, ROW_BITS=%0d", A_BITS, B_BITS, ROWS, ROW_BITS);
  end

  wire [A_BITS-1:0] level = a ^ (A_BITS'(A_SIGNED) << (A_BITS - 1));
  wire [2*ROWS:0] padded;  // b, sign-extended to an even width, with a zero below
  assign padded[B_BITS:0] = {b, 1'b0};
  if (2 * ROWS != B_BITS) begin : g_odd
    assign padded[2*ROWS] = b[B_BITS-1];
  end
  for (genvar i = 0; i < ROWS; i = i + 1) begin : g_row
    wire [2:0] digit = padded[2*i +: 3];
    wire once = digit[1] != digit[0];
    wire twice = digit[2] != digit[1] && !once;
    wire [A_BITS:0] positive = once ? {1'b0, level ^ {A_BITS{digit[2]}}} : {level, 1'b0} ^ {(A_BITS+1) {digit[2]}};
    wire [A_BITS:0] row = once || twice ? positive : '0;
    assign rows[i*ROW_BITS +: ROW_BITS] = ROW_BITS'(row) << (2 * i);
  end
endmodule
