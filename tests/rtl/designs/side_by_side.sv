// SPDX-License-Identifier: Apache-2.0
// Lanes that are synthesised in one run and kept apart: a run of Yosys reads libraries for four seconds before it begins.

// The lanes of DESIGN's cost table, a sum of eight and a product alone, a ROM in block RAM and one in LUTs, each with its file;
// two instances of one module and gates of the top's own.
module side_by_side #(
    parameter BLOCK_FILE = "",
    parameter LUT_FILE = ""
) (
    input  logic                clk,
    input  logic                clear,
    input  logic                en,
    input  logic [23:0]         x,
    input  logic [15:0]         w,
    output logic [35:0]         block_q,
    output logic [15:0]         lut_q,
    output logic [15:0]         table_32, table_64, table_registered, table_again,
    output logic [15:0]         multiplier_3, multiplier_4, multiplier_8,
    output logic [15:0]         sum, y,
    output logic [7:0]          mixed
);
    table_lane lane_32 (.clk, .clear, .en, .x(x[2:0]), .w(w[1:0]), .acc(table_32));
    table_lane lane_again (.clk, .clear, .en, .x(x[5:3]), .w(w[3:2]), .acc(table_again));
    table_lane #(.WB(3)) lane_64 (.clk, .clear, .en, .x(x[2:0]), .w(w[2:0]), .acc(table_64));
    table_lane #(.WB(3), .REGISTERED(1)) lane_registered (
        .clk, .clear, .en, .x(x[2:0]), .w(w[2:0]), .acc(table_registered)
    );
    multiplier_lane #(.XB(3), .WB(3)) lane_3 (.clk, .clear, .en, .x(x[2:0]), .w(w[2:0]), .acc(multiplier_3));
    multiplier_lane #(.XB(4), .WB(4)) lane_4 (.clk, .clear, .en, .x(x[3:0]), .w(w[3:0]), .acc(multiplier_4));
    multiplier_lane lane_8 (.clk, .clear, .en, .x(x[7:0]), .w(w[7:0]), .acc(multiplier_8));
    simd_lanes #(.LANES(8)) lanes (.clk, .clear, .en, .x, .w, .acc(sum));
    product alone (.x(x[7:0]), .w(w[7:0]), .y);
    rom #(.DEPTH(1024), .W(36), .FILE(BLOCK_FILE)) in_block (.clk, .en, .addr(x[9:0]), .q(block_q));
    rom #(.DEPTH(128), .W(16), .LUTS(1), .FILE(LUT_FILE)) in_luts (.clk, .en, .addr(x[6:0]), .q(lut_q));
    assign mixed = table_32[7:0] ^ table_again[7:0];
endmodule

// Multipliers of 8 bits and of SMALL.
module two_multipliers #(
    parameter int unsigned SMALL = 8
) (
    input  logic        clk,
    input  logic        clear,
    input  logic        en,
    input  logic [7:0]  x,
    input  logic [7:0]  w,
    output logic [15:0] large, small
);
    multiplier_lane lane_8 (.clk, .clear, .en, .x, .w, .acc(large));
    multiplier_lane #(.XB(SMALL), .WB(SMALL)) lane_small (
        .clk, .clear, .en, .x(x[SMALL-1:0]), .w(w[SMALL-1:0]), .acc(small)
    );
endmodule
