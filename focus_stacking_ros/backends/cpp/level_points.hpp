// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The pixels of a level that its registration uses: the sharpest in both slices, patch by patch.

#ifndef FOCUS_STACKING_LEVEL_POINTS_HPP
#define FOCUS_STACKING_LEVEL_POINTS_HPP

#include "registration.hpp"

#include <vector>

namespace focus_stacking
{

/// Points of a patch are padded to a multiple of so many, with some that do not count.
constexpr int kLanes = 8;
/// Points that several threads share when each of them is sampled.
constexpr int kSharedPoints = 1 << 13;

/// Points close together, for which derivatives by the parameters of a motion are those of their
/// patch's centre.
struct Patch
{
  int first, last;  ///< of the points
  double x, y;  ///< of the centre, pixels
};

/// Pixels of the template; a value for each of them.
struct Points
{
  std::vector<Patch> patches;
  std::vector<float> x, y, weight, target, target_x, target_y;
  double sharpness = 0;  ///< weighted mean
};

/// The sharpest points in both; none where there are too few.
Points sharpest_points(const LevelPair & pair, const FitRules & rules, const double * start);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LEVEL_POINTS_HPP
