// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// One port to read, one to write; what is read comes two steps later, and is what was there
// before what is written in the same step.
module line_memory #(
  parameter int WIDTH = 8,
  parameter int DEPTH = 16
) (
  input logic clock,
  input logic step,
  input logic [$clog2(DEPTH) - 1:0] read_address,
  output logic [WIDTH - 1:0] read_data,
  input logic write,
  input logic [$clog2(DEPTH) - 1:0] write_address,
  input logic [WIDTH - 1:0] write_data
);
  logic [WIDTH - 1:0] cells[0:DEPTH - 1];
  logic [WIDTH - 1:0] first;

  always_ff @(posedge clock)
    if (step) begin
      if (write) cells[write_address] <= write_data;
      first <= cells[read_address];
      read_data <= first;
    end
endmodule
