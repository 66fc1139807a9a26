// SPDX-License-Identifier: Apache-2.0
// Encoder of one product: gates over the bits of two signed 8-bit operands, whose outputs form the rows of a sum.
//
// Formula  x*w is about a constant plus the sum of the ROWS unsigned addends (Liu et al., EncodingNet, arXiv 2402.18595).
// Layout   nets: 0-7 bits of x, 8-15 bits of w, 16+g gate g. Gate g: kind KINDS[g] (0 not, 1 and, 2 nand, 3 or, 4 nor, 5 xor,
//          6 xnor) of nets LEFTS[g] and RIGHTS[g], which come before it; NET_BITS bits an entry, 3 bits a kind.
//          Bit `column` of addend `row` is PLACES entry row*ROW_BITS + column, NET_BITS+2 bits: net, then inverted, then used.
// Latency  none (combinational).

module kernel_netlist_rows #(
    parameter int unsigned GATES = 1,
    parameter int unsigned NET_BITS = 5,
    parameter logic [GATES*3-1:0] KINDS = 3'd1,
    parameter logic [GATES*NET_BITS-1:0] LEFTS = 5'd0,
    parameter logic [GATES*NET_BITS-1:0] RIGHTS = 5'd8,
    parameter int unsigned ROWS = 1,
    parameter int unsigned ROW_BITS = 1,
    parameter logic [ROWS*ROW_BITS*(NET_BITS+2)-1:0] PLACES = 7'd80
) (
    input  logic [7:0] x,
    input  logic [7:0] w,
    output logic [ROWS*ROW_BITS-1:0] rows
);
  // gates that only other encoders' rows would read stay unread
  /* verilator lint_off UNUSEDSIGNAL */
  wire [15:0] operands = {w, x};
  for (genvar g = 0; g < GATES; g = g + 1) begin : g_gate
    localparam int unsigned KIND = 32'(KINDS[g*3 +: 3]);
    localparam int unsigned LEFT = 32'(LEFTS[g*NET_BITS +: NET_BITS]);
    localparam int unsigned RIGHT = 32'(RIGHTS[g*NET_BITS +: NET_BITS]);
    if (LEFT >= 16 + g || RIGHT >= 16 + g || KIND > 6) begin : g_check
      $error("kernel_netlist_rows: gate %0d of kind %0d reads nets LEFT=%0d, RIGHT=%0d", g, KIND, LEFT, RIGHT);
    end
    wire left, right, value;
    if (LEFT < 16) begin : g_left_operand
      assign left = operands[LEFT];
    end else begin : g_left_gate
      assign left = g_gate[LEFT-16].value;
    end
    if (RIGHT < 16) begin : g_right_operand
      assign right = operands[RIGHT];
    end else begin : g_right_gate
      assign right = g_gate[RIGHT-16].value;
    end
    if (KIND == 0) begin : g_not
      assign value = ~left;
    end else if (KIND < 3) begin : g_and
      assign value = (left & right) ^ (KIND == 2);
    end else if (KIND < 5) begin : g_or
      assign value = (left | right) ^ (KIND == 4);
    end else begin : g_xor
      assign value = left ^ right ^ (KIND == 6);
    end
  end
  /* verilator lint_on UNUSEDSIGNAL */

  for (genvar i = 0; i < ROWS * ROW_BITS; i = i + 1) begin : g_bit
    localparam logic [NET_BITS+1:0] PLACE = PLACES[i*(NET_BITS+2) +: NET_BITS+2];
    localparam int unsigned NET = 32'(PLACE[NET_BITS-1:0]);
    if (!PLACE[NET_BITS+1]) begin : g_empty
      assign rows[i] = 1'b0;
    end else if (NET < 16) begin : g_operand
      assign rows[i] = operands[NET] ^ PLACE[NET_BITS];
    end else begin : g_gate_output
      assign rows[i] = g_gate[NET-16].value ^ PLACE[NET_BITS];
    end
  end
endmodule
