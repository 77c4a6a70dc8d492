// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Where slices lie.

#ifndef NATIVE_MAPS_HPP
#define NATIVE_MAPS_HPP

#include <cmath>
#include <cstdint>
#include <vector>

/// Tables of a map, as core/fuse/fixed_map.py has them.
struct Map
{
  Map(int rows, int columns, double scale, double angle, double x, double y)
  : separable(angle == 0)
  {
    const auto fixed = [](double value, int bits) {return std::llround(std::ldexp(value, bits));};
    const int64_t xx = fixed(scale * std::cos(angle), 24);
    const int64_t xy = fixed(-scale * std::sin(angle), 24);
    for (int64_t u = 0; u < columns; ++u) {
      columns_x.push_back(static_cast<int32_t>((xx * u + 256) >> 9));
      columns_y.push_back(static_cast<int32_t>((-xy * u + 256) >> 9));
    }
    for (int64_t v = 0; v < rows; ++v) {
      rows_x.push_back(static_cast<int32_t>(((xy * v + 256 * fixed(x, 16) + 256) >> 9) + 512));
      rows_y.push_back(static_cast<int32_t>(((xx * v + 256 * fixed(y, 16) + 256) >> 9) + 512));
    }
    if (separable) {
      rows_x.resize(1);
      columns_y.resize(1);
    }
  }

  bool separable;
  std::vector<int32_t> columns_x, rows_x, columns_y, rows_y;
};

inline std::vector<Map> maps_of(int rows, int columns)
{
  return {{rows, columns, 1, 0, 0, 0}, {rows, columns, 1.04, 0, -1.3, 0.4},
    {rows, columns, 0.97, 0.02, 2.2, -1.9}, {rows, columns, 1, 3.1, columns - 1.5, rows - 2.0},
    {rows, columns, 30, 0.3, -7, 3}};
}

#endif  // NATIVE_MAPS_HPP
