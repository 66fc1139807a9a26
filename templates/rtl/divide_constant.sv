// SPDX-License-Identifier: Apache-2.0
// Division by a constant, towards zero.
//
// Formula  out = in / DIVISOR
// Ports    LANES integers of IN_BITS bits a beat, two's complement if SIGNED; results of OUT_BITS bits likewise.
// Folding  one beat a cycle.  Latency  1 cycle.
// Cost     a divider of IN_BITS by a constant in logic for every lane: give divisors that are powers of two to a shift.

module divide_constant #(
    parameter int unsigned LANES = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned DIVISOR = 3,
    parameter int unsigned OUT_BITS = 8
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [LANES*IN_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [LANES*OUT_BITS-1:0] out_data
);
  localparam int unsigned WIDE = IN_BITS + 33;  // holds the divisor, too
  localparam logic [WIDE-1:0] BY = WIDE'(DIVISOR);
  if (DIVISOR == 0 || OUT_BITS > IN_BITS + 1) begin : g_check
    $error("divide_constant: DIVISOR=%0d, OUT_BITS=%0d for IN_BITS=%0d", DIVISOR, OUT_BITS, IN_BITS);
  end
  wire [LANES*OUT_BITS-1:0] quotients;
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    wire [IN_BITS-1:0] code = in_data[l*IN_BITS +: IN_BITS];
    wire negative = SIGNED & code[IN_BITS-1];
    wire [IN_BITS-1:0] absolute = negative ? -code : code;  // of the lowest code, too, as an unsigned number
    wire [WIDE-1:0] value = WIDE'(absolute);
    /* verilator lint_off UNUSEDSIGNAL */  // a quotient has fewer bits
    wire [WIDE-1:0] magnitude = value / BY;
    /* verilator lint_on UNUSEDSIGNAL */
    assign quotients[l*OUT_BITS +: OUT_BITS] = negative ? -magnitude[OUT_BITS-1:0] : magnitude[OUT_BITS-1:0];
  end
  stream_repeat #(.WORD_BITS(LANES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(quotients),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
