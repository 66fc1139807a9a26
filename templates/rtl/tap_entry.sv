// SPDX-License-Identifier: Apache-2.0
// One lane of kernel_taps: the entry of a table at one of several indices.
//
// Formula  entry = bits of entry k of `weight`, k = indices[place*INDEX_BITS +: INDEX_BITS], place the number in `weight`.
// Layout   weight: `place`, $clog2(CHOICES) bits (at least one); above it bit 0 of all 2**INDEX_BITS entries, then bit 1 of them,
//          and so on, ENTRY_BITS in all.
// Latency  none (combinational). A constant weight leaves one vector of constants a bit, as in lookup.sv.

module tap_entry #(
    parameter int unsigned ENTRY_BITS = 4,
    parameter int unsigned INDEX_BITS = 2,
    parameter int unsigned CHOICES = 1,
    parameter int unsigned WEIGHT_BITS = 17
) (
    input  logic [CHOICES*INDEX_BITS-1:0] indices,
    input  logic [WEIGHT_BITS-1:0] weight,
    output logic [ENTRY_BITS-1:0] entry
);
  localparam int unsigned ENTRIES = 2 ** INDEX_BITS;
  localparam int unsigned PLACE_BITS = CHOICES > 1 ? $clog2(CHOICES) : 1;
  localparam int unsigned OFFERED = 2 ** PLACE_BITS * INDEX_BITS;
  if (WEIGHT_BITS != PLACE_BITS + ENTRIES * ENTRY_BITS) begin : g_check
    $error("tap_entry: WEIGHT_BITS=%0d, CHOICES=%0d, INDEX_BITS=%0d, ENTRY_BITS=%0d", WEIGHT_BITS, CHOICES, INDEX_BITS,
           ENTRY_BITS);
  end

  wire [INDEX_BITS-1:0] index;
  if (CHOICES == 1) begin : g_only
    wire unused = &{1'b0, weight[0]};
    assign index = indices;
  end else begin : g_chosen
    wire [PLACE_BITS-1:0] place = weight[PLACE_BITS-1:0];
    wire [OFFERED-1:0] offered = OFFERED'(indices);
    for (genvar i = 0; i < INDEX_BITS; i = i + 1) begin : g_index
      wire [2**PLACE_BITS-1:0] bits;
      for (genvar c = 0; c < 2 ** PLACE_BITS; c = c + 1) begin : g_choice
        assign bits[c] = offered[c*INDEX_BITS+i];
      end
      assign index[i] = bits[place];
    end
  end
  for (genvar b = 0; b < ENTRY_BITS; b = b + 1) begin : g_bit
    wire [ENTRIES-1:0] column = weight[PLACE_BITS+b*ENTRIES +: ENTRIES];
    assign entry[b] = column[index];
  end
endmodule
