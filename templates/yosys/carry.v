// SPDX-License-Identifier: Apache-2.0
// Techmap of the carry flow: sums, differences and products become carry chains before Yosys can restructure them.
//
// Applied between the `prepare` (or, with DSPs, `map_dsp`) and the `coarse` step of synth_xilinx. Without it `alumacc` merges
// sums into macc cells and rebuilds them from 3:2 compressors, which costs about twice the LUTs of chained CARRY4s.
// Here $add and $sub become one $alu each, in the operand order of the source: the second operand is the one whose logic
// shares the LUT with the carry bit, so `acc + table` puts a table of 5 index bits into the adder's own LUT6s.
// $mul of 4 bits and more becomes radix-4 Booth rows, one LUT a bit and row, less than half of the compressor tree that it
// becomes when left alone. Narrower products stay with Yosys, whose LUT mapping is smaller there.

(* techmap_celltype = "$add" *)
module diet_carry_add (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;

    wire [Y_WIDTH-1:0] unused_x, unused_co;
    \$alu #(
        .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)
    ) _TECHMAP_REPLACE_ (.A(A), .B(B), .CI(1'b0), .BI(1'b0), .Y(Y), .X(unused_x), .CO(unused_co));
endmodule

(* techmap_celltype = "$sub" *)
module diet_carry_sub (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;

    // a - b = a + ~b + 1: BI inverts B, CI adds the one
    wire [Y_WIDTH-1:0] unused_x, unused_co;
    \$alu #(
        .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)
    ) _TECHMAP_REPLACE_ (.A(A), .B(B), .CI(1'b1), .BI(1'b1), .Y(Y), .X(unused_x), .CO(unused_co));
endmodule

(* techmap_celltype = "$mul" *)
module diet_carry_mul (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;

    // bits that Yosys knows to be constant
    parameter [A_WIDTH-1:0] _TECHMAP_CONSTMSK_A_ = 0;
    parameter [A_WIDTH-1:0] _TECHMAP_CONSTVAL_A_ = 0;
    parameter [B_WIDTH-1:0] _TECHMAP_CONSTMSK_B_ = 0;
    parameter [B_WIDTH-1:0] _TECHMAP_CONSTVAL_B_ = 0;

    // {1'b0, x} times a signed weight: the operand is unsigned and one bit narrower than it is declared
    localparam SIGNED = A_SIGNED && B_SIGNED;
    localparam A_UNSIGNED = SIGNED && _TECHMAP_CONSTMSK_A_[A_WIDTH-1] && !_TECHMAP_CONSTVAL_A_[A_WIDTH-1];
    localparam B_UNSIGNED = SIGNED && _TECHMAP_CONSTMSK_B_[B_WIDTH-1] && !_TECHMAP_CONSTVAL_B_[B_WIDTH-1];
    localparam A_BITS = A_WIDTH - A_UNSIGNED;
    localparam B_BITS = B_WIDTH - B_UNSIGNED;
    wire _TECHMAP_FAIL_ = A_BITS < 4 || B_BITS < 4;

    // N is recoded into radix-4 digits -2..2, one row each, M multiplied by them; the choice with fewer LUTs
    localparam A_SIGN = SIGNED && !A_UNSIGNED;
    localparam B_SIGN = SIGNED && !B_UNSIGNED;
    localparam A_ROWS = (A_BITS + !A_SIGN + 1) / 2;
    localparam B_ROWS = (B_BITS + !B_SIGN + 1) / 2;
    localparam BY_A = A_ROWS * (B_BITS + 2) < B_ROWS * (A_BITS + 2);
    localparam M_BITS = BY_A ? B_BITS : A_BITS;
    localparam N_BITS = BY_A ? A_BITS : B_BITS;
    localparam M_SIGN = BY_A ? B_SIGN : A_SIGN;
    localparam N_SIGN = BY_A ? A_SIGN : B_SIGN;
    localparam ROWS = BY_A ? A_ROWS : B_ROWS;
    // holds -2m..2m, and every running sum, which is m times the digits so far in the same range
    localparam WIDTH = M_BITS + 2;
    localparam P_WIDTH = WIDTH + 2 * ROWS;

    wire [M_BITS-1:0] m;
    wire [N_BITS-1:0] n;
    assign m = BY_A ? B : A;
    assign n = BY_A ? A : B;
    wire m_top = M_SIGN ? m[M_BITS-1] : 1'b0;
    wire n_top = N_SIGN ? n[N_BITS-1] : 1'b0;
    wire [2*ROWS:0] digits;
    assign digits = {n_top, n_top, n, 1'b0};

    wire [ROWS*WIDTH-1:0] sums;
    wire [P_WIDTH-1:0] product;
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : g_row
            wire [2:0] digit;
            wire [WIDTH-1:0] once, twice, multiple, above, unused_x, unused_co;
            assign digit = digits[2*i +: 3];
            assign once = {m_top, m_top, m};
            assign twice = {m_top, m, 1'b0};
            assign multiple = digit[1] != digit[0] ? once : digit[2] != digit[1] ? twice : {WIDTH{1'b0}};
            if (i == 0) assign above = {WIDTH{1'b0}};
            else assign above = {{2{sums[i*WIDTH-1]}}, sums[(i-1)*WIDTH+2 +: WIDTH-2]};
            // above + multiple, or above - multiple = above + ~multiple + 1; the multiple, of 5 inputs, shares the LUT
            \$alu #(
                .A_SIGNED(1'b0), .B_SIGNED(1'b0), .A_WIDTH(WIDTH), .B_WIDTH(WIDTH), .Y_WIDTH(WIDTH)
            ) row (
                .A(above), .B(multiple ^ {WIDTH{digit[2]}}), .CI(digit[2]), .BI(1'b0),
                .Y(sums[i*WIDTH +: WIDTH]), .X(unused_x), .CO(unused_co)
            );
            assign product[2*i +: 2] = sums[i*WIDTH +: 2];
        end
    endgenerate
    wire top = sums[ROWS*WIDTH-1];
    assign product[2*ROWS +: WIDTH] = {{2{top}}, sums[(ROWS-1)*WIDTH+2 +: WIDTH-2]};
    generate
        if (Y_WIDTH > P_WIDTH) assign Y = {{(Y_WIDTH - P_WIDTH){top}}, product};
        else assign Y = product[Y_WIDTH-1:0];
    endgenerate
endmodule
