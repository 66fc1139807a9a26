// SPDX-License-Identifier: Apache-2.0
// Code by code maximum of WORDS words of CODES codes each. Combinational.

module max_words #(
    parameter int unsigned WORDS = 2,
    parameter int unsigned CODES = 1,
    parameter int unsigned CODE_BITS = 1,
    parameter bit SIGNED = 1'b0
) (
    input  logic [WORDS*CODES*CODE_BITS-1:0] words,
    output logic [CODES*CODE_BITS-1:0] word
);
  localparam logic [CODE_BITS-1:0] SIGN = CODE_BITS'(SIGNED) << (CODE_BITS - 1);
  for (genvar c = 0; c < CODES; c = c + 1) begin : g_code
    for (genvar w = 0; w < WORDS; w = w + 1) begin : g_word
      wire [CODE_BITS-1:0] best;
      wire [CODE_BITS-1:0] code = words[(w*CODES+c)*CODE_BITS +: CODE_BITS];
      if (w == 0) begin : g_first
        assign best = code;
      end else begin : g_later
        wire greater = (code ^ SIGN) > (g_word[w-1].best ^ SIGN);
        assign best = greater ? code : g_word[w-1].best;
      end
    end
    assign word[c*CODE_BITS +: CODE_BITS] = g_word[WORDS-1].best;
  end
endmodule
