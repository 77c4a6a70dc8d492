// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
// Pairs of pixels -> what a window around them says: luma, focus responses, Laplacian, noise.
#ifndef FOCUS_STACKING_ACCEL__FRONT_PIXELS_HPP_
#define FOCUS_STACKING_ACCEL__FRONT_PIXELS_HPP_

#include "focus_stacking_accel/front_source.hpp"

namespace focus_stacking
{

const int kMargin = 3;  // pixels around the one that is measured
const int kSide = 2 * kMargin + 1;
const int kAcross = 10;  // columns of the window: those around two pixels, in whole pairs
const int kMiddle = 4;   // column of the first of the two
const int kBehind = (kAcross - 2 - kMiddle + kReach) / 2;  // pairs that come in before that is 0
const int kGreatestLaplacian = 2040;
const int kClassWidth = 9 * 256;  // of brightness, of the sum of 3x3 pixels
const int kBins = 1024;           // of the response to noise
const int kExactBins = 512;       // of one value; the others have 16

// Laplacian of a Gaussian of sigma 1 in 1/1024, zero sum; one quadrant from the centre outwards.
const int kLogKernel[4][4] = {
  {-320, -99, 44, 13},
  {-99, 0, 40, 9},
  {44, 40, 18, 3},
  {13, 9, 3, 0}};

typedef const uint64_t Window[kSide][kAcross];

inline int luma_at(Window window, int y, int x)
{
  return static_cast<int>(window[y][x] >> 48);
}

// In 1/16 grey level.
inline int channel_at(Window window, int y, int x, int channel)
{
  return static_cast<int>((window[y][x] >> (16 * channel + 4)) & 0xFFF);
}

// Of the pixel in a column of the middle row; x and y lead to one of the two others.
inline int second_difference(Window window, int column, int x, int y)
{
  const int difference = 2 * luma_at(window, kMargin, column) -
    luma_at(window, kMargin + y, column + x) - luma_at(window, kMargin - y, column - x);
  return difference < 0 ? -difference : difference;
}

inline int ring_difference(Window window, int column)
{
  return minimum(
    second_difference(window, column, 2, 0) + second_difference(window, column, 0, 2) +
    second_difference(window, column, 2, 1) + second_difference(window, column, 1, 2) +
    second_difference(window, column, 2, -1) + second_difference(window, column, 1, -2), 32767);
}

inline int modified_laplacian(Window window, int column)
{
  return minimum(
    second_difference(window, column, 1, 0) + second_difference(window, column, 0, 1) +
    second_difference(window, column, 2, 0) + second_difference(window, column, 0, 2), 32767);
}

inline int laplacian_of_gaussian(Window window, int column, int channel)
{
  int total = 512;
  for (int y = 0; y < kSide; ++y) {
#pragma HLS UNROLL
    for (int x = 0; x < kSide; ++x) {
#pragma HLS UNROLL
      const int dy = y < kMargin ? kMargin - y : y - kMargin;
      const int dx = x < kMargin ? kMargin - x : x - kMargin;
      total += kLogKernel[dy][dx] * channel_at(window, y, column + x - kMargin, channel);
    }
  }
  return total >> 10;
}

// Square root, rounded to the nearest integer, of less than 2**28.
inline int rounded_root(uint32_t square)
{
  uint32_t root = 0;
  for (int bit = 13; bit >= 0; --bit) {
#pragma HLS UNROLL
    const uint32_t candidate = root | (1u << bit);
    root = candidate * candidate <= square ? candidate : root;
  }
  return static_cast<int>(square > root * (root + 1) ? root + 1 : root);
}

inline int log_norm(Window window, int column)
{
  const int first = laplacian_of_gaussian(window, column, 0);
  const int second = laplacian_of_gaussian(window, column, 1);
  const int third = laplacian_of_gaussian(window, column, 2);
  return rounded_root(static_cast<uint32_t>(first * first + second * second + third * third));
}

// The sum of two pixels' responses, 16 bits for each operator.
inline uint64_t responses_of(Window window, int planes)
{
  uint64_t sums = 0;
  if (has(planes, kResponses + kRingDifference)) {
    sums |= static_cast<uint64_t>(
      ring_difference(window, kMiddle) + ring_difference(window, kMiddle + 1));
  }
  if (has(planes, kResponses + kModifiedLaplacian)) {
    sums |= static_cast<uint64_t>(
      modified_laplacian(window, kMiddle) + modified_laplacian(window, kMiddle + 1)) << 16;
  }
  if (has(planes, kResponses + kLogNorm)) {
    sums |= static_cast<uint64_t>(
      log_norm(window, kMiddle) + log_norm(window, kMiddle + 1)) << 32;
  }
  return sums;
}

// Weighted by (1 2 1) x (1 2 1), 1/32 grey level.
inline int smoothed(Window window, int y, int x)
{
  const int sides = luma_at(window, y, x - 1) + luma_at(window, y, x + 1) +
    luma_at(window, y - 1, x) + luma_at(window, y + 1, x);
  const int corners = luma_at(window, y - 1, x - 1) + luma_at(window, y - 1, x + 1) +
    luma_at(window, y + 1, x - 1) + luma_at(window, y + 1, x + 1);
  return (4 * luma_at(window, y, x) + 2 * sides + corners + 4) >> 3;
}

// Two rows before the last one.
inline uint32_t limited_laplacian(Window window, int x)
{
  const int y = kSide - 3;
  const int difference = 4 * smoothed(window, y, x) - smoothed(window, y, x - 1) -
    smoothed(window, y, x + 1) - smoothed(window, y - 1, x) - smoothed(window, y + 1, x);
  return static_cast<uint32_t>(
    minimum(difference < 0 ? -difference : difference, kGreatestLaplacian));
}

// Bin of the response of nine values of a row each to [1, -2, 1] x [1, -2, 1].
inline uint64_t noise_bin(const int above[3], const int here[3], const int below[3])
{
  const int response = above[0] - 2 * above[1] + above[2] + below[0] - 2 * below[1] + below[2] -
    2 * (here[0] - 2 * here[1] + here[2]);
  const int size = response < 0 ? -response : response;
  return static_cast<uint64_t>(
    size < kExactBins ? size : minimum(kExactBins + ((size - kExactBins) >> 4), kBins - 1));
}

// Around a pixel of the middle row: bin of luma, class of brightness, bins of the three channels.
inline uint64_t noise_of(Window window, int column)
{
  uint64_t sample = 0;
  int sum = 0;
  for (int number = 0; number < 4; ++number) {
#pragma HLS UNROLL
    int rows[3][3];
#pragma HLS ARRAY_PARTITION variable=rows complete dim=0
    for (int y = 0; y < 3; ++y) {
#pragma HLS UNROLL
      for (int x = 0; x < 3; ++x) {
#pragma HLS UNROLL
        rows[y][x] = number == 3 ? luma_at(window, kMargin - 1 + y, column - 1 + x) :
          channel_at(window, kMargin - 1 + y, column - 1 + x, number);
        sum += number == 3 ? rows[y][x] : 0;
      }
    }
    sample |= noise_bin(rows[0], rows[1], rows[2]) << (number == 3 ? 0 : 14 + 10 * number);
  }
  return sample | (static_cast<uint64_t>(sum / kClassWidth) << 10);
}

inline void look_around(
  BeatStream & pairs, PairStream & luma, PairStream & half_luma, PixelStream & responses,
  PairStream & laplacians, PixelStream & noise, int rows, int columns, int planes,
  int noise_step)
{
  Beat lines[kSide - 1][kPaddedPairs];
#pragma HLS ARRAY_PARTITION variable=lines complete dim=1
#pragma HLS BIND_STORAGE variable=lines type=ram_2p impl=uram
  uint64_t window[kSide][kAcross];
#pragma HLS ARRAY_PARTITION variable=window complete dim=0
  for (int i = 0; i < kSide; ++i) {
#pragma HLS UNROLL
    for (int j = 0; j < kAcross; ++j) {
#pragma HLS UNROLL
      window[i][j] = 0;
    }
  }
  const int even_rows = 2 * half_of(rows);
  const int padded_rows = even_rows + 2 * kReach;
  const int padded_pairs = half_of(columns) + kReach;
  const bool has_luma = has(planes, kLuma) != 0;
  const bool has_half_luma = has(planes, kHalfLuma) != 0;
  const bool has_sharpness = has(planes, kSharpness) != 0;
  const bool has_responses = (planes >> kResponses) != 0;
  for (int x = 0; x < padded_pairs; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=7 max=2054
#pragma HLS PIPELINE II=1
    const Beat nothing = 0;
    for (int i = 0; i < kSide - 1; ++i) {
#pragma HLS UNROLL
      lines[i][x] = nothing;
    }
  }
  int until_noise = 0;
  for (int y = 0; y < padded_rows; ++y) {
#pragma HLS LOOP_TRIPCOUNT min=14 max=2172
    const int row = y - kReach - kMargin;  // that is looked around
    const bool is_within = row >= 0 && row < even_rows;
    const bool is_noise = row > 0 && row < rows - 1 && until_noise == 0;
    until_noise = row < 1 ? 0 : until_noise == 0 ? noise_step - 1 : until_noise - 1;
    int phase = 0;  // of the first pixel of the pair, modulo 3
    for (int x = 0; x < padded_pairs; ++x) {
#pragma HLS LOOP_TRIPCOUNT min=7 max=2054
#pragma HLS PIPELINE II=1
#pragma HLS DEPENDENCE variable=lines inter false
      const Beat pair = pairs.read();
      for (int i = 0; i < kSide; ++i) {
#pragma HLS UNROLL
        for (int j = 0; j < kAcross - 2; ++j) {
#pragma HLS UNROLL
          window[i][j] = window[i][j + 2];
        }
        const Beat next = i < kSide - 1 ? lines[i < kSide - 1 ? i : 0][x] : pair;
        window[i][kAcross - 2] = low_half(next);
        window[i][kAcross - 1] = high_half(next);
      }
      for (int i = 0; i < kSide - 1; ++i) {
#pragma HLS UNROLL
        lines[i][x] = beat_of(window[i + 1][kAcross - 2], window[i + 1][kAcross - 1]);
      }
      // Of three rows above the slice to three below it.
      if (has_sharpness && y >= kReach - 1 && y < padded_rows - 1) {
        laplacians.write(
          limited_laplacian(window, kAcross - 5) |
          (limited_laplacian(window, kAcross - 4) << 16));
      }
      if (is_within && x >= kBehind && x < kBehind + half_of(columns)) {
        const int left = luma_at(window, kMargin, kMiddle);
        const int right = luma_at(window, kMargin, kMiddle + 1);
        if (has_luma && row < rows) {
          luma.write(static_cast<uint32_t>(left) | (static_cast<uint32_t>(right) << 16));
        }
        if (has_half_luma && (row & 1) == 1) {
          const int both = luma_at(window, kMargin - 1, kMiddle) +
            luma_at(window, kMargin - 1, kMiddle + 1);
          half_luma.write(static_cast<uint32_t>((left + right + both + 2) >> 2));
        }
        if (has_responses) {
          responses.write(responses_of(window, planes));
        }
        // Every third column from the second on: the first of the pair, or the second.
        const int column = 2 * (x - kBehind) + (phase == 0 ? 1 : 0);
        if (is_noise && phase < 2 && column < columns - 1) {
          noise.write(noise_of(window, phase == 0 ? kMiddle + 1 : kMiddle));
        }
        phase = phase == 0 ? 2 : phase - 1;
      }
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ACCEL__FRONT_PIXELS_HPP_
