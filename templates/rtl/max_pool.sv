// SPDX-License-Identifier: Apache-2.0
// Maximum over windows of codes; sorted codebooks make it the maximum of the values.
//
// Formula  out(y, x) = max over i < KERNEL_H, j < KERNEL_W of in(y*STRIDE_H + i, x*STRIDE_W + j), padding never wins.
// Ports    CODES codes of CODE_BITS bits a beat, CHANNELS/CODES beats a pixel, raster order; SIGNED codes compare as two's
//          complement. FILL is the lowest code.
// Folding  one beat a cycle; first along x, then along y on the pixels that are left.
// Latency  none from the window's last word (combinational); 1 cycle with BREAK, a register between the two directions.
// AHEAD    ends of rows and images are known from registers (loop_counter).

module max_pool #(
    parameter int unsigned CODE_BITS = 1,
    parameter int unsigned CODES = 1,
    parameter int unsigned CHANNELS = 1,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned HEIGHT = 1,
    parameter int unsigned WIDTH = 1,
    parameter int unsigned KERNEL_H = 1,
    parameter int unsigned KERNEL_W = 1,
    parameter int unsigned STRIDE_H = 1,
    parameter int unsigned STRIDE_W = 1,
    parameter int unsigned PAD_TOP = 0,
    parameter int unsigned PAD_BOTTOM = 0,
    parameter int unsigned PAD_LEFT = 0,
    parameter int unsigned PAD_RIGHT = 0,
    parameter logic [CODE_BITS-1:0] FILL = '0,
    parameter bit BLOCK = 1'b0,
    parameter bit AHEAD = 1'b0,
    parameter bit BREAK = 1'b0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [CODES*CODE_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [CODES*CODE_BITS-1:0] out_data
);
  localparam int unsigned WORD = CODES * CODE_BITS;
  localparam int unsigned CHUNKS = CHANNELS / CODES;
  localparam int unsigned PAD_H = PAD_TOP + HEIGHT + PAD_BOTTOM;
  localparam int unsigned PAD_W = PAD_LEFT + WIDTH + PAD_RIGHT;
  localparam int unsigned OUT_W = (PAD_W - KERNEL_W) / STRIDE_W + 1;

  wire padded_valid, padded_ready, row_valid, row_ready, across_valid, across_ready;
  wire [WORD-1:0] padded_data, row_best, across_data;
  wire [KERNEL_W*WORD-1:0] row_data;
  wire [KERNEL_H*WORD-1:0] column_data;

  if (PAD_H == HEIGHT && PAD_W == WIDTH) begin : g_bare
    assign padded_valid = in_valid;
    assign in_ready = padded_ready;
    assign padded_data = in_data;
  end else begin : g_pad
    stream_pad #(
        .WORD_BITS(WORD), .CHUNKS(CHUNKS), .HEIGHT(HEIGHT), .WIDTH(WIDTH), .TOP(PAD_TOP), .BOTTOM(PAD_BOTTOM),
        .LEFT(PAD_LEFT), .RIGHT(PAD_RIGHT), .FILL({CODES{FILL}}), .AHEAD(AHEAD)
    ) border (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(padded_valid), .out_ready(padded_ready), .out_data(padded_data)
    );
  end

  // along x a pixel takes the place of a row
  line_buffer #(
      .WORD_BITS(WORD), .ROWS(KERNEL_W), .LINE(CHUNKS), .HEIGHT(PAD_W), .STRIDE(STRIDE_W), .BLOCK(BLOCK), .AHEAD(AHEAD)
  ) along_x (
      .clk(clk), .rst(rst), .in_valid(padded_valid), .in_ready(padded_ready), .in_data(padded_data),
      .out_valid(row_valid), .out_ready(row_ready), .out_data(row_data)
  );
  max_words #(.WORDS(KERNEL_W), .CODES(CODES), .CODE_BITS(CODE_BITS), .SIGNED(SIGNED)) across (
      .words(row_data), .word(row_best)
  );
  if (BREAK) begin : g_break
    stream_skid #(.WORD_BITS(WORD)) between (
        .clk(clk), .rst(rst), .in_valid(row_valid), .in_ready(row_ready), .in_data(row_best),
        .out_valid(across_valid), .out_ready(across_ready), .out_data(across_data)
    );
  end else begin : g_wire
    assign across_valid = row_valid;
    assign row_ready = across_ready;
    assign across_data = row_best;
  end
  line_buffer #(
      .WORD_BITS(WORD), .ROWS(KERNEL_H), .LINE(OUT_W * CHUNKS), .HEIGHT(PAD_H), .STRIDE(STRIDE_H), .BLOCK(BLOCK),
      .AHEAD(AHEAD)
  ) along_y (
      .clk(clk), .rst(rst), .in_valid(across_valid), .in_ready(across_ready), .in_data(across_data),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(column_data)
  );
  max_words #(.WORDS(KERNEL_H), .CODES(CODES), .CODE_BITS(CODE_BITS), .SIGNED(SIGNED)) down (
      .words(column_data), .word(out_data)
  );
endmodule
