// SPDX-License-Identifier: Apache-2.0
// A folded multiply-accumulate with one of everything that the engine maps: weights in block RAM, in a LUT ROM, products from a
// table and from multipliers of several widths, a FIFO in LUT RAM, a line buffer in block RAM, a shift register.
module folded_mac #(
    parameter int unsigned DEPTH = 300,
    parameter FILE = "",
    parameter LUT_FILE = ""
) (
    input  logic         clk,
    input  logic         rst,
    input  logic [31:0]  in,
    output logic [191:0] out
);
    logic [2:0] x;
    logic en, clear;
    assign x = in[2:0];
    assign en = in[3];
    assign clear = in[31:28] == 4'd0;

    // weights: two symbols a word, read through a counter
    (* rom_style = "block" *) logic [17:0] weights [0:DEPTH-1];
    initial if (FILE != "") $readmemh(FILE, weights);
    (* rom_style = "distributed" *) logic [4:0] few [0:63];
    initial if (LUT_FILE != "") $readmemh(LUT_FILE, few);
    logic [8:0] address;
    logic [17:0] word;
    logic [4:0] little;
    always_ff @(posedge clk)
        if (rst) address <= '0;
        else if (en) address <= address == 9'(DEPTH - 1) ? '0 : address + 9'd1;
    always_ff @(posedge clk)
        if (en) begin
            word <= weights[address];
            little <= few[address[5:0]];
        end

    // table lane: 8 activation symbols, 4 weight symbols
    function automatic logic [9*32-1:0] products(input int unsigned seed);
        for (int unsigned i = 0; i < 32; i++) products[i*9 +: 9] = 9'((i * i * 37 + i * seed + 13) % 511);
    endfunction
    localparam logic [9*32-1:0] TABLE = products(101);
    logic signed [8:0] product;
    logic signed [15:0] sum;
    assign product = TABLE[{word[1:0], x} * 9 +: 9];
    always_ff @(posedge clk)
        if (rst || clear) sum <= '0;
        else if (en) sum <= sum + 16'(product);

    // multipliers: unsigned by signed, signed, unsigned, odd and unequal widths, and a difference
    logic signed [12:0] p0;
    logic signed [11:0] p1;
    logic [12:0] p2;
    logic signed [16:0] p3;
    logic [7:0] p4;
    logic signed [19:0] p5;
    always_ff @(posedge clk) begin
        p0 <= $signed({1'b0, in[9:4]}) * $signed(word[7:2]);
        p1 <= $signed(in[15:10]) * $signed(word[13:8]);
        p2 <= in[20:16] * word[17:10];
        p3 <= $signed(in[12:4]) * $signed({1'b0, word[7:0]});
        p4 <= 8'(in[9:6] * in[13:10]);
        p5 <= $signed(in[27:16]) * $signed(in[8:4]) - 20'(sum);
    end

    // FIFO memory in LUTs, line buffer in block RAM, shift register
    logic [4:0] wp, rp;
    (* ram_style = "distributed" *) logic [6:0] fifo [0:31];
    (* ram_style = "block" *) logic [35:0] line [0:511];
    logic [6:0] head;
    logic [35:0] lined;
    always_ff @(posedge clk) begin
        if (rst) begin
            wp <= '0;
            rp <= 5'd7;
        end else begin
            wp <= wp + 5'(in[4]);
            rp <= rp + 5'(in[5]);
        end
        if (in[4]) fifo[wp] <= in[12:6];
        head <= fifo[rp];
        if (in[13]) line[{in[17:14], wp}] <= {in, address[3:0]};
        if (in[18]) lined <= line[{in[22:19], rp}];
    end
    logic [39:0] delay;
    always_ff @(posedge clk) if (in[6]) delay <= {delay[37:0], in[8:7]};

    assign out = {5'd0, p4, delay[39:38], lined, head, little, p5, p3, p2, p1, p0, word, address, sum};
endmodule
