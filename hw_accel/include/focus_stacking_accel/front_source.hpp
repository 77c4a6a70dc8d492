// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// The bytes of a slice -> pairs of pixels, as if it went on mirrored beyond its rim.
#ifndef FOCUS_STACKING_ACCEL__FRONT_SOURCE_HPP_
#define FOCUS_STACKING_ACCEL__FRONT_SOURCE_HPP_

#include "focus_stacking_accel/common.hpp"

namespace focus_stacking
{

const int kReach = 6;  // pixels around a pixel that its sharpness looks at, in whole pairs
const int kRowBeats = kMaxWidth * 6 / 16;        // of the longest row
const int kPaddedPairs = kMaxHalfWidth + kReach;  // of pixels in a row, with what lies beyond it

// Where the light of a slice is summed: rows and columns of cells, their size, rows that count.
struct LightGrid
{
  int rows, columns, height, width, step;
};

inline bool is_narrow(int layout)
{
  return layout == kGrey8 || layout == kColour8 || layout == kReverse8;
}

inline int channels_of(int layout)
{
  return layout == kGrey8 || layout == kGrey16 ? 1 : 3;
}

inline int bytes_per_pixel(int layout)
{
  return channels_of(layout) * (is_narrow(layout) ? 1 : 2);
}

inline int source_beats(int columns, int layout)
{
  return (columns * bytes_per_pixel(layout) + 15) >> 4;
}

// Emits the rows of a source that goes on mirrored.
inline void read_image(
  const Beat * source, BeatStream & beats, int rows, int columns, int layout)
{
  const int count = source_beats(columns, layout);
  const int end = 2 * half_of(rows) + kReach;
  for (int y = -kReach; y < end; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=14 max=2172
    const int first = mirrored(y, rows) * count;
    for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=1536
#pragma HLS PIPELINE II=1
      beats.write(source[first + i]);
    }
  }
}

// 48 bits of a row -> three channels of 16 bits, and the luma in 1/16 grey level.
inline uint64_t decoded(uint64_t bits, int layout)
{
  const uint32_t wide_1 = bits & 0xFFFF;
  const uint32_t wide_2 = (bits >> 16) & 0xFFFF;
  const uint32_t wide_3 = (bits >> 32) & 0xFFFF;
  const bool narrow = is_narrow(layout);
  const bool reverse = layout == kReverse8 || layout == kReverse16;
  const uint32_t one = narrow ? (wide_1 & 0xFF) : wide_1;
  const uint32_t green = narrow ? (wide_1 >> 8) : wide_2;
  const uint32_t three = narrow ? (wide_2 & 0xFF) : wide_3;
  const uint32_t blue = reverse ? three : one;
  const uint32_t red = reverse ? one : three;
  const uint32_t weighted = 29 * blue + 150 * green + 77 * red;
  const int widened = narrow ? 8 : 0;
  uint64_t channel_1 = one << widened;
  uint64_t channel_2 = 0;
  uint64_t channel_3 = 0;
  uint64_t luma = narrow ? one << 4 : one >> 4;
  if (channels_of(layout) == 3) {
    channel_1 = blue << widened;
    channel_2 = green << widened;
    channel_3 = red << widened;
    luma = narrow ? (weighted + 8) >> 4 : weighted >> 12;
  }
  return channel_1 | (channel_2 << 16) | (channel_3 << 32) | (luma << 48);
}

// 64 bits of two words, from a bit of the lower one on.
inline uint64_t shifted(uint64_t lower, uint64_t upper, int shift)
{
  return shift == 0 ? lower : (lower >> shift) | (upper << (64 - shift));
}

// Two pixels beside each other, from the byte of the two beats on where they begin.
inline Beat decoded_pair(const Beat & low, const Beat & high, int offset, int layout)
{
  const bool later = (offset & 8) != 0;
  const int shift = (offset & 7) * 8;
  const uint64_t first = later ? high_half(low) : low_half(low);
  const uint64_t second = later ? low_half(high) : high_half(low);
  const uint64_t third = later ? high_half(high) : low_half(high);
  const uint64_t lower = shifted(first, second, shift);
  const uint64_t upper = shifted(second, third, shift);
  return beat_of(
    decoded(lower, layout), decoded(shifted(lower, upper, 8 * bytes_per_pixel(layout)), layout));
}

// Emits two pixels per cycle, of the row before the one that comes in meanwhile; and once more
// those whose light counts.
inline void unpack_image(
  BeatStream & beats, BeatStream & pairs, BeatStream & light, int rows, int columns, int layout,
  LightGrid grid)
{
  // Beats by the parity of their number: what two pixels lie in is read in one cycle.
  Beat even[2][kRowBeats / 2 + 1];
#pragma HLS ARRAY_PARTITION variable=even complete dim=1
  Beat odd[2][kRowBeats / 2 + 1];
#pragma HLS ARRAY_PARTITION variable=odd complete dim=1
  const int count = source_beats(columns, layout);
  const int size = bytes_per_pixel(layout);
  const int padded_rows = 2 * half_of(rows) + 2 * kReach;
  const int padded_pairs = half_of(columns) + kReach;
  const int light_rows = grid.rows * grid.height;
  int until_light = 0;
  for (int y = 0; y <= padded_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=15 max=2173
    const int row = y - 1 - kReach;
    const bool is_light = row >= 0 && row < light_rows && until_light == 0;
    until_light = row < 0 ? 0 : until_light == 0 ? grid.step - 1 : until_light - 1;
    for (int i = 0; i < padded_pairs; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=7 max=2054
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=even inter false
#pragma HLS DEPENDENCE variable=odd inter false
      if (y < padded_rows && i < count) {
        const Beat beat = beats.read();
        if ((i & 1) == 0) {
          even[y & 1][i >> 1] = beat;
        } else {
          odd[y & 1][i >> 1] = beat;
        }
      }
      if (y > 0) {
        const int left = mirrored(2 * i - kReach, columns);
        const int right = mirrored(2 * i - kReach + 1, columns);
        const int byte = minimum(left, right) * size;
        const int beat = byte >> 4;
        const Beat at_even = even[(y & 1) ^ 1][(beat + 1) >> 1];
        const Beat at_odd = odd[(y & 1) ^ 1][beat >> 1];
        const Beat pair = (beat & 1) ? decoded_pair(at_odd, at_even, byte & 15, layout) :
          decoded_pair(at_even, at_odd, byte & 15, layout);
        const Beat emitted = beat_of(
          left <= right ? low_half(pair) : high_half(pair),
          left < right ? high_half(pair) : low_half(pair));
        pairs.write(emitted);
        if (is_light && i >= kReach / 2 && i < padded_pairs - kReach / 2) {
          light.write(emitted);
        }
      }
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__FRONT_SOURCE_HPP_
