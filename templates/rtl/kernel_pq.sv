// SPDX-License-Identifier: Apache-2.0
// Kernel array of product quantisation: a beat is one subspace; its symbol, found by a decision tree, picks a table entry for
// each of PE outputs.
//
// Formula  result[p] = sum over beats of entry symbol(beat) of weights[p]. The tree has DEPTH levels: node n compares
//          codes[ELEMENT] >= THRESHOLD and leads to node 2n+1 or, if so, 2n+2; symbols are its 2**DEPTH leaves from left to right.
// Ports    the common contract of kernel arrays (README.md). Results are two's complement.
// Layout   weights of output p: entry k, TABLE_BITS bits, two's complement, at k*TABLE_BITS; bits above the last entry are void.
//          TREES: beat by beat, node by node, ELEMENT_BITS bits below THRESHOLD_BITS bits (two's complement).
// Folding  SIMD is the size of a subspace; one subspace a cycle for PE outputs; BEATS subspaces make a result.
// Latency  DEPTH/2 (rounded up) + 1 cycles: two levels of the tree a stage. Each stage drops the entries that the path has ruled
//          out, so that what is carried along shrinks to a quarter.
// SIGNED, CHAIN, LEVELS, NODES and NODE_BITS are part of the common parameters and unused: one addend an output.

