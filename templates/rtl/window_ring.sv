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
// AHEAD    the loops run one beat ahead and leave what they decide in registers, and so is `in_ready` one: short paths, the
//          same cycles. Whoever reads must be ready for all beats but the last of a pass (kernel_feed).
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
  wire issue;  // a beat is read
  wire row_end = run_last && column_last;
  wire pass_end = row_end && row_last;
  wire group_end = pass_end && repeat_last;
  wire window_end = group_end && group_last;
  // the level around another one steps with its last beat; AHEAD a cycle later, which is soon enough (loop_level)
  if (AHEAD) begin : g_loops
    // after reset the innermost level of several turns is in its second one
    localparam int unsigned FIRST_RUN = 1;
    localparam int unsigned FIRST_COLUMN = RUN == 1 ? 1 : 0;
    localparam int unsigned FIRST_ROW = RUNS == 1 ? FIRST_COLUMN : 0;
    localparam int unsigned FIRST_REPLAY = KERNEL_H == 1 ? FIRST_ROW : 0;
    localparam int unsigned FIRST_GROUP = REPEATS == 1 ? FIRST_REPLAY : 0;
    localparam int unsigned FIRST_X = GROUPS == 1 ? FIRST_GROUP : 0;
    localparam int unsigned FIRST_Y = OUT_W == 1 ? FIRST_X : 0;
    wire [6:0] step;
    /* verilator lint_off UNUSEDSIGNAL */  // nothing lies around the images
    wire [6:0] carry;
    /* verilator lint_on UNUSEDSIGNAL */
    assign step = {carry[5:0], issue};
    loop_level #(.COUNT(RUN), .FIRST(FIRST_RUN)) run (
        .clk(clk), .rst(rst), .step(step[0]), .last(run_last), .next(carry[0])
    );
    loop_level #(.COUNT(RUNS), .FIRST(FIRST_COLUMN)) column (
        .clk(clk), .rst(rst), .step(step[1]), .last(column_last), .next(carry[1])
    );
    loop_level #(.COUNT(KERNEL_H), .FIRST(FIRST_ROW)) row (
        .clk(clk), .rst(rst), .step(step[2]), .last(row_last), .next(carry[2])
    );
    loop_level #(.COUNT(REPEATS), .FIRST(FIRST_REPLAY)) replay (
        .clk(clk), .rst(rst), .step(step[3]), .last(repeat_last), .next(carry[3])
    );
    loop_level #(.COUNT(GROUPS), .FIRST(FIRST_GROUP)) group (
        .clk(clk), .rst(rst), .step(step[4]), .last(group_last), .next(carry[4])
    );
    loop_level #(.COUNT(OUT_W), .FIRST(FIRST_X)) x (
        .clk(clk), .rst(rst), .step(step[5]), .last(x_last), .next(carry[5])
    );
    loop_level #(.COUNT(OUT_H), .FIRST(FIRST_Y)) y (
        .clk(clk), .rst(rst), .step(step[6]), .last(y_last), .next(carry[6])
    );
  end else begin : g_counters
    wire line_end = window_end && x_last;
    loop_counter #(.COUNT(RUN)) run (.clk(clk), .rst(rst), .step(issue), .last(run_last));
    loop_counter #(.COUNT(RUNS)) column (.clk(clk), .rst(rst), .step(issue && run_last), .last(column_last));
    loop_counter #(.COUNT(KERNEL_H)) row (.clk(clk), .rst(rst), .step(issue && row_end), .last(row_last));
    loop_counter #(.COUNT(REPEATS)) replay (.clk(clk), .rst(rst), .step(issue && pass_end), .last(repeat_last));
    loop_counter #(.COUNT(GROUPS)) group (.clk(clk), .rst(rst), .step(issue && group_end), .last(group_last));
    loop_counter #(.COUNT(OUT_W)) x (.clk(clk), .rst(rst), .step(issue && window_end), .last(x_last));
    loop_counter #(.COUNT(OUT_H)) y (.clk(clk), .rst(rst), .step(issue && line_end), .last(y_last));
  end

  // distance from one window's start to the next one's: along the row, to the next row, to the next image
  localparam int unsigned STEP_X = STRIDE_W * CHUNKS;
  localparam int unsigned STEP_Y = (STRIDE_H * WIDTH - (OUT_W - 1) * STRIDE_W) * CHUNKS;
  localparam int unsigned STEP_IMAGE = ((HEIGHT - (OUT_H - 1) * STRIDE_H) * WIDTH - (OUT_W - 1) * STRIDE_W) * CHUNKS;

  // lead: between -(SPAN + FARTHEST) and DEPTH - SPAN; a stride beyond the window's size makes a row's step the farthest
  localparam int unsigned STEP_ROW = STEP_X > STEP_Y ? STEP_X : STEP_Y;
  localparam int unsigned FARTHEST = STEP_ROW > STEP_IMAGE ? STEP_ROW : STEP_IMAGE;
  localparam int unsigned LEAD_BITS = $clog2(DEPTH + SPAN + FARTHEST + 1) + 1;
  localparam int unsigned ROOM = DEPTH - SPAN;
  logic signed [LEAD_BITS-1:0] lead;
  wire write = in_valid && in_ready;
  wire [LEAD_BITS-1:0] step = !window_end ? '0 : !x_last ? LEAD_BITS'(STEP_X)
      : !y_last ? LEAD_BITS'(STEP_Y) : LEAD_BITS'(STEP_IMAGE);
  wire go = !lead[LEAD_BITS-1];

  // addresses, modulo DEPTH: `base` is the start of the current window and group
  logic [BITS-1:0] write_address, base, address;
  wire [BITS-1:0] onward = window_end ? (!x_last ? BITS'(STEP_X - (GROUPS - 1) * GROUP)
      : !y_last ? BITS'(STEP_Y - (GROUPS - 1) * GROUP) : BITS'(STEP_IMAGE - (GROUPS - 1) * GROUP)) : BITS'(GROUP);
  wire [BITS-1:0] inward = row_end ? BITS'((WIDTH - KERNEL_W) * CHUNKS + CHUNKS - GROUP + 1)
      : run_last ? BITS'(CHUNKS - GROUP + 1) : BITS'(1);
  wire [BITS-1:0] distance = group_end ? onward : pass_end ? '0 : inward;

  // what the loops say of the beat that is to be read: the pass, the group and the window end with it, the way to the next
  wire ends_pass, ends_group;
  wire [LEAD_BITS-1:0] lead_next;
  wire [BITS-1:0] by;
  if (AHEAD) begin : g_ahead
    // the first beat's
    localparam bit FIRST_PASS = RUN * RUNS * KERNEL_H == 1;
    localparam bit FIRST_GROUP = FIRST_PASS && REPEATS == 1;
    localparam bit FIRST_WINDOW = FIRST_GROUP && GROUPS == 1;
    localparam int unsigned LEFT = OUT_W > 1 ? STEP_X : OUT_H > 1 ? STEP_Y : STEP_IMAGE;
    localparam int unsigned FIRST_STEP = FIRST_WINDOW ? LEFT : 0;
    localparam int unsigned ONWARD = FIRST_WINDOW ? LEFT - (GROUPS - 1) * GROUP : GROUP;
    localparam int unsigned INWARD = RUN * RUNS == 1 ? (WIDTH - KERNEL_W) * CHUNKS + CHUNKS - GROUP + 1
        : RUN == 1 ? CHUNKS - GROUP + 1 : 1;
    localparam logic [BITS-1:0] FIRST_DISTANCE = BITS'(FIRST_GROUP ? ONWARD : FIRST_PASS ? 0 : INWARD);
    logic pass_stored, group_stored, window_stored, room;
    logic [LEAD_BITS-1:0] step_stored;
    logic [BITS-1:0] distance_stored;
    always_ff @(posedge clk) begin
      if (rst || issue) begin
        pass_stored <= rst ? FIRST_PASS : pass_end;
        group_stored <= rst ? FIRST_GROUP : group_end;
        window_stored <= rst ? FIRST_WINDOW : window_end;
        step_stored <= rst ? LEAD_BITS'(0 - FIRST_STEP) : '0 - step;
        distance_stored <= rst ? FIRST_DISTANCE : distance;
      end
      // the ring is full after this cycle
      room <= rst || (issue && window_stored) || !(lead == LEAD_BITS'(ROOM) || (write && lead == LEAD_BITS'(ROOM - 1)));
    end
    assign ends_pass = pass_stored;
    assign ends_group = group_stored;
    // one sum, with the word that arrives as the carry into it
    wire [LEAD_BITS:0] moved = {lead, 1'b1} + {issue ? step_stored : LEAD_BITS'(0), write};
    wire unused = moved[0];
    assign lead_next = moved[LEAD_BITS:1];
    assign by = distance_stored;
    assign in_ready = room;
  end else begin : g_now
    assign ends_pass = pass_end;
    assign ends_group = group_end;
    wire [LEAD_BITS-1:0] leave = issue ? step : '0;
    wire [LEAD_BITS-1:0] arrived = LEAD_BITS'(write);
    assign lead_next = lead - leave + arrived;
    assign by = distance;
    assign in_ready = lead != LEAD_BITS'(ROOM);
  end
  wire [BITS-1:0] from = ends_pass ? base : address;
  wire [BITS-1:0] following = from + by;
  always_ff @(posedge clk) begin
    if (rst) lead <= LEAD_BITS'(0 - SPAN);
    else lead <= lead_next;
    if (rst) write_address <= '0;
    else if (write) write_address <= write_address + 1'b1;
    if (rst) address <= '0;
    else if (issue) address <= following;
    if (rst) base <= '0;
    else if (issue && ends_group) base <= following;
  end

  // AHEAD: whoever reads is ready for all but a last beat, and none is offered while there is no beat
  wire advance = out_ready || (!AHEAD && !out_valid);
  assign issue = go && advance;
  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (advance) out_valid <= go;
    if (advance) out_last <= ends_pass && (go || !AHEAD);
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
  always_ff @(posedge clk) if (!rst) assert (int'(lead) <= int'(ROOM) && int'(lead) >= -int'(SPAN + FARTHEST))
    else $error("lead %0d: words overwritten (ROOM=%0d) or windows left twice", lead, ROOM);
  always_ff @(posedge clk) if (!rst) assert (!issue || int'(behind) <= int'(lead) + int'(SPAN))
    else $error("the word read lies %0d behind the write pointer, of %0d that are there", behind, int'(lead) + int'(SPAN));
`endif
endmodule
