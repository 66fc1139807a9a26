// SPDX-License-Identifier: Apache-2.0
// Kernel array in which products and all partial sums are symbols of one codebook: PE outputs x SIMD lanes.
//
// Formula  leaves PRODUCT[code][weight] in tap order, reduced by neighbours: pairs (0, 1), (2, 3), .. become ADD[left][right],
//          an odd one out passes to the next round, until one symbol is left.
// Ports    the common contract of kernel arrays (README.md); beats must come in tap order. Results are symbols.
// Layout   PRODUCT: entry (row, symbol) at ((row*SYMBOLS) + symbol)*RESULT_BITS, row 0 being code CODE_LO; ADD: entry
//          (left, right) at ((left*SUM_SYMBOLS) + right)*RESULT_BITS.
// Folding  SIMD is a power of two unless BEATS = 1, so that a beat is a subtree; subtrees combine like a binary counter: level j
//          keeps the left operand of a pair of 2^j beats.
// Latency  LEVELS = max(1, ceil(log2 SIMD)) cycles.

module kernel_symbolic #(
    parameter int unsigned PE = 1,
    parameter int unsigned SIMD = 1,
    parameter int unsigned BEATS = 1,
    parameter int unsigned CODE_BITS = 3,
    parameter int CODE_LO = 0,
    parameter int unsigned CODES = 8,
    parameter int unsigned WEIGHT_BITS = 2,
    parameter int unsigned RESULT_BITS = 3,
    parameter int unsigned SYMBOLS = 4,
    parameter int unsigned SUM_SYMBOLS = 8,
    parameter logic [CODES*SYMBOLS*RESULT_BITS-1:0] PRODUCT = '0,
    parameter logic [SUM_SYMBOLS*SUM_SYMBOLS*RESULT_BITS-1:0] ADD = '0
) (
    input  logic clk,
    input  logic rst,
    input  logic in_valid,
    output logic in_ready,
    input  logic in_last,
    input  logic [SIMD*CODE_BITS-1:0] in_codes,
    input  logic [PE*SIMD*WEIGHT_BITS-1:0] in_weights,
    output logic out_valid,
    input  logic out_ready,
    output logic [PE*RESULT_BITS-1:0] out_results
);
  localparam int unsigned LEVELS = SIMD > 1 ? $clog2(SIMD) : 0;
  localparam int unsigned COUNT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  if (BEATS > 1 && 2 ** LEVELS != SIMD) begin : g_check
    $error("kernel_symbolic: SIMD=%0d must be a power of two where BEATS=%0d beats make a result", SIMD, BEATS);
  end

  wire enable, take, finish;
  kernel_flow #(.STAGES(LEVELS > 1 ? LEVELS : 1)) flow (
      .clk(clk), .rst(rst), .in_valid(in_valid), .in_ready(in_ready), .in_last(in_last),
      .out_valid(out_valid), .out_ready(out_ready), .enable(enable), .take(take), .finish(finish)
  );

  // index of the beat at the final stage within its pass
  wire [COUNT_BITS-1:0] beat;
  if (BEATS == 1) begin : g_one_beat
    assign beat = '0;
    wire unused = &{1'b0, rst, take, beat};
  end else begin : g_beats
    logic [COUNT_BITS-1:0] count;
    always_ff @(posedge clk) begin
      if (rst || finish) count <= '0;
      else if (take) count <= count + 1'b1;
    end
`ifdef DIETCNN_ASSERT
    always_ff @(posedge clk) if (!rst) assert (!take || finish == (32'(count) == BEATS - 1))
      else $error("beat %0d of BEATS=%0d has last=%0d", count, BEATS, finish);
`endif
    assign beat = count;
  end
  if (LEVELS < 2) begin : g_no_stage
    wire unused = enable;
  end

  for (genvar p = 0; p < PE; p = p + 1) begin : g_output
    for (genvar level = 0; level <= LEVELS; level = level + 1) begin : g_level
      localparam int unsigned NODES = (SIMD + 2 ** level - 1) / 2 ** level;
      localparam int unsigned BELOW = level == 0 ? 0 : (SIMD + 2 ** (level - 1) - 1) / 2 ** (level - 1);
      for (genvar n = 0; n < NODES; n = n + 1) begin : g_node
        wire [RESULT_BITS-1:0] value;
        if (level == 0) begin : g_product
          table_2d #(
              .ROW_BITS(CODE_BITS), .ROW_LO(CODE_LO), .ROWS(CODES), .COLUMN_BITS(WEIGHT_BITS), .COLUMNS(SYMBOLS),
              .BITS(RESULT_BITS), .TABLE(PRODUCT)
          ) product (
              .row(in_codes[n*CODE_BITS +: CODE_BITS]),
              .column(in_weights[(p*SIMD+n)*WEIGHT_BITS +: WEIGHT_BITS]), .value(value)
          );
        end else if (2 * n + 1 < BELOW) begin : g_pair
          table_2d #(
              .ROW_BITS(RESULT_BITS), .ROWS(SUM_SYMBOLS), .COLUMN_BITS(RESULT_BITS), .COLUMNS(SUM_SYMBOLS),
              .BITS(RESULT_BITS), .TABLE(ADD)
          ) sum (
              .row(g_level[level-1].g_node[2*n].stored), .column(g_level[level-1].g_node[2*n+1].stored), .value(value)
          );
        end else begin : g_odd
          assign value = g_level[level-1].g_node[2*n].stored;
        end
        wire [RESULT_BITS-1:0] stored;
        if (level > 0 && level < LEVELS) begin : g_register
          logic [RESULT_BITS-1:0] kept;
          always_ff @(posedge clk) if (enable) kept <= value;
          assign stored = kept;
        end else begin : g_wire
          assign stored = value;
        end
      end
    end

    logic [RESULT_BITS-1:0] result;
    assign out_results[p*RESULT_BITS +: RESULT_BITS] = result;
    if (BEATS == 1) begin : g_direct
      always_ff @(posedge clk) if (finish) result <= g_level[LEVELS].g_node[0].stored;
    end else begin : g_combine
      for (genvar j = 0; j <= COUNT_BITS; j = j + 1) begin : g_digit
        // `carry`: this beat completes pairs at all levels below; the last beat closes every open pair
        wire carry;
        wire [RESULT_BITS-1:0] value;
        if (j == 0) begin : g_subtree
          assign carry = 1'b1;
          assign value = g_level[LEVELS].g_node[0].stored;
        end else begin : g_closed
          logic [RESULT_BITS-1:0] left;
          wire [RESULT_BITS-1:0] sum;
          wire close = beat[j-1] && (g_digit[j-1].carry || finish);
          always_ff @(posedge clk) if (take && g_digit[j-1].carry && !beat[j-1]) left <= g_digit[j-1].value;
          table_2d #(
              .ROW_BITS(RESULT_BITS), .ROWS(SUM_SYMBOLS), .COLUMN_BITS(RESULT_BITS), .COLUMNS(SUM_SYMBOLS),
              .BITS(RESULT_BITS), .TABLE(ADD)
          ) pair (.row(left), .column(g_digit[j-1].value), .value(sum));
          assign carry = g_digit[j-1].carry && beat[j-1];
          assign value = close ? sum : g_digit[j-1].value;
        end
      end
      wire unused = g_digit[COUNT_BITS].carry;
      always_ff @(posedge clk) if (finish) result <= g_digit[COUNT_BITS].value;
    end
  end
endmodule
