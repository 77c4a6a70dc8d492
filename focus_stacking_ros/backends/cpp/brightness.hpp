// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// How far the brightness of a slice at a pixel is from the usual one: `core.depth.glow.Glow`.

#ifndef FOCUS_STACKING_BRIGHTNESS_HPP
#define FOCUS_STACKING_BRIGHTNESS_HPP

#include "depth.hpp"
#include "floats.hpp"
#include "volume.hpp"

namespace focus_stacking
{

/// Where the pixels of a row lie in the levels of brightness.
struct BrightnessPlaces
{
  int32_t cell[kBlockColumns];  // of the levels
  // 32nds between it and the next one, and how far that is: 0 at the rim
  int32_t across[kBlockColumns], down[kBlockColumns], right[kBlockColumns], below[kBlockColumns];

  FOCUS_STACKING_INLINE void set(const Peaks & job, int width, int left, int row)
  {
    const float * m = job.place;
    const float v = static_cast<float>(row);
    const int columns = job.level_columns, last_row = job.level_rows - 1;
    const float most_x = static_cast<float>(32 * (columns - 1));
    const float most_y = static_cast<float>(32 * last_row);
    for (int k = 0; k < width; ++k) {
      const float u = static_cast<float>(left + k);
      const float below_line = 1.0f / (m[6] * u + m[7] * v + m[8]);
      const int x = static_cast<int>(
        limited((m[0] * u + m[1] * v + m[2]) * below_line * 32, 0.0f, most_x) + 0.5f);
      const int y = static_cast<int>(
        limited((m[3] * u + m[4] * v + m[5]) * below_line * 32, 0.0f, most_y) + 0.5f);
      cell[k] = (y >> 5) * columns + (x >> 5);
      across[k] = x & 31;
      down[k] = y & 31;
      right[k] = (x >> 5) < columns - 1 ? 1 : 0;
      below[k] = (y >> 5) < last_row ? columns : 0;
    }
  }

  /// How far a slice's brightness is from the usual one, grey levels.
  FOCUS_STACKING_INLINE float deviation(const Peaks & job, int number, int k) const
  {
    const uint8_t * level = job.levels[number] + cell[k], * usual = job.usual + cell[k];
    const auto away = [&](int at) {
        const int difference = level[at] - usual[at];
        return difference < 0 ? -difference : difference;
      };
    const int x = across[k], y = down[k];
    const int upper = (32 - x) * away(0) + x * away(right[k]);
    const int lower = (32 - x) * away(below[k]) + x * away(below[k] + right[k]);
    return static_cast<float>(((32 - y) * upper + y * lower + 512) >> 10);
  }
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_BRIGHTNESS_HPP
