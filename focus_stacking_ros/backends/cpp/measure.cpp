// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Focus measures at half the size, in one pass: lines of the source, their response, its mean.

#include "native.hpp"

#include "lines.hpp"

#include <cmath>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kMargin = 3;
constexpr int kLines = 8;  // at least the rows around two neighbouring ones
typedef Lines<int16_t, kLines, kMargin> SomeLines;

template<bool kCross>
FOCUS_STACKING_INLINE void differences(
  const int16_t * luma, int rows, int columns, int first, int last, int16_t * response)
{
  const int half = (columns + 1) / 2, width = 2 * half;
  SomeLines lines(width);
  std::vector<uint16_t> both(width);
  int loaded = 2 * first - 2;
  for (int y = first; y < last; ++y) {
    for (; loaded <= 2 * y + 3; ++loaded) {
      int16_t * line = lines.row(loaded);
      std::memcpy(line, luma + static_cast<size_t>(mirrored(loaded, rows)) * columns,
        columns * sizeof *line);
      mirror_ends(line, columns, width, kMargin);
    }
    for (int part = 0; part < 2; ++part) {
      const int16_t * around[5];
      for (int k = 0; k < 5; ++k) {
        around[k] = lines.row(2 * y + part + k - 2);
      }
      if (part == 0) {
        differences_of_row<kCross>(around, width, false, both.data());
      } else {
        differences_of_row<kCross>(around, width, true, both.data());
      }
    }
    halve(both.data(), half, kResponseLimit, response + static_cast<size_t>(y) * half);
  }
}

/// A channel of a row of an image, in 1/16 grey level.
FOCUS_STACKING_INLINE void load_channel(
  const void * image, size_t at, int columns, int channels, bool wide, int16_t * line)
{
  if (wide) {
    const uint16_t * from = static_cast<const uint16_t *>(image) + at;
    for (int x = 0; x < columns; ++x) {
      line[x] = static_cast<int16_t>(from[static_cast<size_t>(x) * channels] >> 4);
    }
  } else {
    const uint8_t * from = static_cast<const uint8_t *>(image) + at;
    for (int x = 0; x < columns; ++x) {
      line[x] = static_cast<int16_t>(from[static_cast<size_t>(x) * channels] << 4);
    }
  }
}

/// Laplacian of Gaussian of a row; `line` are the rows around it, from three above on.
FOCUS_STACKING_INLINE void log_of_row(
  const int16_t * const * line, int width, const int32_t * quadrant, int16_t * __restrict pairs,
  int32_t * __restrict sum)
{
  for (int x = 0; x < width; ++x) {
    sum[x] = 512;
  }
  for (int dy = 0; dy <= kMargin; ++dy) {
    const int16_t * above = line[kMargin - dy], * below = line[kMargin + dy];
    int16_t * pair = pairs + kMargin;
    for (int x = -kMargin; x < width + kMargin; ++x) {
      pair[x] = static_cast<int16_t>(dy ? above[x] + below[x] : above[x]);
    }
    const int32_t * weight = quadrant + 4 * dy;
    for (int x = 0; x < width; ++x) {
      sum[x] += weight[0] * pair[x] + weight[1] * (pair[x - 1] + pair[x + 1]) +
        weight[2] * (pair[x - 2] + pair[x + 2]) + weight[3] * (pair[x - 3] + pair[x + 3]);
    }
  }
}

/// Nearest integer to the root of up to 2^30.
FOCUS_STACKING_INLINE int32_t rounded_root(int32_t square)
{
  // Single precision errs by less than 1/100: that is too much only next to an integer, and there
  // either of both leads to the same.
  const int32_t root = static_cast<int32_t>(std::sqrt(static_cast<float>(square)));
  return root + (root * (root + 1) < square);
}

FOCUS_STACKING_CLONES
void differences_band(
  const int16_t * luma, int rows, int columns, bool cross, int first, int last,
  int16_t * response)
{
  if (cross) {
    differences<true>(luma, rows, columns, first, last, response);
  } else {
    differences<false>(luma, rows, columns, first, last, response);
  }
}

FOCUS_STACKING_CLONES
void log_norm_band(
  const void * image, int rows, int columns, int channels, bool wide, const int32_t * quadrant,
  int first, int last, int16_t * response)
{
  const int half = (columns + 1) / 2, width = 2 * half;
  std::vector<SomeLines> lines(channels, SomeLines(width));
  std::vector<int16_t> pairs(width + 2 * kMargin);
  std::vector<int32_t> sum(width), squares(width);
  std::vector<uint16_t> both(width);
  int loaded = 2 * first - kMargin;
  for (int y = first; y < last; ++y) {
    for (; loaded <= 2 * y + 1 + kMargin; ++loaded) {
      for (int channel = 0; channel < channels; ++channel) {
        int16_t * line = lines[channel].row(loaded);
        load_channel(image,
          static_cast<size_t>(mirrored(loaded, rows)) * columns * channels + channel, columns,
          channels, wide, line);
        mirror_ends(line, columns, width, kMargin);
      }
    }
    for (int part = 0; part < 2; ++part) {
      for (int channel = 0; channel < channels; ++channel) {
        const int16_t * around[2 * kMargin + 1];
        for (int k = 0; k <= 2 * kMargin; ++k) {
          around[k] = lines[channel].row(2 * y + part + k - kMargin);
        }
        log_of_row(around, width, quadrant, pairs.data(), sum.data());
        for (int x = 0; x < width; ++x) {
          const int32_t value = sum[x] >> 10;
          squares[x] = value * value + (channel ? squares[x] : 0);
        }
      }
      for (int x = 0; x < width; ++x) {
        const uint16_t root = static_cast<uint16_t>(rounded_root(squares[x]));
        both[x] = static_cast<uint16_t>(root + (part ? both[x] : 0));
      }
    }
    halve(both.data(), half, kResponseLimit, response + static_cast<size_t>(y) * half);
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_differences(
  const int16_t * luma, int32_t rows, int32_t columns, int32_t cross, int32_t first, int32_t last,
  int16_t * response)
{
  return focus_stacking::guarded([&] {
    focus_stacking::differences_band(luma, rows, columns, cross != 0, first, last, response);
  });
}

int32_t focus_stacking_native_log_norm(
  const void * image, int32_t rows, int32_t columns, int32_t channels, int32_t wide,
  const int32_t * quadrant, int32_t first, int32_t last, int16_t * response)
{
  return focus_stacking::guarded([&] {
    focus_stacking::log_norm_band(image, rows, columns, channels, wide != 0, quadrant, first, last,
      response);
  });
}
