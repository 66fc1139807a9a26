// SPDX-License-Identifier: Apache-2.0
// The lanes that DESIGN's cost table speaks of: a product table or a multiplier, and an accumulator.

// XB-bit activation symbol, WB-bit weight symbol, arbitrary PB-bit products; REGISTERED puts a register behind the table.
module table_lane #(
    parameter int unsigned XB = 3,
    parameter int unsigned WB = 2,
    parameter int unsigned PB = 9,
    parameter int unsigned AB = 16,
    parameter bit REGISTERED = 0
) (
    input  logic                 clk,
    input  logic                 clear,
    input  logic                 en,
    input  logic [XB-1:0]        x,
    input  logic [WB-1:0]        w,
    output logic signed [AB-1:0] acc
);
    localparam int unsigned DEPTH = 1 << (XB + WB);
    function automatic logic [DEPTH*PB-1:0] products(input int unsigned seed);
        for (int unsigned i = 0; i < DEPTH; i++) products[i*PB +: PB] = PB'((i * i * 37 + i * seed + 13) % 511);
    endfunction
    localparam logic [DEPTH*PB-1:0] TABLE = products(101);

    logic signed [PB-1:0] entry, product;
    assign entry = TABLE[{w, x} * PB +: PB];
    if (REGISTERED) begin : g_registered
        always_ff @(posedge clk) if (en) product <= entry;
    end else begin : g_fused
        assign product = entry;
    end
    always_ff @(posedge clk)
        if (clear) acc <= '0;
        else if (en) acc <= acc + AB'(product);
endmodule

// Unsigned XB-bit activation, signed WB-bit weight.
module multiplier_lane #(
    parameter int unsigned XB = 8,
    parameter int unsigned WB = 8,
    parameter int unsigned AB = 16
) (
    input  logic                 clk,
    input  logic                 clear,
    input  logic                 en,
    input  logic [XB-1:0]        x,
    input  logic signed [WB-1:0] w,
    output logic signed [AB-1:0] acc
);
    logic signed [XB+WB:0] product;
    assign product = $signed({1'b0, x}) * w;
    always_ff @(posedge clk)
        if (clear) acc <= '0;
        else if (en) acc <= acc + AB'(product);
endmodule

// A combinational product alone.
module product #(
    parameter int unsigned XB = 8,
    parameter int unsigned WB = 8
) (
    input  logic [XB-1:0]           x,
    input  logic signed [WB-1:0]    w,
    output logic signed [XB+WB-1:0] y
);
    assign y = $signed({1'b0, x}) * w;
endmodule

// A sum of LANES table products into one accumulator, as a kernel with SIMD lanes has.
module simd_lanes #(
    parameter int unsigned LANES = 5
) (
    input  logic               clk,
    input  logic               clear,
    input  logic               en,
    input  logic [3*LANES-1:0] x,
    input  logic [2*LANES-1:0] w,
    output logic signed [15:0] acc
);
    function automatic logic [32*9-1:0] products(input int unsigned seed);
        for (int unsigned i = 0; i < 32; i++) products[i*9 +: 9] = 9'((i * i * 37 + i * seed + 13) % 511);
    endfunction
    localparam logic [32*9-1:0] TABLE = products(101);
    logic signed [15:0] sum;
    always_comb begin
        sum = acc;
        for (int unsigned i = 0; i < LANES; i++) sum = sum + 16'($signed(TABLE[{w[i*2 +: 2], x[i*3 +: 3]} * 9 +: 9]));
    end
    always_ff @(posedge clk)
        if (clear) acc <= '0;
        else if (en) acc <= sum;
endmodule

// A ROM of W-bit words; in LUTs or in block RAM.
module rom #(
    parameter int unsigned DEPTH = 512,
    parameter int unsigned W = 36,
    parameter bit LUTS = 0,
    parameter FILE = ""
) (
    input  logic                     clk,
    input  logic                     en,
    input  logic [$clog2(DEPTH)-1:0] addr,
    output logic [W-1:0]             q
);
    if (LUTS) begin : g_luts
        (* rom_style = "distributed" *) logic [W-1:0] words [0:DEPTH-1];
        initial if (FILE != "") $readmemh(FILE, words);
        always_ff @(posedge clk) if (en) q <= words[addr];
    end else begin : g_block
        (* rom_style = "block" *) logic [W-1:0] words [0:DEPTH-1];
        initial if (FILE != "") $readmemh(FILE, words);
        always_ff @(posedge clk) if (en) q <= words[addr];
    end
endmodule
