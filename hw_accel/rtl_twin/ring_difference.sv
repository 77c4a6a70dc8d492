// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Luma of a slice -> ring difference of each of its pixels. One pixel per step; after the last one
// two more rows of steps, as the response lies two rows and two columns behind the newest pixel.
module ring_difference #(
  parameter int MAX_COLUMNS = 4096,
  parameter int BITS = 14  // of a row or column number and two more
) (
  input logic clock,
  input logic reset,
  input logic start,
  output logic busy,
  input logic [BITS - 1:0] rows,     // both stay while busy
  input logic [BITS - 1:0] columns,
  input logic luma_valid,
  output logic luma_ready,
  input logic [11:0] luma,           // 1/16 grey level
  output logic response_valid,
  input logic response_ready,
  output logic [14:0] response
);
  localparam int ADDRESS = $clog2(MAX_COLUMNS);

  // Five neighbours in a row or column, the middle one at an index that may be near a rim: those
  // beyond it are mirrored without repeating the edge. From -2 (low bits) to 2.
  function automatic logic [59:0] mirrored(
    input logic [59:0] raw, input logic first, second, second_last, last, of_one, of_two);
    logic [11:0] before_2, before_1, middle, after_1, after_2;
    {after_2, after_1, middle, before_1, before_2} = raw;
    mirrored = raw;
    if (of_one | last) mirrored[47:36] = of_one ? middle : before_1;
    if (of_one | first) mirrored[23:12] = of_one ? middle : after_1;
    if (of_one | of_two | second) mirrored[11:0] = middle;
    else if (first) mirrored[11:0] = after_2;
    if (of_one | of_two | second_last) mirrored[59:48] = middle;
    else if (last) mirrored[59:48] = before_2;
  endfunction

  function automatic logic [12:0] difference(input logic [11:0] middle, one, other);
    logic signed [14:0] signed_difference;
    signed_difference = $signed({2'b0, middle, 1'b0}) - $signed({3'b0, one})
      - $signed({3'b0, other});
    difference = signed_difference < 0 ? 13'(-signed_difference) : 13'(signed_difference);
  endfunction

  wire one_row = rows == 1, two_rows = rows == 2;
  wire one_column = columns == 1, two_columns = columns == 2;

  // Where the newest pixel lies. A row takes at least three steps, the way round the memory.
  logic [BITS - 1:0] x, y;
  wire last_step = x + 1 >= columns && x >= 2;
  wire wanted = y < rows && x < columns;
  wire free = busy && (!response_valid || response_ready);
  wire step = free && (!wanted || luma_valid);
  assign luma_ready = free && wanted;

  always_ff @(posedge clock)
    if (reset | start) begin
      x <= 0;
      y <= 0;
    end else if (step) begin
      x <= last_step ? 0 : x + 1;
      if (last_step) y <= y + 1;
    end

  // What is known of the middle row's place, and of the middle column's, on their way with it.
  wire [3:0] row_now = {y == rows + 1, y == rows, y == 3, y == 2};
  wire [3:0] column_now = {x + 1 == columns, x + 2 == columns, x == 1, x == 0};
  wire visible_now = y >= 2 && y < rows + 2 && x < columns;
  logic [3:0] row_1, row_2;
  logic [3:0] column_1, column_2, column_3, column_4, column_5;
  logic [8:1] visible;
  logic [9:1] final_one;

  // The four rows before, and the newest pixel beside them.
  logic [ADDRESS - 1:0] x_1, x_2;
  logic [11:0] luma_1, luma_2;
  wire [47:0] stored;
  wire [59:0] newest = {luma_2, stored};
  line_memory #(.WIDTH(48), .DEPTH(MAX_COLUMNS)) lines (
    .clock, .step, .read_address(x[ADDRESS - 1:0]), .read_data(stored),
    .write(1'b1), .write_address(x_2), .write_data(newest[59:12]));

  // Five columns of five rows, from which the pairs around the middle one are taken.
  logic [59:0] column_a, column_b, column_c, column_d, column_e;  // a is the newest
  wire [299:0] window;
  for (genvar i = 0; i < 5; i++)
    assign window[60 * i +: 60] = mirrored(
      {column_a[12 * i +: 12], column_b[12 * i +: 12], column_c[12 * i +: 12],
       column_d[12 * i +: 12], column_e[12 * i +: 12]},
      column_5[0], column_5[1], column_5[2], column_5[3], one_column, two_columns);
  function automatic logic [11:0] at(input int right, input int down);
    at = window[60 * (down + 2) + 12 * (right + 2) +: 12];
  endfunction
  logic [11:0] middle;
  logic [11:0] one[0:5], other[0:5];
  logic [12:0] differences[0:5];
  logic [14:0] sum_1, sum_2;
  wire [15:0] sum = sum_1 + sum_2;

  always_ff @(posedge clock)
    if (step) begin
      {luma_1, luma_2} <= {luma, luma_1};
      {x_1, x_2} <= {x[ADDRESS - 1:0], x_1};
      {row_1, row_2} <= {row_now, row_1};
      {column_1, column_2, column_3, column_4, column_5} <=
        {column_now, column_1, column_2, column_3, column_4};
      column_a <= mirrored(newest, row_2[0], row_2[1], row_2[2], row_2[3], one_row, two_rows);
      {column_b, column_c, column_d, column_e} <= {column_a, column_b, column_c, column_d};
      middle <= at(0, 0);
      {one[0], other[0]} <= {at(2, 0), at(-2, 0)};
      {one[1], other[1]} <= {at(0, 2), at(0, -2)};
      {one[2], other[2]} <= {at(2, 1), at(-2, -1)};
      {one[3], other[3]} <= {at(1, 2), at(-1, -2)};
      {one[4], other[4]} <= {at(2, -1), at(-2, 1)};
      {one[5], other[5]} <= {at(1, -2), at(-1, 2)};
      for (int i = 0; i < 6; i++) differences[i] <= difference(middle, one[i], other[i]);
      sum_1 <= 15'(differences[0]) + 15'(differences[1]) + 15'(differences[2]);
      sum_2 <= 15'(differences[3]) + 15'(differences[4]) + 15'(differences[5]);
      response <= sum > 32767 ? 15'd32767 : sum[14:0];
    end

  always_ff @(posedge clock)
    if (reset | start) begin
      busy <= start && !reset;
      visible <= 0;
      final_one <= 0;
      response_valid <= 0;
    end else begin
      if (step) begin
        visible <= {visible[7:1], visible_now};
        final_one <= {final_one[8:1], row_now[3] && column_now[3]};
      end
      if (step) response_valid <= visible[8];
      else if (response_ready) response_valid <= 0;
      if (response_valid && response_ready && final_one[9]) busy <= 0;
    end
endmodule
