// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Laplacian -> sharpness, by two means; responses -> means of 2x2 pixels. All take pairs of pixels.
#ifndef FOCUS_STACKING_ACCEL__FRONT_SHARPNESS_HPP_
#define FOCUS_STACKING_ACCEL__FRONT_SHARPNESS_HPP_

#include "focus_stacking_accel/front_source.hpp"

namespace focus_stacking
{

const int kWide = 5;    // side of the window of the first mean
const int kNarrow = 3;  // and of the second

// Means over 5x5 values; of 2 rows and columns around what comes in there are none.
inline void mean_widely(
  PairStream & laplacians, PairStream & means, int rows, int columns, int has_sharpness)
{
  uint32_t lines[kWide - 1][kPaddedPairs];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
  uint32_t sums[kWide + 1];  // along the columns
#pragma HLS ARRAY_PARTITION variable=sums complete
  const int padded_rows = (2 * half_of(rows) + kWide + 1) * has_sharpness;
  const int padded_pairs = half_of(columns) + kReach;
  for (int x = 0; x < padded_pairs; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=7 max=2054
#pragma HLS PIPELINE II=1
    const uint32_t nothing = 0;
    for (int i = 0; i < kWide - 1; ++i) {
#pragma HLS UNROLL
      lines[i][x] = nothing;
    }
  }
  for (int i = 0; i < kWide + 1; ++i) {
#pragma HLS UNROLL
    sums[i] = 0;
  }
  for (int y = 0; y < padded_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=8 max=2166
    for (int x = 0; x < padded_pairs; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=7 max=2054
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=lines inter false
      const uint32_t pair = laplacians.read();
      uint32_t left = pair & 0xFFFF;
      uint32_t right = pair >> 16;
      for (int i = 0; i < kWide - 1; ++i) {
#pragma HLS UNROLL
        const uint32_t above = lines[i][x];
        left += above & 0xFFFF;
        right += above >> 16;
        lines[i][x] = i < kWide - 2 ? lines[i < kWide - 2 ? i + 1 : 0][x] : pair;
      }
      for (int i = 0; i < kWide - 1; ++i) {
#pragma HLS UNROLL
        sums[i] = sums[i + 2];
      }
      sums[kWide - 1] = left;
      sums[kWide] = right;
      if (y >= kWide - 1 && x >= kReach - 1) {
        const uint32_t shared = sums[1] + sums[2] + sums[3] + sums[4] + 4;
        means.write(((shared + sums[0]) >> 3) | (((shared + sums[5]) >> 3) << 16));
      }
    }
  }
}

// Means over 3x3 of them: the sharpness.
inline void mean_narrowly(
  PairStream & means, PairStream & sharpness, int rows, int columns, int has_sharpness)
{
  uint32_t lines[kNarrow - 1][kPaddedPairs];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
  uint32_t sums[kNarrow + 1];
#pragma HLS ARRAY_PARTITION variable=sums complete
  const int padded_rows = (2 * half_of(rows) + 2) * has_sharpness;
  const int padded_pairs = half_of(columns) + 1;
  for (int x = 0; x < padded_pairs; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=2049
#pragma HLS PIPELINE II=1
    lines[0][x] = 0;
    lines[1][x] = 0;
  }
  for (int i = 0; i < kNarrow + 1; ++i) {
#pragma HLS UNROLL
    sums[i] = 0;
  }
  for (int y = 0; y < padded_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=4 max=2162
    for (int x = 0; x < padded_pairs; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=2 max=2049
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=lines inter false
      const uint32_t pair = means.read();
      const uint32_t above = lines[1][x];
      const uint32_t highest = lines[0][x];
      lines[0][x] = above;
      lines[1][x] = pair;
      sums[0] = sums[2];
      sums[1] = sums[3];
      sums[2] = (pair & 0xFFFF) + (above & 0xFFFF) + (highest & 0xFFFF);
      sums[3] = (pair >> 16) + (above >> 16) + (highest >> 16);
      if (y >= kNarrow - 1 && x >= 1 && y - (kNarrow - 1) < rows) {
        const uint32_t shared = sums[1] + sums[2] + 112;
        const uint32_t left = ((shared + sums[0]) * 291) >> 16;
        const uint32_t right = ((shared + sums[3]) * 291) >> 16;
        sharpness.write(left | (right << 8));
      }
    }
  }
}

inline uint32_t mean_response(uint64_t above, uint64_t here, int number)
{
  const uint32_t sum = static_cast<uint32_t>((above >> (16 * number)) & 0xFFFF) +
    static_cast<uint32_t>((here >> (16 * number)) & 0xFFFF);
  return static_cast<uint32_t>(minimum(static_cast<int>((sum + 2) >> 2), kResponseLimit));
}

// Sums of two responses beside each other, of three operators -> means of four, of which those
// that are wanted go on.
inline void halve_responses(
  PixelStream & both, PairStream & ring, PairStream & cross, PairStream & log, int rows,
  int columns, int planes)
{
  uint64_t above[kMaxHalfWidth];
  const bool has_ring = has(planes, kResponses + kRingDifference) != 0;
  const bool has_cross = has(planes, kResponses + kModifiedLaplacian) != 0;
  const bool has_log = has(planes, kResponses + kLogNorm) != 0;
  for (int y = 0; y < rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=0 max=2160
    for (int x = 0; x < columns; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=1 max=2048
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=above inter false
      const uint64_t sums = both.read();
      if ((y & 1) == 0) {
        above[x] = sums;
      } else {
        const uint64_t others = above[x];
        if (has_ring) {
          ring.write(mean_response(others, sums, kRingDifference));
        }
        if (has_cross) {
          cross.write(mean_response(others, sums, kModifiedLaplacian));
        }
        if (has_log) {
          log.write(mean_response(others, sums, kLogNorm));
        }
      }
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__FRONT_SHARPNESS_HPP_
