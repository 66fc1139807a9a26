// SPDX-License-Identifier: Apache-2.0
// One level of nested loops whose carries are registered: `next` steps the level around this one, a cycle later.
//
// A level of two turns and more takes two beats and more, so the level around it has stepped before this one ends again: at
// the end of every turn, `last` of all levels around is right. COUNT = 1 costs nothing and passes `step` on at once.
// Latency  `last` is that of the current turn.

module loop_level #(
    parameter int unsigned COUNT = 2,
    parameter int unsigned FIRST = 0
) (
    input  logic clk,
    input  logic rst,
    input  logic step,
    output logic last,
    output logic next
);
  loop_counter #(.COUNT(COUNT), .AHEAD(1'b1), .FIRST(FIRST)) level (.clk(clk), .rst(rst), .step(step), .last(last));
  if (COUNT <= 1) begin : g_once
    assign next = step;
  end else begin : g_carry
    always_ff @(posedge clk) next <= step && last && !rst;
  end
endmodule
