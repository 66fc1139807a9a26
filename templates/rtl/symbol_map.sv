// SPDX-License-Identifier: Apache-2.0
// Table from symbol to symbol, one for each channel or one for all.
//
// Formula  out = TABLE[channel][in]
// Ports    LANES codes a beat; beats run over the WORDS words of a pixel; lane l of word w is channel w*LANES + l. Codes are
//          unsigned, below 2^IN_BITS. WORDS = 1 with equal lanes serves a table that all channels share.
// Layout   TABLE: lane after lane, word after word, 2^IN_BITS entries of OUT_BITS bits.
// Folding  one beat a cycle.  Latency  1 cycle.

module symbol_map #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned IN_BITS = 1,
    parameter int unsigned OUT_BITS = 1,
    parameter logic [LANES*WORDS*(2**IN_BITS)*OUT_BITS-1:0] TABLE = '0
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
  localparam int unsigned ENTRIES = WORDS * 2 ** IN_BITS;
  wire [LANES*OUT_BITS-1:0] codes;
  if (WORDS == 1) begin : g_shared
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      lookup #(.ENTRIES(ENTRIES), .BITS(OUT_BITS), .TABLE(TABLE[l*ENTRIES*OUT_BITS +: ENTRIES*OUT_BITS])) map (
          .index(in_data[l*IN_BITS +: IN_BITS]), .value(codes[l*OUT_BITS +: OUT_BITS])
      );
    end
  end else begin : g_channels
    localparam int unsigned BITS = $clog2(WORDS);
    logic [BITS-1:0] word;
    always_ff @(posedge clk) begin
      if (rst) word <= '0;
      else if (in_valid && in_ready) word <= word == BITS'(WORDS - 1) ? '0 : word + 1'b1;
    end
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (32'(word) < WORDS) else $error("word %0d of WORDS=%0d", word, WORDS);
`endif
    for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
      lookup #(.ENTRIES(ENTRIES), .BITS(OUT_BITS), .TABLE(TABLE[l*ENTRIES*OUT_BITS +: ENTRIES*OUT_BITS])) map (
          .index({word, in_data[l*IN_BITS +: IN_BITS]}), .value(codes[l*OUT_BITS +: OUT_BITS])
      );
    end
  end
  stream_repeat #(.WORD_BITS(LANES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(codes),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
