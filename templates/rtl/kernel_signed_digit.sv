// SPDX-License-Identifier: Apache-2.0
// Kernel array of signed-digit weights (ConLoCNN): PE outputs x SIMD lanes, DIGITS addends a lane.
//
// Formula  result[p] = sum over beats, lanes s and digits d of sign * (integer(codes[s]) << position), less one for every
//          sign bit that is set: digits are negated by inversion, and the engine adds the count of sign bits with the bias.
//          integer(code) = INTEGERS[code - CODE_LO] if DECODE, else the code itself.
// Ports    the common contract of kernel arrays (README.md). Results are unsigned unless SIGNED.
// Layout   a weight holds its digits' fields, digit 0 lowest; see signed_digit. POSITIONS: digit d's shift number i, 4 bits,
//          at POSITIONS[(d*MAX_POSITIONS + i)*4]; COUNTS: how many of them digit d uses, 4 bits each. INTEGERS: entry i,
//          INTEGER_BITS bits, at INTEGERS[i*INTEGER_BITS].
// Folding  PE*SIMD*DIGITS addends a cycle; BEATS beats make a result.
// Latency  LEVELS cycles (see lane_sum, which also explains CHAIN, NODES and NODE_BITS).
// Cost     a digit of up to three positions costs two LUT6 a bit, its adder included; of up to seven neighbouring ones, two
//          as well and one for the presence; of a single position, one.

module kernel_signed_digit #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 3,
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
    parameter int unsigned DIGITS = 1,
    parameter int unsigned MAX_POSITIONS = 3,
    parameter int unsigned MAX_SHIFT = 2,
    parameter logic [4*DIGITS-1:0] COUNTS = {DIGITS{4'd3}},
    parameter logic [4*DIGITS*MAX_POSITIONS-1:0] POSITIONS = 12'h210
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
  localparam int unsigned ADDEND_BITS = INTEGER_BITS + MAX_SHIFT + (INTEGER_SIGNED ? 0 : 1);
  if (!DECODE && INTEGER_BITS != CODE_BITS) begin : g_check
    $error("kernel_signed_digit: INTEGER_BITS=%0d must equal CODE_BITS=%0d unless DECODE", INTEGER_BITS, CODE_BITS);
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
    wire [SIMD*DIGITS*ADDEND_BITS-1:0] addends;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      for (genvar d = 0; d < DIGITS; d = d + 1) begin : g_digit
        localparam int unsigned COUNT = 32'(COUNTS[4*d +: 4]);
        localparam int unsigned FIELD = $clog2(COUNT + 1) + 1;
        localparam int unsigned BEGIN = field_begin(d);
        signed_digit #(
            .INTEGER_BITS(INTEGER_BITS), .INTEGER_SIGNED(INTEGER_SIGNED), .BITS(ADDEND_BITS), .COUNT(COUNT),
            .POSITIONS(POSITIONS[4*d*MAX_POSITIONS +: 4*COUNT])
        ) digit (
            .integer_value(integers[s*INTEGER_BITS +: INTEGER_BITS]),
            .field(in_weights[(p*SIMD+s)*WEIGHT_BITS+BEGIN +: FIELD]),
            .addend(addends[(s*DIGITS+d)*ADDEND_BITS +: ADDEND_BITS])
        );
      end
    end
    lane_sum #(
        .SIMD(SIMD * DIGITS), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(ADDEND_BITS), .SIGNED(SIGNED),
        .RESULT_BITS(RESULT_BITS), .REGISTER(REGISTER), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish), .products(addends),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end

  // lowest bit of a digit's field
  function automatic integer field_begin(input integer digit);
    integer d;
    field_begin = 0;
    for (d = 0; d < digit; d = d + 1) field_begin = field_begin + $clog2(32'(COUNTS[4*d +: 4]) + 1) + 1;
  endfunction
endmodule
