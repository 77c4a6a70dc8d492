// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// What of 'Fuse' follows the interpolation: pixels of a slice with their sharpness, the guide and
// the sums before -> the sums after or, of the last slice, the weighted mean.
module blend (
  input logic clock,
  input logic reset,
  input logic [7:0] slice,  // this and the following stay during a slice
  input logic [9:0] power,  // 1/64
  input logic narrow,       // pixels of 8 bits
  input logic is_first,
  input logic is_last,
  input logic [50:0] gains,  // of three channels, 1/16384
  input logic source_valid,
  output logic source_ready,
  input logic [127:0] source,  // from bit 0: three channels, sharpness, has data or not, guide
  input logic state_in_valid,
  output logic state_in_ready,
  input logic [127:0] state_in,  // three sums, sum of the weights
  output logic result_valid,
  input logic result_ready,
  output logic [127:0] result  // as state_in, or three channels of 16 bits
);
  `include "fuse_tables.svh"
  // The records have bits to spare.
  // verilator lint_off UNUSEDSIGNAL

  function automatic logic [7:0] limited(input logic [8:0] value);
    limited = value[8] ? 8'd255 : value[7:0];
  endfunction
  function automatic logic [7:0] above_zero(input logic [7:0] one, other);
    above_zero = one > other ? one - other : 8'd0;
  endfunction
  function automatic logic [15:0] exposed(input logic [32:0] product, input logic of_8_bits);
    logic [22:0] value;
    value = of_8_bits ? 23'((34'(product) + 34'd512) >> 10) : 23'((34'(product) + 34'd8192) >> 14);
    exposed = value > 65535 ? 16'hFFFF : value[15:0];
  endfunction

  localparam int DEPTH = 28;  // steps from a pixel to its result
  logic [DEPTH:1] valid;
  wire step = (!result_valid || result_ready) && (!valid[8] || state_in_valid);
  assign source_ready = step;
  assign state_in_ready = step && valid[8];
  assign result_valid = valid[DEPTH];
  always_ff @(posedge clock)
    if (reset) valid <= 0;
    else if (step) valid <= {valid[DEPTH - 1:1], source_valid};
    else if (result_ready) valid[DEPTH] <= 0;

  // The weight: number of each register is its step.
  logic [127:0] source_1;
  wire [63:0] guide_1 = source_1[127:64];
  wire signed [17:0] away_1 = $signed({2'b0, guide_1[15:0]}) - $signed({4'b0, slice, 6'b0});
  wire [16:0] magnitude_1 = away_1 < 0 ? 17'(-away_1) : 17'(away_1);
  logic [39:0] guide_2, guide_3;  // reach, near level and offset, far level and offset
  logic [7:0] away_2, level_2, distance_3, near_missing_3, far_missing_3, reached_4, far_4, gate_5;
  logic [7:0] below_5, far_5, penalty_6, weight_7, weight_8;
  logic [15:0] offsets_4;
  logic [7:0] offset_5;
  logic [17:0] product_4;
  logic [6:1] data;
  wire [10:0] six_3 = 11'(far_missing_3) * 11'd6;
  wire [10:0] below_4 = 11'((19'(product_4) + 19'd64) >> 7);
  wire [7:0] near_5 = limited(
    9'(limited(9'(below_5) + 9'(gate_5))) + 9'(offset_5));
  always_ff @(posedge clock)
    if (step) begin
      source_1 <= source;
      away_2 <= |magnitude_1[16:10] ? 8'd255 : magnitude_1[9:2];
      level_2 <= log_of_sharpness(source_1[55:48]);
      guide_2 <= guide_1[55:16];
      distance_3 <= distance(away_2);
      near_missing_3 <= above_zero(guide_2[15:8], level_2);
      far_missing_3 <= above_zero(guide_2[31:24], level_2);
      guide_3 <= guide_2;
      reached_4 <= limited(9'(distance_3) + 9'(guide_3[7:0]));
      product_4 <= 18'(power) * 18'(near_missing_3);
      far_4 <= |six_3[10:8] ? 8'd255 : six_3[7:0];
      offsets_4 <= {guide_3[39:32], guide_3[23:16]};
      gate_5 <= gate(reached_4);
      below_5 <= |below_4[10:8] ? 8'd255 : below_4[7:0];
      far_5 <= limited(9'(far_4) + 9'(offsets_4[15:8]));
      offset_5 <= offsets_4[7:0];
      penalty_6 <= near_5 < far_5 ? near_5 : far_5;
      data <= {data[5:1], source[56]};
      weight_7 <= data[6] ? weight(penalty_6) : 8'd0;
      weight_8 <= weight_7;
    end

  // The channels: with their gain, with the weight, added up, divided.
  logic [31:0] weights_9;
  wire [31:0] some_9 = weights_9 == 0 ? 32'd1 : weights_9;
  logic [19:0] divisor_10;
  logic [127:0] sums[10:DEPTH - 1];
  wire [95:0] totals_9;
  wire [47:0] means;
  for (genvar i = 0; i < 3; i++) begin : channel
    logic [32:0] product_2;
    logic [15:0] exposed_3, exposed_4, exposed_5, exposed_6, exposed_7;
    logic [23:0] weighted_8;
    logic [31:0] total_9, dividend_10;
    wire [15:0] quotient_27;
    assign totals_9[32 * i +: 32] = total_9;
    assign means[16 * i +: 16] = narrow && quotient_27 > 255 ? 16'd255 : quotient_27;
    divide #(.DIVISOR(20), .QUOTIENT(16)) division (
      .clock, .step, .dividend({4'd0, dividend_10}), .divisor(divisor_10),
      .quotient(quotient_27));
    always_ff @(posedge clock)
      if (step) begin
        product_2 <= 33'(source_1[16 * i +: 16]) * 33'(gains[17 * i +: 17]);
        exposed_3 <= exposed(product_2, narrow);
        {exposed_4, exposed_5, exposed_6, exposed_7} <=
          {exposed_3, exposed_4, exposed_5, exposed_6};
        weighted_8 <= 24'(exposed_7) * 24'(weight_7);
        total_9 <= (is_first ? 32'd0 : state_in[32 * i +: 32]) + 32'(weighted_8);
        dividend_10 <= total_9 + 32'(narrow ? some_9 << 3 : some_9 >> 1);
      end
  end
  always_ff @(posedge clock)
    if (step) begin
      weights_9 <= (is_first ? 32'd0 : state_in[127:96]) + 32'(weight_8);
      divisor_10 <= narrow ? 20'(some_9 << 4) : 20'(some_9);
      result <= is_last ? {80'd0, means} : sums[DEPTH - 1];
      sums[10] <= {weights_9, totals_9};
      for (int i = 11; i < DEPTH; i++) sums[i] <= sums[i - 1];
    end
endmodule
