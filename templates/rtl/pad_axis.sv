// SPDX-License-Identifier: Apache-2.0
// Position along one padded axis: BEFORE padding steps, LENGTH inside, AFTER padding steps, and again.
//
// Latency  none: `inside` and `last` describe the current step. AHEAD: both are registers of their own.

module pad_axis #(
    parameter int unsigned BEFORE = 0,
    parameter int unsigned LENGTH = 1,
    parameter int unsigned AFTER = 0,
    parameter bit AHEAD = 1'b0
) (
    input  logic clk,
    input  logic rst,
    input  logic step,
    output logic inside_image,
    output logic last
);
  localparam int unsigned COUNT = BEFORE + LENGTH + AFTER;
  if (COUNT == 1) begin : g_once
    wire unused = &{1'b0, clk, rst, step};
    assign inside_image = 1'b1;
    assign last = 1'b1;
  end else begin : g_count
    localparam int unsigned BITS = $clog2(COUNT);
    logic [BITS-1:0] value;
    always_ff @(posedge clk) begin
      if (rst || (step && last)) value <= '0;
      else if (step) value <= value + 1'b1;
    end
    if (AHEAD) begin : g_ahead
      // set and cleared by the step that leads there
      logic inner, final_step;
      always_ff @(posedge clk) begin
        if (rst) final_step <= 1'b0;
        else if (step) final_step <= value == BITS'(COUNT - 2) && !final_step;
        if (rst) inner <= BEFORE == 0;
        else if (step && final_step) inner <= BEFORE == 0;
        else if (step && BEFORE != 0 && value == BITS'(BEFORE - 1)) inner <= 1'b1;
        else if (step && AFTER != 0 && value == BITS'(BEFORE + LENGTH - 1)) inner <= 1'b0;
      end
      assign last = final_step;
      assign inside_image = inner;
    end else begin : g_compared
      wire after_start, before_end;
      if (BEFORE == 0) begin : g_no_start
        assign after_start = 1'b1;
      end else begin : g_start
        assign after_start = value >= BITS'(BEFORE);
      end
      if (AFTER == 0) begin : g_no_end
        assign before_end = 1'b1;
      end else begin : g_end
        assign before_end = value < BITS'(BEFORE + LENGTH);
      end
      assign last = value == BITS'(COUNT - 1);
      assign inside_image = after_start && before_end;
    end
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (32'(value) < COUNT) else $error("value %0d of COUNT=%0d", value, COUNT);
`endif
  end
endmodule
