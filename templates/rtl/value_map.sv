// SPDX-License-Identifier: Apache-2.0
// Table from code to integer in memories, one table for all channels or one for each.
//
// Formula  out = table[channel][in]
// Ports    LANES codes of IN_BITS bits a beat; a code's bit pattern is the index. With WORDS > 1 LANES is 1, and beats run over
//          the WORDS channels of a pixel.
// Layout   FILE: word channel*2^IN_BITS + pattern holds the integer, OUT_BITS bits. Every lane has a memory of its own.
// Folding  one beat a cycle.  Latency  1 cycle.
// BLOCK    1: block RAM, 0: LUTs.

module value_map #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned IN_BITS = 8,
    parameter int unsigned OUT_BITS = 8,
    parameter bit BLOCK = 1'b1,
    parameter FILE = ""
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
  localparam int unsigned DEPTH = WORDS * 2 ** IN_BITS;
  localparam int unsigned ADDRESS_BITS = $clog2(DEPTH);
  if (LANES > 1 && WORDS > 1) begin : g_check
    $error("value_map: tables of WORDS=%0d channels are read by one lane, not by LANES=%0d", WORDS, LANES);
  end

  wire read = in_valid && in_ready;
  assign in_ready = !out_valid || out_ready;
  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (in_ready) out_valid <= in_valid;
  end
  wire [ADDRESS_BITS-IN_BITS:0] channel;
  if (WORDS > 1) begin : g_channels
    logic [ADDRESS_BITS-IN_BITS:0] word;
    always_ff @(posedge clk) begin
      if (rst) word <= '0;
      else if (read) word <= word == (ADDRESS_BITS-IN_BITS+1)'(WORDS - 1) ? '0 : word + 1'b1;
    end
    assign channel = word;
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (int'(word) < WORDS) else $error("word %0d of WORDS=%0d", word, WORDS);
`endif
  end else begin : g_shared
    assign channel = '0;
  end
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    /* verilator lint_off UNUSEDSIGNAL */  // one bit more than the address, so that a single table needs no case of its own
    wire [ADDRESS_BITS:0] address = {channel, in_data[l*IN_BITS +: IN_BITS]};
    /* verilator lint_on UNUSEDSIGNAL */
    rom #(.DEPTH(DEPTH), .WIDTH(OUT_BITS), .BLOCK(BLOCK), .FILE(FILE)) values (
        .clk(clk), .read(read), .address(address[ADDRESS_BITS-1:0]), .data(out_data[l*OUT_BITS +: OUT_BITS])
    );
  end
endmodule
