// SPDX-License-Identifier: Apache-2.0
// Adds a constant of its channel to every value.
//
// Formula  out = in + bias[channel], exact: OUT_BITS holds every sum.
// Ports    LANES values a beat; beats run over the WORDS words of a pixel; lane l of word w is channel w*LANES + l. Inputs are
//          two's complement if SIGNED, else unsigned; outputs are taken modulo 2^OUT_BITS, whatever their sign.
// Layout   BIAS / FILE: word w holds LANES constants of OUT_BITS bits (see channel_constants).
// Folding  one beat a cycle.  Latency  1 cycle.

module bias_add #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned IN_BITS = 1,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned OUT_BITS = 1,
    parameter bit BLOCK = 1'b0,
    parameter logic [WORDS*LANES*OUT_BITS-1:0] BIAS = '0,
    parameter FILE = ""
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
  wire [LANES*OUT_BITS-1:0] constants;
  wire [LANES*OUT_BITS-1:0] sums;
  channel_constants #(.WORDS(WORDS), .WIDTH(LANES * OUT_BITS), .BLOCK(BLOCK), .TABLE(BIAS), .FILE(FILE)) bias (
      .clk(clk), .rst(rst), .advance(in_valid && in_ready), .data(constants)
  );
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    extend_add #(.IN_BITS(IN_BITS), .SIGNED(SIGNED), .OUT_BITS(OUT_BITS)) adder (
        .a(in_data[l*IN_BITS +: IN_BITS]), .b(constants[l*OUT_BITS +: OUT_BITS]), .sum(sums[l*OUT_BITS +: OUT_BITS])
    );
  end
  stream_repeat #(.WORD_BITS(LANES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(sums),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
