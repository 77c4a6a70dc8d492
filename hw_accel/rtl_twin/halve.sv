// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Responses of full size -> means of 2x2. Beyond an odd size the response goes on mirrored, as the
// luma does: the ring is the same from left and right, from above and below.
module halve #(
  parameter int MAX_COLUMNS = 4096,
  parameter int BITS = 14
) (
  input logic clock,
  input logic reset,
  input logic start,
  input logic [BITS - 1:0] rows,
  input logic [BITS - 1:0] columns,
  input logic response_valid,
  output logic response_ready,
  input logic [14:0] response,
  output logic half_valid,
  input logic half_ready,
  output logic [13:0] half
);
  localparam int ADDRESS = $clog2(MAX_COLUMNS) - 1;
  logic [BITS - 1:0] x, y;
  logic [14:0] left;
  wire last_column = x + 1 == columns, last_row = y + 1 == rows;
  wire taken = response_valid && response_ready;
  wire [15:0] both_now = {1'b0, response} + {1'b0, x == 0 ? response : left};
  wire pair_now = taken && (x[0] || last_column);

  logic [15:0] both_1, both_2;
  logic valid_1, valid_2;
  wire [15:0] stored;
  wire [15:0] above = rows == 1 ? both_2 : stored;
  wire [15:0] mean = 16'((18'(above) + 18'(both_2) + 18'd2) >> 2);
  assign response_ready = !half_valid || half_ready;
  line_memory #(.WIDTH(16), .DEPTH(MAX_COLUMNS / 2)) sums (
    .clock, .step(response_ready), .read_address(x[ADDRESS:1]), .read_data(stored),
    .write(pair_now), .write_address(x[ADDRESS:1]), .write_data(both_now));

  always_ff @(posedge clock)
    if (reset | start) begin
      x <= 0;
      y <= 0;
      valid_1 <= 0;
      valid_2 <= 0;
      half_valid <= 0;
    end else begin
      if (taken) begin
        left <= response;
        x <= last_column ? 0 : x + 1;
        if (last_column) y <= y + 1;
      end
      if (response_ready) begin
        {both_1, both_2} <= {both_now, both_1};
        {valid_1, valid_2} <= {pair_now && (y[0] || last_row), valid_1};
        half_valid <= valid_2;
        half <= mean > 16383 ? 14'd16383 : mean[13:0];
      end
    end
endmodule
