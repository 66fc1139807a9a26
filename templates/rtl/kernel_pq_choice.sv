// SPDX-License-Identifier: Apache-2.0
// Decision tree of one subspace, and the table entry that its leaf picks for each of PE outputs.
//
// Formula  chosen[p] = entry `leaf` of entries[p]; node n compares codes[ELEMENT] >= THRESHOLD and leads to
//          node 2n+1 or, if so, 2n+2.
// Layout   entries: output by output, 2**DEPTH entries of TABLE_BITS bits. tree: node by node, ELEMENT_BITS bits below
//          THRESHOLD_BITS bits (two's complement). Codes are two's complement where CODE_LO < 0.
// Latency  DEPTH/STEP (rounded up) cycles with `enable`: STEP levels a stage; of the entries each stage keeps 1 in 2^STEP.

module kernel_pq_choice #(
    parameter int unsigned PE = 1,
    parameter int unsigned SUBSPACE = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned DEPTH = 1,
    parameter int unsigned STEP = 2,
    parameter int unsigned TABLE_BITS = 8,
    parameter int unsigned ELEMENT_BITS = 1,
    parameter int unsigned THRESHOLD_BITS = 9
) (
    input  logic clk,
    input  logic enable,
    input  logic [SUBSPACE*CODE_BITS-1:0] codes,
    input  logic [(2**DEPTH-1)*(ELEMENT_BITS+THRESHOLD_BITS)-1:0] tree,
    input  logic [PE*(2**DEPTH)*TABLE_BITS-1:0] entries,
    output logic [PE*TABLE_BITS-1:0] chosen
);
  localparam int unsigned LEAVES = 2 ** DEPTH;
  localparam int unsigned NODE_WIDTH = ELEMENT_BITS + THRESHOLD_BITS;
  localparam int unsigned TREE_BITS = (LEAVES - 1) * NODE_WIDTH;
  localparam int unsigned STEPS = (DEPTH + STEP - 1) / STEP;

  // what later levels do not look at: inputs, levels that are done
  /* verilator lint_off UNUSEDSIGNAL */
  for (genvar s = 0; s < STEPS; s = s + 1) begin : g_step
    localparam int unsigned FIRST = STEP * s;
    localparam int unsigned TURNS = FIRST + STEP <= DEPTH ? STEP : DEPTH - FIRST;
    localparam int unsigned LEFT = LEAVES >> FIRST;
    localparam int unsigned KEPT = LEFT >> TURNS;
    wire [SUBSPACE*CODE_BITS-1:0] inputs;
    wire [TREE_BITS-1:0] nodes;
    wire [DEPTH:0] path;  // turns so far, the first one highest
    if (s == 0) begin : g_arrive
      assign inputs = codes;
      assign nodes = tree;
      assign path = '0;
    end else begin : g_later
      assign inputs = g_step[s-1].inputs_kept;
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
      if (SUBSPACE == 1) begin : g_only
        assign code = inputs;
      end else begin : g_choose
        assign code = inputs[node[ELEMENT_BITS-1:0]*CODE_BITS +: CODE_BITS];
      end
      wire signed [CODE_BITS:0] value = {CODE_LO < 0 ? code[CODE_BITS-1] : 1'b0, code};
      wire signed [THRESHOLD_BITS-1:0] threshold = node[NODE_WIDTH-1:ELEMENT_BITS];
      wire turn = THRESHOLD_BITS'(value) >= threshold;
      wire [DEPTH:0] path_out = {path_in[DEPTH-1:0], turn};
    end

    logic [SUBSPACE*CODE_BITS-1:0] inputs_kept;
    logic [TREE_BITS-1:0] nodes_kept;
    logic [DEPTH:0] path_kept;
    always_ff @(posedge clk) begin
      if (enable) begin
        inputs_kept <= inputs;
        nodes_kept <= nodes;
        path_kept <= g_turn[TURNS-1].path_out;
      end
    end

    for (genvar p = 0; p < PE; p = p + 1) begin : g_entries
      wire [LEFT*TABLE_BITS-1:0] left;
      if (s == 0) begin : g_all
        assign left = entries[p*LEAVES*TABLE_BITS +: LEAVES*TABLE_BITS];
      end else begin : g_fewer
        assign left = g_step[s-1].g_entries[p].kept;
      end
      logic [KEPT*TABLE_BITS-1:0] kept;
      always_ff @(posedge clk) begin
        if (enable) kept <= left[g_turn[TURNS-1].path_out[TURNS-1:0]*KEPT*TABLE_BITS +: KEPT*TABLE_BITS];
      end
    end
  end
  /* verilator lint_on UNUSEDSIGNAL */

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    assign chosen[p*TABLE_BITS +: TABLE_BITS] = g_step[STEPS-1].g_entries[p].kept;
  end
endmodule
