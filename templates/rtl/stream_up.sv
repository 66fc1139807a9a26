// SPDX-License-Identifier: Apache-2.0
// Widens a stream: RATIO beats of one word become one beat, first word in the low bits.
//
// Folding  one input word a cycle, without bubbles.
// Latency  none from the last word to the output (combinational); the others wait in a shift register.

module stream_up #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned RATIO = 2
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [WORD_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [RATIO*WORD_BITS-1:0] out_data
);
  wire last;
  wire step = in_valid && in_ready;
  assign out_valid = in_valid && last;
  assign in_ready = out_ready || !last;
  loop_counter #(.COUNT(RATIO)) place (.clk(clk), .rst(rst), .step(step), .last(last));

  if (RATIO == 1) begin : g_wire
    assign out_data = in_data;
  end else begin : g_shift
    logic [(RATIO-1)*WORD_BITS-1:0] stored;
    assign out_data = {in_data, stored};
    always_ff @(posedge clk) if (step) stored <= out_data[RATIO*WORD_BITS-1:WORD_BITS];
  end
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(RATIO*WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
`endif
endmodule
