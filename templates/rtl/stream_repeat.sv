// SPDX-License-Identifier: Apache-2.0
// Register stage that presents every word REPEATS times.
//
// Folding  one output beat a cycle; the next word may arrive during the last repetition of the current one.
// Latency  1 cycle.

module stream_repeat #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned REPEATS = 1
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [WORD_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [WORD_BITS-1:0] out_data
);
  wire final_turn;
  loop_counter #(.COUNT(REPEATS)) turn (.clk(clk), .rst(rst), .step(out_valid && out_ready), .last(final_turn));
  assign in_ready = !out_valid || (out_ready && final_turn);
  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (in_ready) out_valid <= in_valid;
    if (in_ready && in_valid) out_data <= in_data;
  end
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
`endif
endmodule
