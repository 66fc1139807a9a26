// SPDX-License-Identifier: Apache-2.0
// Per-channel threshold encoder, LANES values a beat: a binary search with one comparator a step and lane.
//
// Formula  count = #{j : x >= threshold[c][j]}, code = count, or MAX_CODE - count in channels where FLIP is set.
// Ports    in: LANES values of IN_BITS bits a beat; beats run over the WORDS = channels/LANES words of a pixel, so lane l of
//          word w is channel w*LANES + l. WORDS = 1 with equal rows serves thresholds that all channels share.
// Layout   2^STEPS - 1 non-decreasing thresholds a channel (the last ones unreachable where there are fewer), written as
//          a search tree: THRESHOLDS holds, lane after lane, step after step, WORDS * 2^step entries of THRESHOLD_BITS bits;
//          entry (word, prefix) of step s is threshold (2*prefix + 1) * 2^(STEPS-1-s) - 1. Inputs and thresholds compare
//          as unsigned; SIGNED inputs have their sign bit inverted first, thresholds are given inverted.
//          THRESHOLD_BITS is IN_BITS, or one more where a threshold lies above every input. FLIP: bit channel.
// Folding  one beat a cycle.
// Latency  ceil(STEPS / DEPTH) cycles; a stage holds up to DEPTH comparators in a row. LOOKUP (with DEPTH = 1): thresholds that
//          are looked up wait in registers, which takes a cycle more a step.
// Cost     with word and prefix of at most 5 bits together, threshold and comparator share one LUT6 a bit and step.

