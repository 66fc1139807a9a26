// SPDX-License-Identifier: Apache-2.0
// Kernel array of product quantisation: a beat holds SIMD/SUBSPACE subspaces; the symbol of each, found by a decision tree,
// picks one table entry for each of PE outputs.
//
// Formula  result[p] = sum over beats and subspaces of entry `symbol` of the subspace's table for output p. Trees: DEPTH levels:
//          node n compares codes[ELEMENT] >= THRESHOLD and leads to node 2n+1 or, if so, 2n+2; symbols are its 2**DEPTH leaves
//          from left to right.
// Ports    the common contract of kernel arrays (README.md). Results are unsigned unless SIGNED.
// Layout   LANES: lane of input v of subspace j, 16 bits, at (j*SUBSPACE + v)*16, the same in every beat. The weights of a
//          subspace's lanes, in that order, are one word: entry k, TABLE_BITS bits, two's complement, at k*TABLE_BITS; bits
//          above the last entry are void. TREES: beat by beat, subspace by subspace, node by node, ELEMENT_BITS bits below
//          THRESHOLD_BITS bits (two's complement).
// Folding  SIMD/SUBSPACE trees, and as many entries for each of PE outputs, a cycle; BEATS beats make a result.
// Latency  DEPTH/STEP (rounded up) + LEVELS cycles: STEP levels of a tree a stage, then lane_sum, which also explains CHAIN,
//          NODES and NODE_BITS (entries are added in the first lane of their subspace). Each stage drops the entries that the
//          path has ruled out, so that what is carried along shrinks to 1 in 2^STEP. AHEAD: the trees of the beat that comes wait
//          in registers.

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
    parameter bit REGISTER = 1'b0,
    parameter int unsigned NODES = 1,
    parameter logic [8*PE*NODES-1:0] NODE_BITS = {PE*NODES{8'd8}},
    parameter int unsigned SUBSPACE = 1,
    parameter logic [SIMD*16-1:0] LANES = '0,
    parameter int unsigned DEPTH = 1,
    parameter int unsigned STEP = 2,
    parameter bit AHEAD = 1'b0,
    parameter int unsigned TABLE_BITS = 8,
    parameter int unsigned ELEMENT_BITS = 1,
    parameter int unsigned THRESHOLD_BITS = 9,
    parameter logic [BEATS*(SIMD/SUBSPACE)*(2**DEPTH-1)*(ELEMENT_BITS+THRESHOLD_BITS)-1:0] TREES = '0
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
  localparam int unsigned GROUPS = SIMD / SUBSPACE;
  localparam int unsigned LEAVES = 2 ** DEPTH;
  localparam int unsigned NODE_WIDTH = ELEMENT_BITS + THRESHOLD_BITS;
  localparam int unsigned TREE_BITS = (LEAVES - 1) * NODE_WIDTH;
  localparam int unsigned STEPS = (DEPTH + STEP - 1) / STEP;
  localparam int unsigned COUNT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  if (SUBSPACE * WEIGHT_BITS < LEAVES * TABLE_BITS || GROUPS * SUBSPACE != SIMD || THRESHOLD_BITS <= CODE_BITS ||
      DEPTH == 0) begin : g_check
    $error("kernel_pq: SUBSPACE=%0d, WEIGHT_BITS=%0d, LEAVES=%0d, TABLE_BITS=%0d, SIMD=%0d, THRESHOLD_BITS=%0d, CODE_BITS=%0d",
           SUBSPACE, WEIGHT_BITS, LEAVES, TABLE_BITS, SIMD, THRESHOLD_BITS, CODE_BITS);
  end
  wire unused_codes = &{1'b0, CODES[0]};

  wire enable, take, finish;
  kernel_flow #(.STAGES(STEPS + LEVELS)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );

  // the trees of the arriving beat; `beat` is it, or the one after it where trees wait in registers
  wire [COUNT_BITS-1:0] beat;
  if (BEATS == 1) begin : g_one_beat
    assign beat = '0;
  end else begin : g_beats
    logic [COUNT_BITS-1:0] count;
    always_ff @(posedge clk) begin
      if (rst) count <= '0;
      else if (in_valid && in_ready) count <= in_last ? '0 : count + 1'b1;
    end
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (!(in_valid && in_ready) || in_last == (32'(count) == BEATS - 1))
      else $error("beat %0d of BEATS=%0d has last=%0d", count, BEATS, in_last);
`endif
    if (AHEAD) begin : g_next
      assign beat = rst ? '0 : !(in_valid && in_ready) ? count : in_last ? '0 : count + 1'b1;
    end else begin : g_this
      assign beat = count;
    end
  end
  wire [GROUPS*TREE_BITS-1:0] found, trees;
  lookup #(.ENTRIES(BEATS), .BITS(GROUPS * TREE_BITS), .TABLE(TREES)) tree_rom (.index(beat), .value(found));
  if (AHEAD && BEATS > 1) begin : g_kept
    logic [GROUPS*TREE_BITS-1:0] kept;
    always_ff @(posedge clk) kept <= found;
    assign trees = kept;
  end else begin : g_found
    assign trees = found;
  end

  // one addend a lane: the entry in the first lane of a subspace, zero in the others
  wire [PE*SIMD*TABLE_BITS-1:0] addends;
  for (genvar j = 0; j < GROUPS; j = j + 1) begin : g_group
    wire [SUBSPACE*CODE_BITS-1:0] codes;
    wire [PE*LEAVES*TABLE_BITS-1:0] entries;
    wire [PE*TABLE_BITS-1:0] chosen;
    for (genvar v = 0; v < SUBSPACE; v = v + 1) begin : g_member
      localparam int unsigned LANE = 32'(LANES[(j*SUBSPACE+v)*16 +: 16]);
      assign codes[v*CODE_BITS +: CODE_BITS] = in_codes[LANE*CODE_BITS +: CODE_BITS];
      for (genvar p = 0; p < PE; p = p + 1) begin : g_addend
        assign addends[(p*SIMD+LANE)*TABLE_BITS +: TABLE_BITS] = v == 0 ? chosen[p*TABLE_BITS +: TABLE_BITS] : '0;
      end
    end
    for (genvar p = 0; p < PE; p = p + 1) begin : g_word
      wire [SUBSPACE*WEIGHT_BITS-1:0] word;
      for (genvar v = 0; v < SUBSPACE; v = v + 1) begin : g_slice
        localparam int unsigned LANE = 32'(LANES[(j*SUBSPACE+v)*16 +: 16]);
        assign word[v*WEIGHT_BITS +: WEIGHT_BITS] = in_weights[(p*SIMD+LANE)*WEIGHT_BITS +: WEIGHT_BITS];
      end
      assign entries[p*LEAVES*TABLE_BITS +: LEAVES*TABLE_BITS] = word[LEAVES*TABLE_BITS-1:0];
      if (SUBSPACE * WEIGHT_BITS > LEAVES * TABLE_BITS) begin : g_void
        wire unused = &{1'b0, word[SUBSPACE*WEIGHT_BITS-1:LEAVES*TABLE_BITS]};
      end
    end
    kernel_pq_choice #(
        .PE(PE), .SUBSPACE(SUBSPACE), .CODE_BITS(CODE_BITS), .CODE_LO(CODE_LO), .DEPTH(DEPTH), .STEP(STEP),
        .TABLE_BITS(TABLE_BITS), .ELEMENT_BITS(ELEMENT_BITS), .THRESHOLD_BITS(THRESHOLD_BITS)
    ) choice (
        .clk(clk), .enable(enable), .codes(codes), .tree(trees[j*TREE_BITS +: TREE_BITS]), .entries(entries), .chosen(chosen)
    );
  end

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    lane_sum #(
        .SIMD(SIMD), .CHAIN(CHAIN), .LEVELS(LEVELS), .BEATS(BEATS), .PRODUCT_BITS(TABLE_BITS), .SIGNED(SIGNED),
        .RESULT_BITS(RESULT_BITS), .REGISTER(REGISTER), .NODES(NODES), .NODE_BITS(NODE_BITS[p*8*NODES +: 8*NODES])
    ) adder (
        .clk(clk), .rst(rst), .enable(enable), .take(take), .finish(finish),
        .products(addends[p*SIMD*TABLE_BITS +: SIMD*TABLE_BITS]),
        .result(out_results[p*RESULT_BITS +: RESULT_BITS])
    );
  end
endmodule
