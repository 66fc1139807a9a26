// SPDX-License-Identifier: Apache-2.0
// Any re-arrangement of the codes of an image: permuting axes, cropping, padding, repeating.
//
// Formula  out(i) = in(INDEX(i)), or FILL where INDEX(i) = SIZE_IN, for i = 0 .. SIZE_OUT-1.
// Ports    one code of CODE_BITS bits a beat on both sides, SIZE_IN beats in and SIZE_OUT beats out an image.
// Layout   FILE: SIZE_OUT words of INDEX_BITS bits, the indices in order. INDEX_BITS holds SIZE_IN.
// Memory   2 * SIZE_IN codes: one image is written while the one before is read. BLOCK, INDEX_BLOCK: block RAM or LUTs.
// Folding  one code a cycle on either side.  Latency  SIZE_IN + 1 cycles.

module stream_gather #(
    parameter int unsigned CODE_BITS = 1,
    parameter int unsigned SIZE_IN = 2,
    parameter int unsigned SIZE_OUT = 2,
    parameter int unsigned INDEX_BITS = 2,
    parameter logic [CODE_BITS-1:0] FILL = '0,
    parameter bit BLOCK = 1'b0,
    parameter bit INDEX_BLOCK = 1'b0,
    parameter logic [INDEX_BITS-1:0] INDEX = '0,
    parameter FILE = ""
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [CODE_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [CODE_BITS-1:0] out_data
);
  localparam int unsigned ADDRESS_BITS = $clog2(2 * SIZE_IN);
  if (INDEX_BITS < $clog2(SIZE_IN + 1)) begin : g_check
    $error("stream_gather: INDEX_BITS=%0d do not hold SIZE_IN=%0d", INDEX_BITS, SIZE_IN);
  end

  logic [1:0] full;  // which half holds an image that is still to be read
  logic write_half, read_half, filled;
  logic [ADDRESS_BITS-1:0] position;
  wire final_in, final_out;
  wire [INDEX_BITS-1:0] index;
  wire write = in_valid && in_ready;
  wire read = full[read_half] && (!out_valid || out_ready);
  wire fill = index == INDEX_BITS'(SIZE_IN);
  assign in_ready = !full[write_half];

  loop_counter #(.COUNT(SIZE_IN)) written (.clk(clk), .rst(rst), .step(write), .last(final_in));
  loop_counter #(.COUNT(SIZE_OUT)) given (.clk(clk), .rst(rst), .step(read), .last(final_out));
  weight_memory #(.DEPTH(SIZE_OUT), .WIDTH(INDEX_BITS), .BLOCK(INDEX_BLOCK), .WORD(INDEX), .FILE(FILE)) indices (
      .clk(clk), .rst(rst), .advance(read), .data(index)
  );
  always_ff @(posedge clk) begin
    if (rst) begin
      full <= 2'b00;
      write_half <= 1'b0;
      read_half <= 1'b0;
      position <= '0;
      out_valid <= 1'b0;
    end else begin
      if (write) position <= final_in ? '0 : position + 1'b1;
      if (write && final_in) begin
        full[write_half] <= 1'b1;
        write_half <= !write_half;
      end
      if (read && final_out) begin
        full[read_half] <= 1'b0;
        read_half <= !read_half;
      end
      if (read || out_ready) out_valid <= read;
    end
    if (read) filled <= fill;
  end

  wire [CODE_BITS-1:0] stored;
  wire [ADDRESS_BITS-1:0] write_address = write_half ? ADDRESS_BITS'(SIZE_IN) + position : position;
  wire [ADDRESS_BITS-1:0] wanted = fill ? '0 : ADDRESS_BITS'(index);
  wire [ADDRESS_BITS-1:0] read_address = read_half ? ADDRESS_BITS'(SIZE_IN) + wanted : wanted;
  memory_sdp #(.DEPTH(2 * SIZE_IN), .WIDTH(CODE_BITS), .BLOCK(BLOCK)) codes (
      .clk(clk), .write(write), .write_address(write_address), .write_data(in_data),
      .read(read), .read_address(read_address), .read_data(stored)
  );
  assign out_data = filled ? FILL : stored;
`ifdef DIETCNN_ASSERT
  always_ff @(posedge clk) if (!rst && read) assert (index <= INDEX_BITS'(SIZE_IN))
    else $error("index %0d lies behind the SIZE_IN=%0d codes of an image", index, SIZE_IN);
`endif
endmodule
