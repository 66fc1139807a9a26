// SPDX-License-Identifier: Apache-2.0
// First-in first-out buffer of DEPTH words (a power of two) and an output register.
//
// Folding  one word a cycle on either side.  Latency  2 cycles.
// Memory   DEPTH words of WORD_BITS bits; BLOCK chooses block RAM.

module stream_fifo #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned DEPTH = 2,
    parameter bit BLOCK = 1'b0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [WORD_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [WORD_BITS-1:0] out_data
);
  localparam int unsigned BITS = $clog2(DEPTH);
  if (2 ** BITS != DEPTH || DEPTH < 2) begin : g_check
    $error("stream_fifo: DEPTH=%0d must be a power of two of at least 2", DEPTH);
  end
  logic [BITS-1:0] write_address, read_address;
  logic [BITS:0] count;  // its top bit is set when the memory is full
  wire write = in_valid && in_ready;
  wire read = count != '0 && (!out_valid || out_ready);
  assign in_ready = !count[BITS];
  always_ff @(posedge clk) begin
    if (rst) begin
      write_address <= '0;
      read_address <= '0;
      count <= '0;
      out_valid <= 1'b0;
    end else begin
      if (write) write_address <= write_address + 1'b1;
      if (read) read_address <= read_address + 1'b1;
      if (write && !read) count <= count + 1'b1;
      if (read && !write) count <= count - 1'b1;
      if (read || out_ready) out_valid <= read;
    end
  end
  memory_sdp #(.DEPTH(DEPTH), .WIDTH(WORD_BITS), .BLOCK(BLOCK)) words (
      .clk(clk), .write(write), .write_address(write_address), .write_data(in_data),
      .read(read), .read_address(read_address), .read_data(out_data)
  );
endmodule
