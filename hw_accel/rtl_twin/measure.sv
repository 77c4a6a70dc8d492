// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Luma of a slice -> focus response at half the size, as 'Measure' of SPECIFICATION.md says for
// the operator ring_difference.
module measure #(
  parameter int MAX_COLUMNS = 4096,
  parameter int BITS = 14
) (
  input logic clock,
  input logic reset,
  input logic start,
  output logic busy,
  input logic [BITS - 1:0] rows,
  input logic [BITS - 1:0] columns,
  input logic source_valid,
  output logic source_ready,
  input logic [11:0] source,
  output logic result_valid,
  input logic result_ready,
  output logic [13:0] result
);
  wire valid, ready;
  wire [14:0] response;
  ring_difference #(.MAX_COLUMNS(MAX_COLUMNS), .BITS(BITS)) ring (
    .clock, .reset, .start, .busy, .rows, .columns,
    .luma_valid(source_valid), .luma_ready(source_ready), .luma(source),
    .response_valid(valid), .response_ready(ready), .response);
  halve #(.MAX_COLUMNS(MAX_COLUMNS), .BITS(BITS)) means (
    .clock, .reset, .start, .rows, .columns,
    .response_valid(valid), .response_ready(ready), .response,
    .half_valid(result_valid), .half_ready(result_ready), .half(result));
endmodule
