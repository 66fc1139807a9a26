// SPDX-License-Identifier: Apache-2.0
// Results of a kernel array that never stalls, until they are taken; kernel_feed lets no more come than there is room for.
//
// Ports    in: a result in every cycle in which `in_valid` is high. out: a stream of them. `taken`: one leaves.
// Folding  one result a cycle.
// Latency  DEPTH cycles; 2 with MEMORY, 3 with CUT as well.
// Memory   DEPTH registers one behind the other, or, with MEMORY, a stream_fifo of DEPTH words in LUTs; CUT: and a stream_skid.

module result_queue #(
    parameter int unsigned WORD_BITS = 1,
    parameter int unsigned DEPTH = 2,
    parameter bit MEMORY = 1'b0,
    parameter bit CUT = 1'b0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    input  logic [WORD_BITS-1:0] in_data,
    output logic taken,
    output logic out_valid,
    input  logic out_ready,
    output logic [WORD_BITS-1:0] out_data
);
  assign taken = out_valid && out_ready;
  wire in_ready;
  if (MEMORY) begin : g_memory
    wire read_valid, read_ready;
    wire [WORD_BITS-1:0] word;
    stream_fifo #(.WORD_BITS(WORD_BITS), .DEPTH(DEPTH)) queue (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(in_data),
        .out_valid(read_valid), .out_ready(read_ready), .out_data(word)
    );
    if (CUT) begin : g_cut
      stream_skid #(.WORD_BITS(WORD_BITS)) cut (
          .clk(clk), .rst(rst), .in_valid(read_valid), .in_ready(read_ready), .in_data(word),
          .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
      );
    end else begin : g_direct
      assign out_valid = read_valid;
      assign read_ready = out_ready;
      assign out_data = word;
    end
  end else begin : g_registers
    wire [DEPTH:0] valid, ready;
    wire [(DEPTH+1)*WORD_BITS-1:0] words;
    assign valid[0] = in_valid;
    assign in_ready = ready[0];
    assign words[WORD_BITS-1:0] = in_data;
    for (genvar i = 0; i < DEPTH; i = i + 1) begin : g_place
      stream_repeat #(.WORD_BITS(WORD_BITS)) place (
          .clk(clk), .rst(rst), .in_valid(valid[i]), .in_ready(ready[i]), .in_data(words[i*WORD_BITS +: WORD_BITS]),
          .out_valid(valid[i+1]), .out_ready(ready[i+1]), .out_data(words[(i+1)*WORD_BITS +: WORD_BITS])
      );
    end
    assign out_valid = valid[DEPTH];
    assign ready[DEPTH] = out_ready;
    assign out_data = words[DEPTH*WORD_BITS +: WORD_BITS];
  end
  wire unused = &{1'b0, in_ready};
`ifdef DIETCNN_ASSERT
  always_ff @(posedge clk) if (!rst) assert (in_ready || !in_valid) else $error("a result found no room of DEPTH=%0d", DEPTH);
`endif
endmodule
