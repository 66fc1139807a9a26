// SPDX-License-Identifier: Apache-2.0
// Techmap of the carry flow: sums, differences and products become carry chains before Yosys can restructure them.
//
// Applied between the `prepare` (or, with DSPs, `map_dsp`) and the `coarse` step of synth_xilinx. Without it `alumacc` merges
// sums into macc cells and rebuilds them from 3:2 compressors, which costs about twice the LUTs of chained CARRY4s.
// Here $add and $sub become one $alu each, in the operand order of the source: the second operand is the one whose logic
// shares the LUT with the carry bit, so `acc + table` puts a table of 5 index bits into the adder's own LUT6s.
// $mul of 4 bits and more becomes rows of two partial products, added pairwise by carry chains (the form that vendors'
// tools build without DSPs); left alone, it becomes a compressor tree of about a third more LUTs. Narrower products
// stay with Yosys, whose LUT mapping is smaller there.

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

    // M is multiplied; two bits of the narrower operand N select a row each
    localparam SWAP = A_BITS < B_BITS;
    localparam M_WIDTH = SWAP ? B_BITS : A_BITS;
    localparam N_WIDTH = SWAP ? A_BITS : B_BITS;
    localparam M_SIGNED = SIGNED && !(SWAP ? B_UNSIGNED : A_UNSIGNED);
    localparam N_SIGNED = SIGNED && !(SWAP ? A_UNSIGNED : B_UNSIGNED);
    localparam ROWS = (N_WIDTH + 1) / 2;
    localparam LEVELS = $clog2(ROWS);
    localparam LEAVES = 1 << LEVELS;
    localparam P_WIDTH = M_WIDTH + 2 * LEAVES;

    wire [M_WIDTH-1:0] m;
    wire [N_WIDTH-1:0] n;
    assign m = SWAP ? B : A;
    assign n = SWAP ? A : B;
    wire m_sign = M_SIGNED ? m[M_WIDTH-1] : 1'b0;
    wire n_sign = N_SIGNED ? n[N_WIDTH-1] : 1'b0;
    wire [2*ROWS-1:0] n_even;
    assign n_even = {n_sign, n};

    // node (level, j): m times bits [2 * 2^level * j +: 2 * 2^level] of n, in M_WIDTH + 2 * 2^level bits
    wire [(LEVELS+1)*LEAVES*P_WIDTH-1:0] node;
    genvar level, j;
    generate
        for (j = 0; j < LEAVES; j = j + 1) begin : g_row
            if (j < ROWS) begin : g_used
                wire [M_WIDTH+1:0] low, high;
                assign low = n_even[2*j] ? {{2{m_sign}}, m} : {(M_WIDTH + 2){1'b0}};
                assign high = n_even[2*j+1] ? {m_sign, m, 1'b0} : {(M_WIDTH + 2){1'b0}};
                // the top bit of a signed operand weighs negative
                if (N_SIGNED && j == ROWS - 1) assign node[j*P_WIDTH +: M_WIDTH+2] = low - high;
                else assign node[j*P_WIDTH +: M_WIDTH+2] = low + high;
            end else begin : g_none
                assign node[j*P_WIDTH +: M_WIDTH+2] = {(M_WIDTH + 2){1'b0}};
            end
        end
        for (level = 1; level <= LEVELS; level = level + 1) begin : g_level
            for (j = 0; j < (LEAVES >> level); j = j + 1) begin : g_node
                localparam SHIFT = 1 << level;
                localparam HALF = M_WIDTH + SHIFT;
                localparam FROM = ((level - 1) * LEAVES + 2 * j) * P_WIDTH;
                localparam TO = (level * LEAVES + j) * P_WIDTH;
                localparam PAIRED = (2 * j + 1) * (SHIFT / 2) < ROWS;
                wire [HALF-1:0] low, high;
                assign low = node[FROM +: HALF];
                assign high = node[FROM+P_WIDTH +: HALF];
                wire low_sign = (M_SIGNED || N_SIGNED && !PAIRED) ? low[HALF-1] : 1'b0;
                assign node[TO +: SHIFT] = low[SHIFT-1:0];
                if (PAIRED) assign node[TO+SHIFT +: HALF] = high + {{SHIFT{low_sign}}, low[HALF-1:SHIFT]};
                else assign node[TO+SHIFT +: HALF] = {{SHIFT{low_sign}}, low[HALF-1:SHIFT]};
            end
        end
    endgenerate

    wire [P_WIDTH-1:0] product;
    assign product = node[LEVELS*LEAVES*P_WIDTH +: P_WIDTH];
    wire product_sign = SIGNED ? product[P_WIDTH-1] : 1'b0;
    generate
        if (Y_WIDTH > P_WIDTH) assign Y = {{(Y_WIDTH - P_WIDTH){product_sign}}, product};
        else assign Y = product[Y_WIDTH-1:0];
    endgenerate
endmodule
