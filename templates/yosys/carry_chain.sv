// SPDX-License-Identifier: Apache-2.0
// Simulation model of CARRY4 without a net that depends on itself, for gate-level simulation only.
//
// CO[i] = S[i] ? CO[i-1] : DI[i] and O[i] = S[i] ^ CO[i-1], with CO[-1] = CI | CYINIT (UG474). Yosys' model writes the same
// through one vector, in which Verilator sees a loop (UNOPTFLAT) that its 5.006 settles wrongly.
module CARRY4 (
    input  logic       CI,
    input  logic       CYINIT,
    input  logic [3:0] DI,
    input  logic [3:0] S,
    output logic [3:0] CO,
    output logic [3:0] O
);
    logic c0, c1, c2, c3;
    assign c0 = S[0] ? CI | CYINIT : DI[0];
    assign c1 = S[1] ? c0 : DI[1];
    assign c2 = S[2] ? c1 : DI[2];
    assign c3 = S[3] ? c2 : DI[3];
    assign CO = {c3, c2, c1, c0};
    assign O = S ^ {c2, c1, c0, CI | CYINIT};
endmodule
