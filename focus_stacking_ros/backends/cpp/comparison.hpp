// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the pixels of a comparison of two slices add up to: core/align/portable_comparison.py says
// what is done, backends/native_comparison.py calls it.

#ifndef FOCUS_STACKING_COMPARISON_HPP
#define FOCUS_STACKING_COMPARISON_HPP

#include "native.hpp"

#include <vector>

namespace focus_stacking
{

/// Parts of the picture, sums of each, and unknowns at most: eight of the motion, three of light.
constexpr int kAcross = 8, kDown = 6, kPlaces = kAcross * kDown, kLocal = 13, kUnknowns = 11;

/// Two slices: their coarser level, by which pixels are chosen, and the finer one, which may be
/// the same. Planes are row-major; `cells` the sharpness of 2x2 pixels each.
struct ComparedSlices
{
  const float * coarse, * cells, * other_coarse, * other_cells, * fine, * other_fine;
  int32_t rows, columns, fine_rows, fine_columns, ratio;
  double coarse_transform[9], fine_transform[9];
};

/// Numbers of core/align/portable_comparison.py.
struct ComparisonRules
{
  double tolerance, robust[4], least_spread, tone, dark, spreading, near, weakest, blurred;
  int32_t points, sparse, fewest, enough, steps, motion;
};

/// Sums of a Gauss-Newton step, rows of matrices of kUnknowns.
struct ComparedStep
{
  double normal[kUnknowns * kUnknowns], right[kUnknowns], scatter[kUnknowns * kUnknowns];
  double pulls[2 * kPlaces * kUnknowns];
};

struct ComparisonSums
{
  double transform[9], before[9];
  ComparedStep last, free;
  double weight[kPlaces], sharpness[kPlaces], local[kPlaces * kLocal];
  int32_t found;
};

/// Pixels that are compared; planes of as many numbers.
struct ComparedPixels
{
  std::vector<float> x, y, sharpness, amount, slope_x, slope_y;
};

/// A transform of single precision, as Python applies it.
struct PointMap
{
  explicit PointMap(const double * from)
  {
    for (int k = 0; k < 9; ++k) {
      a[k] = static_cast<float>(from[k]);
    }
    affine = from[6] == 0 && from[7] == 0;
  }

  FOCUS_STACKING_INLINE void operator()(float x, float y, float & u, float & v) const
  {
    u = a[0] * x + a[1] * y + a[2];
    v = a[3] * x + a[4] * y + a[5];
    if (!affine) {
      const float below = 1 / (a[6] * x + a[7] * y + a[8]);
      u *= below;
      v *= below;
    }
  }

  float a[9];
  bool affine;
};

FOCUS_STACKING_INLINE int floor_of(float value)
{
  const int whole = static_cast<int>(value);
  return whole - (static_cast<float>(whole) > value);
}

/// Half the difference of the squared blur at half the size of the level, image less template.
void defocus(const ComparedSlices & slices, float weakest, std::vector<float> & amount);

/// Pixels to compare; false where they are too few.
bool choose_pixels(
  const ComparedSlices & slices, const ComparisonRules & rules, ComparedPixels & chosen);

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Compares two slices. `judged`: whether to fill `free` and `local`; `found` is 0 where it cannot
/// be done.
int32_t focus_stacking_native_compare(
  const focus_stacking::ComparedSlices * slices, const focus_stacking::ComparisonRules * rules, int32_t judged,
  focus_stacking::ComparisonSums * sums);

}  // extern "C"
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_COMPARISON_HPP
