// SPDX-License-Identifier: Apache-2.0
// Sum of decoded integers over windows: average pooling, whose division the thresholds behind it absorb.
//
// Formula  out(y, x) = sum over i < KERNEL_H, j < KERNEL_W of integer(in(y*STRIDE_H + i, x*STRIDE_W + j)), no padding
// Ports    CODES codes of CODE_BITS bits a beat, CHANNELS/CODES beats a pixel, raster order; out: CODES sums of OUT_BITS bits,
//          two's complement if any integer is negative.
// Layout   INTEGERS: 2^CODE_BITS integers of INTEGER_BITS bits if DECODE, else codes are the integers. ROW_BITS holds the
//          sum of one window row. SIGNED: integers and sums are two's complement.
// Folding  one beat a cycle; first along x, then along y on the pixels that are left.
// Latency  none from the window's last word (combinational); 1 cycle with BREAK, a register between the two directions.
// AHEAD    ends of rows and images are known from registers (loop_counter).

module sum_pool #(
    parameter int unsigned CODE_BITS = 1,
    parameter int unsigned INTEGER_BITS = CODE_BITS,
    parameter int unsigned ROW_BITS = INTEGER_BITS,
    parameter int unsigned OUT_BITS = INTEGER_BITS,
    parameter int unsigned CODES = 1,
    parameter int unsigned CHANNELS = 1,
    parameter bit SIGNED = 1'b0,
    parameter bit DECODE = 1'b0,
    parameter logic [(DECODE ? 2**CODE_BITS : 1)*INTEGER_BITS-1:0] INTEGERS = '0,
    parameter int unsigned HEIGHT = 1,
    parameter int unsigned WIDTH = 1,
    parameter int unsigned KERNEL_H = 1,
    parameter int unsigned KERNEL_W = 1,
    parameter int unsigned STRIDE_H = 1,
    parameter int unsigned STRIDE_W = 1,
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
    output logic [CODES*OUT_BITS-1:0] out_data
);
  localparam int unsigned WORD = CODES * INTEGER_BITS;
  localparam int unsigned CHUNKS = CHANNELS / CODES;
  localparam int unsigned OUT_W = (WIDTH - KERNEL_W) / STRIDE_W + 1;

  wire row_valid, row_ready, across_valid, across_ready;
  wire [WORD-1:0] integers;
  wire [KERNEL_W*WORD-1:0] row_data;
  wire [CODES*ROW_BITS-1:0] row_sum, across;
  wire [KERNEL_H*CODES*ROW_BITS-1:0] column_data;

  for (genvar c = 0; c < CODES; c = c + 1) begin : g_code
    decode_code #(.IN_BITS(CODE_BITS), .OUT_BITS(INTEGER_BITS), .DECODE(DECODE), .TABLE(INTEGERS), .SIGNED(SIGNED)) decoder (
        .code(in_data[c*CODE_BITS +: CODE_BITS]), .value(integers[c*INTEGER_BITS +: INTEGER_BITS])
    );
  end
  // along x a pixel takes the place of a row
  line_buffer #(
      .WORD_BITS(WORD), .ROWS(KERNEL_W), .LINE(CHUNKS), .HEIGHT(WIDTH), .STRIDE(STRIDE_W), .BLOCK(BLOCK), .AHEAD(AHEAD)
  ) along_x (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(integers),
      .out_valid(row_valid), .out_ready(row_ready), .out_data(row_data)
  );
  sum_words #(.WORDS(KERNEL_W), .CODES(CODES), .IN_BITS(INTEGER_BITS), .OUT_BITS(ROW_BITS), .SIGNED(SIGNED)) sum_across (
      .words(row_data), .word(row_sum)
  );
  if (BREAK) begin : g_break
    stream_skid #(.WORD_BITS(CODES * ROW_BITS)) between (
        .clk(clk), .rst(rst), .in_valid(row_valid), .in_ready(row_ready), .in_data(row_sum),
        .out_valid(across_valid), .out_ready(across_ready), .out_data(across)
    );
  end else begin : g_wire
    assign across_valid = row_valid;
    assign row_ready = across_ready;
    assign across = row_sum;
  end
  line_buffer #(
      .WORD_BITS(CODES * ROW_BITS), .ROWS(KERNEL_H), .LINE(OUT_W * CHUNKS), .HEIGHT(HEIGHT), .STRIDE(STRIDE_H), .BLOCK(BLOCK),
      .AHEAD(AHEAD)
  ) along_y (
      .clk(clk), .rst(rst), .in_valid(across_valid), .in_ready(across_ready), .in_data(across),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(column_data)
  );
  sum_words #(.WORDS(KERNEL_H), .CODES(CODES), .IN_BITS(ROW_BITS), .OUT_BITS(OUT_BITS), .SIGNED(SIGNED)) sum_down (
      .words(column_data), .word(out_data)
  );
endmodule
