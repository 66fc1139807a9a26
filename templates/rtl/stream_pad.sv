// SPDX-License-Identifier: Apache-2.0
// Surrounds every image of a stream with constant pixels.
//
// Formula  out(y, x) = in(y - TOP, x - LEFT) inside the HEIGHT x WIDTH image, FILL elsewhere.
// Ports    one word of WORD_BITS bits a beat, CHUNKS words a pixel, pixels in raster order.
// Folding  one output word a cycle; padding costs beats, not logic.
// Latency  none (combinational). AHEAD: positions are known from registers (pad_axis).

module stream_pad #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned CHUNKS = 1,
    parameter int unsigned HEIGHT = 1,
    parameter int unsigned WIDTH = 1,
    parameter int unsigned TOP = 0,
    parameter int unsigned BOTTOM = 0,
    parameter int unsigned LEFT = 0,
    parameter int unsigned RIGHT = 0,
    parameter logic [WORD_BITS-1:0] FILL = '0,
    parameter bit AHEAD = 1'b0
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
  wire step = out_valid && out_ready;
  wire pixel_end, row_inside, column_inside, row_end, image_end;
  wire unused = &{1'b0, image_end};

  loop_counter #(.COUNT(CHUNKS), .AHEAD(AHEAD)) chunk (.clk(clk), .rst(rst), .step(step), .last(pixel_end));
  pad_axis #(.BEFORE(LEFT), .LENGTH(WIDTH), .AFTER(RIGHT), .AHEAD(AHEAD)) column (
      .clk(clk), .rst(rst), .step(step && pixel_end), .inside_image(column_inside), .last(row_end)
  );
  pad_axis #(.BEFORE(TOP), .LENGTH(HEIGHT), .AFTER(BOTTOM), .AHEAD(AHEAD)) row (
      .clk(clk), .rst(rst), .step(step && pixel_end && row_end), .inside_image(row_inside), .last(image_end)
  );

  wire is_image = row_inside && column_inside;
  assign out_valid = !is_image || in_valid;
  assign in_ready = is_image && out_ready;
  assign out_data = is_image ? in_data : FILL;
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
`endif
endmodule
