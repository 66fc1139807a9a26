// SPDX-License-Identifier: Apache-2.0
// One stream, several readers: each takes every word, at its own time; the next word comes when all have taken this one.
//
// Ports    out_valid, out_ready: bit reader. The data are the source's own.
// Folding  one word a cycle.  Latency  none (combinational).

module stream_fork #(
    parameter int unsigned READERS = 2
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    output logic [READERS-1:0] out_valid,
    input  logic [READERS-1:0] out_ready
);
  logic [READERS-1:0] served;
  wire [READERS-1:0] settled = served | out_ready;
  assign out_valid = in_valid ? ~served : '0;
  assign in_ready = &settled;
  always_ff @(posedge clk) begin
    if (rst || (in_valid && in_ready)) served <= '0;
    else if (in_valid) served <= settled;
  end
`ifdef DIETCNN_ASSERT
  always_ff @(posedge clk) if (!rst) assert (!(&served))
    else $error("a word is still there that all READERS=%0d have taken", READERS);
`endif
endmodule
