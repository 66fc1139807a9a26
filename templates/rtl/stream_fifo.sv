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
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
  // neither overrun nor underrun: the count is what the pointers enclose
  wire [BITS-1:0] enclosed = write_address - read_address;
  always_ff @(posedge clk) if (!rst) assert (32'(count) <= DEPTH)
    else $error("%0d words in a buffer of DEPTH=%0d", count, DEPTH);
  always_ff @(posedge clk) if (!rst) assert (count[BITS-1:0] == enclosed)
    else $error("%0d words counted, %0d between the pointers", count, enclosed);
`endif
endmodule
