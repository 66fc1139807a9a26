// SPDX-License-Identifier: Apache-2.0
// The integers behind a beat's codes: integer = INTEGERS[code - CODE_LO] if DECODE, else the code itself.
//
// Layout   INTEGERS: entry i, INTEGER_BITS bits, at INTEGERS[i*INTEGER_BITS].
// Latency  none (combinational).

module lane_integers #(
    parameter int unsigned SIMD = 1,
    parameter int unsigned CODE_BITS = 8,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 256,
    parameter int unsigned INTEGER_BITS = 8,
    parameter bit DECODE = 1'b0,
    parameter logic [CODES*INTEGER_BITS-1:0] INTEGERS = '0
) (
    input  logic [SIMD*CODE_BITS-1:0] codes,
    output logic [SIMD*INTEGER_BITS-1:0] integers
);
  if (DECODE) begin : g_decode
    for (genvar s = 0; s < SIMD; s = s + 1) begin : g_lane
      table_2d #(
          .ROW_BITS(CODE_BITS), .ROW_LO(CODE_LO), .ROWS(CODES), .COLUMN_BITS(1), .COLUMNS(1), .BITS(INTEGER_BITS),
          .TABLE(INTEGERS)
      ) decoder (
          .row(codes[s*CODE_BITS +: CODE_BITS]), .column(1'b0), .value(integers[s*INTEGER_BITS +: INTEGER_BITS])
      );
    end
  end else begin : g_plain
    assign integers = codes;
  end
endmodule
