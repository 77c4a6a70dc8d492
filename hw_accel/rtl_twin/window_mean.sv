// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Aligned responses -> mean over a window of each, with the response in its middle. The rows and
// columns beyond the rim come with them, mirrored, as from the kernel's unpack_responses: of h x w
// results (h + window - 1) x (w + window - 1) values, one per step.
module window_mean #(
  parameter int MAX_COLUMNS = 2062,  // with those beyond the rim
  parameter int BITS = 13            // of a row or column number and a few more
) (
  input logic clock,
  input logic reset,
  input logic start,
  output logic busy,
  input logic [BITS - 1:0] rows,     // of the result; all three stay while busy
  input logic [BITS - 1:0] columns,
  input logic [3:0] window,          // 1 to 15
  input logic response_valid,
  output logic response_ready,
  input logic [15:0] response,       // 0 to 16383; -1: no data
  output logic mean_valid,
  input logic mean_ready,
  output logic [15:0] mean,          // -1: no data
  output logic [15:0] middle
);
  localparam int ADDRESS = $clog2(MAX_COLUMNS);
  localparam int DEPTH = 22;  // steps from a value to the mean that it completes
  wire [3:0] after = window - 4'd1 - (window >> 1);
  wire [BITS - 1:0] margin = BITS'(window) - 1;

  // Where the newest value lies. A row takes at least three steps, the way round the memories.
  logic [BITS - 1:0] x, y;
  wire last_step = x + 1 >= columns + margin && x >= 2;
  wire wanted = y < rows + margin && x < columns + margin;
  wire free = busy && (!mean_valid || mean_ready);
  wire step = free && (!wanted || response_valid);
  assign response_ready = free && wanted;
  wire visible_now = wanted && y >= margin && x >= margin;
  wire final_now = y + 1 == rows + margin && x + 1 == columns + margin;
  logic [DEPTH:1] visible, final_one;
  always_ff @(posedge clock)
    if (reset | start) begin
      x <= 0;
      y <= 0;
      busy <= start && !reset;
      visible <= 0;
      final_one <= 0;
    end else begin
      if (step) begin
        x <= last_step ? 0 : x + 1;
        if (last_step) y <= y + 1;
        visible <= {visible[DEPTH - 1:1], visible_now};
        final_one <= {final_one[DEPTH - 1:1], final_now};
      end else if (mean_ready) visible[DEPTH] <= 0;
      if (mean_valid && mean_ready && final_one[DEPTH]) busy <= 0;
    end
  assign mean_valid = visible[DEPTH];

  // Values as 14 bits and 'no data'. The 15 rows before, of which the window's oldest is dropped.
  logic [14:0] value_1, value_2, oldest_3, newest_3, middle_3;
  wire [224:0] stored;
  wire [239:0] column = {stored, value_2};  // from the newest to the oldest
  logic [ADDRESS - 1:0] x_1, x_2, x_3, x_4;
  logic first_row_1, first_row_2, first_row_3, first_row_4;
  logic full_1, full_2;  // as many rows before as the window has
  line_memory #(.WIDTH(225), .DEPTH(MAX_COLUMNS)) lines (
    .clock, .step, .read_address(x[ADDRESS - 1:0]), .read_data(stored),
    .write(1'b1), .write_address(x_2), .write_data(column[224:0]));
  always_ff @(posedge clock)
    if (step) begin
      value_1 <= {&response[15:14], response[13:0]};
      value_2 <= value_1;
      {x_1, x_2, x_3, x_4} <= {x[ADDRESS - 1:0], x_1, x_2, x_3};
      {first_row_1, first_row_2, first_row_3, first_row_4} <=
        {y == 0, first_row_1, first_row_2, first_row_3};
      {full_1, full_2} <= {y >= BITS'(window), full_1};
      newest_3 <= value_2;
      oldest_3 <= full_2 ? column[15 * window +: 15] : {1'b1, 14'b0};
      middle_3 <= column[15 * after +: 15];
    end

  // Sum and number of the values in each column of the window.
  logic signed [15:0] change_4;
  logic signed [1:0] count_change_4;
  logic [17:0] sum_5;
  logic [3:0] count_5;
  wire [21:0] past;
  wire [17:0] sum_4 = (first_row_4 ? 18'd0 : past[17:0]) + 18'(change_4);
  wire [3:0] count_4 = (first_row_4 ? 4'd0 : past[21:18]) + 4'(count_change_4);
  line_memory #(.WIDTH(22), .DEPTH(MAX_COLUMNS)) sums (
    .clock, .step, .read_address(x_2), .read_data(past),
    .write(1'b1), .write_address(x_4), .write_data({count_4, sum_4}));
  function automatic logic signed [15:0] worth(input logic [14:0] value);
    worth = value[14] ? 16'sd0 : $signed({2'b0, value[13:0]});
  endfunction
  always_ff @(posedge clock)
    if (step) begin
      change_4 <= worth(newest_3) - worth(oldest_3);
      count_change_4 <= $signed({1'b0, oldest_3[14]}) - $signed({1'b0, newest_3[14]});
      {count_5, sum_5} <= {count_4, sum_4};
    end

  // The same of the whole window: a column enters, one leaves.
  logic [21:0] columns_past[0:14];
  logic [5:1] row_begins, leaves;
  logic row_begins_6;
  logic signed [18:0] change_6;
  logic signed [4:0] count_change_6;
  logic [21:0] total_7;
  logic [7:0] count_7;
  wire [21:0] leaving = leaves[5] ? columns_past[window - 4'd1] : 22'd0;
  always_ff @(posedge clock)
    if (step) begin
      row_begins <= {row_begins[4:1], x == 0};
      leaves <= {leaves[4:1], x >= BITS'(window)};
      columns_past[0] <= {count_5, sum_5};
      for (int i = 1; i < 15; i++) columns_past[i] <= columns_past[i - 1];
      change_6 <= $signed({1'b0, sum_5}) - $signed({1'b0, leaving[17:0]});
      count_change_6 <= $signed({1'b0, count_5}) - $signed({1'b0, leaving[21:18]});
      row_begins_6 <= row_begins[5];
      total_7 <= (row_begins_6 ? 22'd0 : total_7) + 22'(change_6);
      count_7 <= (row_begins_6 ? 8'd0 : count_7) + 8'(count_change_6);
    end

  // The response in the middle waits for the columns after it, then for its mean.
  logic [14:0] waiting[0:7];
  logic [14:0] delayed[4:DEPTH];
  wire [13:0] quotient;
  assign middle = delayed[DEPTH][14] ? 16'hFFFF : {2'b0, delayed[DEPTH][13:0]};
  assign mean = delayed[DEPTH][14] ? 16'hFFFF : {2'b0, quotient};
  // (2 total + count) / (2 count), rounded down, is (total + count / 2) / count with both rounded.
  divide #(.DIVISOR(8), .QUOTIENT(14)) division (
    .clock, .step, .dividend(total_7 + 22'(count_7[7:1])), .divisor(count_7), .quotient);
  always_ff @(posedge clock)
    if (step) begin
      waiting[0] <= middle_3;
      for (int i = 1; i < 8; i++) waiting[i] <= waiting[i - 1];
      delayed[4] <= after == 0 ? middle_3 : waiting[after[2:0] - 3'd1];
      for (int i = 5; i <= DEPTH; i++) delayed[i] <= delayed[i - 1];
    end
endmodule
