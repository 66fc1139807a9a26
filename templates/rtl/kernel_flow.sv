// SPDX-License-Identifier: Apache-2.0
// Handshake of a kernel array: moves beats through its pipeline and says when a result is complete.
//
// Ports    enable: every pipeline register of the array advances; take: the beat at the final stage counts;
//          finish: it is the last of its pass, so the result register loads and the accumulator clears.
// Folding  one beat a cycle. The array stalls only while a complete result waits for an unread one.
// Latency  a beat reaches the final stage STAGES-1 enabled cycles after it was taken; the result is valid one later.

module kernel_flow #(
    parameter int unsigned STAGES = 1
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic in_last,
    output logic out_valid,
    input  logic out_ready,
    output logic enable,
    output logic take,
    output logic finish
);
  // bit s: the beat in front of stage s; stage STAGES-1 is the final one
  wire [STAGES-1:0] valid, last;
  if (STAGES == 1) begin : g_single
    assign valid = in_valid;
    assign last = in_last;
  end else begin : g_stages
    logic [STAGES-2:0] valid_later, last_later;
    assign valid = {valid_later, in_valid};
    assign last = {last_later, in_last};
    always_ff @(posedge clk) begin
      if (rst) valid_later <= '0;
      else if (enable) valid_later <= valid[STAGES-2:0];
      if (enable) last_later <= last[STAGES-2:0];
    end
  end

  wire complete = valid[STAGES-1] && last[STAGES-1];
  assign enable = !(complete && out_valid && !out_ready);
  assign take = enable && valid[STAGES-1];
  assign finish = enable && complete;
  assign in_ready = enable;
  always_ff @(posedge clk) begin
    if (rst) out_valid <= 1'b0;
    else if (finish) out_valid <= 1'b1;
    else if (out_ready) out_valid <= 1'b0;
  end
`ifdef DIETCNN_ASSERT
  always_ff @(posedge clk) if (!rst) assert (!(finish && out_valid && !out_ready))
    else $error("a result was overwritten before it was taken");
`endif
endmodule
