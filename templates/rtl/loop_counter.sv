// SPDX-License-Identifier: Apache-2.0
// One level of a nested loop: counts 0 .. COUNT-1 on `step`; `last` marks the final turn.
//
// Nesting  step(outer) = step(inner) && last(inner).
// Latency  none: `last` describes the current turn. COUNT = 1 costs nothing. AHEAD: `last` is a register of its own.
// FIRST    with AHEAD, the turn after reset, 0 or 1.

module loop_counter #(
    parameter int unsigned COUNT = 2,
    parameter bit AHEAD = 1'b0,
    parameter int unsigned FIRST = 0
) (
    input  logic clk,
    input  logic rst,
    input  logic step,
    output logic last
);
  if (COUNT <= 1) begin : g_once
    wire unused = &{1'b0, clk, rst, step};
    assign last = 1'b1;
  end else begin : g_count
    localparam int unsigned BITS = $clog2(COUNT);
    logic [BITS-1:0] value;
    if (AHEAD) begin : g_ahead
      logic final_turn;
      always_ff @(posedge clk) begin
        if (rst) final_turn <= FIRST == COUNT - 1;
        else if (step) final_turn <= value == BITS'(COUNT - 2) && !final_turn;
      end
      assign last = final_turn;
      // back to 0 by a sum, not by a reset that `step` would have to reach
      always_ff @(posedge clk) begin
        if (rst) value <= BITS'(FIRST);
        else if (step) value <= value + (final_turn ? BITS'(1 - COUNT) : BITS'(1));
      end
    end else begin : g_compared
      assign last = value == BITS'(COUNT - 1);
      always_ff @(posedge clk) begin
        if (rst || (step && last)) value <= '0;
        else if (step) value <= value + 1'b1;
      end
    end
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (32'(value) < COUNT) else $error("value %0d of COUNT=%0d", value, COUNT);
`endif
  end
endmodule
