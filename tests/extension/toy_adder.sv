// SPDX-License-Identifier: Apache-2.0
// Kernel array: result[p] = sum over beats and lanes s of |codes[s] - weights[p][s]|.
//
// Ports    the common contract of kernel arrays (templates/rtl/README.md); weights in two's complement, results unsigned.
// Folding  PE*SIMD distances a cycle; BEATS beats make a result.  Latency  LEVELS cycles, see lane_sum.

module toy_adder #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 8,
    parameter int unsigned RESULT_BITS = 16,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd16}}
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic in_last,
    input  logic [SIMD*CODE_BITS-1:0] in_codes,
    input  logic [PE*SIMD*WEIGHT_BITS-1:0] in_weights,
    output logic out_valid,
    input  logic out_ready,
    output logic [PE*RESULT_BITS-1:0] out_results
);
  localparam int unsigned GAP_BITS = (CODE_BITS > WEIGHT_BITS ? CODE_BITS : WEIGHT_BITS) + 2;
  if (CODES > 2 ** CODE_BITS) begin : g_check
    $error("toy_adder: CODES=%0d do not fit CODE_BITS=%0d", CODES, CODE_BITS);
  end

  wire enable, take, finish;
  kernel_flow #(.STAGES(LEVELS)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );
  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    wire [SIMD*GAP_BITS-1:0] gaps;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      wire [CODE_BITS-1:0] code = in_codes[s*CODE_BITS +: CODE_BITS];
      wire signed [WEIGHT_BITS-1:0] weight = in_weights[(p*SIMD+s)*WEIGHT_BITS +: WEIGHT_BITS];
      toy_gap #(.BITS(GAP_BITS)) lane (
          .a({{(GAP_BITS - CODE_BITS) {CODE_LO < 0 & code[CODE_BITS-1]}}, code}), .b(GAP_BITS'(weight)),
          .gap(gaps[s*GAP_BITS +: GAP_BITS])
      );
    end
    lane_sum #(
        .SIMD(SIMD), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(GAP_BITS), .SIGNED(SIGNED),
        .RESULT_BITS(RESULT_BITS), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish), .products(gaps),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
