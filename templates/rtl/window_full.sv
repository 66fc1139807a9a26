// SPDX-License-Identifier: Apache-2.0
// Sliding window that presents a whole window of CODES channels in one beat: KERNEL_H-1 line delays, then KERNEL_W-1
// pixel delays, then a register.
//
// Ports    in: PIXELS neighbouring pixels a beat, PIXELS a divisor of WIDTH (PIXELS = 1: CHUNKS words of CODES codes a pixel).
// Formula  out = in(y*STRIDE_H + i, x*STRIDE_W + j, chunk) for all i < KERNEL_H, j < KERNEL_W, low bits first in
//          (i, j, code) order; beats run over the CHUNKS words of a pixel; `out_last` with the last of them.
// Folding  each beat is presented REPEATS times; while it is, the delays already move on to the next window.
// Memory   the lines (BLOCK: block RAM) and, with DEPTH > 0, a buffer of DEPTH words of PIXELS columns behind them
//          (BLOCK_RING), so that the next image's first lines arrive while the last windows are still taken.
// Latency  1 cycle after the window's last word, 3 with a buffer.
// AHEAD    ends of rows, images and pixels are known from registers (loop_counter).

module window_full #(
    parameter int unsigned CODE_BITS = 1,
    parameter int unsigned CODES = 1,
    parameter int unsigned CHUNKS = 1,
    parameter int unsigned PIXELS = 1,
    parameter int unsigned HEIGHT = 1,
    parameter int unsigned WIDTH = 1,
    parameter int unsigned KERNEL_H = 1,
    parameter int unsigned KERNEL_W = 1,
    parameter int unsigned STRIDE_H = 1,
    parameter int unsigned STRIDE_W = 1,
    parameter int unsigned REPEATS = 1,
    parameter int unsigned DEPTH = 0,
    parameter bit BLOCK = 1'b0,
    parameter bit BLOCK_RING = 1'b0,
    parameter bit AHEAD = 1'b0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [PIXELS*CODES*CODE_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [KERNEL_H*KERNEL_W*CODES*CODE_BITS-1:0] out_data,
    output logic out_last
);
  localparam int unsigned WORD = CODES * CODE_BITS;
  localparam int unsigned COLUMN = KERNEL_H * WORD;

  if (WIDTH % PIXELS != 0 || (PIXELS != 1 && CHUNKS != 1)) begin : g_check
    $error("window_full: PIXELS=%0d must divide WIDTH=%0d and be 1 where a pixel has CHUNKS=%0d", PIXELS, WIDTH, CHUNKS);
  end

  wire line_valid, line_ready, columns_valid, columns_ready, column_valid, column_ready, window_valid, window_ready;
  wire [PIXELS*COLUMN-1:0] line, columns_in, columns;
  wire [COLUMN-1:0] column;
  wire [KERNEL_W*COLUMN-1:0] window;  // (kw, kh, code) order
  wire [KERNEL_W*COLUMN-1:0] ordered;  // (kh, kw, code) order

  line_buffer #(
      .WORD_BITS(PIXELS * WORD), .ROWS(KERNEL_H), .LINE(WIDTH * CHUNKS / PIXELS), .HEIGHT(HEIGHT), .STRIDE(STRIDE_H),
      .BLOCK(BLOCK), .AHEAD(AHEAD)
  ) lines (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
      .out_valid(line_valid), .out_ready(line_ready), .out_data(line)
  );
  // rows of pixels to columns of rows
  for (genvar i = 0; i < KERNEL_H; i = i + 1) begin : g_line
    for (genvar k = 0; k < PIXELS; k = k + 1) begin : g_pixel
      assign columns_in[(k*KERNEL_H+i)*WORD +: WORD] = line[(i*PIXELS+k)*WORD +: WORD];
    end
  end
  if (DEPTH == 0) begin : g_no_buffer
    assign columns_valid = line_valid;
    assign line_ready = columns_ready;
    assign columns = columns_in;
    wire unused = BLOCK_RING;
  end else begin : g_buffer
    stream_fifo #(.WORD_BITS(PIXELS * COLUMN), .DEPTH(DEPTH), .BLOCK(BLOCK_RING)) buffered (
        .clk(clk), .rst(rst), .in_valid(line_valid), .in_ready(line_ready), .in_data(columns_in),
        .out_valid(columns_valid), .out_ready(columns_ready), .out_data(columns)
    );
  end
  if (PIXELS == 1) begin : g_one_pixel
    assign column_valid = columns_valid;
    assign columns_ready = column_ready;
    assign column = columns;
  end else begin : g_pixels
    stream_down #(.WORD_BITS(COLUMN), .RATIO(PIXELS)) split (
        .clk(clk), .rst(rst), .in_valid(columns_valid), .in_ready(columns_ready), .in_data(columns),
        .out_valid(column_valid), .out_ready(column_ready), .out_data(column)
    );
  end
  // along x a pixel takes the place of a row
  line_buffer #(
      .WORD_BITS(COLUMN), .ROWS(KERNEL_W), .LINE(CHUNKS), .HEIGHT(WIDTH), .STRIDE(STRIDE_W), .AHEAD(AHEAD)
  ) pixels (
      .clk(clk), .rst(rst), .in_valid(column_valid), .in_ready(column_ready), .in_data(column),
      .out_valid(window_valid), .out_ready(window_ready), .out_data(window)
  );
  for (genvar i = 0; i < KERNEL_H; i = i + 1) begin : g_row
    for (genvar j = 0; j < KERNEL_W; j = j + 1) begin : g_column
      assign ordered[(i*KERNEL_W+j)*WORD +: WORD] = window[(j*KERNEL_H+i)*WORD +: WORD];
    end
  end
  stream_repeat #(.WORD_BITS(KERNEL_W * COLUMN), .REPEATS(REPEATS)) hold (
      .clk(clk), .rst(rst), .in_valid(window_valid), .in_ready(window_ready), .in_data(ordered),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
  loop_counter #(.COUNT(CHUNKS), .AHEAD(AHEAD)) chunk (.clk(clk), .rst(rst), .step(out_valid && out_ready), .last(out_last));
endmodule