module encode_tree #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned IN_BITS = 8,
    parameter int unsigned THRESHOLD_BITS = IN_BITS,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned STEPS = 1,
    parameter int unsigned DEPTH = 3,
    parameter bit LOOKUP = 1'b0,
    parameter int unsigned OUT_BITS = 1,
    parameter int unsigned MAX_CODE = 1,
    parameter logic [LANES*WORDS*(2**STEPS-1)*THRESHOLD_BITS-1:0] THRESHOLDS = '0,
    parameter logic [LANES*WORDS-1:0] FLIP = '0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [LANES*IN_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [LANES*OUT_BITS-1:0] out_data
);
  localparam int unsigned STAGES = (STEPS + DEPTH - 1) / DEPTH + (LOOKUP ? STEPS - 32'(WORDS == 1) : 0);
  localparam int unsigned WORD_BITS = WORDS > 1 ? $clog2(WORDS) : 1;

  if (LOOKUP && DEPTH != 1) begin : g_check
    $error("encode_tree: LOOKUP needs DEPTH=%0d to be 1", DEPTH);
  end

  logic [STAGES-1:0] valid;
  wire advance = out_ready || !out_valid;
  assign in_ready = advance;
  assign out_valid = valid[STAGES-1];
  if (STAGES == 1) begin : g_single
    always_ff @(posedge clk) begin
      if (rst) valid <= '0;
      else if (advance) valid <= in_valid;
    end
  end else begin : g_stages
    always_ff @(posedge clk) begin
      if (rst) valid <= '0;
      else if (advance) valid <= {valid[STAGES-2:0], in_valid};
    end
  end

  wire [WORD_BITS-1:0] word;
  if (WORDS == 1) begin : g_one_word
    assign word = '0;
  end else begin : g_words
    logic [WORD_BITS-1:0] count;
    always_ff @(posedge clk) begin
      if (rst) count <= '0;
      else if (advance && in_valid) count <= count == WORD_BITS'(WORDS - 1) ? '0 : count + 1'b1;
    end
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (32'(count) < WORDS) else $error("count %0d of WORDS=%0d", count, WORDS);
`endif
    assign word = count;
  end

  // the top bit of a prefix pads it to at least one bit; of a difference only the sign is read
  /* verilator lint_off UNUSEDSIGNAL */
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    for (genvar s = 0; s < STEPS; s = s + 1) begin : g_step
      localparam int unsigned ENTRIES = WORDS * 2 ** s;
      localparam int unsigned FIRST = (l * (2 ** STEPS - 1) + 2 ** s - 1) * WORDS;
      // what this step sees: value, word, and the s bits found so far, first one on top
      wire [IN_BITS-1:0] x;
      wire [WORD_BITS-1:0] at;
      wire [s:0] prefix;
      wire [THRESHOLD_BITS-1:0] threshold;
      wire [s+1:0] found;
      // as far as they are there when the step begins
      wire [IN_BITS-1:0] x_first;
      wire [WORD_BITS-1:0] at_first;
      wire [s:0] prefix_first;
      wire [THRESHOLD_BITS-1:0] threshold_first;
      if (s == 0) begin : g_input
        wire [IN_BITS-1:0] raw = in_data[l*IN_BITS +: IN_BITS];
        assign x_first = raw ^ (IN_BITS'(SIGNED) << (IN_BITS - 1));
        assign at_first = word;
        assign prefix_first = 1'b0;
      end else if (s % DEPTH == 0) begin : g_register
        logic [IN_BITS-1:0] x_stored;
        logic [WORD_BITS-1:0] at_stored;
        logic [s:0] prefix_stored;
        always_ff @(posedge clk) begin
          if (advance) begin
            x_stored <= g_step[s-1].x;
            at_stored <= g_step[s-1].at;
            prefix_stored <= g_step[s-1].found;
          end
        end
        assign x_first = x_stored;
        assign at_first = at_stored;
        assign prefix_first = prefix_stored;
      end else begin : g_wire
        assign x_first = g_step[s-1].x;
        assign at_first = g_step[s-1].at;
        assign prefix_first = g_step[s-1].found;
      end
      if (ENTRIES == 1) begin : g_constant
        assign threshold_first = THRESHOLDS[FIRST*THRESHOLD_BITS +: THRESHOLD_BITS];
      end else begin : g_table
        wire [$clog2(ENTRIES)-1:0] index;
        if (WORDS == 1) begin : g_prefix
          assign index = prefix_first[s-1:0];
        end else if (s == 0) begin : g_word
          assign index = at_first;
        end else begin : g_both
          assign index = {at_first, prefix_first[s-1:0]};
        end
        lookup #(
            .ENTRIES(ENTRIES), .BITS(THRESHOLD_BITS), .TABLE(THRESHOLDS[FIRST*THRESHOLD_BITS +: ENTRIES*THRESHOLD_BITS])
        ) node (.index(index), .value(threshold_first));
      end
      if (LOOKUP && ENTRIES > 1) begin : g_looked_up
        logic [IN_BITS-1:0] x_kept;
        logic [WORD_BITS-1:0] at_kept;
        logic [s:0] prefix_kept;
        logic [THRESHOLD_BITS-1:0] threshold_kept;
        always_ff @(posedge clk) begin
          if (advance) begin
            x_kept <= x_first;
            at_kept <= at_first;
            prefix_kept <= prefix_first;
            threshold_kept <= threshold_first;
          end
        end
        assign x = x_kept;
        assign at = at_kept;
        assign prefix = prefix_kept;
        assign threshold = threshold_kept;
      end else begin : g_at_once
        assign x = x_first;
        assign at = at_first;
        assign prefix = prefix_first;
        assign threshold = threshold_first;
      end
      // the sign of the difference, written as a subtraction so that threshold and borrow chain share LUTs
      wire [THRESHOLD_BITS:0] difference = {1'b1, THRESHOLD_BITS'(x)} - {1'b0, threshold};
      assign found = {prefix, difference[THRESHOLD_BITS]};
    end

    wire [STEPS-1:0] count = g_step[STEPS-1].found[STEPS-1:0];
    wire [WORDS-1:0] flips;
    for (genvar w = 0; w < WORDS; w = w + 1) begin : g_flip
      assign flips[w] = FLIP[w*LANES+l];
    end
    wire flip = flips[g_step[STEPS-1].at];
    wire [OUT_BITS-1:0] code = flip ? OUT_BITS'(MAX_CODE) - OUT_BITS'(count) : OUT_BITS'(count);
    logic [OUT_BITS-1:0] stored;
    always_ff @(posedge clk) if (advance) stored <= code;
    assign out_data[l*OUT_BITS +: OUT_BITS] = stored;
  end
  /* verilator lint_on UNUSEDSIGNAL */
endmodule
