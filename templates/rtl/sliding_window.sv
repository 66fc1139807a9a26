// SPDX-License-Identifier: Apache-2.0
// Turns a stream of pixels into the windows of a convolution (or the vector of a dense layer), SIMD codes a beat.
//
// Ports    in: CODES codes of CODE_BITS bits a beat, code k at bits k*CODE_BITS, CHANNELS/CODES beats a pixel, raster
//          order, images back to back (PIXELS > 1, for shape 2 without padding: that many whole pixels a beat).
//          out: SIMD codes a beat, `out_last` with the last beat of each pass.
// Folding  the whole pass over a window is repeated REPEATS times (output passes), per group of channels. SHAPE:
//            0  SIMD = CODES: beats run over (kh, kw, channel), lanes over CODES channels;
//            1  SIMD = KERNEL_H*CODES: beats run over (kw, channel), lanes over (kh, CODES channels);
//            2  SIMD = KERNEL_H*KERNEL_W*CODES: beats run over channels, lanes over (kh, kw, CODES channels);
//               GROUPS = 1, and REPEATS = 1 unless CODES = CHANNELS.
//          Lanes are numbered in (kh, kw, channel) order. One beat a cycle, no bubbles between windows and images.
// Padding  PAD_* pixels of code FILL around the image; they take beats of the input side.
// Memory   shape 0: ring of DEPTH words of CODES codes. Shape 1: KERNEL_H-1 lines and a ring of DEPTH columns.
//          Shape 2: KERNEL_H-1 lines, a buffer of DEPTH columns (none if 0) and KERNEL_W-1 columns of registers.
//          BLOCK_LINES, BLOCK_RING choose block RAM.
// AHEAD    positions, ends and room are known from registers: short paths, the same cycles.
// Latency  1 cycle after the window's last word (3 in shape 2 with a buffer; 0 where a 1x1 window is used once: no memory).

