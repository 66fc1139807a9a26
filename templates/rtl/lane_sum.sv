// SPDX-License-Identifier: Apache-2.0
// Sum of the SIMD products of one output lane, and its accumulation over the beats of a pass.
//
// Formula  result = sum over beats and lanes of products, exact; control as given by kernel_flow.
// Folding  products are added in groups of CHAIN, combinationally and one after the other; group sums are registered and
//          added in the same way until one is left. That takes max(1, ceil(log_CHAIN SIMD)) of the LEVELS stages; one more lets
//          the last sum wait in front of the accumulator, and REGISTER puts one in front of all sums.
//          BEATS > 1 adds an accumulator to the final stage.
// Widths   NODE_BITS holds 8 bits a running sum: level by level, lane by lane within a level; they come from the bounds
//          of the actual weights. SIGNED: products and sums are two's complement, else unsigned.
// Latency  LEVELS cycles from a product to `result`.
// A running sum is the first operand of its adder, a product the second: a table of up to 5 index bits that drives a
// second operand shares the adder's LUTs, and a carry chain costs one LUT a bit.

module lane_sum #(
    parameter int unsigned SIMD = 1,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned PRODUCT_BITS = 1,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned RESULT_BITS = 1,
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*NODES-1:0] NODE_BITS = {NODES{8'd1}}
) (
    input  logic clk,
    input  logic rst,
    input  logic enable,
    input  logic take,
    input  logic finish,
    input  logic [SIMD*PRODUCT_BITS-1:0] products,
    output logic [RESULT_BITS-1:0] result
);
  // sums of level l (of level 0: the lanes), and of all levels below it
  function automatic integer count(input integer level);
    integer l;
    count = SIMD;
    for (l = 0; l < level; l = l + 1) count = (count + CHAIN - 1) / CHAIN;
  endfunction
  function automatic integer below(input integer level);
    integer l;
    below = 0;
    for (l = 0; l < level; l = l + 1) below = below + count(l);
  endfunction
  localparam int unsigned SUMS = LEVELS - 32'(REGISTER);
  localparam int unsigned TOTAL = below(SUMS);
  localparam int unsigned LEFT = count(SUMS);
  if (NODES != TOTAL || LEFT != 1) begin : g_check
    $error("lane_sum: SIMD=%0d lanes in chains of CHAIN=%0d do not make LEVELS=%0d, NODES=%0d", SIMD, CHAIN, LEVELS, NODES);
  end

  wire [SIMD*PRODUCT_BITS-1:0] addends;
  if (REGISTER) begin : g_products
    logic [SIMD*PRODUCT_BITS-1:0] kept;
    always_ff @(posedge clk) if (enable) kept <= products;
    assign addends = kept;
  end else begin : g_direct_products
    assign addends = products;
  end

  // extension bits are read only where the next sum is wider
  /* verilator lint_off UNUSEDSIGNAL */
  for (genvar level = 0; level < SUMS; level = level + 1) begin : g_level
    localparam int unsigned COUNT = count(level);
    localparam int unsigned FIRST = below(level);
    for (genvar n = 0; n < COUNT; n = n + 1) begin : g_node
      localparam int unsigned BITS = 32'(NODE_BITS[(FIRST+n)*8 +: 8]);
      // one bit more than the operand, so that both kinds extend as signed numbers
      wire signed [BITS-1:0] operand;
      wire [BITS-1:0] sum;
      wire signed [BITS:0] wide = {SIGNED & sum[BITS-1], sum};
      if (level == 0) begin : g_product
        wire [PRODUCT_BITS-1:0] product = addends[n*PRODUCT_BITS +: PRODUCT_BITS];
        wire signed [PRODUCT_BITS:0] signed_product = {SIGNED & product[PRODUCT_BITS-1], product};
        assign operand = BITS'(signed_product);
      end else begin : g_group
        localparam int unsigned LAST = (n + 1) * CHAIN;
        localparam int unsigned BELOW = count(level - 1);
        assign operand = BITS'(g_level[level-1].g_node[(LAST < BELOW ? LAST : BELOW)-1].stored);
      end
      if (n % CHAIN == 0) begin : g_first
        assign sum = operand;
      end else begin : g_add
        assign sum = BITS'(g_node[n-1].wide) + operand;
      end
      logic signed [BITS:0] stored;
      if (level + 1 < SUMS && (n % CHAIN == CHAIN - 1 || n == COUNT - 1)) begin : g_register
        if (level > 0 && n % CHAIN == 0) begin : g_lone
          // nothing was added. The reset keeps a row of such registers from becoming a shift register, whose output is late
          logic [BITS-1:0] group;
          always_ff @(posedge clk) begin
            if (rst) group <= '0;
            else if (enable) group <= sum;
          end
          assign stored = {SIGNED & group[BITS-1], group};
        end else begin : g_sum
          logic [BITS-1:0] group;
          always_ff @(posedge clk) if (enable) group <= sum;
          assign stored = {SIGNED & group[BITS-1], group};
        end
      end else begin : g_wire
        assign stored = wide;
      end
    end
  end
  /* verilator lint_on UNUSEDSIGNAL */

  localparam int unsigned TOP = count(SUMS - 1);
  wire [RESULT_BITS-1:0] total = RESULT_BITS'(g_level[SUMS-1].g_node[TOP-1].wide);
  if (BEATS == 1) begin : g_direct
    wire unused = &{1'b0, rst, take};
    always_ff @(posedge clk) if (finish) result <= total;
  end else begin : g_accumulate
    logic [RESULT_BITS-1:0] partial;
    wire [RESULT_BITS-1:0] next = partial + total;
    always_ff @(posedge clk) begin
      if (finish) result <= next;
      if (rst || finish) partial <= '0;
      else if (take) partial <= next;
    end
`ifdef DIETCNN_ASSERT
    int unsigned beat;  // of the pass, at the final stage
    always_ff @(posedge clk) beat <= rst || finish ? 0 : beat + 32'(take);
    always_ff @(posedge clk) if (!rst) assert (!take || finish == (beat == BEATS - 1))
      else $error("beat %0d of BEATS=%0d has last=%0d", beat, BEATS, finish);
`endif
  end
  if (LEVELS == 1) begin : g_no_stage
    wire unused = &{1'b0, enable};
  end
endmodule
