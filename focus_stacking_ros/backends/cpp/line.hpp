// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Where pixels that follow each other in a row of the result lie in a slice.

#ifndef FOCUS_STACKING_LINE_HPP
#define FOCUS_STACKING_LINE_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Shares of the columns and of the row in both coordinates, 1/2^15 pixel, as
/// `core.fixed_map.MapTables` has them.
struct Line
{
  const int32_t * columns_x, * columns_y;  // of one pixel after another
  int32_t row_x, row_y;
  int32_t separable;  // not 0: columns_y has one entry
  int32_t rows, columns;  // of the slice

  /// Coordinates of a pixel in 1/32 pixel, moved to the rim from beyond it.
  FOCUS_STACKING_INLINE int32_t x(int u) const
  {
    return smaller(greater((columns_x[u] + row_x) >> 10, 0), 32 * (columns - 1));
  }
  FOCUS_STACKING_INLINE int32_t y(int u) const
  {
    return smaller(
      greater((columns_y[separable ? 0 : u] + row_y) >> 10, 0), 32 * (rows - 1));
  }
};

/// Lines one below the other, whose columns are the same.
struct LineBlock
{
  static constexpr int kMost = 8;

  const int32_t * columns_x, * columns_y;
  int32_t row_x[kMost], row_y[kMost];  // of more than there are, the last ones
  int32_t height, separable, rows, columns;

  FOCUS_STACKING_INLINE Line line(int v) const
  {
    return {columns_x, columns_y, row_x[v], row_y[v], separable, rows, columns};
  }
};

/// The coordinates of pixels `first` to `last`.
FOCUS_STACKING_INLINE void positions(
  const Line & line, int first, int last, int32_t * __restrict x, int32_t * __restrict y)
{
  const Line known = line;  // a copy, which nothing that is written can change
  for (int u = first; u < last; ++u) {
    x[u] = known.x(u);
  }
  if (known.separable) {
    for (int u = first; u < last; ++u) {
      y[u] = known.y(0);
    }
    return;
  }
  for (int u = first; u < last; ++u) {
    y[u] = known.y(u);
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LINE_HPP
