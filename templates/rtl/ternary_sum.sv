// SPDX-License-Identifier: Apache-2.0
// Sum of three operands of either sign in a register, a LUT a bit.
//
// Formula  sum = +-a +-b +-c, modulo 2^WIDTH; bit 0, 1, 2 of NEGATE: a, b, c is subtracted, at most two of them.
// Ports    advance: the register loads; a, b, c: operands, aligned and extended to WIDTH bits.
// Latency  1 cycle.
// Cost     WIDTH LUT6s and their carries. A LUT's O6 is the parity of its three bits and of the majority one bit lower, which the
//          O5 there gives; that majority is also what the carry generates. O5 leaves the slice by the output that a sum without a
//          register would need, hence the register. Vivado infers the same from the plain sum; Yosys does not, so for 7-series
//          parts (DIETCNN_CARRY4) it is spelt out.

module ternary_sum #(
    parameter int unsigned WIDTH = 8,
    parameter logic [2:0] NEGATE = 3'b000
) (
    input  logic clk,
    input  logic advance,
    input  logic [WIDTH-1:0] a,
    input  logic [WIDTH-1:0] b,
    input  logic [WIDTH-1:0] c,
    output logic [WIDTH-1:0] sum
);
  if (NEGATE == 3'b111) begin : g_check
    $error("ternary_sum: NEGATE must leave one operand positive");
  end
  // each subtracted operand is inverted and lacks 1
  localparam bit ONE = NEGATE != 3'b000;
  localparam bit TWO = NEGATE == 3'b011 || NEGATE == 3'b101 || NEGATE == 3'b110;
  wire [WIDTH-1:0] total;

`ifdef DIETCNN_CARRY4
  localparam int unsigned CHAINS = (WIDTH + 3) / 4;
  localparam logic [31:0] A = NEGATE[0] ? 32'h55555555 : 32'haaaaaaaa;
  localparam logic [31:0] B = NEGATE[1] ? 32'h33333333 : 32'hcccccccc;
  localparam logic [31:0] C = NEGATE[2] ? 32'h0f0f0f0f : 32'hf0f0f0f0;
  localparam logic [31:0] BELOW = 32'hff00ff00;
  wire [4*CHAINS-1:0] propagate, generated, result, carry;
  wire [WIDTH:0] majority;
  assign majority[0] = TWO;
  for (genvar i = 0; i < 4 * CHAINS; i = i + 1) begin : g_bit
    if (i < WIDTH) begin : g_used
      LUT6_2 #(
          .INIT({A ^ B ^ C ^ BELOW, (A & B) | (A & C) | (B & C)})
      ) bits (
          .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(majority[i]), .I4(1'b0), .I5(1'b1),
          .O6(propagate[i]), .O5(majority[i+1])
      );
      assign generated[i] = majority[i];
    end else begin : g_none
      assign propagate[i] = 1'b0;
      assign generated[i] = 1'b0;
    end
  end
  for (genvar i = 0; i < CHAINS; i = i + 1) begin : g_chain
    CARRY4 chain (
        .CI(i == 0 ? 1'b0 : carry[(i > 0 ? 4 * i : 1)-1]), .CYINIT(i == 0 ? ONE : 1'b0),
        .DI(generated[4*i +: 4]), .S(propagate[4*i +: 4]), .O(result[4*i +: 4]), .CO(carry[4*i +: 4])
    );
  end
  assign total = result[WIDTH-1:0];
`else
  wire [WIDTH-1:0] first = a ^ {WIDTH{NEGATE[0]}};
  wire [WIDTH-1:0] second = b ^ {WIDTH{NEGATE[1]}};
  wire [WIDTH-1:0] third = c ^ {WIDTH{NEGATE[2]}};
  assign total = first + second + third + WIDTH'(ONE) + WIDTH'(TWO);
`endif

  always_ff @(posedge clk) if (advance) sum <= total;
endmodule
