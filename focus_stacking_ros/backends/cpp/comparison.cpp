// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Gauss-Newton steps of two slices with robust weights.

#include "differences.hpp"
#include "lent.hpp"

#include <algorithm>
#include <cmath>

namespace focus_stacking
{
namespace
{

/// Solves for `size` unknowns by elimination with pivots; false where they are not determined.
bool solved(const ComparedStep & sums, int size, double * result)
{
  double a[kUnknowns][kUnknowns + 1];
  for (int i = 0; i < size; ++i) {
    std::copy_n(sums.normal + i * kUnknowns, size, a[i]);
    a[i][size] = -sums.right[i];
  }
  for (int k = 0; k < size; ++k) {
    int pivot = k;
    for (int i = k + 1; i < size; ++i) {
      pivot = std::fabs(a[i][k]) > std::fabs(a[pivot][k]) ? i : pivot;
    }
    if (!(std::fabs(a[pivot][k]) > 0)) {
      return false;
    }
    std::swap_ranges(a[k], a[k] + size + 1, a[pivot]);
    for (int i = k + 1; i < size; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (int j = k; j <= size; ++j) {
        a[i][j] -= factor * a[k][j];
      }
    }
  }
  for (int i = size - 1; i >= 0; --i) {
    double sum = a[i][size];
    for (int j = i + 1; j < size; ++j) {
      sum -= a[i][j] * result[j];
    }
    result[i] = sum / a[i][i];
    if (!std::isfinite(result[i])) {
      return false;
    }
  }
  return true;
}

void compare(
  const ComparedSlices & slices, const ComparisonRules & rules, bool judged,
  ComparisonSums & sums)
{
  sums = ComparisonSums();
  Lent<Differences> lent;
  Differences & all = *lent;
  if (!choose_pixels(slices, rules, all.choosing, all.at)) {
    return;
  }
  begin_comparison(slices, rules, all, sums);
  const Motion motion = static_cast<Motion>(rules.motion);
  const int count = kParameters[motion];
  const double x = (slices.fine_columns - 1) / 2.0, y = (slices.fine_rows - 1) / 2.0;
  const double unit = greater(slices.fine_columns, slices.fine_rows) / 2.0;
  Transform local, before;
  std::copy_n(slices.fine_transform, 9, local.begin());
  double light[] = {1, 0, 0}, tone = 0, prior = 0, step[kUnknowns];
  for (double wide : rules.robust) {
    const Light now{static_cast<float>(light[0]), static_cast<float>(light[1]),
      static_cast<float>(light[2])};
    sample_compared(slices, local, now.gain, all);
    look_at(rules, now, static_cast<float>(wide), all);
    const double ratio = all.scale / rules.tone;
    prior = ratio * ratio;  // the tone is kept near none
    tone = light[2];
    add_normal(slices, all, motion, sums.last);
    sums.last.normal[(count + 2) * (kUnknowns + 1)] += prior;
    sums.last.right[count + 2] += prior * tone;
    if (!solved(sums.last, count + 3, step)) {
      return;
    }
    before = local;
    local = joined(local, small_change(motion, step, x, y, unit));
    for (int k = 0; k < 3; ++k) {
      light[k] += step[count + k];
    }
    if (!(light[0] > 0.1 && light[0] < 10)) {
      return;
    }
  }
  keep_shared(all, sums.sharpness);
  add_scatter(slices, all, motion, sums.last);
  if (judged) {
    add_local(rules, all, sums.local);
    // From all pixels, not from those alone that fit as it is.
    const float wide = static_cast<float>(rules.robust[0]) * all.scale;
    for (size_t k = 0; k < all.weight.size(); ++k) {
      const float ratio = all.spread[k] / wide, below = 1 + ratio * ratio;
      all.pixel_weight[k] = all.weight[k] * all.inside[k] / (below * below);
    }
    add_normal(slices, all, kProjective, sums.free);
    sums.free.normal[(kParameters[kProjective] + 2) * (kUnknowns + 1)] += prior;
    sums.free.right[kParameters[kProjective] + 2] += prior * tone;
    add_scatter(slices, all, kProjective, sums.free);
  }
  std::copy(local.begin(), local.end(), sums.transform);
  std::copy(before.begin(), before.end(), sums.before);
  sums.found = 1;
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_compare(
  const focus_stacking::ComparedSlices * slices, const focus_stacking::ComparisonRules * rules,
  int32_t judged, focus_stacking::ComparisonSums * sums)
{
  return focus_stacking::guarded(
    [&] {focus_stacking::compare(*slices, *rules, judged != 0, *sums);});
}

int32_t focus_stacking_native_forget_comparisons()
{
  focus_stacking::Lent<focus_stacking::Differences>::forget();
  return 0;
}
