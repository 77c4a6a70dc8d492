// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Rounded mean of up to 225 values of 14 bits: (2 total + count) / (2 count), rounded down, which
// is (total + count / 2) / count with both divisions rounded down. One per step, 15 steps later.
module rounded_mean (
  input logic clock,
  input logic step,
  input logic [21:0] total,
  input logic [7:0] count,  // 0 gives a mean of no meaning
  output logic [13:0] mean
);
  // What is left of the dividend above the digits to come; those digits, with the quotient's
  // behind them; the divisor. One digit of the quotient per stage.
  logic [7:0] remainder[0:14];
  logic [13:0] digits[0:14];
  logic [7:0] divisor[0:14];
  assign mean = digits[14];

  always_ff @(posedge clock)
    if (step) begin
      {remainder[0], digits[0]} <= total + 22'(count[7:1]);
      divisor[0] <= count;
    end

  for (genvar i = 0; i < 14; i++) begin : stage
    wire [8:0] candidate = {remainder[i], digits[i][13]};
    wire fits = candidate >= {1'b0, divisor[i]};
    always_ff @(posedge clock)
      if (step) begin
        remainder[i + 1] <= fits ? 8'(candidate - {1'b0, divisor[i]}) : candidate[7:0];
        digits[i + 1] <= {digits[i][12:0], fits};
        divisor[i + 1] <= divisor[i];
      end
  end
endmodule
