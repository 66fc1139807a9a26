// SPDX-License-Identifier: Apache-2.0
// Shifts every value left by the constant of its channel: a batch-norm whose gains are powers of two.
//
// Formula  out = in * 2^(BASE + shift[channel]), exact: OUT_BITS holds every result.
// Ports    LANES values a beat; beats run over the WORDS words of a pixel; lane l of word w is channel w*LANES + l. Inputs and
//          outputs are two's complement if SIGNED, else unsigned.
// Layout   SHIFTS: SHIFT_BITS bits a channel, in order.
// Folding  one beat a cycle.  Latency  1 cycle.
// Cost     up to four different shifts: one LUT6 a bit.

module channel_shift #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned OUT_BITS = 9,
    parameter int unsigned BASE = 0,
    parameter int unsigned SHIFT_BITS = 1,
    parameter logic [WORDS*LANES*SHIFT_BITS-1:0] SHIFTS = '0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [LANES*IN_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [LANES*OUT_BITS-1:0] out_data
);
  if (OUT_BITS < IN_BITS) begin : g_check
    $error("channel_shift: OUT_BITS=%0d must be IN_BITS=%0d or more", OUT_BITS, IN_BITS);
  end

  wire [LANES*SHIFT_BITS-1:0] amounts;
  wire [LANES*OUT_BITS-1:0] results;
  channel_constants #(.WORDS(WORDS), .WIDTH(LANES * SHIFT_BITS), .TABLE(SHIFTS)) shifts (
      .clk(clk), .rst(rst), .advance(in_valid && in_ready), .data(amounts)
  );
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    wire [IN_BITS-1:0] value = in_data[l*IN_BITS +: IN_BITS];
    wire [OUT_BITS-1:0] wide;
    if (OUT_BITS > IN_BITS) begin : g_extend
      assign wide = {{(OUT_BITS - IN_BITS) {SIGNED & value[IN_BITS-1]}}, value};
    end else begin : g_same
      assign wide = value;
    end
    assign results[l*OUT_BITS +: OUT_BITS] = wide << amounts[l*SHIFT_BITS +: SHIFT_BITS] << BASE;
  end
  stream_repeat #(.WORD_BITS(LANES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(results),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
