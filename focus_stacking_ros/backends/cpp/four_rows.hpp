// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The four rows of an image that cubic interpolation takes at a height.

#ifndef FOCUS_STACKING_FOUR_ROWS_HPP
#define FOCUS_STACKING_FOUR_ROWS_HPP

#include "native.hpp"

#include <algorithm>

namespace focus_stacking
{

/// Finds columns `left` to `right` of the rows around `y`, 1/32 pixel; beyond its rim an image goes
/// on as it ends. Lines are read in the image up to `more` columns further, else in `beyond`, which
/// has room for them, a `stride` for each row.
template<int kChannels, typename Pixel>
FOCUS_STACKING_INLINE void find_rows(
  const Pixel * image, int rows, int columns, int32_t y, int left, int right, int more,
  Pixel * beyond, int stride, const Pixel * (&lines)[4])
{
  const bool within = left >= 0 && right + more <= columns;
  for (int k = 0; k < 4; ++k) {
    const int row = smaller(greater((y >> 5) - 1 + k, 0), rows - 1);
    lines[k] = image + static_cast<size_t>(row) * columns * kChannels;
    if (within) {
      lines[k] += static_cast<size_t>(left) * kChannels;
      continue;
    }
    Pixel * to = beyond + static_cast<size_t>(k) * stride;
    for (int x = left; x < right; ++x) {
      std::copy_n(
        lines[k] + static_cast<size_t>(smaller(greater(x, 0), columns - 1)) * kChannels,
        kChannels, to + (x - left) * kChannels);
    }
    lines[k] = to;
  }
  if (within && (y >> 5) + 3 < rows) {
    fetch_ahead(
      lines[3] + static_cast<size_t>(columns) * kChannels,
      (right - left) * kChannels * sizeof(Pixel));
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_FOUR_ROWS_HPP
