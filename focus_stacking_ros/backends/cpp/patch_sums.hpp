// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the patches of a level tell: how they differ at a transform, and sums of it.

#ifndef FOCUS_STACKING_PATCH_SUMS_HPP
#define FOCUS_STACKING_PATCH_SUMS_HPP

#include "level_points.hpp"
#include "motion.hpp"

#include <vector>

namespace focus_stacking
{

/// What is summed up over a patch, each times the weight: derivatives along x and y (a and b), grey
/// values g, differences e; of the last ones, times the squared weight and difference.
enum Sum
{
  kAA, kAB, kBB, kAG, kBG, kA, kB, kGG, kG, kOne, kAE, kBE, kGE, kE, kSpread, kOurs, kTheirs, kBoth,
  kSums, kSquares = kOne + 1
};

/// Values of each point at the transform so far.
struct Values
{
  explicit Values(size_t count)
  : grey(count), error(count), slope_x(count), slope_y(count), weight(count) {}

  std::vector<float> grey, error, slope_x, slope_y, weight;
};

/// The state of a fit.
struct State
{
  Transform transform;
  float gain = 1, bias = 0;
};

/// Grey values, derivatives and differences of a patch at the transform so far.
void look_at(
  const LevelPair & pair, const Points & points, const Patch & patch, const State & state,
  Values & values);

/// Sums of a patch; those with squares where `scattered`.
void sum_patch(
  const Points & points, const Values & values, const Patch & patch, float middle, bool scattered,
  double * sums, double * squares);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_PATCH_SUMS_HPP
