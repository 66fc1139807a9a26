// SPDX-License-Identifier: Apache-2.0
// Simulation model of one block RAM as Yosys configures it, for gate-level simulation only.
//
// Two ports over DATA_BITS data bits and one parity bit a byte (UG473, UG573). A port's width of 1, 2 or 4 reaches data only;
// 9, 18, 36 and 72 reach 8, 16, 32 and 64 data bits with their parity. Addresses count data bits; the low ones below the
// width are ignored. Reads are registered once (no output register), write modes are WRITE_FIRST, READ_FIRST and
// NO_CHANGE (numbered 0, 1, 2). Two ports that meet at one address at one edge: the reader gets the old word.
module diet_block_ram #(
    parameter int unsigned DATA_BITS = 16384,
    parameter logic [DATA_BITS-1:0] INIT_DATA = '0,
    parameter logic [DATA_BITS/8-1:0] INIT_PARITY = '0,
    parameter int unsigned READ_WIDTH_A = 0,
    parameter int unsigned READ_WIDTH_B = 0,
    parameter int unsigned WRITE_WIDTH_A = 0,
    parameter int unsigned WRITE_WIDTH_B = 0,
    parameter int unsigned MODE_A = 0,
    parameter int unsigned MODE_B = 0,
    parameter logic [71:0] START_A = '0,
    parameter logic [71:0] START_B = '0,
    parameter logic [71:0] RESET_A = '0,
    parameter logic [71:0] RESET_B = '0
) (
    input  logic        clk_a,
    input  logic        en_a,
    input  logic        rst_a,
    input  logic [7:0]  we_a,
    input  logic [15:0] addr_a,
    input  logic [63:0] di_a,
    input  logic [7:0]  dip_a,
    output logic [63:0] do_a,
    output logic [7:0]  dop_a,
    input  logic        clk_b,
    input  logic        en_b,
    input  logic        rst_b,
    input  logic [7:0]  we_b,
    input  logic [15:0] addr_b,
    input  logic [63:0] di_b,
    input  logic [7:0]  dip_b,
    output logic [63:0] do_b,
    output logic [7:0]  dop_b
);
    localparam int unsigned AW = $clog2(DATA_BITS);

    logic [DATA_BITS-1:0] data = INIT_DATA;
    logic [DATA_BITS/8-1:0] parity = INIT_PARITY;

    // data bits of a port's width
    function automatic int unsigned bits(input int unsigned width);
        bits = width >= 9 ? width / 9 * 8 : width;
    endfunction

    // word {parity[7:0], data[63:0]} at an address
    function automatic logic [71:0] word(input int unsigned width, input logic [15:0] addr);
        int unsigned from;
        word = '0;
        if (width != 0) begin
            from = 32'(addr[AW-1:0]) / bits(width) * bits(width);
            for (int unsigned i = 0; i < bits(width); i++) word[i] = data[from+i];
            if (width >= 9) for (int unsigned i = 0; i < width / 9; i++) word[64+i] = parity[from/8+i];
        end
    endfunction

    // the same word after the bytes that `we` enables took `value`
    function automatic logic [71:0] merged(
        input int unsigned width, input logic [71:0] old, input logic [71:0] value, input logic [7:0] we
    );
        merged = old;
        for (int unsigned i = 0; i < bits(width); i++) if (we[i/8]) merged[i] = value[i];
        if (width >= 9) for (int unsigned i = 0; i < width / 9; i++) if (we[i]) merged[64+i] = value[64+i];
    endfunction

    // a reset value is given in the width's own packing, parity on top of the data
    function automatic logic [71:0] unpacked(input int unsigned width, input logic [71:0] value);
        unpacked = '0;
        for (int unsigned i = 0; i < bits(width); i++) unpacked[i] = value[i];
        if (width >= 9) for (int unsigned i = 0; i < width / 9; i++) unpacked[64+i] = value[bits(width)+i];
    endfunction

    initial {dop_a, do_a} = unpacked(READ_WIDTH_A, START_A);
    initial {dop_b, do_b} = unpacked(READ_WIDTH_B, START_B);

    always @(posedge clk_a) if (en_a) begin : port_a
        int unsigned from;
        logic [71:0] next;
        if (rst_a) {dop_a, do_a} <= unpacked(READ_WIDTH_A, RESET_A);
        else if (we_a == 8'd0 || MODE_A == 1) {dop_a, do_a} <= word(READ_WIDTH_A, addr_a);
        else if (MODE_A == 0)
            {dop_a, do_a} <= merged(WRITE_WIDTH_A, word(READ_WIDTH_A, addr_a), {dip_a, di_a}, we_a);
        if (WRITE_WIDTH_A != 0 && we_a != 8'd0) begin
            from = 32'(addr_a[AW-1:0]) / bits(WRITE_WIDTH_A) * bits(WRITE_WIDTH_A);
            next = merged(WRITE_WIDTH_A, word(WRITE_WIDTH_A, addr_a), {dip_a, di_a}, we_a);
            for (int unsigned i = 0; i < bits(WRITE_WIDTH_A); i++) data[from+i] <= next[i];
            if (WRITE_WIDTH_A >= 9) for (int unsigned i = 0; i < WRITE_WIDTH_A / 9; i++) parity[from/8+i] <= next[64+i];
        end
    end

    always @(posedge clk_b) if (en_b) begin : port_b
        int unsigned from;
        logic [71:0] next;
        if (rst_b) {dop_b, do_b} <= unpacked(READ_WIDTH_B, RESET_B);
        else if (we_b == 8'd0 || MODE_B == 1) {dop_b, do_b} <= word(READ_WIDTH_B, addr_b);
        else if (MODE_B == 0)
            {dop_b, do_b} <= merged(WRITE_WIDTH_B, word(READ_WIDTH_B, addr_b), {dip_b, di_b}, we_b);
        if (WRITE_WIDTH_B != 0 && we_b != 8'd0) begin
            from = 32'(addr_b[AW-1:0]) / bits(WRITE_WIDTH_B) * bits(WRITE_WIDTH_B);
            next = merged(WRITE_WIDTH_B, word(WRITE_WIDTH_B, addr_b), {dip_b, di_b}, we_b);
            for (int unsigned i = 0; i < bits(WRITE_WIDTH_B); i++) data[from+i] <= next[i];
            if (WRITE_WIDTH_B >= 9) for (int unsigned i = 0; i < WRITE_WIDTH_B / 9; i++) parity[from/8+i] <= next[64+i];
        end
    end
endmodule
