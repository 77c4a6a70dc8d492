// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// What is counted over a whole slice: its noise, and its light in cells.
#ifndef FOCUS_STACKING_ACCEL__FRONT_SUMS_HPP_
#define FOCUS_STACKING_ACCEL__FRONT_SUMS_HPP_

#include "focus_stacking_accel/front_pixels.hpp"
#include "focus_stacking_accel/front_source.hpp"

namespace focus_stacking
{

const int kClasses = 16;     // of brightness
const int kNoiseBanks = 4;   // counts of a beat
const int kNoiseWords = kClasses * kBins / kNoiseBanks;
const int kNoiseBeats = kNoiseWords + 3 * kBins / kNoiseBanks;
const int kRecent = 4;       // counts that may still be on their way into memory
const int kCells = 64;       // of a row
const int kSums = 9;         // of a cell: three of each channel
const uint32_t kClipped = 250 * 256;

// Adds one to a count; a recent one counts, as its memory may not have it yet.
inline uint32_t one_more(
  uint32_t stored, int place, int places[kRecent], uint32_t counts[kRecent])
{
  uint32_t count = stored;
  for (int i = kRecent - 1; i >= 0; --i) {
#pragma HLS UNROLL
    count = places[i] == place ? counts[i] : count;
  }
  ++count;
  for (int i = kRecent - 1; i > 0; --i) {
#pragma HLS UNROLL
    places[i] = places[i - 1];
    counts[i] = counts[i - 1];
  }
  places[0] = place;
  counts[0] = count;
  return count;
}

// Counts how often there is which response to noise, and emits the counts.
inline void count_noise(
  PixelStream & samples, BeatStream & beats, int rows, int columns, int noise_step)
{
  uint32_t luma[kNoiseBanks][kNoiseWords];
#pragma HLS ARRAY_PARTITION variable=luma complete dim=1
  uint32_t channels[3][kNoiseBanks][kBins / kNoiseBanks];
#pragma HLS ARRAY_PARTITION variable=channels complete dim=1
#pragma HLS ARRAY_PARTITION variable=channels complete dim=2
  int places[4][kRecent];
#pragma HLS ARRAY_PARTITION variable=places complete dim=0
  uint32_t counts[4][kRecent];
#pragma HLS ARRAY_PARTITION variable=counts complete dim=0
  for (int i = 0; i < 4; ++i) {
#pragma HLS UNROLL
    for (int j = 0; j < kRecent; ++j) {
#pragma HLS UNROLL
      places[i][j] = -1;
      counts[i][j] = 0;
    }
  }
  for (int word = 0; word < kNoiseWords; ++word) {
#pragma HLS PIPELINE II=1
    const uint32_t nothing = 0;
    for (int bank = 0; bank < kNoiseBanks; ++bank) {
#pragma HLS UNROLL
      luma[bank][word] = nothing;
      for (int channel = 0; channel < 3; ++channel) {
#pragma HLS UNROLL
        channels[channel][bank][word & (kBins / kNoiseBanks - 1)] = nothing;
      }
    }
  }
  const int per_row = columns / 3;
  int until_noise = 0;
  for (int y = 1; y < rows - 1; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2158
    const int count = until_noise == 0 ? per_row : 0;
    until_noise = until_noise == 0 ? noise_step - 1 : until_noise - 1;
    for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=1365
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=luma inter RAW distance=5 true
#pragma HLS DEPENDENCE variable=channels inter RAW distance=5 true
      const uint64_t sample = samples.read();
      const int place = static_cast<int>(sample & (kClasses * kBins - 1));
      luma[place & 3][place >> 2] =
        one_more(luma[place & 3][place >> 2], place, places[3], counts[3]);
      for (int channel = 0; channel < 3; ++channel) {
#pragma HLS UNROLL
        const int bin = static_cast<int>((sample >> (14 + 10 * channel)) & (kBins - 1));
        channels[channel][bin & 3][bin >> 2] = one_more(
          channels[channel][bin & 3][bin >> 2], bin, places[channel], counts[channel]);
      }
    }
  }
  for (int word = 0; word < kNoiseWords; ++word) {
#pragma HLS PIPELINE II=1
    beats.write(beat_of(
      luma[0][word] | (static_cast<uint64_t>(luma[1][word]) << 32),
      luma[2][word] | (static_cast<uint64_t>(luma[3][word]) << 32)));
  }
  for (int channel = 0; channel < 3; ++channel) {
    for (int word = 0; word < kBins / kNoiseBanks; ++word) {
#pragma HLS PIPELINE II=1
      beats.write(beat_of(
        channels[channel][0][word] | (static_cast<uint64_t>(channels[channel][1][word]) << 32),
        channels[channel][2][word] | (static_cast<uint64_t>(channels[channel][3][word]) << 32)));
    }
  }
}

