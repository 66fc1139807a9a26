// SPDX-License-Identifier: Apache-2.0
// Weights of one kernel array, read in the order in which they are used, over and over.
//
// Ports    `data` always holds the word of the current beat; `advance` moves to the next one.
// Layout   FILE holds DEPTH words of WIDTH bits for $readmemh, in order of use (group, output pass, beat); lane
//          pe*SIMD + s of a beat lies at bits (pe*SIMD + s) * weight bits.
// Folding  one word a beat. DEPTH = 1 (every weight has its own lane): the word is the constant WORD, no memory.
// Latency  the first word is there one cycle after reset begins; keep reset up for two cycles.
// BLOCK    1: block RAM, 0: LUTs. AHEAD: the next word's address is a register of its own.

module weight_memory #(
    parameter int unsigned DEPTH = 2,
    parameter int unsigned WIDTH = 2,
    parameter bit BLOCK = 1'b1,
    parameter bit AHEAD = 1'b0,
    parameter logic [WIDTH-1:0] WORD = '0,
    parameter FILE = ""
) (
    input  logic clk,
    input  logic rst,
    input  logic advance,
    output logic [WIDTH-1:0] data
);
  if (DEPTH == 1) begin : g_constant
    wire unused = &{1'b0, clk, rst, advance, AHEAD};
    assign data = WORD;
  end else begin : g_memory
    localparam int unsigned BITS = $clog2(DEPTH);
    wire unused = &{1'b0, WORD};
    wire [BITS-1:0] following;
    wire [BITS-1:0] wanted = rst ? '0 : following;
    wire fetch = rst || advance;
    if (AHEAD) begin : g_ahead
      logic [BITS-1:0] coming;
      logic final_word;
      assign following = coming;
      always_ff @(posedge clk) begin
        if (rst) coming <= BITS'(1);
        else if (advance) coming <= final_word ? '0 : coming + 1'b1;
        if (rst) final_word <= DEPTH == 2;
        else if (advance) final_word <= coming == BITS'(DEPTH - 2) && !final_word;
      end
    end else begin : g_now
      logic [BITS-1:0] address;
      always_ff @(posedge clk) if (fetch) address <= wanted;
      assign following = address == BITS'(DEPTH - 1) ? '0 : address + 1'b1;
    end
    rom #(.DEPTH(DEPTH), .WIDTH(WIDTH), .BLOCK(BLOCK), .FILE(FILE)) weight_rom (
        .clk(clk), .read(fetch), .address(wanted), .data(data)
    );
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (32'(following) < DEPTH) else $error("address %0d of DEPTH=%0d", following, DEPTH);
`endif
  end
endmodule
