// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Aligned response -> mean over a window -> update of the state, one record per pixel.
#ifndef FOCUS_STACKING_ACCEL__ACCUMULATE_HPP_
#define FOCUS_STACKING_ACCEL__ACCUMULATE_HPP_

#include "focus_stacking_accel/common.hpp"

namespace focus_stacking
{

const int kWindowedWidth = kMaxHalfWidth + kMaxWindow - 1;

inline void read_windowed_rows(
  const Beat * source, BeatStream & beats, int rows, int columns, int window)
{
  const int count = beats_of(columns);
  const int before = window >> 1;
  for (int y = 0; y < rows + window - 1; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1094
    const int first = mirrored_with_edge(y - before, rows) * count;
    for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=256
#pragma HLS PIPELINE II=1
      beats.write(source[first + i]);
    }
  }
}

inline void unpack_responses(
  BeatStream & beats, ResponseStream & responses, int rows, int columns, int window)
{
  uint64_t row[kMaxHalfWidth / 4];
#pragma HLS ARRAY_PARTITION variable=row cyclic factor=2
  const int count = beats_of(columns);
  const int before = window >> 1;
  for (int y = 0; y < rows + window - 1; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1094
    for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=256
#pragma HLS PIPELINE II=1
      const Beat beat = beats.read();
      row[2 * i] = low_half(beat);
      row[2 * i + 1] = high_half(beat);
    }
    for (int x = 0; x < columns + window - 1; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2062
#pragma HLS PIPELINE II=1
      const int column = mirrored_with_edge(x - before, columns);
      responses.write(
        static_cast<uint16_t>((row[column >> 2] >> (16 * (column & 3))) & 0xFFFF));
    }
  }
}

// Emits the mean of each window (low half) and the response in its middle (high half).
inline void average(
  ResponseStream & responses, PairStream & pairs, int rows, int columns, int window)
{
  uint16_t lines[kMaxWindow][kWindowedWidth];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
  uint32_t sums[kWindowedWidth];    // of the columns of the window
  uint8_t counts[kWindowedWidth];
  const int after = window - 1 - (window >> 1);
  const int padded_columns = columns + window - 1;
  for (int x = 0; x < padded_columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2062
#pragma HLS PIPELINE II=1
    sums[x] = 0;
    counts[x] = 0;
    for (int i = 0; i < kMaxWindow; ++i) {
#pragma HLS UNROLL
      lines[i][x] = 0xFFFF;
    }
  }
  int slot = 0;
  for (int y = 0; y < rows + window - 1; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1094
    const int middle_slot = slot >= after ? slot - after : slot - after + window;
    uint32_t past_sums[kMaxWindow];
#pragma HLS ARRAY_PARTITION variable=past_sums complete
    uint32_t past_counts[kMaxWindow];
#pragma HLS ARRAY_PARTITION variable=past_counts complete
    for (int i = 0; i < kMaxWindow; ++i) {
#pragma HLS UNROLL
      past_sums[i] = 0;
      past_counts[i] = 0;
    }
    uint32_t total = 0;
    uint32_t valid = 0;
    for (int x = 0; x < padded_columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2062
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=lines inter false
#pragma HLS DEPENDENCE variable=sums inter false
#pragma HLS DEPENDENCE variable=counts inter false
      const uint16_t newest = responses.read();
      const uint16_t oldest = lines[slot][x];
      const uint16_t middle = after == 0 ? newest :
        lines[middle_slot][x >= after ? x - after : 0];
      const uint32_t sum = sums[x] + (newest == 0xFFFF ? 0 : newest) -
        (oldest == 0xFFFF ? 0 : oldest);
      const uint32_t count = counts[x] + (newest == 0xFFFF ? 0 : 1) -
        (oldest == 0xFFFF ? 0 : 1);
      lines[slot][x] = newest;
      sums[x] = sum;
      counts[x] = static_cast<uint8_t>(count);
      total += sum - past_sums[window - 1];
      valid += count - past_counts[window - 1];
      for (int i = kMaxWindow - 1; i > 0; --i) {
#pragma HLS UNROLL
        past_sums[i] = past_sums[i - 1];
        past_counts[i] = past_counts[i - 1];
      }
      past_sums[0] = sum;
      past_counts[0] = count;
      if (y >= window - 1 && x >= window - 1) {
        const uint32_t share = valid == 0 ? 1 : valid;
        const uint32_t mean = middle == 0xFFFF ? 0xFFFF : (2 * total + share) / (2 * share);
        pairs.write(mean | (static_cast<uint32_t>(middle) << 16));
      }
    }
    slot = slot == window - 1 ? 0 : slot + 1;
  }
}