module sliding_window #(
    parameter int unsigned CODE_BITS = 1,
    parameter int unsigned CODES = 1,
    parameter int unsigned CHANNELS = 1,
    parameter int unsigned PIXELS = 1,
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
    parameter int unsigned FILL = 0,
    parameter int unsigned SHAPE = 0,
    parameter int unsigned SIMD = 1,
    parameter int unsigned REPEATS = 1,
    parameter int unsigned GROUPS = 1,
    parameter int unsigned DEPTH = 2,
    parameter bit BLOCK_LINES = 1'b0,
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
    output logic [SIMD*CODE_BITS-1:0] out_data,
    output logic out_last
);
  localparam int unsigned WORD = CODES * CODE_BITS;
  localparam int unsigned CHUNKS = CHANNELS / CODES;
  localparam int unsigned PAD_H = PAD_TOP + HEIGHT + PAD_BOTTOM;
  localparam int unsigned PAD_W = PAD_LEFT + WIDTH + PAD_RIGHT;
  localparam int unsigned OUT_H = (PAD_H - KERNEL_H) / STRIDE_H + 1;
  localparam int unsigned LANES = SHAPE == 0 ? CODES : SHAPE == 1 ? KERNEL_H * CODES : KERNEL_H * KERNEL_W * CODES;

  if (CHANNELS % CODES != 0) begin : g_check_codes
    $error("sliding_window: CODES=%0d must divide CHANNELS=%0d", CODES, CHANNELS);
  end
  if (PIXELS != 1 && (SHAPE != 2 || CODES != CHANNELS || PAD_H != HEIGHT || PAD_W != WIDTH)) begin : g_check_pixels
    $error("sliding_window: PIXELS=%0d need SHAPE=2 without padding and CODES=%0d equal to CHANNELS", PIXELS, CODES);
  end
  if (SIMD != LANES) begin : g_check_simd
    $error("sliding_window: SIMD=%0d, but SHAPE=%0d yields %0d codes a beat", SIMD, SHAPE, LANES);
  end
  if (SHAPE == 2 && (GROUPS != 1 || (REPEATS != 1 && CHUNKS != 1))) begin : g_check_full
    $error("sliding_window: SHAPE=2 cannot replay REPEATS=%0d a pixel of %0d words in GROUPS=%0d", REPEATS, CHUNKS, GROUPS);
  end

  wire padded_valid, padded_ready;
  wire [PIXELS*WORD-1:0] padded_data;
  if (PAD_H == HEIGHT && PAD_W == WIDTH) begin : g_bare
    assign padded_valid = in_valid;
    assign in_ready = padded_ready;
    assign padded_data = in_data;
  end else begin : g_pad
    stream_pad #(
        .WORD_BITS(WORD), .CHUNKS(CHUNKS), .HEIGHT(HEIGHT), .WIDTH(WIDTH), .TOP(PAD_TOP), .BOTTOM(PAD_BOTTOM),
        .LEFT(PAD_LEFT), .RIGHT(PAD_RIGHT), .FILL({CODES{CODE_BITS'(FILL)}}), .AHEAD(AHEAD)
    ) border (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(padded_valid), .out_ready(padded_ready), .out_data(padded_data)
    );
  end

  if (SHAPE == 2) begin : g_full
    window_full #(
        .CODE_BITS(CODE_BITS), .CODES(CODES), .CHUNKS(CHUNKS), .PIXELS(PIXELS), .HEIGHT(PAD_H), .WIDTH(PAD_W),
        .KERNEL_H(KERNEL_H), .KERNEL_W(KERNEL_W), .STRIDE_H(STRIDE_H), .STRIDE_W(STRIDE_W), .REPEATS(REPEATS),
        .DEPTH(DEPTH), .BLOCK(BLOCK_LINES), .BLOCK_RING(BLOCK_RING), .AHEAD(AHEAD)
    ) whole (
        .clk(clk), .rst(rst), .in_valid(padded_valid), .in_ready(padded_ready), .in_data(padded_data),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .out_last(out_last)
    );
  end else if (KERNEL_H == 1 && KERNEL_W == 1 && STRIDE_H == 1 && STRIDE_W == 1 && REPEATS == 1) begin : g_direct
    wire pass_last;
    assign out_valid = padded_valid;
    assign padded_ready = out_ready;
    assign out_data = padded_data;
    loop_counter #(.COUNT(CHUNKS / GROUPS), .AHEAD(AHEAD)) word (
        .clk(clk), .rst(rst), .step(out_valid && out_ready), .last(pass_last)
    );
    assign out_last = pass_last;
    wire unused = &{1'b0, BLOCK_RING, BLOCK_LINES};
  end else if (SHAPE == 1) begin : g_columns
    wire column_valid, column_ready;
    wire [SIMD*CODE_BITS-1:0] column;
    line_buffer #(
        .WORD_BITS(WORD), .ROWS(KERNEL_H), .LINE(PAD_W * CHUNKS), .HEIGHT(PAD_H), .STRIDE(STRIDE_H), .BLOCK(BLOCK_LINES),
        .AHEAD(AHEAD)
    ) lines (
        .clk(clk), .rst(rst), .in_valid(padded_valid), .in_ready(padded_ready), .in_data(padded_data),
        .out_valid(column_valid), .out_ready(column_ready), .out_data(column)
    );
    window_ring #(
        .WORD_BITS(SIMD * CODE_BITS), .CHUNKS(CHUNKS), .HEIGHT(OUT_H), .WIDTH(PAD_W), .KERNEL_H(1), .KERNEL_W(KERNEL_W),
        .STRIDE_H(1), .STRIDE_W(STRIDE_W), .REPEATS(REPEATS), .GROUPS(GROUPS), .DEPTH(DEPTH), .BLOCK(BLOCK_RING),
        .AHEAD(AHEAD)
    ) columns (
        .clk(clk), .rst(rst), .in_valid(column_valid), .in_ready(column_ready), .in_data(column),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .out_last(out_last)
    );
  end else begin : g_words
    window_ring #(
        .WORD_BITS(WORD), .CHUNKS(CHUNKS), .HEIGHT(PAD_H), .WIDTH(PAD_W), .KERNEL_H(KERNEL_H), .KERNEL_W(KERNEL_W),
        .STRIDE_H(STRIDE_H), .STRIDE_W(STRIDE_W), .REPEATS(REPEATS), .GROUPS(GROUPS), .DEPTH(DEPTH), .BLOCK(BLOCK_RING),
        .AHEAD(AHEAD)
    ) pixels (
        .clk(clk), .rst(rst), .in_valid(padded_valid), .in_ready(padded_ready), .in_data(padded_data),
        .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data), .out_last(out_last)
    );
    wire unused = &{1'b0, BLOCK_LINES};
  end
endmodule
