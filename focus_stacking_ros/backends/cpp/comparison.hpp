// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the pixels of a comparison of two slices add up to: core/align/portable_comparison.py says
// what is done, backends/native_comparison.py calls it.

#ifndef FOCUS_STACKING_COMPARISON_HPP
#define FOCUS_STACKING_COMPARISON_HPP

#include "lanes.hpp"
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
  double robust[4], least_spread, tone, dark, spreading, near, weakest, blurred, doubt;
  double even_below;
  int32_t points, fewest, enough, median, motion;
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

/// Pixels that are compared, in runs of kLanes beside each other; planes of as many numbers as
/// pixels.
struct ComparedPixels
{
  std::vector<int32_t> column, row;  ///< of the first pixel of each run
  std::vector<float> sharpness, amount, slope_x, slope_y;
};

/// Parts of rows that are needed: blocks of pixels that something is wanted of, and those around
/// them.
class NeededParts
{
public:
  static constexpr int kSide = 16;  // pixels of a block, not less than what a wanted one needs

  struct Part
  {
    int first, last;
  };

  NeededParts(int rows, int columns)
  : columns_(columns), across_((columns + kSide - 1) / kSide), down_((rows + kSide - 1) / kSide),
    wanted_(static_cast<size_t>(across_) * down_), parts_(down_) {}

  void want(int row, int column)
  {
    wanted_[static_cast<size_t>(row / kSide) * across_ + column / kSide] = 1;
  }

  /// Finds the parts, once all that is wanted has been told.
  void find();

  /// Columns that are needed of a row.
  const std::vector<Part> & of_row(int row) const {return parts_[row / kSide];}

private:
  int columns_, across_, down_;
  std::vector<uint8_t> wanted_;
  std::vector<std::vector<Part>> parts_;
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

  template<typename Number>
  FOCUS_STACKING_INLINE void operator()(
    const Number & x, const Number & y, Number & u, Number & v) const
  {
    u = a[0] * x + a[1] * y + a[2];
    v = a[3] * x + a[4] * y + a[5];
    if (!affine) {
      const Number below = 1.0f / (a[6] * x + a[7] * y + a[8]);
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

/// Keys' cubic with -0.75, as OpenCV has it.
template<typename Number>
FOCUS_STACKING_INLINE void cubic(const Number & f, Number & a, Number & b, Number & c, Number & d)
{
  const Number g = 1.0f - f;
  a = -0.75f * f * g * g;
  d = -0.75f * g * f * f;
  b = (1.25f * f - 2.25f) * f * f + 1.0f;
  c = 1.0f - a - b - d;
}

/// Interpolates eight places of a plane that are more than a pixel from its rim. Those that lie
/// between the same rows, and between columns beside each other, are done together, mostly all:
/// `run(corner, f, g, fits)` with the first of the 11x4 pixels around them, how far they are from
/// the pixels before, and for which of them that is right; others one by one: `one(lane)`.
template<typename Run, typename One>
FOCUS_STACKING_INLINE void at_eight_places(
  const float * plane, int columns, const Lanes & u, const Lanes & v, Run run, One one)
{
  Truths rest = Truths{} - 1;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (rest[lane] == 0) {
      continue;
    }
    const int left = static_cast<int>(u[lane]) - lane, top = static_cast<int>(v[lane]);
    if (left < 1 || left > columns - kLanes - 2) {
      one(lane);
      rest[lane] = 0;
      continue;
    }
    const Lanes f = u - (kSteps + static_cast<float>(left)), g = v - static_cast<float>(top);
    const Truths fits = (f >= 0.0f) & (f < 1.0f) & (g >= 0.0f) & (g < 1.0f) & rest;
    run(plane + static_cast<ptrdiff_t>(top - 1) * columns + left - 1, f, g, fits);
    if (all_of(fits)) {
      return;
    }
    rest &= ~fits;
  }
}

/// Planes that pixels are chosen by.
struct ChoosingPlanes
{
  std::vector<Quad> common;
  std::vector<float> amount, against, partly;
};

/// Half the difference of the squared blur at half the size of the level, image less template,
/// at the pixels that are wanted: `planes.amount`.
void defocus(
  const ComparedSlices & slices, const NeededParts & needed, float weakest,
  ChoosingPlanes & planes);

/// Pixels to compare; false where they are too few.
bool choose_pixels(
  const ComparedSlices & slices, const ComparisonRules & rules, ChoosingPlanes & planes,
  ComparedPixels & chosen);

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Compares two slices. `judged`: whether to fill `free` and `local`; `found` is 0 where it cannot
/// be done.
int32_t focus_stacking_native_compare(
  const focus_stacking::ComparedSlices * slices, const focus_stacking::ComparisonRules * rules, int32_t judged,
  focus_stacking::ComparisonSums * sums);

/// Gives back the memory that comparisons leave to those after them.
int32_t focus_stacking_native_forget_comparisons();

}  // extern "C"
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_COMPARISON_HPP
