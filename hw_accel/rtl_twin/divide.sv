// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Quotient, rounded down; one per step, QUOTIENT + 1 steps later. It has to fit.
module divide #(
  parameter int DIVISOR = 8,  // bits
  parameter int QUOTIENT = 14
) (
  input logic clock,
  input logic step,
  input logic [DIVISOR + QUOTIENT - 1:0] dividend,
  input logic [DIVISOR - 1:0] divisor,  // 0 gives a quotient of no meaning
  output logic [QUOTIENT - 1:0] quotient
);
  // What is left of the dividend above the digits to come; those digits, with the quotient's
  // behind them; the divisor. One digit of the quotient per stage.
  logic [DIVISOR - 1:0] left[0:QUOTIENT];
  logic [QUOTIENT - 1:0] digits[0:QUOTIENT];
  logic [DIVISOR - 1:0] by[0:QUOTIENT];
  assign quotient = digits[QUOTIENT];

  always_ff @(posedge clock)
    if (step) begin
      {left[0], digits[0]} <= dividend;
      by[0] <= divisor;
    end

  for (genvar i = 0; i < QUOTIENT; i++) begin : stage
    wire [DIVISOR:0] candidate = {left[i], digits[i][QUOTIENT - 1]};
    wire fits = candidate >= {1'b0, by[i]};
    always_ff @(posedge clock)
      if (step) begin
        left[i + 1] <= fits ? DIVISOR'(candidate - {1'b0, by[i]}) : candidate[DIVISOR - 1:0];
        digits[i + 1] <= {digits[i][QUOTIENT - 2:0], fits};
        by[i + 1] <= by[i];
      end
  end
endmodule
