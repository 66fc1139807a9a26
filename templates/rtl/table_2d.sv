// SPDX-License-Identifier: Apache-2.0
// Constant table in logic with two indices: value = TABLE[row - ROW_LO][column].
//
// Layout   entry (r, c) lies at TABLE[((r*COLUMNS) + c)*BITS +: BITS]; r counts from the lowest row code. `row` is two's
//          complement where ROW_LO < 0, else unsigned. Codes outside the table read as 0.
// Latency  none (combinational). Every output bit is its own column of constants, as in lookup.sv.

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

  for (genvar b = 0; b < BITS; b = b + 1) begin : g_bit
    wire [SPAN-1:0] entries;
    for (genvar i = 0; i < SPAN; i = i + 1) begin : g_entry
      localparam int RAW = i / (2 ** COLUMN_BITS);
      localparam int CODE = ROW_LO < 0 && RAW >= 2 ** (ROW_BITS - 1) ? RAW - 2 ** ROW_BITS : RAW;
      localparam int unsigned ENTRY_ROW = CODE >= ROW_LO ? CODE - ROW_LO : ROWS;
      localparam int unsigned ENTRY_COLUMN = i % (2 ** COLUMN_BITS);
      if (ENTRY_ROW < ROWS && ENTRY_COLUMN < COLUMNS) begin : g_used
        assign entries[i] = TABLE[(ENTRY_ROW*COLUMNS+ENTRY_COLUMN)*BITS+b];
      end else begin : g_unused
        assign entries[i] = 1'b0;
      end
    end
    assign value[b] = entries[index];
  end
endmodule
