// SPDX-License-Identifier: Apache-2.0
// Kernel array of asymmetric ternary weights (DeepChip): PE outputs x SIMD lanes.
//
// Formula  result[p] = sum over beats and lanes s of +POSITIVE * integer(codes[s]) where the weight is +1, of
//          -NEGATIVE * integer(codes[s]) - 1 where it is -1: negation by inversion, and the engine adds the count of negative
//          weights with the bias. That is POSITIVE * P - NEGATIVE * N of the published scheme in one accumulation.
//          integer(code) = INTEGERS[code - CODE_LO] if DECODE, else the code itself.
// Ports    the common contract of kernel arrays (README.md). Results are unsigned unless SIGNED.
// Layout   a weight's bit 0: not zero, bit 1: negative. INTEGERS: entry i, INTEGER_BITS bits, at INTEGERS[i*INTEGER_BITS].
// Folding  PE*SIMD lanes a cycle; BEATS beats make a result. Weights with a lane each are constants, and zeros cost nothing.
// Latency  LEVELS cycles (see lane_sum, which also explains CHAIN, NODES and NODE_BITS).
// Cost     one LUT6 a bit and lane, the choice and the adder together: scaling every input once, for all outputs, takes two
//          constant scalings a lane of SIMD (none for powers of two), where scaling P and N would take two adders a lane of
//          PE x SIMD and two scalings an output.

module kernel_ternary #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 2,
    parameter int unsigned RESULT_BITS = 12,
    parameter bit SIGNED = 1'b1,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd12}},
    parameter int unsigned INTEGER_BITS = 8,
    parameter bit INTEGER_SIGNED = 1'b0,
    parameter bit DECODE = 1'b0,
    parameter logic [CODES*INTEGER_BITS-1:0] INTEGERS = '0,
    parameter int unsigned POSITIVE = 1,
    parameter int unsigned NEGATIVE = 1
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
  localparam int unsigned LARGEST = POSITIVE > NEGATIVE ? POSITIVE : NEGATIVE;
  localparam int unsigned ADDEND_BITS = INTEGER_BITS + $clog2(LARGEST + 1) + 1;
  if (WEIGHT_BITS != 2 || POSITIVE == 0 || NEGATIVE == 0 || (!DECODE && INTEGER_BITS != CODE_BITS)) begin : g_check
    $error("kernel_ternary: WEIGHT_BITS=%0d must be 2, POSITIVE=%0d and NEGATIVE=%0d at least 1, %0d bits %0d unless DECODE",
           WEIGHT_BITS, POSITIVE, NEGATIVE, INTEGER_BITS, CODE_BITS);
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

  // both multiples of every input, for all outputs
  wire [SIMD*ADDEND_BITS-1:0] positives, negatives;
  for (genvar s = 0; s < SIMD; s = s + 1) begin : g_input
    wire [INTEGER_BITS-1:0] value = integers[s*INTEGER_BITS +: INTEGER_BITS];
    wire [ADDEND_BITS-1:0] wide = {{(ADDEND_BITS - INTEGER_BITS) {INTEGER_SIGNED & value[INTEGER_BITS-1]}}, value};
    constant_scaling #(.BITS(ADDEND_BITS), .SCALE(POSITIVE)) positive (
        .value(wide), .scaled(positives[s*ADDEND_BITS +: ADDEND_BITS])
    );
    constant_scaling #(.BITS(ADDEND_BITS), .SCALE(NEGATIVE)) negative (
        .value(wide), .scaled(negatives[s*ADDEND_BITS +: ADDEND_BITS])
    );
  end

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    wire [SIMD*ADDEND_BITS-1:0] addends;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      wire [1:0] weight = in_weights[(p*SIMD+s)*2 +: 2];
      wire [ADDEND_BITS-1:0] plus = positives[s*ADDEND_BITS +: ADDEND_BITS];
      wire [ADDEND_BITS-1:0] minus = negatives[s*ADDEND_BITS +: ADDEND_BITS];
      assign addends[s*ADDEND_BITS +: ADDEND_BITS] = !weight[0] ? '0 : weight[1] ? ~minus : plus;
    end
    lane_sum #(
        .SIMD(SIMD), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(ADDEND_BITS), .SIGNED(SIGNED),
        .RESULT_BITS(RESULT_BITS), .REGISTER(REGISTER), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish), .products(addends),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
