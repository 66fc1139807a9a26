// SPDX-License-Identifier: Apache-2.0
// Integer by integer sum of WORDS words of CODES integers each. Combinational; OUT_BITS holds every sum.

module sum_words #(
    parameter int unsigned WORDS = 2,
    parameter int unsigned CODES = 1,
    parameter int unsigned IN_BITS = 1,
    parameter int unsigned OUT_BITS = 2,
    parameter bit SIGNED = 1'b0
) (
    input  logic [WORDS*CODES*IN_BITS-1:0] words,
    output logic [CODES*OUT_BITS-1:0] word
);
  for (genvar c = 0; c < CODES; c = c + 1) begin : g_code
    for (genvar w = 0; w < WORDS; w = w + 1) begin : g_word
      wire [OUT_BITS-1:0] total;
      wire [OUT_BITS-1:0] earlier;
      if (w == 0) begin : g_first
        assign earlier = '0;
      end else begin : g_later
        assign earlier = g_word[w-1].total;
      end
      extend_add #(.IN_BITS(IN_BITS), .SIGNED(SIGNED), .OUT_BITS(OUT_BITS)) adder (
          .a(words[(w*CODES+c)*IN_BITS +: IN_BITS]), .b(earlier), .sum(total)
      );
    end
    assign word[c*OUT_BITS +: OUT_BITS] = g_word[WORDS-1].total;
  end
endmodule
