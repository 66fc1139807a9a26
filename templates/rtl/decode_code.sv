// SPDX-License-Identifier: Apache-2.0
// Code to integer, modulo 2^OUT_BITS.
//
// Formula  value = TABLE[code] if DECODE, else the code, extended by its sign if SIGNED, times 2^SHIFT
//
// Layout   TABLE: 2^IN_BITS entries of OUT_BITS bits.  Latency  none (combinational).

module decode_code #(
    parameter int unsigned IN_BITS = 1,
    parameter int unsigned OUT_BITS = 1,
    parameter bit DECODE = 1'b0,
    parameter logic [(DECODE ? 2**IN_BITS : 1)*OUT_BITS-1:0] TABLE = '0,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned SHIFT = 0
) (
    input  logic [IN_BITS-1:0] code,
    output logic [OUT_BITS-1:0] value
);
  if (DECODE) begin : g_table
    lookup #(.ENTRIES(2 ** IN_BITS), .BITS(OUT_BITS), .TABLE(TABLE)) entry (.index(code), .value(value));
  end else begin : g_plain
    wire unused = &{1'b0, TABLE};
    /* verilator lint_off UNUSEDSIGNAL */  // the extension is dropped where the value is narrower
    wire signed [IN_BITS:0] wide = {SIGNED & code[IN_BITS-1], code};
    /* verilator lint_on UNUSEDSIGNAL */
    assign value = OUT_BITS'(wide) << SHIFT;
  end
endmodule
