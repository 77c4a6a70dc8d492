// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// How two slices differ where they are compared, and sums of it.

#ifndef FOCUS_STACKING_DIFFERENCES_HPP
#define FOCUS_STACKING_DIFFERENCES_HPP

#include "comparison.hpp"
#include "lanes.hpp"
#include "motion.hpp"

#include <vector>

namespace focus_stacking
{

/// What makes the image's grey values the template's.
struct Light
{
  float gain, bias, tone;
};

/// All pixels that are compared, and how they differ now.
struct Differences
{
  ChoosingPlanes choosing;
  ComparedPixels at;
  std::vector<float> weight, inside, target, target_x, target_y, target_bend;
  std::vector<float> grey, bend, slope_x, slope_y, curve, error, spread, pixel_weight;
  std::vector<uint8_t> part;  // of each run
  float scale;
};

/// Where a run lies, of every pixel.
FOCUS_STACKING_INLINE void place(const ComparedPixels & at, size_t run, Lanes & x, Lanes & y)
{
  x = kSteps + static_cast<float>(at.column[run]);
  y = Lanes{} + static_cast<float>(at.row[run]);
}

/// Adds lanes of the runs up by their parts, `size` numbers each; `set(run, lanes)` sets them.
template<int size, typename Set>
FOCUS_STACKING_INLINE void add_by_part(
  const std::vector<uint8_t> & part, int stride, double * sums, Set set)
{
  Lanes all[size] = {}, some[size];
  for (size_t run = 0; run < part.size(); ++run) {
    set(run, some);
    for (int k = 0; k < size; ++k) {
      all[k] += some[k];
    }
    if (run + 1 == part.size() || part[run + 1] != part[run]) {
      for (int k = 0; k < size; ++k) {
        sums[part[run] * stride + k] += static_cast<double>(sum_of(all[k]));
        all[k] = Lanes{};
      }
    }
  }
}

/// Values of the template where it is compared, weights and parts.
void begin_comparison(
  const ComparedSlices & slices, const ComparisonRules & rules, Differences & all,
  ComparisonSums & sums);

/// Values of the image where a transform leads, and the slopes of both.
void sample_compared(
  const ComparedSlices & slices, const Transform & local, float gain, Differences & all);

/// How the slices differ, and how much each pixel counts.
void look_at(const ComparisonRules & rules, const Light & light, float wide, Differences & all);

/// Normal matrix and right side of a step.
void add_normal(
  const ComparedSlices & slices, const Differences & all, Motion motion, ComparedStep & sums);

/// Scatter of the scores, and weighted derivatives times the slopes of each part of the picture.
void add_scatter(
  const ComparedSlices & slices, const Differences & all, Motion motion, ComparedStep & sums);

/// How each part fits.
void add_local(const ComparisonRules & rules, const Differences & all, double * local);

/// Leaves of the sharpness what both share: noise is sharp, too, but not alike.
void keep_shared(const Differences & all, double * sharpness);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_DIFFERENCES_HPP
