// SPDX-License-Identifier: Apache-2.0
// Keeps the last ROWS-1 rows of an image and presents, with every word of the newest row, the words above it.
//
// Formula  out = {in(y, i), in(y-1, i), .., in(y-ROWS+1, i)}, oldest row in the low bits, for rows y >= ROWS-1 with
//          (y-ROWS+1) % STRIDE = 0; other rows are swallowed.
// Ports    one word of WORD_BITS bits a beat; LINE words a row, HEIGHT rows an image, images back to back.
// Folding  one word a cycle. The same module delays along x: a "row" is then a pixel and LINE the words of a pixel.
// Latency  none from the newest word to the output (combinational).
// Memory   LINE words of (ROWS-1)*WORD_BITS bits; BLOCK chooses block RAM. LINE = 1 is a shift register.
// AHEAD    ends of rows and images are known from registers (loop_counter).

module line_buffer #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned ROWS = 1,
    parameter int unsigned LINE = 1,
    parameter int unsigned HEIGHT = 1,
    parameter int unsigned STRIDE = 1,
    parameter bit BLOCK = 1'b0,
    parameter bit AHEAD = 1'b0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [WORD_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [ROWS*WORD_BITS-1:0] out_data
);
  if (HEIGHT < ROWS) begin : g_check
    $error("line_buffer: ROWS=%0d rows of a window do not fit an image of HEIGHT=%0d", ROWS, HEIGHT);
  end

  localparam int unsigned KEPT = (ROWS - 1) * WORD_BITS;
  wire step = in_valid && in_ready;
  wire emit;

  if (ROWS == 1 && STRIDE == 1) begin : g_every
    wire unused = &{1'b0, clk, rst, step, AHEAD};
    assign emit = 1'b1;
  end else begin : g_select
    // rows still to be swallowed before the next one that is emitted
    localparam int unsigned MOST = ROWS > STRIDE ? ROWS - 1 : STRIDE - 1;
    localparam int unsigned BITS = $clog2(MOST + 1);
    wire row_end, image_end;
    logic [BITS-1:0] skip;
    if (AHEAD) begin : g_ahead
      logic emitted;
      wire row_step, image_step;
      wire unused = image_step;
      loop_level #(.COUNT(LINE)) column (.clk(clk), .rst(rst), .step(step), .last(row_end), .next(row_step));
      loop_level #(.COUNT(HEIGHT)) row (.clk(clk), .rst(rst), .step(row_step), .last(image_end), .next(image_step));
      assign emit = emitted;
      always_ff @(posedge clk) begin
        if (rst || (step && row_end && image_end)) emitted <= ROWS == 1;
        else if (step && row_end) emitted <= emit ? STRIDE == 1 : skip == BITS'(1);
      end
    end else begin : g_now
      loop_counter #(.COUNT(LINE)) column (.clk(clk), .rst(rst), .step(step), .last(row_end));
      loop_counter #(.COUNT(HEIGHT)) row (.clk(clk), .rst(rst), .step(step && row_end), .last(image_end));
      assign emit = skip == '0;
    end
    always_ff @(posedge clk) begin
      if (rst || (step && row_end && image_end)) skip <= BITS'(ROWS - 1);
      else if (step && row_end) skip <= emit ? BITS'(STRIDE - 1) : skip - 1'b1;
    end
  end

  assign out_valid = in_valid && emit;
  assign in_ready = out_ready || !emit;

  if (ROWS == 1) begin : g_none
    assign out_data = in_data;
  end else begin : g_kept
    logic [KEPT-1:0] above;
    assign out_data = {in_data, above};
    wire [KEPT-1:0] shifted = out_data[WORD_BITS +: KEPT];
    if (LINE == 1) begin : g_shift
      always_ff @(posedge clk) if (step) above <= shifted;
    end else begin : g_memory
      localparam int unsigned BITS = $clog2(LINE);
      logic [BITS-1:0] position;
      wire [BITS-1:0] following = position == BITS'(LINE - 1) ? '0 : position + 1'b1;
      always_ff @(posedge clk) begin
        if (rst) position <= '0;
        else if (step) position <= following;
      end
`ifdef DIETCNN_ASSERT
      always_ff @(posedge clk) if (!rst) assert (32'(position) < LINE) else $error("position %0d of LINE=%0d", position, LINE);
`endif
      memory_sdp #(.DEPTH(LINE), .WIDTH(KEPT), .BLOCK(BLOCK)) kept_rows (
          .clk(clk), .write(step), .write_address(position), .write_data(shifted),
          .read(step), .read_address(following), .read_data(above)
      );
    end
  end
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(ROWS*WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
`endif
endmodule
