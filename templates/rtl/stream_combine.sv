// SPDX-License-Identifier: Apache-2.0
// Two streams combined code by code: difference, product, maximum or minimum of decoded integers.
//
// Formula  out = integer_a(a) FUNCTION integer_b(b); FUNCTION 0: a - b, 1: a * b, 2: the greater, 3: the lesser.
// Ports    CODES codes a beat of a and of the result; of b likewise, or one for all of them where SHARED; a beat is taken when
//          both operands are there.
// Layout   operands are A_TABLE[a] (2^A_BITS entries of WIDE bits) if A_DECODE, or the code itself, extended by its sign if
//          A_SIGNED and shifted left by A_SHIFT; likewise b. WIDE bits, two's complement, hold both operands and the result.
// Folding  one beat a cycle.  Latency  1 cycle.
// Cost     FUNCTION 1 is a multiplier of two run-time operands a code: DSP blocks or LUTs, as synthesis chooses.

module stream_combine #(
    parameter int unsigned CODES = 1,
    parameter int unsigned FUNCTION = 0,
    parameter bit SHARED = 1'b0,
    parameter int unsigned A_BITS = 1,
    parameter int unsigned B_BITS = 1,
    parameter int unsigned WIDE = 3,
    parameter int unsigned OUT_BITS = 2,
    parameter bit A_DECODE = 1'b0,
    parameter bit B_DECODE = 1'b0,
    parameter logic [(A_DECODE ? 2**A_BITS : 1)*WIDE-1:0] A_TABLE = '0,
    parameter logic [(B_DECODE ? 2**B_BITS : 1)*WIDE-1:0] B_TABLE = '0,
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
    input  logic [(SHARED ? 1 : CODES)*B_BITS-1:0] b_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [CODES*OUT_BITS-1:0] out_data
);
  if (FUNCTION > 3) begin : g_check
    $error("stream_combine: FUNCTION=%0d is none of 0 to 3", FUNCTION);
  end
  wire ready;
  wire [CODES*OUT_BITS-1:0] results;
  assign a_ready = ready && b_valid;
  assign b_ready = ready && a_valid;
  for (genvar c = 0; c < CODES; c = c + 1) begin : g_code
    wire signed [WIDE-1:0] left, right;
    decode_code #(.IN_BITS(A_BITS), .OUT_BITS(WIDE), .DECODE(A_DECODE), .TABLE(A_TABLE), .SIGNED(A_SIGNED), .SHIFT(A_SHIFT))
    decode_a (.code(a_data[c*A_BITS +: A_BITS]), .value(left));
    decode_code #(.IN_BITS(B_BITS), .OUT_BITS(WIDE), .DECODE(B_DECODE), .TABLE(B_TABLE), .SIGNED(B_SIGNED), .SHIFT(B_SHIFT))
    decode_b (.code(b_data[(SHARED ? 0 : c)*B_BITS +: B_BITS]), .value(right));
    /* verilator lint_off UNUSEDSIGNAL */  // the result needs no more than OUT_BITS of them
    wire signed [WIDE-1:0] result;
    /* verilator lint_on UNUSEDSIGNAL */
    if (FUNCTION == 0) begin : g_difference
      assign result = left - right;
    end else if (FUNCTION == 1) begin : g_product
      assign result = left * right;
    end else if (FUNCTION == 2) begin : g_greater
      assign result = left > right ? left : right;
    end else begin : g_lesser
      assign result = left < right ? left : right;
    end
    assign results[c*OUT_BITS +: OUT_BITS] = result[OUT_BITS-1:0];
  end
  stream_repeat #(.WORD_BITS(CODES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(a_valid && b_valid), .in_ready(ready), .in_data(results),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
