// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Mean and response of a slice, and the records of the state before -> the records after.
module update (
  input logic clock,
  input logic reset,
  input logic [7:0] slice,  // 0 to 254; stays during a slice
  input logic mean_valid,
  output logic mean_ready,
  input logic signed [15:0] mean,
  input logic signed [15:0] response,
  input logic state_in_valid,
  output logic state_in_ready,
  input logic [127:0] state_in,
  output logic state_out_valid,
  input logic state_out_ready,
  output logic [127:0] state_out
);
  logic valid_1;
  logic signed [15:0] mean_1, response_1, best, left, right, previous, detail;
  logic [7:0] index, count;
  logic [31:0] total;
  wire free = !state_out_valid || state_out_ready;
  wire won = mean_1 > best;
  wire followed = slice != 0 && index == slice - 8'd1;
  assign mean_ready = free && state_in_valid;
  assign state_in_ready = free && mean_valid;

  always_ff @(posedge clock)
    if (reset) begin
      valid_1 <= 0;
      state_out_valid <= 0;
    end else if (free) begin
      valid_1 <= mean_valid && state_in_valid;
      mean_1 <= mean;
      response_1 <= response;
      {total, count, index, detail, previous, right, left, best} <= slice == 0 ?
        {32'd0, 8'd0, 8'd255, {5{16'hFFFF}}} : state_in;
      state_out_valid <= valid_1;
      state_out <= {
        total + (mean_1 < 0 ? 32'd0 : 32'(mean_1)),
        count + (response_1 < 0 ? 8'd0 : 8'd1),
        won ? slice : index,
        won ? response_1 : detail,
        mean_1,
        won ? 16'hFFFF : followed ? mean_1 : right,
        won ? previous : left,
        won ? mean_1 : best};
    end
endmodule
