// SPDX-License-Identifier: Apache-2.0
// Constant table in logic: value = TABLE[index].
//
// Layout   entry i lies at TABLE[i*BITS +: BITS]; entries beyond ENTRIES read as 0.
// Latency  none (combinational).
// Every output bit is its own column of constants: up to 6 index bits that is one LUT6 a bit, and with up to 5 the
// synthesiser can merge the column into the adder or comparator that reads it. A single wide table would be taken for a
// ROM by newer Yosys versions, whose register merging breaks that.

module lookup #(
    parameter int unsigned ENTRIES = 2,
    parameter int unsigned BITS = 1,
    parameter logic [ENTRIES*BITS-1:0] TABLE = '0
) (
    input  logic [(ENTRIES > 1 ? $clog2(ENTRIES) : 1)-1:0] index,
    output logic [BITS-1:0] value
);
  localparam int unsigned SPAN = ENTRIES > 1 ? 2 ** $clog2(ENTRIES) : 2;

  for (genvar b = 0; b < BITS; b = b + 1) begin : g_bit
    wire [SPAN-1:0] column;
    for (genvar i = 0; i < SPAN; i = i + 1) begin : g_entry
      if (i < ENTRIES) begin : g_used
        assign column[i] = TABLE[i*BITS+b];
      end else begin : g_unused
        assign column[i] = 1'b0;
      end
    end
    assign value[b] = column[index];
  end
endmodule
