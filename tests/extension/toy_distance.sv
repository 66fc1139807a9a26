// SPDX-License-Identifier: Apache-2.0
// out = |in - PIVOT| of LANES codes a beat.  Folding  one beat a cycle.  Latency  1 cycle.

module toy_distance #(
    parameter int unsigned LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int PIVOT = 0,
    parameter int unsigned OUT_BITS = 8
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
  localparam int unsigned WIDE = (IN_BITS > OUT_BITS ? IN_BITS : OUT_BITS) + 2;
  wire [LANES*OUT_BITS-1:0] codes;
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    wire [IN_BITS-1:0] code = in_data[l*IN_BITS +: IN_BITS];
    /* verilator lint_off UNUSEDSIGNAL */  // a distance fits OUT_BITS
    wire [WIDE-1:0] gap;
    /* verilator lint_on UNUSEDSIGNAL */
    toy_gap #(.BITS(WIDE)) distance (
        .a({{(WIDE - IN_BITS) {SIGNED & code[IN_BITS-1]}}, code}), .b(WIDE'(PIVOT)), .gap(gap)
    );
    assign codes[l*OUT_BITS +: OUT_BITS] = gap[OUT_BITS-1:0];
  end
  stream_repeat #(.WORD_BITS(LANES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(codes),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
