// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Compares two slices of random texture with every motion.

#include "comparison.hpp"
#include "native_values.hpp"

#include <cstdlib>

namespace
{

int wave(int at, int half)
{
  return std::abs((at % (2 * half) + 2 * half) % (2 * half) - half);
}

/// A texture of the size of some pixels, shifted to the left and twice as much upwards.
std::vector<float> texture(int rows, int columns, int shift)
{
  std::vector<float> plane(static_cast<size_t>(rows) * columns);
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      const int u = x + shift, v = y + 2 * shift;
      plane[static_cast<size_t>(y) * columns + x] = static_cast<float>(
        wave(3 * u + 2 * v, 20) * 4 + wave(5 * v - 2 * u, 31) * 3 + wave(u * v / 9, 17));
    }
  }
  return plane;
}

void append(std::vector<double> & all, const double * values, size_t count)
{
  all.insert(all.end(), values, values + count);
}

}  // namespace

void compare(int rows, int columns)
{
  using focus_stacking::ComparisonSums;
  for (int ratio : {1, 2}) {
    const auto coarse = texture(rows, columns, 0), other = texture(rows, columns, 1);
    const auto fine = texture(ratio * rows, ratio * columns, 0);
    const auto other_fine = texture(ratio * rows, ratio * columns, 1);
    std::vector<float> cells(static_cast<size_t>((rows + 1) / 2) * ((columns + 1) / 2));
    for (float & each : cells) {
      each = 0.01f * static_cast<float>(random_below(100));
    }
    for (int motion = 0; motion < 6; ++motion) {
      // Some of the image lies outside, and with the last motion in perspective.
      const double bend = motion == 5 ? 1e-5 : 0;
      const focus_stacking::ComparedSlices slices{
        coarse.data(), cells.data(), other.data(), cells.data(), fine.data(),
        other_fine.data(), rows, columns, ratio * rows, ratio * columns, ratio,
        {1.001, 0.0005, -1.1, -0.0005, 1.001, -2.1, bend, bend, 1},
        {1.001, 0.0005, -1.1, -0.0005, 1.001, -2.1, bend, bend, 1}};
      const focus_stacking::ComparisonRules rules{
        {8, 4, 2, 1}, 0.5, 0.5, 8, 1.5, 2, 4, 0.1, 0.04, static_cast<double>(motion % 2),
        3000, 64, 200, 500, motion};
      ComparisonSums sums;
      require(focus_stacking_native_compare(&slices, &rules, 1, &sums));
      require(focus_stacking_native_forget_comparisons());
      std::vector<double> all{static_cast<double>(sums.found)};
      append(all, sums.transform, 9);
      append(all, sums.before, 9);
      for (const auto * step : {&sums.last, &sums.free}) {
        append(all, reinterpret_cast<const double *>(step), sizeof(*step) / sizeof(double));
      }
      append(all, sums.weight, focus_stacking::kPlaces);
      append(all, sums.sharpness, focus_stacking::kPlaces);
      append(all, sums.local, focus_stacking::kPlaces * focus_stacking::kLocal);
      print(sums.found ? "compare" : "no_comparison", rows, columns, all);
    }
  }
}
