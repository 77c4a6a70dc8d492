// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Luma of a row of pixels: `core.focus.measure.luma`.

#ifndef FOCUS_STACKING_LUMA_HPP
#define FOCUS_STACKING_LUMA_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Luma of a row, in 1/16 grey level; colour is blue, green, red, or the reverse.
template<typename Pixel>
FOCUS_STACKING_INLINE void luma_of_row(
  const Pixel * __restrict from, int columns, int channels, bool reverse,
  int16_t * __restrict line)
{
  constexpr bool kWide = sizeof(Pixel) == 2;
  const uint16_t first = reverse ? 77 : 29, last = static_cast<uint16_t>(106 - first);
  if (channels == 1) {
    for (int x = 0; x < columns; ++x) {
      line[x] = static_cast<int16_t>(kWide ? from[x] >> 4 : from[x] << 4);
    }
  } else if (kWide) {
    for (int x = 0; x < columns; ++x) {
      const uint32_t sum = static_cast<uint32_t>(first) * from[3 * x] +
        150u * from[3 * x + 1] + static_cast<uint32_t>(last) * from[3 * x + 2];
      line[x] = static_cast<int16_t>(sum >> 12);
    }
  } else {
    for (int x = 0; x < columns; ++x) {
      const uint16_t sum = static_cast<uint16_t>(
        first * from[3 * x] + 150 * from[3 * x + 1] + last * from[3 * x + 2] + 8);
      line[x] = static_cast<int16_t>(sum >> 4);
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LUMA_HPP
