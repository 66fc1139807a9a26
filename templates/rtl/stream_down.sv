// SPDX-License-Identifier: Apache-2.0
// Narrows a stream: a beat of RATIO words becomes RATIO beats of one word, low bits first.
//
// Ports    the input beat must stay until it is taken, which happens with its last word: no register is needed here.
// Folding  one word a cycle.  Latency  none (combinational).

module stream_down #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned RATIO = 2
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [RATIO*WORD_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [WORD_BITS-1:0] out_data
);
  localparam int unsigned BITS = RATIO > 1 ? $clog2(RATIO) : 1;
  logic [BITS-1:0] place;
  wire last = place == BITS'(RATIO - 1);
  wire step = out_valid && out_ready;
  assign out_valid = in_valid;
  assign in_ready = out_ready && last;
  always_ff @(posedge clk) begin
    if (rst || (step && last)) place <= '0;
    else if (step) place <= place + 1'b1;
  end

  // one column of candidates a bit, as wide as the index reaches
  for (genvar b = 0; b < WORD_BITS; b = b + 1) begin : g_bit
    wire [2**BITS-1:0] column;
    for (genvar i = 0; i < 2 ** BITS; i = i + 1) begin : g_word
      if (i < RATIO) begin : g_used
        assign column[i] = in_data[i*WORD_BITS+b];
      end else begin : g_unused
        assign column[i] = 1'b0;
      end
    end
    assign out_data[b] = column[place];
  end
`ifdef DIETCNN_ASSERT
  stream_check #(.WIDTH(WORD_BITS)) out_check (.clk(clk), .rst(rst), .valid(out_valid), .ready(out_ready), .data(out_data));
  always_ff @(posedge clk) if (!rst) assert (32'(place) < RATIO) else $error("place %0d of RATIO=%0d words", place, RATIO);
`endif
endmodule
