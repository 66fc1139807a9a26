// SPDX-License-Identifier: Apache-2.0
// Register stage that cuts all ways through a stream: data, `valid` and `ready` leave it from registers.
//
// A word that arrives while the one before it is still there waits in a spare register.
// Folding  one word a cycle.  Latency  1 cycle.

module stream_skid #(
    parameter int unsigned WORD_BITS = 1
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
  logic [WORD_BITS-1:0] spare;  // holds a word while `in_ready` is low
  wire move = out_ready || !out_valid;
  always_ff @(posedge clk) begin
    if (rst) begin
      in_ready <= 1'b1;
      out_valid <= 1'b0;
    end else begin
      in_ready <= move || (in_ready && !in_valid);
      if (move) out_valid <= in_valid || !in_ready;
    end
    if (in_ready) spare <= in_data;
    if (move) out_data <= in_ready ? in_data : spare;
  end
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
`endif
endmodule
