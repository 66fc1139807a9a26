// SPDX-License-Identifier: Apache-2.0
// product = a * b, combinational, as radix-4 Booth rows that are summed; b in two's complement, a likewise if A_SIGNED, else unsigned.
// What a product costs by itself; the engine's kernel array never makes one (templates/rtl/kernel_multiply.sv).

module booth_multiplier #(
    parameter int unsigned A_BITS = 8,
    parameter bit A_SIGNED = 1'b0,
    parameter int unsigned B_BITS = 8
) (
    input  logic [A_BITS-1:0] a,
    input  logic [B_BITS-1:0] b,
    output logic [A_BITS+B_BITS-1:0] product
);
  localparam int unsigned ROWS = (B_BITS + 1) / 2;
  localparam int unsigned BITS = A_BITS + 2;  // holds -2a .. 2a and every running sum
  wire [BITS-1:0] once = {{2{A_SIGNED & a[A_BITS-1]}}, a};
  wire [BITS-1:0] twice = {once[BITS-2:0], 1'b0};
  wire [2*ROWS:0] digits;  // b, sign-extended to an even width, with a zero below
  assign digits[B_BITS:0] = {b, 1'b0};
  if (2 * ROWS != B_BITS) begin : g_odd
    assign digits[2*ROWS] = b[B_BITS-1];
  end
  wire [2*ROWS+BITS-1:0] whole;
  for (genvar i = 0; i < ROWS; i = i + 1) begin : g_row
    wire [2:0] digit = digits[2*i +: 3];
    wire negative = digit[2];
    wire [BITS-1:0] multiple = digit[1] != digit[0] ? once : digit[2] != digit[1] ? twice : '0;
    wire [BITS-1:0] addend = multiple ^ {BITS{negative}};
    wire signed [BITS-1:0] sum;
    wire [BITS-1:0] above;
    if (i == 0) begin : g_first
      assign above = '0;
    end else begin : g_later
      assign above = g_row[i-1].sum >>> 2;
    end
    // the lowest bit of the longer adder makes the carry that completes a negation
    wire [BITS:0] longer = {above, 1'b1} + {addend, negative};
    assign sum = longer[BITS:1];
    wire unused = longer[0];
    assign whole[2*i +: 2] = sum[1:0];
  end
  assign whole[2*ROWS +: BITS] = {{2{g_row[ROWS-1].sum[BITS-1]}}, g_row[ROWS-1].sum[BITS-1:2]};
  assign product = whole[A_BITS+B_BITS-1:0];
  wire unused = &{1'b0, whole};
endmodule
