// SPDX-License-Identifier: Apache-2.0
// Runs a design and its mapped netlist on the same inputs; `differs` says in which bits they part.
module equivalence (
    input  logic         clk,
    input  logic         rst,
    input  logic [31:0]  in,
    output logic [191:0] out,
    output logic [191:0] differs
);
    logic [191:0] gates;
    folded_mac #(.FILE("weights.mem"), .LUT_FILE("few.mem")) rtl (.clk(clk), .rst(rst), .in(in), .out(out));
    folded_mac_gates netlist (.clk(clk), .rst(rst), .in(in), .out(gates));
    assign differs = out ^ gates;
endmodule
