// SPDX-License-Identifier: Apache-2.0
// scaled = value * SCALE modulo 2^BITS, as shifts and adds over canonical signed digits: no multiplier.
//
// Cost     one adder less than SCALE has nonzero signed digits; powers of two are wires.
// Latency  none (combinational).

module constant_scaling #(
    parameter int unsigned BITS = 12,
    parameter int unsigned SCALE = 3
) (
    input  logic [BITS-1:0] value,
    output logic [BITS-1:0] scaled
);
  // signed digits of SCALE: 2^DIGITS is the first power of two above 3/2 SCALE
  localparam int unsigned DIGITS = $clog2(3 * SCALE / 2 + 1);
  // Horner's rule from the highest digit down
  for (genvar i = 0; i < DIGITS; i = i + 1) begin : g_digit
    localparam int REST = rest(DIGITS - 1 - i);
    wire [BITS-1:0] sum;
    if (i == 0) begin : g_first
      assign sum = value;
    end else begin : g_later
      wire [BITS-1:0] above = g_digit[i-1].sum << 1;
      if (REST % 2 == 0) begin : g_zero
        assign sum = above;
      end else if (REST % 4 == 1) begin : g_add
        assign sum = above + value;
      end else begin : g_subtract
        assign sum = above - value;
      end
    end
  end
  assign scaled = g_digit[DIGITS-1].sum;

  // SCALE without its lowest `count` signed digits
  function automatic integer rest(input integer count);
    integer i;
    rest = SCALE;
    for (i = 0; i < count; i = i + 1) begin
      if (rest % 2 == 0) rest = rest / 2;
      else if (rest % 4 == 1) rest = (rest - 1) / 2;
      else rest = (rest + 1) / 2;
    end
  endfunction
endmodule
