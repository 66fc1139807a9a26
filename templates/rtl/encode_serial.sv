// SPDX-License-Identifier: Apache-2.0
// Per-channel threshold encoder for slow streams: one comparator does the binary search, one step a cycle.
//
// Formula  as encode_tree: count = #{j : x >= threshold[c][j]}, code = count, or MAX_CODE - count where FLIP is set.
// Ports    in: one value of IN_BITS bits a beat, channel 0 .. CHANNELS-1 in turn. It must stay until it is taken.
// Layout   FILE holds CHANNELS * 2^STEPS words of THRESHOLD_BITS bits for $readmemh; word (c << STEPS) + n, n >= 1, is node n
//          of the channel's search tree: n = 2^s + prefix is threshold (2*prefix + 1) * 2^(STEPS-1-s) - 1. Missing
//          thresholds are unreachable; word 0 of a channel is not read. Signs and THRESHOLD_BITS as in encode_tree.
//          FLIP: bit channel.
// Folding  CYCLES * STEPS cycles a value. CYCLES 2: what the comparator finds waits in a register; 3: so does its threshold.
// Latency  CYCLES * STEPS - 1 cycles from a value's first cycle to its code (combinational in the last); keep reset up
//          for two cycles.

module encode_serial #(
    parameter int unsigned CHANNELS = 1,
    parameter int unsigned IN_BITS = 8,
    parameter int unsigned THRESHOLD_BITS = IN_BITS,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned STEPS = 2,
    parameter int unsigned OUT_BITS = 2,
    parameter int unsigned MAX_CODE = 3,
    parameter int unsigned CYCLES = 1,
    parameter bit BLOCK = 1'b1,
    parameter logic [CHANNELS-1:0] FLIP = '0,
    parameter FILE = ""
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [IN_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [OUT_BITS-1:0] out_data
);
  localparam int unsigned CHANNEL_BITS = CHANNELS > 1 ? $clog2(CHANNELS) : 1;

  // `node` is the tree node whose threshold the memory shows
  logic [STEPS-1:0] node;
  logic [CHANNEL_BITS-1:0] channel;
  wire [THRESHOLD_BITS-1:0] stored, threshold;
  wire [IN_BITS-1:0] x = in_data ^ (IN_BITS'(SIGNED) << (IN_BITS - 1));
  /* verilator lint_off UNUSEDSIGNAL */  // only the sign is read
  wire [THRESHOLD_BITS:0] difference = {1'b1, THRESHOLD_BITS'(x)} - {1'b0, threshold};
  /* verilator lint_on UNUSEDSIGNAL */
  wire least, settled;  // the value is not below the threshold, and that is so
  wire [STEPS:0] below = {node, least};  // its top bit is set once the search is through

  wire found = below[STEPS] && settled;
  assign out_valid = in_valid && found;
  assign in_ready = out_ready && found;
  wire taken = out_valid && out_ready;
  wire move = taken || (in_valid && settled && !below[STEPS]);
  if (CYCLES == 1) begin : g_at_once
    assign threshold = stored;
    assign least = difference[THRESHOLD_BITS];
    assign settled = 1'b1;
  end else begin : g_in_turn
    logic [CYCLES-2:0] turns;  // one bit a cycle that is over
    logic compared;
    assign least = compared;
    assign settled = turns[CYCLES-2];
    always_ff @(posedge clk) begin
      compared <= difference[THRESHOLD_BITS];
      if (rst || move) turns <= '0;
      else if (in_valid) turns <= (turns << 1) | (CYCLES-1)'(1);
    end
    if (CYCLES == 2) begin : g_memory
      assign threshold = stored;
    end else begin : g_register
      logic [THRESHOLD_BITS-1:0] kept;
      always_ff @(posedge clk) kept <= stored;
      assign threshold = kept;
    end
  end

  wire [STEPS-1:0] next_node = rst || taken ? STEPS'(1) : move ? below[STEPS-1:0] : node;
  wire [CHANNEL_BITS-1:0] following = channel == CHANNEL_BITS'(CHANNELS - 1) ? '0 : channel + 1'b1;
  wire [CHANNEL_BITS-1:0] next_channel = rst ? '0 : taken ? following : channel;
  always_ff @(posedge clk) begin
    node <= next_node;
    channel <= next_channel;
  end
  if (CHANNELS == 1) begin : g_shared
    rom #(.DEPTH(2 ** STEPS), .WIDTH(THRESHOLD_BITS), .BLOCK(BLOCK), .FILE(FILE)) thresholds (
        .clk(clk), .read(1'b1), .address(next_node), .data(stored)
    );
  end else begin : g_channels
    rom #(.DEPTH(CHANNELS * 2 ** STEPS), .WIDTH(THRESHOLD_BITS), .BLOCK(BLOCK), .FILE(FILE)) thresholds (
        .clk(clk), .read(1'b1), .address({next_channel, next_node}), .data(stored)
    );
  end

  wire flip = FLIP[channel];
  wire [OUT_BITS-1:0] count = OUT_BITS'(below[STEPS-1:0]);
  assign out_data = flip ? OUT_BITS'(MAX_CODE) - count : count;
`ifdef DIETCNN_ASSERT
  always_ff @(posedge clk) if (!rst) assert (32'(channel) < CHANNELS)
    else $error("channel %0d of CHANNELS=%0d", channel, CHANNELS);
`endif
endmodule
