// SPDX-License-Identifier: Apache-2.0
// One value a pixel from all its channels: their sum, their greatest, or the number of the first greatest.
//
// Formula  FUNCTION 0: sum, 1: maximum, 2: index of the first maximum, over the LANES*WORDS channels of a pixel.
// Ports    LANES codes of CODE_BITS bits a beat, two's complement if SIGNED, WORDS beats a pixel; lane l of word w is channel
//          w*LANES + l. One result of OUT_BITS bits a pixel. WIDE bits, two's complement, hold every partial result.
// Folding  one beat a cycle.  Latency  1 cycle from the pixel's last beat.

module channel_reduce #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned FUNCTION = 0,
    parameter int unsigned CODE_BITS = 1,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned WIDE = 2,
    parameter int unsigned OUT_BITS = 1
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [LANES*CODE_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [OUT_BITS-1:0] out_data
);
  localparam int unsigned CHANNELS = LANES * WORDS;
  localparam int unsigned INDEX_BITS = CHANNELS > 1 ? $clog2(CHANNELS) : 1;
  localparam int unsigned STATE_BITS = INDEX_BITS + WIDE;
  if (FUNCTION > 2) begin : g_check
    $error("channel_reduce: FUNCTION=%0d is none of 0 to 2", FUNCTION);
  end

  // what is known of the pixel: the channel and the value, before this beat and after each of its lanes
  logic [STATE_BITS-1:0] known;
  logic [INDEX_BITS-1:0] first;
  wire final_beat;
  wire take = in_valid && in_ready;
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    wire [CODE_BITS-1:0] code = in_data[l*CODE_BITS +: CODE_BITS];
    wire signed [WIDE-1:0] value = SIGNED ? WIDE'($signed(code)) : WIDE'(code);
    wire [INDEX_BITS-1:0] channel = first + INDEX_BITS'(l);
    wire [STATE_BITS-1:0] entering, leaving;
    wire signed [WIDE-1:0] earlier = entering[WIDE-1:0];
    wire [INDEX_BITS-1:0] best = entering[WIDE +: INDEX_BITS];
    if (l == 0) begin : g_first
      assign entering = known;
    end else begin : g_next
      assign entering = g_lane[l-1].leaving;
    end
    wire start = l == 0 && first == '0;
    if (FUNCTION == 0) begin : g_sum
      assign leaving = {best, start ? value : earlier + value};
      wire unused = &{1'b0, channel};
    end else begin : g_greatest
      wire greater = start || value > earlier;
      assign leaving = {greater ? channel : best, greater ? value : earlier};
    end
  end
  loop_counter #(.COUNT(WORDS)) beat (.clk(clk), .rst(rst), .step(take), .last(final_beat));
  always_ff @(posedge clk) begin
    if (rst || (take && final_beat)) first <= '0;
    else if (take) first <= first + INDEX_BITS'(LANES);
    if (take) known <= g_lane[LANES-1].leaving;
  end
  /* verilator lint_off UNUSEDSIGNAL */  // one of the two is the result
  wire [STATE_BITS-1:0] reached = g_lane[LANES-1].leaving;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [OUT_BITS-1:0] result;
  if (FUNCTION == 2) begin : g_index
    assign result = OUT_BITS'(reached[WIDE +: INDEX_BITS]);
  end else begin : g_value
    assign result = reached[OUT_BITS-1:0];
  end
  wire ready;
  assign in_ready = ready || !final_beat;
  stream_repeat #(.WORD_BITS(OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(in_valid && final_beat), .in_ready(ready), .in_data(result),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
