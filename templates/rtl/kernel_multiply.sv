// SPDX-License-Identifier: Apache-2.0
// Kernel array of ordinary multipliers in LUTs, the twin of the lookup kernels: PE outputs x SIMD lanes.
//
// Formula  result[p] = sum over beats and lanes s of integer(codes[s]) * weights[p][s], weights in two's complement, plus a
//          constant that the weights decide (see booth_rows) and the engine takes away with the bias;
//          integer(code) = INTEGERS[code - CODE_LO] if DECODE, else the code itself.
// Ports    the common contract of kernel arrays (README.md). Results are unsigned.
// Layout   INTEGERS: entry i, INTEGER_BITS bits, at INTEGERS[i*INTEGER_BITS].
// Folding  PE*SIMD products a cycle; BEATS beats make a result.
// Latency  LEVELS cycles (see lane_sum, which also explains CHAIN, NODES and NODE_BITS, for SIMD*ROWS addends).
// Cost     radix-4 Booth rows are summed over the lanes, like rows first, and no product is ever made: a bit of a row takes one
//          LUT6, in which it is also added. An 8 x 8-bit lane costs about 40 with its share of sums and control; with products
//          made and then added it would be 58.

module kernel_multiply #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 2,
    parameter int unsigned RESULT_BITS = 9,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd9}},
    parameter int unsigned INTEGER_BITS = 8,
    parameter bit INTEGER_SIGNED = 1'b0,
    parameter bit DECODE = 1'b0,
    parameter logic [CODES*INTEGER_BITS-1:0] INTEGERS = '0
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
  localparam int unsigned ROWS = (WEIGHT_BITS + 1) / 2;
  localparam int unsigned ROW_BITS = INTEGER_BITS + 2 * ROWS - 1;
  if (SIGNED || (!DECODE && INTEGER_BITS != CODE_BITS)) begin : g_check
    $error("kernel_multiply: SIGNED=%0d must be 0, and INTEGER_BITS=%0d equal CODE_BITS=%0d unless DECODE", SIGNED, INTEGER_BITS,
           CODE_BITS);
  end

  wire enable, take, finish;
  kernel_flow #(.STAGES(LEVELS)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );

  wire [SIMD*INTEGER_BITS-1:0] integers;
  lane_integers #(
      .SIMD(SIMD), .CODE_BITS(CODE_BITS), .CODE_LO(CODE_LO), .CODES(CODES), .INTEGER_BITS(INTEGER_BITS), .DECODE(DECODE),
      .INTEGERS(INTEGERS)
  ) decoders (
      .codes(in_codes), .integers(integers)
  );

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    // row by row, not lane by lane: addends of like weight keep the running sums narrow
    wire [ROWS*SIMD*ROW_BITS-1:0] addends;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      wire [ROWS*ROW_BITS-1:0] rows;
      for (genvar r = 0; r < ROWS; r = r + 1) begin : g_row
        assign addends[(r*SIMD+s)*ROW_BITS +: ROW_BITS] = rows[r*ROW_BITS +: ROW_BITS];
      end
      booth_rows #(
          .A_BITS(INTEGER_BITS), .A_SIGNED(INTEGER_SIGNED), .B_BITS(WEIGHT_BITS), .ROWS(ROWS), .ROW_BITS(ROW_BITS)
      ) multiply (
          .a(integers[s*INTEGER_BITS +: INTEGER_BITS]), .b(in_weights[(p*SIMD+s)*WEIGHT_BITS +: WEIGHT_BITS]), .rows(rows)
      );
    end
    lane_sum #(
        .SIMD(SIMD * ROWS), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(ROW_BITS), .SIGNED(SIGNED),
        .RESULT_BITS(RESULT_BITS), .REGISTER(REGISTER), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish), .products(addends),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
