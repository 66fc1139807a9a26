// SPDX-License-Identifier: Apache-2.0
// The constants of the current beat's channels: `data` is word 0 .. WORDS-1 in turn, moving on with `advance`.
//
// Layout   TABLE: word i at TABLE[i*WIDTH +: WIDTH], used unless BLOCK; FILE: the same words for $readmemh.
// Cost     unless BLOCK and with up to 32 words, the table shares the LUTs of an adder that it feeds.
// Latency  none; keep reset up for two cycles.

module channel_constants #(
    parameter int unsigned WORDS = 1,
    parameter int unsigned WIDTH = 1,
    parameter bit BLOCK = 1'b0,
    parameter logic [WORDS*WIDTH-1:0] TABLE = '0,
    parameter FILE = ""
) (
    input  logic clk,
    input  logic rst,
    input  logic advance,
    output logic [WIDTH-1:0] data
);
  if (BLOCK) begin : g_block
    wire unused = &{1'b0, TABLE};
    weight_memory #(.DEPTH(WORDS), .WIDTH(WIDTH), .BLOCK(1'b1), .FILE(FILE)) constants (
        .clk(clk), .rst(rst), .advance(advance), .data(data)
    );
  end else if (WORDS == 1) begin : g_constant
    wire unused = &{1'b0, clk, rst, advance};
    assign data = TABLE;
  end else begin : g_table
    localparam int unsigned BITS = $clog2(WORDS);
    logic [BITS-1:0] word;
    always_ff @(posedge clk) begin
      if (rst) word <= '0;
      else if (advance) word <= word == BITS'(WORDS - 1) ? '0 : word + 1'b1;
    end
    lookup #(.ENTRIES(WORDS), .BITS(WIDTH), .TABLE(TABLE)) constants (.index(word), .value(data));
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (32'(word) < WORDS) else $error("word %0d of WORDS=%0d", word, WORDS);
`endif
  end
endmodule