inline uint32_t squared(uint32_t value)
{
  return (value * value) >> 16;
}

// Sums light, its square and what may be clipped in cells, and emits them row by row of cells.
inline void add_light(
  BeatStream & pairs, BeatStream & beats, int columns, int layout, LightGrid grid)
{
  // Cells by the parity of their column: two pixels may end two of them.
  uint32_t sums[2][kSums][kCells / 2];
#pragma HLS ARRAY_PARTITION variable=sums complete dim=1
#pragma HLS ARRAY_PARTITION variable=sums complete dim=2
  const int pairs_of_row = half_of(columns);
  const int channels = channels_of(layout);
  for (int place = 0; place < kCells / 2; ++place) {
#pragma HLS PIPELINE II=1
    const uint32_t nothing = 0;
    for (int k = 0; k < kSums; ++k) {
#pragma HLS UNROLL
      sums[0][k][place] = nothing;
      sums[1][k][place] = nothing;
    }
  }
  int until_light = 0;
  for (int row = 0; row < grid.rows; ++row) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=64
    for (int line = 0; line < grid.height; ++line) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=64
      const int count = until_light == 0 ? pairs_of_row : 0;
      until_light = until_light == 0 ? grid.step - 1 : until_light - 1;
      uint32_t total[kSums];
#pragma HLS ARRAY_PARTITION variable=total complete
      for (int k = 0; k < kSums; ++k) {
#pragma HLS UNROLL
        total[k] = 0;
      }
      int cell = 0;
      int left = grid.width;
      for (int i = 0; i < count; ++i) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2048
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=sums inter false
        const Beat pair = pairs.read();
        uint32_t ended[2][kSums];
#pragma HLS ARRAY_PARTITION variable=ended complete dim=0
        bool has_ended[2];
#pragma HLS ARRAY_PARTITION variable=has_ended complete
        for (int bank = 0; bank < 2; ++bank) {
#pragma HLS UNROLL
          has_ended[bank] = false;
          for (int k = 0; k < kSums; ++k) {
#pragma HLS UNROLL
            ended[bank][k] = 0;
          }
        }
        const int first = cell;
        for (int part = 0; part < 2; ++part) {
#pragma HLS UNROLL
          const uint64_t pixel = part == 0 ? low_half(pair) : high_half(pair);
          for (int channel = 0; channel < 3; ++channel) {
#pragma HLS UNROLL
            const uint32_t value = static_cast<uint32_t>((pixel >> (16 * channel)) & 0xFFFF);
            const uint32_t light = squared(value);
            total[3 * channel] += light;
            total[3 * channel + 1] += squared(light);
            total[3 * channel + 2] += value >= kClipped ? 1 : 0;
          }
          --left;
          const bool ends = left == 0;
          for (int k = 0; k < kSums; ++k) {
#pragma HLS UNROLL
            if (ends) {
              ended[cell & 1][k] = total[k];
              total[k] = 0;
            }
          }
          if (ends) {
            has_ended[cell & 1] = cell < grid.columns;
            ++cell;
            left = grid.width;
          }
        }
        for (int bank = 0; bank < 2; ++bank) {
#pragma HLS UNROLL
          // The first of the two cells or, in the other bank, the one after it.
          const int place = (first + ((first ^ bank) & 1)) >> 1;
          for (int k = 0; k < kSums; ++k) {
#pragma HLS UNROLL
            if (has_ended[bank]) {
              sums[bank][k][place] += ended[bank][k];
            }
          }
        }
      }
    }
    for (int cell = 0; cell < grid.columns; ++cell) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=64
      for (int channel = 0; channel < channels; ++channel) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=3
#pragma HLS PIPELINE II=1
        uint32_t found[3];
#pragma HLS ARRAY_PARTITION variable=found complete
        for (int k = 0; k < 3; ++k) {
#pragma HLS UNROLL
          found[k] = sums[cell & 1][3 * channel + k][cell >> 1];
          sums[cell & 1][3 * channel + k][cell >> 1] = 0;
        }
        beats.write(beat_of(found[0] | (static_cast<uint64_t>(found[1]) << 32), found[2]));
      }
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__FRONT_SUMS_HPP_