module kernel_pq #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned WEIGHT_BITS = 16,
    parameter int unsigned RESULT_BITS = 8,
    parameter bit SIGNED = 1'b1,
    parameter int unsigned CHAIN = 5,
    parameter int unsigned LEVELS = 1,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd8}},
    parameter int unsigned DEPTH = 1,
    parameter int unsigned TABLE_BITS = 8,
    parameter int unsigned ELEMENT_BITS = 1,
    parameter int unsigned THRESHOLD_BITS = 9,
    parameter logic [BEATS*(2**DEPTH-1)*(ELEMENT_BITS+THRESHOLD_BITS)-1:0] TREES = '0
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
  localparam int unsigned LEAVES = 2 ** DEPTH;
  localparam int unsigned NODE_WIDTH = ELEMENT_BITS + THRESHOLD_BITS;
  localparam int unsigned TREE_BITS = (LEAVES - 1) * NODE_WIDTH;
  localparam int unsigned STEPS = (DEPTH + 1) / 2;
  localparam int unsigned COUNT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  if (SIMD * WEIGHT_BITS < LEAVES * TABLE_BITS || THRESHOLD_BITS <= CODE_BITS || DEPTH == 0) begin : g_check
    $error("kernel_pq: SIMD=%0d lanes of WEIGHT_BITS=%0d must hold 2**DEPTH=%0d entries of %0d bits; THRESHOLD_BITS=%0d above CODE_BITS=%0d",
           SIMD, WEIGHT_BITS, LEAVES, TABLE_BITS, THRESHOLD_BITS, CODE_BITS);
  end
  wire unused = &{1'b0, SIGNED, CHAIN[0], LEVELS[0], NODE_BITS, CODES[0]};

  wire enable, take, finish;
  kernel_flow #(.STAGES(STEPS + 1)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );

  // the tree of the arriving beat
  wire [COUNT_BITS-1:0] beat;
  if (BEATS == 1) begin : g_one_beat
    assign beat = '0;
  end else begin : g_beats
    logic [COUNT_BITS-1:0] count;
    always_ff @(posedge clk) begin
      if (rst) count <= '0;
      else if (in_valid && in_ready) count <= in_last ? '0 : count + 1'b1;
    end
    assign beat = count;
  end
  wire [TREE_BITS-1:0] tree;
  lookup #(.ENTRIES(BEATS), .BITS(TREE_BITS), .TABLE(TREES)) trees (.index(beat), .value(tree));

  // codes beyond those that a node looks at, and nodes of levels that are done
  /* verilator lint_off UNUSEDSIGNAL */
  for (genvar s = 0; s < STEPS; s = s + 1) begin : g_step
    localparam int unsigned FIRST = 2 * s;
    localparam int unsigned TURNS = FIRST + 1 < DEPTH ? 2 : 1;
    localparam int unsigned LEFT = LEAVES >> FIRST;
    localparam int unsigned KEPT = LEFT >> TURNS;
    wire [SIMD*CODE_BITS-1:0] codes;
    wire [TREE_BITS-1:0] nodes;
    wire [DEPTH:0] path;  // turns so far, the first one highest
    if (s == 0) begin : g_arrive
      assign codes = in_codes;
      assign nodes = tree;
      assign path = '0;
    end else begin : g_later
      assign codes = g_step[s-1].codes_kept;
      assign nodes = g_step[s-1].nodes_kept;
      assign path = g_step[s-1].path_kept;
    end

    for (genvar t = 0; t < TURNS; t = t + 1) begin : g_turn
      localparam int unsigned LEVEL = FIRST + t;
      wire [DEPTH:0] path_in;
      if (t == 0) begin : g_stored
        assign path_in = path;
      end else begin : g_just_turned
        assign path_in = g_turn[t-1].path_out;
      end
      // the level's nodes side by side, chosen by the path
      wire [2**LEVEL*NODE_WIDTH-1:0] level_nodes = nodes[(2**LEVEL-1)*NODE_WIDTH +: 2**LEVEL*NODE_WIDTH];
      wire [NODE_WIDTH-1:0] node;
      if (LEVEL == 0) begin : g_root
        assign node = level_nodes;
      end else begin : g_inner
        assign node = level_nodes[path_in[LEVEL-1:0]*NODE_WIDTH +: NODE_WIDTH];
      end
      wire [CODE_BITS-1:0] code;
      if (SIMD == 1) begin : g_only
        assign code = codes;
      end else begin : g_choose
        assign code = codes[node[ELEMENT_BITS-1:0]*CODE_BITS +: CODE_BITS];
      end
      wire signed [CODE_BITS:0] value = {CODE_LO < 0 ? code[CODE_BITS-1] : 1'b0, code};
      wire signed [THRESHOLD_BITS-1:0] threshold = node[NODE_WIDTH-1:ELEMENT_BITS];
      wire turn = THRESHOLD_BITS'(value) >= threshold;
      wire [DEPTH:0] path_out = {path_in[DEPTH-1:0], turn};
    end

    logic [SIMD*CODE_BITS-1:0] codes_kept;
    logic [TREE_BITS-1:0] nodes_kept;
    logic [DEPTH:0] path_kept;
    always_ff @(posedge clk) begin
      if (enable) begin
        codes_kept <= codes;
        nodes_kept <= nodes;
        path_kept <= g_turn[TURNS-1].path_out;
      end
    end

    for (genvar p = 0; p < PE; p = p + 1) begin : g_entries
      wire [LEFT*TABLE_BITS-1:0] entries;
      if (s == 0) begin : g_words
        assign entries = in_weights[p*SIMD*WEIGHT_BITS +: LEFT*TABLE_BITS];
      end else begin : g_kept
        assign entries = g_step[s-1].g_entries[p].kept;
      end
      logic [KEPT*TABLE_BITS-1:0] kept;
      always_ff @(posedge clk) begin
        if (enable) kept <= entries[g_turn[TURNS-1].path_out[TURNS-1:0]*KEPT*TABLE_BITS +: KEPT*TABLE_BITS];
      end
    end
  end
  if (SIMD * WEIGHT_BITS > LEAVES * TABLE_BITS) begin : g_void
    wire unused_weights = &{1'b0, in_weights};
  end
  /* verilator lint_on UNUSEDSIGNAL */

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    lane_sum #(
        .SIMD(1), .CHAIN(2), .LEVELS(1), .BEATS(BEATS), .PRODUCT_BITS(TABLE_BITS), .SIGNED(1'b1), .RESULT_BITS(RESULT_BITS),
        .NODES(1), .NODE_BITS(8'(TABLE_BITS))
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish),
        .products(g_step[STEPS-1].g_entries[p].kept), .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
