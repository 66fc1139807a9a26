// SPDX-License-Identifier: Apache-2.0
// Kernel array of ordinary multipliers on DSP blocks: PE outputs x SIMD lanes.
//
// Formula  result[p] = sum over beats and lanes s of integer(codes[s]) * weights[p][s], weights in two's complement;
//          integer(code) = INTEGERS[code - CODE_LO] if DECODE, else the code itself. Each product first loses its DROP low bits:
//          ROUNDING 0 cuts them off, 1 does so towards zero; others round to the nearest, and ties go 2 up, 3 down, 4 to zero,
//          5 away from zero, 6 to the even neighbour.
// Ports    the common contract of kernel arrays (README.md). Results are two's complement if SIGNED; else no product is
//          negative, and they are unsigned.
// Layout   INTEGERS: entry i, INTEGER_BITS bits, at INTEGERS[i*INTEGER_BITS].
// Folding  PE*SIMD products a cycle; BEATS beats make a result. Products are written as `*`, which synthesis maps to DSP blocks.
// Latency  LEVELS + 1 cycles: products are registered, then summed as lane_sum says (CHAIN, NODES, NODE_BITS).

module kernel_multiply_dsp #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 8,
    parameter int unsigned RESULT_BITS = 16,
    parameter bit SIGNED = 1'b1,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd16}},
    parameter int unsigned INTEGER_BITS = 8,
    parameter bit INTEGER_SIGNED = 1'b0,
    parameter bit DECODE = 1'b0,
    parameter logic [CODES*INTEGER_BITS-1:0] INTEGERS = '0,
    parameter int unsigned DROP = 0,
    parameter int unsigned ROUNDING = 0
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
  localparam int unsigned FULL_BITS = INTEGER_BITS + WEIGHT_BITS;
  localparam int unsigned PRODUCT_BITS = DROP == 0 ? FULL_BITS : FULL_BITS + 1 - (DROP > FULL_BITS ? FULL_BITS : DROP);
  localparam int unsigned WIDE = (DROP > FULL_BITS ? DROP : FULL_BITS) + 2;  // holds what rounding adds, too
  localparam logic signed [WIDE-1:0] HALF = DROP > 0 ? WIDE'(1) << (DROP - 1) : '0;
  localparam bit ROUNDS = ROUNDING > 0 && DROP > 0;
  if (!DECODE && INTEGER_BITS != CODE_BITS) begin : g_check
    $error("kernel_multiply_dsp: INTEGER_BITS=%0d must equal CODE_BITS=%0d unless DECODE", INTEGER_BITS, CODE_BITS);
  end

  wire enable, take, finish;
  kernel_flow #(.STAGES(LEVELS + 1)) flow (
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
    logic [SIMD*PRODUCT_BITS-1:0] products;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      wire [INTEGER_BITS-1:0] value = integers[s*INTEGER_BITS +: INTEGER_BITS];
      wire signed [INTEGER_BITS:0] a = {INTEGER_SIGNED & value[INTEGER_BITS-1], value};
      wire signed [WEIGHT_BITS-1:0] b = in_weights[(p*SIMD+s)*WEIGHT_BITS +: WEIGHT_BITS];
      /* verilator lint_off UNUSEDSIGNAL */  // no product needs its top bits
      wire signed [WIDE-1:0] exact = WIDE'(a * b);
      wire odd = exact[DROP];
      wire negative = exact[WIDE-1];
      // for ties: one unit less than half a step, and that unit where it is wanted
      wire unit = ROUNDING == 2 || ROUNDING == 4 && negative || ROUNDING == 5 && !negative || ROUNDING == 6 && odd;
      wire signed [WIDE-1:0] nearest = HALF - WIDE'(1) + WIDE'(unit);
      wire signed [WIDE-1:0] inward = negative ? HALF + HALF - WIDE'(1) : '0;
      wire signed [WIDE-1:0] product = exact + (!ROUNDS ? '0 : ROUNDING == 1 ? inward : nearest);
      wire signed [WIDE-1:0] kept = product >>> DROP;
      /* verilator lint_on UNUSEDSIGNAL */
      always_ff @(posedge clk) if (enable) products[s*PRODUCT_BITS +: PRODUCT_BITS] <= kept[PRODUCT_BITS-1:0];
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