inline int signed_field(uint64_t word, int bit)
{
  return static_cast<int16_t>((word >> bit) & 0xFFFF);
}

inline uint64_t field(int value, int bit)
{
  return static_cast<uint64_t>(static_cast<uint16_t>(value)) << bit;
}

inline void update(PairStream & pairs, BeatStream & before, BeatStream & after, int count, int slice)
{
  for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=518400
#pragma HLS PIPELINE II=1
    const uint32_t pair = pairs.read();
    const int mean = static_cast<int16_t>(pair & 0xFFFF);
    const int response = static_cast<int16_t>(pair >> 16);
    const Beat record = before.read();
    const uint64_t low = low_half(record);
    const uint64_t high = high_half(record);
    const bool first = slice == 0;
    const int best = first ? -1 : signed_field(low, 0);
    const int left = first ? -1 : signed_field(low, 16);
    const int right = first ? -1 : signed_field(low, 32);
    const int previous = first ? -1 : signed_field(low, 48);
    const int detail = first ? -1 : signed_field(high, 0);
    const int index = first ? 255 : static_cast<int>((high >> 16) & 0xFF);
    const int slices = first ? 0 : static_cast<int>((high >> 24) & 0xFF);
    const uint32_t total = first ? 0 : static_cast<uint32_t>(high >> 32);
    const bool won = mean > best;
    const bool followed = !first && index == slice - 1;
    const uint64_t new_low = field(won ? mean : best, 0) | field(won ? previous : left, 16) |
      field(won ? -1 : followed ? mean : right, 32) | field(mean, 48);
    const uint64_t new_index = static_cast<uint64_t>(won ? slice : index);
    const uint64_t new_slices = static_cast<uint64_t>((slices + (response >= 0 ? 1 : 0)) & 0xFF);
    const uint64_t new_total = total + static_cast<uint32_t>(maximum(mean, 0));
    after.write(beat_of(
      new_low, field(won ? response : detail, 0) | (new_index << 16) | (new_slices << 24) |
      ((new_total & 0xFFFFFFFF) << 32)));
  }
}

inline void accumulate(
  const Beat * source, const Beat * state_in, Beat * state_out, int rows, int columns,
  int window, int slice)
{
#pragma HLS DATAFLOW
  hls::stream<Beat, 64> source_stream("source_beats");
  hls::stream<uint16_t, 16> responses("responses");
  hls::stream<uint32_t, 16> pairs("pairs");
  hls::stream<Beat, 64> before("state_before");
  hls::stream<Beat, 64> after("state_after");
  FOCUS_STACKING_REGION_BEGIN
  FOCUS_STACKING_PROCESS(read_windowed_rows(source, source_stream, rows, columns, window));
  FOCUS_STACKING_PROCESS(unpack_responses(source_stream, responses, rows, columns, window));
  FOCUS_STACKING_PROCESS(average(responses, pairs, rows, columns, window));
  FOCUS_STACKING_PROCESS(read_beats(state_in, before, rows * columns));
  FOCUS_STACKING_PROCESS(update(pairs, before, after, rows * columns, slice));
  FOCUS_STACKING_PROCESS(write_beats(after, state_out, rows * columns));
  FOCUS_STACKING_REGION_END
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__ACCUMULATE_HPP_
