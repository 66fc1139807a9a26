// SPDX-License-Identifier: Apache-2.0
// Watches a stream in simulation: a word that is offered stays, unchanged, until it is taken. No hardware.
//
// Ports    valid, ready, data: of the stream, in the cycle before a clock edge.
// Use      simulations with DIETCNN_ASSERT defined: for every stream of a design, and inside the cores that hold streams.

module stream_check #(
    parameter int unsigned WIDTH = 1
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic ready,
    input logic [WIDTH-1:0] data
);
  logic waiting;  // a word was offered in the cycle before, and not taken
  logic [WIDTH-1:0] offered;
  always_ff @(posedge clk) begin
    waiting <= !rst && valid && !ready;
    offered <= data;
    if (!rst && waiting) begin
      assert (valid) else $error("a word was withdrawn before it was taken");
      assert (!valid || data == offered) else $error("a word changed from %0h to %0h before it was taken", offered, data);
    end
  end
endmodule
