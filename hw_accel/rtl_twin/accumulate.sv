// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Aligned responses, mirrored beyond their rim, and the state before -> the state after, as
// 'Accumulate' of SPECIFICATION.md says.
module accumulate #(
  parameter int MAX_COLUMNS = 2062,
  parameter int BITS = 13
) (
  input logic clock,
  input logic reset,
  input logic start,
  output logic busy,
  input logic [BITS - 1:0] rows,
  input logic [BITS - 1:0] columns,
  input logic [3:0] window,
  input logic [7:0] slice,
  input logic source_valid,
  output logic source_ready,
  input logic [15:0] source,
  input logic state_in_valid,
  output logic state_in_ready,
  input logic [127:0] state_in,
  output logic result_valid,
  input logic result_ready,
  output logic [127:0] result
);
  wire valid, ready;
  wire [15:0] mean, middle;
  window_mean #(.MAX_COLUMNS(MAX_COLUMNS), .BITS(BITS)) means (
    .clock, .reset, .start, .busy, .rows, .columns, .window,
    .response_valid(source_valid), .response_ready(source_ready), .response(source),
    .mean_valid(valid), .mean_ready(ready), .mean, .middle);
  update states (
    .clock, .reset(reset | start), .slice,
    .mean_valid(valid), .mean_ready(ready), .mean, .response(middle),
    .state_in_valid, .state_in_ready, .state_in,
    .state_out_valid(result_valid), .state_out_ready(result_ready), .state_out(result));
endmodule
