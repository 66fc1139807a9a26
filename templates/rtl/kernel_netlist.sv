// SPDX-License-Identifier: Apache-2.0
// Kernel array of encoded products: PE outputs x SIMD lanes, each a gate-level encoder whose rows are added.
//
// Formula  result[p] = sum over beats, lanes s and rows of the encoder's addends for (integer(codes[s]), weights[p][s]); the
//          encoder's constant, once a product, is left to what follows. integer(code) = INTEGERS[code - CODE_LO] if DECODE, else
//          the code itself; as an operand it has 8 bits, two's complement.
// Ports    the common contract of kernel arrays (README.md). Results are unsigned.
// Layout   gates and rows: see kernel_netlist_rows. INTEGERS: entry i, INTEGER_BITS bits, at INTEGERS[i*INTEGER_BITS].
// Folding  PE*SIMD products a cycle; BEATS beats make a result.
// Latency  LEVELS cycles (see lane_sum, which also explains CHAIN, NODES and NODE_BITS, for SIMD*ROWS addends).
// Cost     a bit of at most five operand bits takes one LUT6, in which it is also added; one of six takes two.

module kernel_netlist #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 8,
    parameter int unsigned RESULT_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd8}},
    parameter int unsigned INTEGER_BITS = 8,
    parameter bit INTEGER_SIGNED = 1'b0,
    parameter bit DECODE = 1'b0,
    parameter logic [CODES*INTEGER_BITS-1:0] INTEGERS = '0,
    parameter int unsigned GATES = 1,
    parameter int unsigned NET_BITS = 5,
    parameter logic [GATES*3-1:0] KINDS = 3'd1,
    parameter logic [GATES*NET_BITS-1:0] LEFTS = 5'd0,
    parameter logic [GATES*NET_BITS-1:0] RIGHTS = 5'd8,
    parameter int unsigned ROWS = 1,
    parameter int unsigned ROW_BITS = 1,
    parameter logic [ROWS*ROW_BITS*(NET_BITS+2)-1:0] PLACES = 7'd80
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
  if (WEIGHT_BITS != 8 || INTEGER_BITS > 8 || SIGNED || (!DECODE && INTEGER_BITS != CODE_BITS)) begin : g_check
    $error("kernel_netlist: WEIGHT_BITS=%0d must be 8, INTEGER_BITS=%0d at most 8 and CODE_BITS=%0d unless DECODE, SIGNED=%0d 0",
           WEIGHT_BITS, INTEGER_BITS, CODE_BITS, SIGNED);
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
      // with 8-bit integers the extension bit is not read
      /* verilator lint_off UNUSEDSIGNAL */
      wire signed [INTEGER_BITS:0] operand = {
        INTEGER_SIGNED & integers[(s+1)*INTEGER_BITS-1], integers[s*INTEGER_BITS +: INTEGER_BITS]
      };
      /* verilator lint_on UNUSEDSIGNAL */
      wire [ROWS*ROW_BITS-1:0] rows;
      for (genvar r = 0; r < ROWS; r = r + 1) begin : g_row
        assign addends[(r*SIMD+s)*ROW_BITS +: ROW_BITS] = rows[r*ROW_BITS +: ROW_BITS];
      end
      kernel_netlist_rows #(
          .GATES(GATES), .NET_BITS(NET_BITS), .KINDS(KINDS), .LEFTS(LEFTS), .RIGHTS(RIGHTS), .ROWS(ROWS), .ROW_BITS(ROW_BITS),
          .PLACES(PLACES)
      ) encoder (
          .x(8'(operand)), .w(in_weights[(p*SIMD+s)*8 +: 8]), .rows(rows)
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
