// SPDX-License-Identifier: Apache-2.0
// Constant table in logic: value = TABLE[index].
//
// Layout   entry i lies at TABLE[i*BITS +: BITS]; entries beyond ENTRIES read as 0.
// Latency  none (combinational).
// Every output bit is its own vector of constants: up to 6 index bits that is one LUT6 a bit, and with up to 5 the
// synthesiser can merge the vector into the adder or comparator that reads it. A single wide table would be taken for a
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

  // bit b of all entries
  function automatic logic [SPAN-1:0] entries(input integer b);
    integer i;
    entries = '0;
    for (i = 0; i < ENTRIES; i = i + 1) entries[i] = TABLE[i*BITS+b];
  endfunction

  for (genvar b = 0; b < BITS; b = b + 1) begin : g_bit
    localparam logic [SPAN-1:0] COLUMN = entries(b);
    assign value[b] = COLUMN[index];
  end
endmodule
