// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A response in another pixel grid: bilinear interpolation, gain and 'no data' in one pass.

#include "native.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kGainOne = 1 << 14;

/// Response from a sum of products of ten bits of weight: halves to even, then the gain.
FOCUS_STACKING_INLINE int16_t finished(int32_t total, uint32_t gain)
{
  const uint32_t moved = static_cast<uint32_t>(total + 511 + ((total >> 10) & 1)) >> 10;
  const int value = static_cast<int>((moved * gain + (kGainOne / 2)) >> 14);
  return static_cast<int16_t>(smaller(value, kResponseLimit));
}

}  // namespace

FOCUS_STACKING_CLONES
void align_rows(
  const int16_t * response, int rows, int columns, const int32_t * columns_x,
  const int32_t * rows_x, const int32_t * columns_y, const int32_t * rows_y, bool separable,
  uint32_t gain, int first, int last, int16_t * result)
{
  std::vector<int32_t> xs(columns), ys(columns), offsets(columns);
  std::vector<uint32_t> uppers(columns), lowers(columns);
  int32_t * __restrict x = xs.data(), * __restrict y = ys.data();
  int32_t * __restrict offset = offsets.data();
  uint32_t * __restrict upper = uppers.data(), * __restrict lower = lowers.data();
  for (int v = first; v < last; ++v) {
    const int32_t row_x = rows_x[separable ? 0 : v], row_y = rows_y[v];
    int left = 0, right = columns;
    narrow([&](int u) {return (columns_x[u] + row_x) >> 10;}, 32 * (columns - 1), left, right);
    narrow([&](int u) {return (columns_y[separable ? 0 : u] + row_y) >> 10;}, 32 * (rows - 1),
      left, right);
    for (int u = left; u < right; ++u) {
      // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
      x[u] = (columns_x[u] + row_x) >> 10;
      y[u] = (columns_y[separable ? 0 : u] + row_y) >> 10;
      const int column = smaller(x[u] >> 5, columns - 2), row = smaller(y[u] >> 5, rows - 2);
      offset[u] = row * columns + column;
      x[u] -= 32 * column;
      y[u] -= 32 * row;
    }
    for (int u = left; u < right; ++u) {
      std::memcpy(upper + u, response + offset[u], sizeof *upper);
      std::memcpy(lower + u, response + offset[u] + columns, sizeof *lower);
    }
    int16_t * __restrict out = result + static_cast<size_t>(v) * columns;
    std::fill(out, out + left, static_cast<int16_t>(-1));
    for (int u = left; u < right; ++u) {
      const int one = (32 - y[u]) * static_cast<int>(upper[u] & 65535) +
        y[u] * static_cast<int>(lower[u] & 65535);
      const int other = (32 - y[u]) * static_cast<int>(upper[u] >> 16) +
        y[u] * static_cast<int>(lower[u] >> 16);
      out[u] = finished(32 * one + x[u] * (other - one), gain);
    }
    std::fill(out + right, out + columns, static_cast<int16_t>(-1));
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_align(
  const int16_t * response, int32_t rows, int32_t columns, const int32_t * columns_x,
  const int32_t * rows_x, const int32_t * columns_y, const int32_t * rows_y, int32_t separable,
  int32_t gain, int32_t first, int32_t last, int16_t * result)
{
  return focus_stacking::guarded([&] {
    focus_stacking::align_rows(response, rows, columns, columns_x, rows_x, columns_y, rows_y,
      separable != 0, static_cast<uint32_t>(gain), first, last, result);
  });
}
