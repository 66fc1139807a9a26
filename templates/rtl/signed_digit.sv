// SPDX-License-Identifier: Apache-2.0
// One digit of a signed-digit weight applied to an integer, without the carry of the negation.
//
// Formula  addend = field's code = 0 ? 0 : integer << POSITIONS[code - 1], inverted where the field's sign bit is set: one less
//          than the negative.
// Layout   field: position code in the low bits, sign above. POSITIONS: shift number i, 4 bits, at POSITIONS[4*i]; they
//          increase. Codes beyond COUNT do not occur.
// Latency  none (combinational). Neighbouring positions, if there are more than three, become a barrel shifter, whose stages
//          cost less than a wide multiplexer; the inversion shares the LUTs of the adder behind.

module signed_digit #(
    parameter int unsigned INTEGER_BITS = 8,
    parameter bit INTEGER_SIGNED = 1'b0,
    parameter int unsigned BITS = 11,
    parameter int unsigned COUNT = 3,
    parameter logic [4*COUNT-1:0] POSITIONS = 12'h210
) (
    input  logic [INTEGER_BITS-1:0] integer_value,
    input  logic [$clog2(COUNT+1):0] field,
    output logic [BITS-1:0] addend
);
  localparam int unsigned CODE = $clog2(COUNT + 1);
  localparam int unsigned LOWEST = 32'(POSITIONS[3:0]);
  localparam int unsigned HIGHEST = 32'(POSITIONS[4*COUNT-1 -: 4]);
  localparam int unsigned EXTENSION = BITS - INTEGER_BITS;
  if (BITS < INTEGER_BITS + HIGHEST + (INTEGER_SIGNED ? 0 : 1)) begin : g_check
    $error("signed_digit: BITS=%0d cannot hold %0d bits shifted by HIGHEST=%0d", BITS, INTEGER_BITS, HIGHEST);
  end

  wire [CODE-1:0] code = field[CODE-1:0];
  wire negative = field[CODE];
  wire extend = INTEGER_SIGNED & integer_value[INTEGER_BITS-1];
  wire [BITS-1:0] shifted;
  if (COUNT > 3 && HIGHEST - LOWEST == COUNT - 1) begin : g_barrel
    // code i + 1 shifts by i: one too far, and a place back
    wire [BITS:0] wide = {{(EXTENSION+1) {extend}}, integer_value};
    wire [BITS:0] far = wide << code;
    wire unused = far[0];
    assign shifted = (code == '0 ? '0 : far[BITS:1]) << LOWEST;
  end else begin : g_choice
    wire [BITS-1:0] wide = {{EXTENSION{extend}}, integer_value};
    for (genvar b = 0; b < BITS; b = b + 1) begin : g_bit
      wire [2**CODE-1:0] choices;
      for (genvar i = 0; i < 2 ** CODE; i = i + 1) begin : g_code
        localparam int unsigned SHIFT = i == 0 || i > COUNT ? BITS : 32'(POSITIONS[4*(i > COUNT ? 0 : i - 1) +: 4]);
        if (SHIFT <= b) begin : g_used
          assign choices[i] = wide[b-SHIFT];
        end else begin : g_zero
          assign choices[i] = 1'b0;
        end
      end
      assign shifted[b] = choices[code];
    end
  end
  assign addend = shifted ^ {BITS{negative}};
endmodule
