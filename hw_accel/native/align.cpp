// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A response in another pixel grid: bilinear interpolation, gain and 'no data' in one pass.

#include "native.hpp"

#include <algorithm>
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

/// First and last + 1 of the positions, which rise or fall steadily, that lie within 0 to `end`.
template<typename Position>
FOCUS_STACKING_INLINE void narrow(Position position, int32_t end, int & first, int & last)
{
  while (first < last && (position(first) < 0 || position(first) > end)) {
    ++first;
  }
  while (first < last && (position(last - 1) < 0 || position(last - 1) > end)) {
    --last;
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void align_separable(
  const int16_t * response, int rows, int columns, const int32_t * columns_x, int32_t row_x,
  int32_t column_y, const int32_t * rows_y, uint32_t gain, int first, int last, int16_t * result)
{
  std::vector<int32_t> whole(columns), part(columns), blended(columns + 1), total(columns);
  int left = 0, right = columns;
  narrow([&](int u) {return (columns_x[u] + row_x) >> 10;}, 32 * (columns - 1), left, right);
  for (int u = left; u < right; ++u) {
    const int32_t x = (columns_x[u] + row_x) >> 10;
    whole[u] = x >> 5;
    part[u] = x & 31;
  }
  for (int v = first; v < last; ++v) {
    int16_t * out = result + static_cast<size_t>(v) * columns;
    const int32_t y = (rows_y[v] + column_y) >> 10;
    if (y < 0 || y > 32 * (rows - 1) || left == right) {
      std::fill(out, out + columns, static_cast<int16_t>(-1));
      continue;
    }
    // Where the lower row would lie beyond the rim, its weight is 0.
    const int16_t * upper = response + static_cast<size_t>(y >> 5) * columns;
    const int16_t * lower = response + static_cast<size_t>(smaller((y >> 5) + 1, rows - 1)) * columns;
    const int down = y & 31;
    for (int x = 0; x < columns; ++x) {
      blended[x] = (32 - down) * upper[x] + down * lower[x];
    }
    blended[columns] = 0;
    for (int u = left; u < right; ++u) {
      const int32_t * at = blended.data() + whole[u];
      total[u] = 32 * at[0] + part[u] * (at[1] - at[0]);
    }
    std::fill(out, out + left, static_cast<int16_t>(-1));
    for (int u = left; u < right; ++u) {
      out[u] = finished(total[u], gain);
    }
    std::fill(out + right, out + columns, static_cast<int16_t>(-1));
  }
}

FOCUS_STACKING_CLONES
void align_general(
  const int16_t * response, int rows, int columns, const int32_t * columns_x,
  const int32_t * rows_x, const int32_t * columns_y, const int32_t * rows_y, uint32_t gain,
  int first, int last, int16_t * result)
{
  std::vector<int32_t> total(columns);
  for (int v = first; v < last; ++v) {
    const int32_t row_x = rows_x[v], row_y = rows_y[v];
    int left = 0, right = columns;
    narrow([&](int u) {return (columns_x[u] + row_x) >> 10;}, 32 * (columns - 1), left, right);
    narrow([&](int u) {return (columns_y[u] + row_y) >> 10;}, 32 * (rows - 1), left, right);
    for (int u = left; u < right; ++u) {
      const int32_t x = (columns_x[u] + row_x) >> 10, y = (columns_y[u] + row_y) >> 10;
      const int32_t across = x & 31, down = y & 31;
      const int16_t * upper = response + static_cast<size_t>(y >> 5) * columns + (x >> 5);
      // Where a neighbour would lie beyond the rim, its weight is 0.
      const int16_t * lower = down ? upper + columns : upper;
      const int beside = across ? 1 : 0;
      total[u] = (32 - down) * ((32 - across) * upper[0] + across * upper[beside]) +
        down * ((32 - across) * lower[0] + across * lower[beside]);
    }
    int16_t * out = result + static_cast<size_t>(v) * columns;
    std::fill(out, out + left, static_cast<int16_t>(-1));
    for (int u = left; u < right; ++u) {
      out[u] = finished(total[u], gain);
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
    if (separable) {
      focus_stacking::align_separable(response, rows, columns, columns_x, rows_x[0], columns_y[0],
        rows_y, static_cast<uint32_t>(gain), first, last, result);
    } else {
      focus_stacking::align_general(response, rows, columns, columns_x, rows_x, columns_y, rows_y,
        static_cast<uint32_t>(gain), first, last, result);
    }
  });
}
