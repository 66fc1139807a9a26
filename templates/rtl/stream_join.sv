// SPDX-License-Identifier: Apache-2.0
// Two streams one behind the other, piece by piece: concatenation along an axis.
//
// Formula  A_BEATS beats of a, then B_BEATS beats of b, and so on. Codes are widened to OUT_BITS bits, shifted left where a
//          grid is coarser, extended by their sign where A_SIGNED or B_SIGNED.
// Ports    CODES codes a beat on all three sides.
// Folding  one beat a cycle.  Latency  1 cycle.

module stream_join #(
    parameter int unsigned CODES = 1,
    parameter int unsigned A_BEATS = 1,
    parameter int unsigned B_BEATS = 1,
    parameter int unsigned A_BITS = 1,
    parameter int unsigned B_BITS = 1,
    parameter int unsigned OUT_BITS = 1,
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
  logic second;
  wire ready, final_a, final_b;
  wire valid = second ? b_valid : a_valid;
  wire [CODES*OUT_BITS-1:0] codes;
  assign a_ready = ready && !second;
  assign b_ready = ready && second;
  loop_counter #(.COUNT(A_BEATS)) beat_a (.clk(clk), .rst(rst), .step(a_valid && a_ready), .last(final_a));
  loop_counter #(.COUNT(B_BEATS)) beat_b (.clk(clk), .rst(rst), .step(b_valid && b_ready), .last(final_b));
  always_ff @(posedge clk) begin
    if (rst) second <= 1'b0;
    else if (valid && ready && (second ? final_b : final_a)) second <= !second;
  end
  for (genvar c = 0; c < CODES; c = c + 1) begin : g_code
    wire [OUT_BITS-1:0] left, right;
    decode_code #(.IN_BITS(A_BITS), .OUT_BITS(OUT_BITS), .SIGNED(A_SIGNED), .SHIFT(A_SHIFT))
    widen_a (.code(a_data[c*A_BITS +: A_BITS]), .value(left));
    decode_code #(.IN_BITS(B_BITS), .OUT_BITS(OUT_BITS), .SIGNED(B_SIGNED), .SHIFT(B_SHIFT))
    widen_b (.code(b_data[c*B_BITS +: B_BITS]), .value(right));
    assign codes[c*OUT_BITS +: OUT_BITS] = second ? right : left;
  end
  stream_repeat #(.WORD_BITS(CODES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(valid), .in_ready(ready), .in_data(codes),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
