// SPDX-License-Identifier: Apache-2.0
// Sliding window that reads one word a beat out of a ring memory, with replay for several output passes.
//
// Formula  for y, x over output positions, g < GROUPS, r < REPEATS, i < KERNEL_H, j < KERNEL_W, c < CHUNKS/GROUPS:
//          out = in(y*STRIDE_H + i, x*STRIDE_W + j, g*CHUNKS/GROUPS + c); `out_last` marks the end of each (i, j, c).
// Ports    in: CHUNKS words of WORD_BITS bits a pixel, raster order, images back to back. out: one word a beat.
// Folding  one beat a cycle, without bubbles between windows, rows and images as long as the ring is ahead.
//          A dense layer is the case HEIGHT = WIDTH = KERNEL = 1 with CHUNKS words.
// Latency  1 cycle from the arrival of a window's last word to its first beat, if the ring was waiting for it.
// Memory   DEPTH words (a power of two), at least the SPAN from a window's first to its last word; what is beyond it
//          lets the producer run ahead. BLOCK chooses block RAM.
//
// `lead` counts the words between the start of the current window and the write pointer, less SPAN: a window may start
// when it is not negative. Leaving a window subtracts the distance to the next one, which may reach into words that
// have not arrived (unused borders): `lead` is then far below zero and the write pointer passes over them.

