// SPDX-License-Identifier: Apache-2.0
// Uniform re-quantisation with bias: shift, round, clip.
//
// Formula  out = clip(round((in + bias[channel]) * 2^-SHIFT), LO, HI). ROUNDING 0: the biases already hold what rounding adds
//          (2^(SHIFT-1) for half up, one less for half down, nothing for floor); 1: ties go to the even neighbour; 2: towards
//          zero; 3: ties go to zero; 4: ties go away from zero. Where neither bound clips, out is taken modulo 2^OUT_BITS.
// Ports    LANES values a beat; beats run over the WORDS words of a pixel; lane l of word w is channel w*LANES + l. Inputs are
//          two's complement if SIGNED, else unsigned; outputs OUT_BITS bits, two's complement if LO < 0.
// Layout   BIAS / FILE: word w holds LANES constants of SUM_BITS bits, two's complement (see channel_constants). SUM_BITS
//          holds every sum and the rounding. CLIP_LOW, CLIP_HIGH: whether the bound can be passed at all.
// Folding  one beat a cycle.  Latency  STAGES cycles: 2 register the sums, 3 the rounded sums as well.

module requantize #(
    parameter int unsigned LANES = 1,
    parameter int unsigned WORDS = 1,
    parameter int unsigned IN_BITS = 8,
    parameter bit SIGNED = 1'b0,
    parameter int unsigned SUM_BITS = 9,
    parameter int SHIFT = 1,
    parameter int unsigned ROUNDING = 0,
    parameter logic signed [63:0] LO = 0,
    parameter logic signed [63:0] HI = 255,
    parameter bit CLIP_LOW = 1'b0,
    parameter bit CLIP_HIGH = 1'b0,
    parameter int unsigned OUT_BITS = 8,
    parameter int unsigned STAGES = 1,
    parameter bit BLOCK = 1'b0,
    parameter logic [WORDS*LANES*SUM_BITS-1:0] BIAS = '0,
    parameter FILE = ""
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic [LANES*IN_BITS-1:0] in_data,
    output logic out_valid,
    input  logic out_ready,
    output logic [LANES*OUT_BITS-1:0] out_data
);
  localparam int unsigned RIGHT = SHIFT > 0 ? SHIFT : 0;
  localparam int unsigned LEFT = SHIFT < 0 ? -SHIFT : 0;
  localparam int unsigned WIDE = SUM_BITS + LEFT;
  localparam logic signed [WIDE-1:0] LOWEST = WIDE'(LO);
  localparam logic signed [WIDE-1:0] HIGHEST = WIDE'(HI);
  if (RIGHT >= SUM_BITS || OUT_BITS > WIDE - RIGHT) begin : g_check
    $error("requantize: SUM_BITS=%0d bits shifted by SHIFT=%0d do not fill OUT_BITS=%0d", SUM_BITS, SHIFT, OUT_BITS);
  end
  if (ROUNDING > 4) begin : g_rounding
    $error("requantize: ROUNDING=%0d is none of 0 to 4", ROUNDING);
  end

  wire [LANES*SUM_BITS-1:0] constants, sums_first, sums, rounded_first, rounds;
  wire [LANES*OUT_BITS-1:0] codes;
  wire sums_valid, sums_ready, rounds_valid, rounds_ready;
  channel_constants #(.WORDS(WORDS), .WIDTH(LANES * SUM_BITS), .BLOCK(BLOCK), .TABLE(BIAS), .FILE(FILE)) bias (
      .clk(clk), .rst(rst), .advance(in_valid && in_ready), .data(constants)
  );
  for (genvar l = 0; l < LANES; l = l + 1) begin : g_lane
    wire [SUM_BITS-1:0] sum = sums[l*SUM_BITS +: SUM_BITS];
    wire [SUM_BITS-1:0] nearest;
    wire signed [SUM_BITS-1:0] rounded = rounds[l*SUM_BITS +: SUM_BITS];
    assign rounded_first[l*SUM_BITS +: SUM_BITS] = nearest;
    extend_add #(.IN_BITS(IN_BITS), .SIGNED(SIGNED), .OUT_BITS(SUM_BITS)) adder (
        .a(in_data[l*IN_BITS +: IN_BITS]), .b(constants[l*SUM_BITS +: SUM_BITS]), .sum(sums_first[l*SUM_BITS +: SUM_BITS])
    );
    if (ROUNDING == 2 && RIGHT > 0) begin : g_zero
      assign nearest = sum + (sum[SUM_BITS-1] ? (SUM_BITS'(1) << RIGHT) - SUM_BITS'(1) : SUM_BITS'(0));
    end else if (ROUNDING != 0 && RIGHT > 0) begin : g_nearest
      // adds one half less one unit, and that unit where the integer part is odd, negative or not negative
      localparam logic [SUM_BITS-1:0] HALF = (SUM_BITS'(1) << (RIGHT - 1)) - SUM_BITS'(1);
      wire unit = ROUNDING == 1 ? sum[RIGHT] : sum[SUM_BITS-1] ^ (ROUNDING == 4);
      assign nearest = sum + HALF + SUM_BITS'(unit);
    end else begin : g_plain
      assign nearest = sum;
    end
    /* verilator lint_off UNUSEDSIGNAL */  // upper bits are only read by the bounds that can be passed
    wire signed [WIDE-1:0] extended = WIDE'(rounded);
    wire signed [WIDE-1:0] scaled = (extended <<< LEFT) >>> RIGHT;
    /* verilator lint_on UNUSEDSIGNAL */
    wire high = CLIP_HIGH && scaled > HIGHEST;
    wire low = CLIP_LOW && scaled < LOWEST;
    assign codes[l*OUT_BITS +: OUT_BITS] = high ? OUT_BITS'(HI) : low ? OUT_BITS'(LO) : scaled[OUT_BITS-1:0];
  end
  if (STAGES > 1) begin : g_sums
    stream_repeat #(.WORD_BITS(LANES * SUM_BITS)) summed (
        .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_data(sums_first),
        .out_valid(sums_valid), .out_ready(sums_ready), .out_data(sums)
    );
  end else begin : g_no_sums
    assign sums_valid = in_valid;
    assign in_ready = sums_ready;
    assign sums = sums_first;
  end
  if (STAGES > 2) begin : g_rounds
    stream_repeat #(.WORD_BITS(LANES * SUM_BITS)) rounded_sums (
        .clk(clk), .rst(rst), .in_valid(sums_valid), .in_ready(sums_ready), .in_data(rounded_first),
        .out_valid(rounds_valid), .out_ready(rounds_ready), .out_data(rounds)
    );
  end else begin : g_no_rounds
    assign rounds_valid = sums_valid;
    assign sums_ready = rounds_ready;
    assign rounds = rounded_first;
  end
  stream_repeat #(.WORD_BITS(LANES * OUT_BITS)) register (
      .clk(clk), .rst(rst), .in_valid(rounds_valid), .in_ready(rounds_ready), .in_data(codes),
      .out_valid(out_valid), .out_ready(out_ready), .out_data(out_data)
  );
endmodule
