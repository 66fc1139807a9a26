// SPDX-License-Identifier: Apache-2.0
// Kernel array of tables of single taps: PE outputs x SIMD lanes, each lane the table of its pair of input and output.
//
// Formula  result[p] = sum over beats and lanes s of entry k of the lane's table, k the low INDEX_BITS bits of the code shifted
//          right by the lane's choice among SHIFTS, HALF_UP: after rounding to the nearest, ties up.
// Ports    the common contract of kernel arrays (README.md). Entries and results are unsigned.
// Layout   SHIFTS: 8 bits each. A weight: see tap_entry.
// Folding  PE*SIMD look-ups a cycle; BEATS beats make a result. A pair with a lane of its own has a constant table.
// Latency  LEVELS cycles (see lane_sum, which also explains CHAIN, NODES and NODE_BITS).
// Cost     the shifted codes are made once a lane of SIMD. Constant tables of up to 5 index bits share the LUTs of the sum;
//          folded, a lane has a multiplexer of 2**INDEX_BITS entries.

module kernel_taps #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 17,
    parameter int unsigned RESULT_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd8}},
    parameter int unsigned ENTRY_BITS = 4,
    parameter int unsigned INDEX_BITS = 2,
    parameter int unsigned CHOICES = 1,
    parameter bit HALF_UP = 1'b0,
    parameter logic [8*CHOICES-1:0] SHIFTS = '0
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
  localparam int unsigned ENTRIES = 2 ** INDEX_BITS;
  localparam int unsigned PLACE_BITS = CHOICES > 1 ? $clog2(CHOICES) : 1;
  // room for a carry, and for an index that is wider than the code
  localparam int unsigned WIDE = (CODE_BITS > INDEX_BITS ? CODE_BITS : INDEX_BITS) + 2;
  if (WEIGHT_BITS != PLACE_BITS + ENTRIES * ENTRY_BITS || SIGNED) begin : g_check
    $error("kernel_taps: WEIGHT_BITS=%0d, CHOICES=%0d, INDEX_BITS=%0d, ENTRY_BITS=%0d, SIGNED=%0d", WEIGHT_BITS, CHOICES,
           INDEX_BITS, ENTRY_BITS, SIGNED);
  end
  wire unused_codes = &{1'b0, CODES[0]};

  wire enable, take, finish;
  kernel_flow #(.STAGES(LEVELS)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );

  // the index that each shift would make of each code
  wire [SIMD*CHOICES*INDEX_BITS-1:0] indices;
  for (genvar s = 0; s < SIMD; s = s + 1) begin : g_input
    wire [CODE_BITS-1:0] code = in_codes[s*CODE_BITS +: CODE_BITS];
    wire [WIDE-1:0] wide = {{(WIDE - CODE_BITS) {CODE_LO < 0 && code[CODE_BITS-1]}}, code};
    for (genvar c = 0; c < CHOICES; c = c + 1) begin : g_shift
      localparam int unsigned SHIFT = 32'(SHIFTS[c*8 +: 8]);
      localparam int unsigned HALF = SHIFT > 0 && HALF_UP ? 1 << (SHIFT - 1) : 0;
      /* verilator lint_off UNUSEDSIGNAL */
      wire signed [WIDE-1:0] rounded = wide + WIDE'(HALF);
      wire [WIDE-1:0] shifted = WIDE'(rounded >>> SHIFT);
      /* verilator lint_on UNUSEDSIGNAL */
      assign indices[(s*CHOICES+c)*INDEX_BITS +: INDEX_BITS] = shifted[INDEX_BITS-1:0];
    end
  end

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    wire [SIMD*ENTRY_BITS-1:0] entries;
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      tap_entry #(.ENTRY_BITS(ENTRY_BITS), .INDEX_BITS(INDEX_BITS), .CHOICES(CHOICES), .WEIGHT_BITS(WEIGHT_BITS)) lane (
          .indices(indices[s*CHOICES*INDEX_BITS +: CHOICES*INDEX_BITS]),
          .weight(in_weights[(p*SIMD+s)*WEIGHT_BITS +: WEIGHT_BITS]),
          .entry(entries[s*ENTRY_BITS +: ENTRY_BITS])
      );
    end
    lane_sum #(
        .SIMD(SIMD), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(ENTRY_BITS), .SIGNED(1'b0),
        .RESULT_BITS(RESULT_BITS), .REGISTER(REGISTER), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish), .products(entries),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