module window_ring #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned CHUNKS = 1,
    parameter int unsigned HEIGHT = 1,
    parameter int unsigned WIDTH = 1,
    parameter int unsigned KERNEL_H = 1,
    parameter int unsigned KERNEL_W = 1,
    parameter int unsigned STRIDE_H = 1,
    parameter int unsigned STRIDE_W = 1,
    parameter int unsigned REPEATS = 1,
    parameter int unsigned GROUPS = 1,
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
    output logic [WORD_BITS-1:0] out_data,
    output logic out_last
);
  localparam int unsigned OUT_H = (HEIGHT - KERNEL_H) / STRIDE_H + 1;
  localparam int unsigned OUT_W = (WIDTH - KERNEL_W) / STRIDE_W + 1;
  localparam int unsigned GROUP = CHUNKS / GROUPS;  // words of one pixel and group
  localparam int unsigned SPAN = ((KERNEL_H - 1) * WIDTH + KERNEL_W) * CHUNKS;
  localparam int unsigned BITS = $clog2(DEPTH);

  if (DEPTH < SPAN || 2 ** BITS != DEPTH) begin : g_check_depth
    $error("window_ring: DEPTH=%0d must be a power of two that holds the SPAN=%0d of a window", DEPTH, SPAN);
  end
  if (CHUNKS % GROUPS != 0) begin : g_check_groups
    $error("window_ring: GROUPS=%0d must divide the CHUNKS=%0d of a pixel", GROUPS, CHUNKS);
  end

  // loops, innermost first; with one group a kernel row is a single run of words
  localparam int unsigned RUN = GROUPS == 1 ? KERNEL_W * CHUNKS : GROUP;
  localparam int unsigned RUNS = GROUPS == 1 ? 1 : KERNEL_W;
  wire run_last, column_last, row_last, repeat_last, group_last, x_last, y_last;
  wire issue;
  wire row_end = run_last && column_last;
  wire pass_end = row_end && row_last;
  wire group_end = pass_end && repeat_last;
  wire window_end = group_end && group_last;
  wire line_end = window_end && x_last;
  loop_counter #(.COUNT(RUN)) run (.clk(clk), .rst(rst), .step(issue), .last(run_last));
  loop_counter #(.COUNT(RUNS)) column (.clk(clk), .rst(rst), .step(issue && run_last), .last(column_last));
  loop_counter #(.COUNT(KERNEL_H)) row (.clk(clk), .rst(rst), .step(issue && row_end), .last(row_last));
  loop_counter #(.COUNT(REPEATS)) replay (.clk(clk), .rst(rst), .step(issue && pass_end), .last(repeat_last));
  loop_counter #(.COUNT(GROUPS)) group (.clk(clk), .rst(rst), .step(issue && group_end), .last(group_last));
  loop_counter #(.COUNT(OUT_W)) x (.clk(clk), .rst(rst), .step(issue && window_end), .last(x_last));
  loop_counter #(.COUNT(OUT_H)) y (.clk(clk), .rst(rst), .step(issue && line_end), .last(y_last));

  // distance from one window's start to the next one's: along the row, to the next row, to the next image
  localparam int unsigned STEP_X = STRIDE_W * CHUNKS;
  localparam int unsigned STEP_Y = (STRIDE_H * WIDTH - (OUT_W - 1) * STRIDE_W) * CHUNKS;
  localparam int unsigned STEP_IMAGE = ((HEIGHT - (OUT_H - 1) * STRIDE_H) * WIDTH - (OUT_W - 1) * STRIDE_W) * CHUNKS;

  // lead: between -(SPAN + STEP_IMAGE) and DEPTH - SPAN
  localparam int unsigned LEAD_BITS = $clog2(DEPTH + SPAN + STEP_IMAGE + 1) + 1;
  localparam int unsigned ROOM = DEPTH - SPAN;
  logic signed [LEAD_BITS-1:0] lead;
  wire write = in_valid && in_ready;
  wire [LEAD_BITS-1:0] leave = !(issue && window_end) ? '0 : !x_last ? LEAD_BITS'(STEP_X)
      : !y_last ? LEAD_BITS'(STEP_Y) : LEAD_BITS'(STEP_IMAGE);
  wire [LEAD_BITS-1:0] arrived = LEAD_BITS'(write);
  wire go = !lead[LEAD_BITS-1];
  assign in_ready = lead != LEAD_BITS'(ROOM);
  always_ff @(posedge clk) begin
    if (rst) lead <= LEAD_BITS'(0 - SPAN);
    else lead <= lead - leave + arrived;
  end

  // addresses, modulo DEPTH: `base` is the start of the current window and group
  logic [BITS-1:0] write_address, base, address;
  wire [BITS-1:0] onward = window_end ? (!x_last ? BITS'(STEP_X - (GROUPS - 1) * GROUP)
      : !y_last ? BITS'(STEP_Y - (GROUPS - 1) * GROUP) : BITS'(STEP_IMAGE - (GROUPS - 1) * GROUP)) : BITS'(GROUP);
  wire [BITS-1:0] inward = row_end ? BITS'((WIDTH - KERNEL_W) * CHUNKS + CHUNKS - GROUP + 1)
      : run_last ? BITS'(CHUNKS - GROUP + 1) : BITS'(1);
  wire [BITS-1:0] from = pass_end ? base : address;
  wire [BITS-1:0] by = group_end ? onward : pass_end ? '0 : inward;
  wire [BITS-1:0] following = from + by;
  always_ff @(posedge clk) begin
    if (rst) write_address <= '0;
    else if (write) write_address <= write_address + 1'b1;
    if (rst) address <= '0;
    else if (issue) address <= following;
    if (rst) base <= '0;
    else if (issue && group_end) base <= following;
  end

  wire advance = out_ready || !out_valid;
  assign issue = go && advance;
  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= go;
    if (advance) out_last <= pass_end;
  end
  memory_sdp #(.DEPTH(DEPTH), .WIDTH(WORD_BITS), .BLOCK(BLOCK)) ring (
      .clk(clk), .write(write), .write_address(write_address), .write_data(in_data),
      .read(issue), .read_address(address), .read_data(out_data)
  );
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
  // words between the one that is read and the write pointer
  wire [BITS-1:0] apart = write_address - address;
  wire [BITS:0] behind = {apart == '0, apart};
  always_ff @(posedge clk) if (!rst) assert (int'(lead) <= int'(ROOM) && int'(lead) >= -int'(SPAN + STEP_IMAGE))
    else $error("lead %0d: words overwritten (ROOM=%0d) or windows left twice", lead, ROOM);
  always_ff @(posedge clk) if (!rst) assert (!issue || int'(behind) <= int'(lead) + int'(SPAN))
    else $error("the word read lies %0d behind the write pointer, of %0d that are there", behind, int'(lead) + int'(SPAN));
`endif
endmodule
