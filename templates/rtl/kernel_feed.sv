// SPDX-License-Identifier: Apache-2.0
// Registers in front of a kernel array that never stalls: no enable reaches the array's registers, however wide it is.
//
// A pass' last beat is let through while fewer than CREDITS results are under way or wait in the result_queue behind the array.
// Ports    in: beats of a window with the weights that belong to them. out: the same, one cycle later. `taken`: a result has
//          left the queue. `array_ready`: the array's own ready, which is always high. FIXED: weights are constants and pass by.
// Folding  one beat a cycle.  Latency  1 cycle.
// Cost     the registers also take the outputs of the memories in front, whose clock-to-output is half a fast cycle.

module kernel_feed #(
    parameter int unsigned CODES_BITS = 1,
    parameter int unsigned WEIGHTS_BITS = 1,
    parameter bit FIXED = 1'b0,
    parameter int unsigned CREDITS = 2
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic in_last,
    input  logic [CODES_BITS-1:0] in_codes,
    input  logic [WEIGHTS_BITS-1:0] in_weights,
    input  logic taken,
    input  logic array_ready,
    output logic out_valid,
    output logic out_last,
    output logic [CODES_BITS-1:0] out_codes,
    output logic [WEIGHTS_BITS-1:0] out_weights
);
  localparam int unsigned BITS = $clog2(CREDITS + 1);
  logic [BITS-1:0] used;
  logic room, released;  // `room`: used != CREDITS
  wire claimed = in_valid && in_last && room;
  assign in_ready = room || !in_last;
  always_ff @(posedge clk) begin
    released <= taken && !rst;
    if (rst) begin
      used <= '0;
      room <= 1'b1;
      out_valid <= 1'b0;
    end else begin
      if (claimed && !released) used <= used + 1'b1;
      if (released && !claimed) used <= used - 1'b1;
      if (claimed != released) room <= released || used != BITS'(CREDITS - 1);
      out_valid <= in_valid && in_ready;
    end
    out_last <= in_last;
    out_codes <= in_codes;
  end
  if (FIXED) begin : g_fixed
    assign out_weights = in_weights;
  end else begin : g_register
    logic [WEIGHTS_BITS-1:0] weights;
    always_ff @(posedge clk) weights <= in_weights;
    assign out_weights = weights;
  end
  wire unused = &{1'b0, array_ready};
`ifdef DIETCNN_ASSERT
  always_ff @(posedge clk) if (!rst) assert (array_ready || !out_valid) else $error("the kernel array stalls");
  always_ff @(posedge clk) if (!rst) assert (32'(used) <= CREDITS && room == (32'(used) != CREDITS))
    else $error("%0d results under way of CREDITS=%0d", used, CREDITS);
`endif
endmodule
