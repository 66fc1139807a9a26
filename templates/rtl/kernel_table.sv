// SPDX-License-Identifier: Apache-2.0
// Kernel array of exact codebook products: PE outputs x SIMD lanes, each lane a constant table.
//
// Formula  result[p] = sum over beats and lanes s of TABLE[codes[s] - CODE_LO][weights[p][s]]
// Ports    the common contract of kernel arrays (README.md). Results are unsigned unless SIGNED.
// Layout   TABLE: entry (row, symbol) at ((row*SYMBOLS) + symbol)*PRODUCT_BITS; row 0 belongs to code CODE_LO.
// Folding  PE*SIMD lookups a cycle; BEATS beats make a result.
// Latency  LEVELS cycles (see lane_sum, which also explains CHAIN, NODES and NODE_BITS).
// Cost     with code and weight of at most 5 bits together a lane costs one LUT6 a bit of its running sum: table and adder
//          share them. 6 bits: one more LUT6 a product bit.

module kernel_table #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 3,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 8,
    parameter int unsigned WEIGHT_BITS = 2,
    parameter int unsigned RESULT_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd8}},
    parameter int unsigned SYMBOLS = 4,
    parameter int unsigned PRODUCT_BITS = 8,
    parameter logic [CODES*SYMBOLS*PRODUCT_BITS-1:0] TABLE = '0
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
  wire enable, take, finish;
  kernel_flow #(.STAGES(LEVELS)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );
  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    wire [SIMD*PRODUCT_BITS-1:0] products;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      table_2d #(
          .ROW_BITS(CODE_BITS), .ROW_LO(CODE_LO), .ROWS(CODES), .COLUMN_BITS(WEIGHT_BITS), .COLUMNS(SYMBOLS),
          .BITS(PRODUCT_BITS), .TABLE(TABLE)
      ) product (
          .row(in_codes[s*CODE_BITS +: CODE_BITS]),
          .column(in_weights[(p*SIMD+s)*WEIGHT_BITS +: WEIGHT_BITS]),
          .value(products[s*PRODUCT_BITS +: PRODUCT_BITS])
      );
    end
    lane_sum #(
        .SIMD(SIMD), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(PRODUCT_BITS), .SIGNED(SIGNED),
        .RESULT_BITS(RESULT_BITS), .REGISTER(REGISTER), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish), .products(products),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
