// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Response -> response in another pixel grid. Rows are fetched along the map, each once.
#ifndef FOCUS_STACKING_ACCEL__ALIGN_HPP_
#define FOCUS_STACKING_ACCEL__ALIGN_HPP_

#include "focus_stacking_accel/common.hpp"

namespace focus_stacking
{

const int kSlots = kSourceRows / 2;
const int kBankWords = kMaxHalfWidth / kLanes + 1;

struct RowRange
{
  int first, last;
};

// Share of a column or row in a position, 1/2**15 pixel.
inline int column_share(int per_column, int column)
{
  return static_cast<int>((static_cast<int64_t>(per_column) * column + 256) >> 9);
}

inline int row_share(int per_row, int row, int start)
{
  return static_cast<int>(
    (static_cast<int64_t>(per_row) * row + static_cast<int64_t>(start) * 256 + 256) >> 9);
}

// Source rows that an output row needs; both ends are extremes, as y is monotone along a row.
inline RowRange rows_for(const Map & map, int y, int rows, int columns)
{
  const int start = row_share(map.yy, y, map.y0) + 512;
  const int one = (column_share(map.yx, 0) + start) >> 15;
  const int other = (column_share(map.yx, columns - 1) + start) >> 15;
  RowRange range;
  range.first = maximum(minimum(one, other), 0);
  range.last = minimum(maximum(one, other) + 1, rows - 1);
  return range;
}

inline void read_along_map(
  const Beat * source, BeatStream & beats, int rows, int columns, Map map)
{
  const int count = beats_of(columns);
  int next = 0;
  for (int y = 0; y < rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1080
    const RowRange range = rows_for(map, y, rows, columns);
    const int first = maximum(next, range.first);
    const int total = (range.last - first + 1) * count;
    for (int i = 0; i < total; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=256
#pragma HLS PIPELINE II=1
      beats.write(source[first * count + i]);
    }
    next = maximum(next, range.last + 1);
  }
}

// Every other of four 16-bit values: 1st and 3rd of both words, in one word.
inline uint64_t every_other(uint64_t low, uint64_t high, int from)
{
  const int shift = 16 * from;
  return ((low >> shift) & 0xFFFF) | (((low >> (32 + shift)) & 0xFFFF) << 16) |
         (((high >> shift) & 0xFFFF) << 32) | (((high >> (32 + shift)) & 0xFFFF) << 48);
}

inline int lane_of(uint64_t word, int column)
{
  return static_cast<int>((word >> (16 * ((column >> 1) & 3))) & 0xFFFF);
}

inline void warp(
  BeatStream & beats, ResponseStream & responses, int rows, int columns, Map map, int gain)
{
  // Banks by parity of row and column: the four neighbours lie in four banks.
  uint64_t bank[2][2][kSlots][kBankWords];
#pragma HLS ARRAY_PARTITION variable=bank complete dim=1
#pragma HLS ARRAY_PARTITION variable=bank complete dim=2
#pragma HLS BIND_STORAGE variable=bank type=ram_2p impl=uram
  const int count = beats_of(columns);
  for (int slot = 0; slot < kSlots; ++slot) {
    for (int word = 0; word <= count; ++word) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=257
#pragma HLS PIPELINE II=1
      bank[0][0][slot][word] = 0;
      bank[0][1][slot][word] = 0;
      bank[1][0][slot][word] = 0;
      bank[1][1][slot][word] = 0;
    }
  }
  int next = 0;
  for (int y = 0; y < rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1080
    const RowRange range = rows_for(map, y, rows, columns);
    for (int row = maximum(next, range.first); row <= range.last; ++row) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2
      for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=256
#pragma HLS PIPELINE II=1
        const Beat beat = beats.read();
        const uint64_t even = every_other(low_half(beat), high_half(beat), 0);
        const uint64_t odd = every_other(low_half(beat), high_half(beat), 1);
        bank[row & 1][0][(row >> 1) & (kSlots - 1)][i] = even;
        bank[row & 1][1][(row >> 1) & (kSlots - 1)][i] = odd;
      }
    }
    next = maximum(next, range.last + 1);
    const int start_x = row_share(map.xy, y, map.x0) + 512;
    const int start_y = row_share(map.yy, y, map.y0) + 512;
    for (int x = 0; x < columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2048
#pragma HLS PIPELINE II=1
      const int x32 = (column_share(map.xx, x) + start_x) >> 10;
      const int y32 = (column_share(map.yx, x) + start_y) >> 10;
      const bool inside = x32 >= 0 && x32 <= 32 * (columns - 1) &&
        y32 >= 0 && y32 <= 32 * (rows - 1);
      const int column = inside ? x32 >> 5 : 0;
      const int row = inside ? y32 >> 5 : 0;
      // Beyond the last column and row lies what has no weight there.
      const int even_column = (column + 1) & ~1;
      const int odd_column = column | 1;
      const int even_slot = ((row + 1) >> 1) & (kSlots - 1);
      const int odd_slot = (row >> 1) & (kSlots - 1);
      const int even_even = lane_of(bank[0][0][even_slot][even_column >> 3], even_column);
      const int even_odd = lane_of(bank[0][1][even_slot][odd_column >> 3], odd_column);
      const int odd_even = lane_of(bank[1][0][odd_slot][even_column >> 3], even_column);
      const int odd_odd = lane_of(bank[1][1][odd_slot][odd_column >> 3], odd_column);
      const int upper_even = (row & 1) ? odd_even : even_even;
      const int upper_odd = (row & 1) ? odd_odd : even_odd;
      const int lower_even = (row & 1) ? even_even : odd_even;
      const int lower_odd = (row & 1) ? even_odd : odd_odd;
      const int right = x32 & 31;
      const int down = y32 & 31;
      const int upper = (column & 1) ?
        (32 - right) * upper_odd + right * upper_even :
        (32 - right) * upper_even + right * upper_odd;
      const int lower = (column & 1) ?
        (32 - right) * lower_odd + right * lower_even :
        (32 - right) * lower_even + right * lower_odd;
      const int total = (32 - down) * upper + down * lower;
      const int moved = (total + 511 + ((total >> 10) & 1)) >> 10;
      const uint32_t scaled =
        (static_cast<uint32_t>(moved) * static_cast<uint32_t>(gain) + 8192u) >> 14;
      const int limited = scaled > static_cast<uint32_t>(kResponseLimit) ?
        kResponseLimit : static_cast<int>(scaled);
      responses.write(static_cast<uint16_t>(inside ? limited : -1));
    }
  }
}

inline void align(
  const Beat * source, Beat * response, int rows, int columns, Map map, int gain)
{
#pragma HLS DATAFLOW
  hls::stream<Beat, 512> source_stream("source_beats");
  hls::stream<uint16_t, 16> responses("responses");
  hls::stream<Beat, 64> response_stream("response_beats");
  FOCUS_STACKING_REGION_BEGIN
  FOCUS_STACKING_PROCESS(read_along_map(source, source_stream, rows, columns, map));
  FOCUS_STACKING_PROCESS(warp(source_stream, responses, rows, columns, map, gain));
  FOCUS_STACKING_PROCESS(pack_responses(responses, response_stream, rows, columns));
  FOCUS_STACKING_PROCESS(write_beats(response_stream, response, rows * beats_of(columns)));
  FOCUS_STACKING_REGION_END
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__ALIGN_HPP_
