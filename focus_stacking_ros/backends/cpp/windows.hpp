// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Windows over planes of single precision, band by band of rows.

#ifndef FOCUS_STACKING_WINDOWS_HPP
#define FOCUS_STACKING_WINDOWS_HPP

#include "floats.hpp"

#include <vector>

namespace focus_stacking
{

constexpr int kBandRows = 32;

/// A row of a plane with `reach` pixels more on either side, mirrored at its edges.
FOCUS_STACKING_INLINE void padded_row(
  const float * plane, int row, int columns, int reach, float * to)
{
  std::memcpy(to + reach, plane + static_cast<size_t>(row) * columns, sizeof *to * columns);
  for (int u = 1; u <= reach; ++u) {
    to[reach - u] = to[reach + mirrored(-u, columns)];
    to[reach + columns - 1 + u] = to[reach + mirrored(columns - 1 + u, columns)];
  }
}

/// Convolves rows with a symmetric kernel of odd length along both axes.
FOCUS_STACKING_INLINE void convolve_rows(
  const float * plane, int rows, int columns, const float * kernel, int length, int first,
  int last, float * result)
{
  const int reach = length / 2, padded = columns + 2 * reach;
  std::vector<float> some(static_cast<size_t>(padded) * (length + 1));
  float * __restrict sums = some.data() + static_cast<size_t>(padded) * length;
  const auto load = [&](int v) {
      const int slot = ((v % length) + length) % length;
      padded_row(plane, mirrored(v, rows), columns, reach,
        some.data() + static_cast<size_t>(slot) * padded);
    };
  for (int v = first - reach; v < first + reach; ++v) {
    load(v);
  }
  for (int v = first; v < last; ++v) {
    load(v + reach);
    for (int k = 0; k <= reach; ++k) {
      const float weight = kernel[k];
      const float * __restrict above = some.data() +
        static_cast<size_t>((((v - reach + k) % length) + length) % length) * padded;
      const float * __restrict below = some.data() +
        static_cast<size_t>((((v + reach - k) % length) + length) % length) * padded;
      if (k == reach) {
        for (int u = 0; u < padded; ++u) {
          sums[u] += weight * above[u];
        }
      } else if (k == 0) {
        for (int u = 0; u < padded; ++u) {
          sums[u] = weight * (above[u] + below[u]);
        }
      } else {
        for (int u = 0; u < padded; ++u) {
          sums[u] += weight * (above[u] + below[u]);
        }
      }
    }
    float * __restrict to = result + static_cast<size_t>(v) * columns;
    for (int u = 0; u < columns; ++u) {
      to[u] = kernel[reach] * sums[u + reach];
    }
    for (int k = 0; k < reach; ++k) {
      const float weight = kernel[k];
      const float * __restrict left = sums + k, * __restrict right = sums + 2 * reach - k;
      for (int u = 0; u < columns; ++u) {
        to[u] += weight * (left[u] + right[u]);
      }
    }
  }
}

/// Greatest less least value within (2 reach + 1) x (2 reach + 1) pixels, of rows.
FOCUS_STACKING_INLINE void ranges_of_rows(
  const float * plane, int rows, int columns, int reach, int first, int last, float scale,
  float * result)
{
  const int height = last - first + 2 * reach, padded = columns + 2 * reach;
  std::vector<float> some(static_cast<size_t>(columns) * 2 * height + padded);
  float * __restrict line = some.data() + static_cast<size_t>(columns) * 2 * height;
  for (int v = 0; v < height; ++v) {
    const int row = smaller(greater(first - reach + v, 0), rows - 1);
    const float * from = plane + static_cast<size_t>(row) * columns;
    std::memcpy(line + reach, from, sizeof *line * columns);
    for (int u = 0; u < reach; ++u) {
      line[u] = from[0];
      line[reach + columns + u] = from[columns - 1];
    }
    float * __restrict low = some.data() + static_cast<size_t>(columns) * 2 * v;
    float * __restrict high = low + columns;
    for (int u = 0; u < columns; ++u) {
      float lowest = line[u], highest = line[u];
      for (int k = 1; k <= 2 * reach; ++k) {
        lowest = least(lowest, line[u + k]);
        highest = most(highest, line[u + k]);
      }
      low[u] = lowest;
      high[u] = highest;
    }
  }
  std::vector<float> extremes(static_cast<size_t>(columns) * 2);
  float * __restrict lowest = extremes.data(), * __restrict highest = lowest + columns;
  for (int v = first; v < last; ++v) {
    for (int k = 0; k <= 2 * reach; ++k) {
      const float * __restrict low = some.data() +
        static_cast<size_t>(columns) * 2 * (v - first + k);
      const float * __restrict high = low + columns;
      for (int u = 0; u < columns; ++u) {
        lowest[u] = k ? least(lowest[u], low[u]) : low[u];
        highest[u] = k ? most(highest[u], high[u]) : high[u];
      }
    }
    float * __restrict to = result + static_cast<size_t>(v) * columns;
    for (int u = 0; u < columns; ++u) {
      to[u] = (highest[u] - lowest[u]) * scale;
    }
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_WINDOWS_HPP
