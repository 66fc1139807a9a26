// SPDX-License-Identifier: Apache-2.0
// Sum of two streams of equal shape, code by code: the residual add.
//
// Formula  out = integer_a(a) + integer_b(b) modulo 2^OUT_BITS
// Ports    CODES codes a beat on all three sides; a beat is taken when both operands are there.
// Layout   SUM_TABLE: 2^A_BITS * 2^B_BITS sums of OUT_BITS bits, entry (a, b) at ((a << B_BITS) + b)*OUT_BITS, used if USE_TABLE.
//          Else each operand is A_TABLE[a] (2^A_BITS entries of OUT_BITS bits) if A_DECODE, or the code itself, extended by its
//          sign if A_SIGNED and shifted left by A_SHIFT; likewise b.
// Folding  one beat a cycle.  Latency  1 cycle.
// Cost     with A_BITS + B_BITS <= 6 the table takes one LUT6 a result bit.

module stream_add #(
    parameter int unsigned CODES = 1,
    parameter int unsigned A_BITS = 1,
    parameter int unsigned B_BITS = 1,
    parameter int unsigned OUT_BITS = 2,
    parameter bit USE_TABLE = 1'b0,
    parameter logic [(USE_TABLE ? 2**(A_BITS+B_BITS) : 1)*OUT_BITS-1:0] SUM_TABLE = '0,
    parameter bit A_DECODE = 1'b0,
    parameter bit B_DECODE = 1'b0,
    parameter logic [(A_DECODE ? 2**A_BITS : 1)*OUT_BITS-1:0] A_TABLE = '0,
    parameter logic [(B_DECODE ? 2**B_BITS : 1)*OUT_BITS-1:0] B_TABLE = '0,
    parameter bit A_SIGNED = 1'b0,
    parameter bit B_SIGNED = 1'b0,
    parameter int unsigned A_SHIFT = 0,
    parameter int unsigned B_SHIFT = 0
) (
    input  logic clk,
    input  logic rst,
    input  logic a_valid,
    output logic a_ready,
    input  logic [CODES*A_BITS-1:0] a_data,
    input  logic b_valid,
    output logic b_ready,
    input  logic [CODES*B_BITS-1:0] b_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [CODES*OUT_BITS-1:0] out_data
);
  wire ready;
  wire [CODES*OUT_BITS-1:0] sums;
  assign a_ready = ready && b_valid;
  assign b_ready = ready && a_valid;
  for (genvar c = 0; c < CODES; c = c + 1) begin : g_code
    wire [A_BITS-1:0] a = a_data[c*A_BITS +: A_BITS];
    wire [B_BITS-1:0] b = b_data[c*B_BITS +: B_BITS];
    if (USE_TABLE) begin : g_table
      lookup #(.ENTRIES(2 ** (A_BITS + B_BITS)), .BITS(OUT_BITS), .TABLE(SUM_TABLE)) sum (
          .index({a, b}), .value(sums[c*OUT_BITS +: OUT_BITS])
      );
    end else begin : g_sum
      wire [OUT_BITS-1:0] left, right;
      decode_code #(.IN_BITS(A_BITS), .OUT_BITS(OUT_BITS), .DECODE(A_DECODE), .TABLE(A_TABLE), .SIGNED(A_SIGNED), .SHIFT(A_SHIFT))
      decode_a (.code(a), .value(left));
      decode_code #(.IN_BITS(B_BITS), .OUT_BITS(OUT_BITS), .DECODE(B_DECODE), .TABLE(B_TABLE), .SIGNED(B_SIGNED), .SHIFT(B_SHIFT))
      decode_b (.code(b), .value(right));
      assign sums[c*OUT_BITS +: OUT_BITS] = left + right;
    end
  end
  stream_repeat #(.WORD_BITS(CODES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(a_valid && b_valid), .in_ready(ready), .in_data(sums),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
