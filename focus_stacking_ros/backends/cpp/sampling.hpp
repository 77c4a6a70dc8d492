// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Values of a plane and their derivatives between its pixels.

#ifndef FOCUS_STACKING_SAMPLING_HPP
#define FOCUS_STACKING_SAMPLING_HPP

#include "native.hpp"

#include <cstring>

namespace focus_stacking
{

/// Four values side by side, on every processor.
typedef float Four __attribute__((vector_size(16)));

FOCUS_STACKING_INLINE Four load_four(const float * values)
{
  Four result;
  std::memcpy(&result, values, sizeof result);
  return result;
}

FOCUS_STACKING_INLINE float sum_of(Four values)
{
  return (values[0] + values[1]) + (values[2] + values[3]);
}

/// Places are rounded to so many parts of a pixel.
constexpr int kParts = 32;

/// Weights of four neighbouring pixels, for a place at a part of the way from the second to the
/// third.
struct Kernel
{
  float cubic[4];  ///< of the value: Keys' cubic with -0.75, as cv2.remap has it
  float smooth[4];  ///< of the value across a derivative: Scharr's 3, 10, 3, interpolated
  float slope[4];  ///< of the derivative, interpolated
};

/// Kernels of all parts from 0 to 1; the last for the places of the last pixels.
struct Kernels
{
  Kernels()
  {
    for (int part = 0; part <= kParts; ++part) {
      const double f = part / static_cast<double>(kParts), a = -0.75;
      const auto outer = [a](double t) {return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;};
      const auto inner = [a](double t) {return ((a + 2) * t - (a + 3)) * t * t + 1;};
      const double weights[3][4] = {
        {outer(1 + f), inner(f), inner(1 - f), outer(2 - f)},
        {3 * (1 - f) / 16, (10 * (1 - f) + 3 * f) / 16, (3 * (1 - f) + 10 * f) / 16, 3 * f / 16},
        {(f - 1) / 2, -f / 2, (1 - f) / 2, f / 2}};
      for (int k = 0; k < 4; ++k) {
        all[part].cubic[k] = static_cast<float>(weights[0][k]);
        all[part].smooth[k] = static_cast<float>(weights[1][k]);
        all[part].slope[k] = static_cast<float>(weights[2][k]);
      }
    }
  }

  Kernel all[kParts + 1];
};

inline const Kernel * kernels()
{
  static const Kernels found;
  return found.all;
}

/// A value of a plane and its derivatives along x and y.
struct Sample
{
  float value, along_x, along_y;
};

/// First pixel and part of a coordinate that is 1 or more and at most `size` - 2; `rest` is what
/// rounding leaves, in pixels.
FOCUS_STACKING_INLINE void place(float at, int size, int & first, int & part, float & rest)
{
  const int parts = static_cast<int>(at * kParts + 0.5f);
  first = smaller(parts / kParts, size - 3);
  part = parts - first * kParts;
  rest = at - static_cast<float>(parts) * (1.0f / kParts);
  --first;
}

/// What is at a place. `corner`: the first of the 4x4 pixels around it; `step`: from row to row.
FOCUS_STACKING_INLINE Sample sample(
  const float * corner, ptrdiff_t step, const Kernel & across, const Kernel & down)
{
  Four value{}, along_x{}, along_y{};
  for (int k = 0; k < 4; ++k) {
    const Four row = load_four(corner + k * step);
    value += row * down.cubic[k];
    along_x += row * down.smooth[k];
    along_y += row * down.slope[k];
  }
  return {sum_of(value * load_four(across.cubic)), sum_of(along_x * load_four(across.slope)),
    sum_of(along_y * load_four(across.smooth))};
}

/// The value between four pixels of a plane of 2x2 and more, 0 where there is none.
FOCUS_STACKING_INLINE float between(
  const float * plane, int rows, int columns, float x, float y)
{
  // Also false where one of them is no number.
  if (!(x > -1 && y > -1 && x < static_cast<float>(columns) && y < static_cast<float>(rows))) {
    return 0;
  }
  const int left = static_cast<int>(x + 1) - 1, top = static_cast<int>(y + 1) - 1;
  const float part_x = x - static_cast<float>(left), part_y = y - static_cast<float>(top);
  const float * at = plane + static_cast<ptrdiff_t>(top) * columns + left;
  if (left >= 0 && top >= 0 && left < columns - 1 && top < rows - 1) {
    const float upper = at[0] + part_x * (at[1] - at[0]);
    const float lower = at[columns] + part_x * (at[columns + 1] - at[columns]);
    return upper + part_y * (lower - upper);
  }
  const auto value = [&](int down, int across) {
      return left + across >= 0 && left + across < columns && top + down >= 0 &&
             top + down < rows ? at[static_cast<ptrdiff_t>(down) * columns + across] : 0.0f;
    };
  const float upper = value(0, 0) + part_x * (value(0, 1) - value(0, 0));
  const float lower = value(1, 0) + part_x * (value(1, 1) - value(1, 0));
  return upper + part_y * (lower - upper);
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_SAMPLING_HPP
