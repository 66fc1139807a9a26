// SPDX-License-Identifier: Apache-2.0
// Simple dual-port memory, one clock: write port, registered read port.
//
// Latency       read_data shows the addressed word one cycle after `read`, and keeps it while `read` is low.
// Precondition  no word is read in the cycle in which it is written (the callers' pointers never meet).
// BLOCK         1: block RAM; 0: LUT RAM with a register behind it.

module memory_sdp #(
    parameter int unsigned DEPTH = 2,
    parameter int unsigned WIDTH = 1,
    parameter bit BLOCK = 1'b0
) (
    input  logic clk,
    input  logic write,
    input  logic [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] write_address,
    input  logic [WIDTH-1:0] write_data,
    input  logic read,
    input  logic [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] read_address,
    output logic [WIDTH-1:0] read_data
);
  if (BLOCK) begin : g_block
    (* ram_style = "block", no_rw_check *) logic [WIDTH-1:0] memory[DEPTH];
    always_ff @(posedge clk) begin
      if (write) memory[write_address] <= write_data;
      if (read) read_data <= memory[read_address];
    end
  end else begin : g_distributed
    (* ram_style = "distributed", no_rw_check *) logic [WIDTH-1:0] memory[DEPTH];
    always_ff @(posedge clk) begin
      if (write) memory[write_address] <= write_data;
      if (read) read_data <= memory[read_address];
    end
  end
endmodule
