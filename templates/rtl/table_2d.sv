// SPDX-License-Identifier: Apache-2.0
// Constant table in logic with two indices: value = TABLE[row - ROW_LO][column].
//
// Layout   entry (r, c) lies at TABLE[((r*COLUMNS) + c)*BITS +: BITS]; r counts from the lowest row code. `row` is two's
//          complement where ROW_LO < 0, else unsigned. Codes outside the table read as 0.
// Latency  none (combinational). Every output bit is its own vector of constants, as in lookup.sv.

module table_2d #(
    parameter int unsigned ROW_BITS = 1,
    parameter int ROW_LO = 0,
    parameter int unsigned ROWS = 2,
    parameter int unsigned COLUMN_BITS = 1,
    parameter int unsigned COLUMNS = 2,
    parameter int unsigned BITS = 1,
    parameter logic [ROWS*COLUMNS*BITS-1:0] TABLE = '0
) (
    input  logic [ROW_BITS-1:0] row,
    input  logic [COLUMN_BITS-1:0] column,
    output logic [BITS-1:0] value
);
  localparam int unsigned SPAN = 2 ** (ROW_BITS + COLUMN_BITS);
  wire [ROW_BITS+COLUMN_BITS-1:0] index = {row, column};

  // bit b of all entries, in the order of `index`
  function automatic logic [SPAN-1:0] entries(input integer b);
    integer r, c, place;
    entries = '0;
    for (r = 0; r < ROWS; r = r + 1) begin
      place = (r + ROW_LO + 2 ** ROW_BITS) % (2 ** ROW_BITS);
      for (c = 0; c < COLUMNS; c = c + 1) begin
        entries[place * 2 ** COLUMN_BITS + c] = TABLE[(r * COLUMNS + c) * BITS + b];
      end
    end
  endfunction

  for (genvar b = 0; b < BITS; b = b + 1) begin : g_bit
    localparam logic [SPAN-1:0] ENTRIES = entries(b);
    assign value[b] = ENTRIES[index];
  end
endmodule
