// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Peaks of a row of focus curves and what they are worth: core/depth/{peaks,curves}.py.

#ifndef FOCUS_STACKING_PEAK_ROWS_HPP
#define FOCUS_STACKING_PEAK_ROWS_HPP

#include "depth.hpp"
#include "floats.hpp"
#include "volume.hpp"

namespace focus_stacking
{

/// What a row of focus curves tells.
struct Row
{
  int width;
  Line floor, best, mean, complete;  // grey levels less the noise floor; 1 or 0
  Line own;  // averaged response without a wider window, less its floor
  Line coordinate, limit, deviation;
  uint16_t number[kBlockColumns];
};

/// Fits a parabola to the inverse square root of the responses: `core.depth.peaks.fit_peak`.
/// `sample(distance, response, offset, valid)` gives the slices so far from each best one.
template<typename Sample>
FOCUS_STACKING_INLINE void fit_row(
  const Peaks & job, int reach, const Row & row, float scatter, Sample sample,
  float * __restrict shift, float * __restrict variance)
{
  // Copies, which nothing that is written can change.
  const int width = row.width;
  const float faint = job.faint, faint_share = job.faint_share;
  const float model_error = squared(job.model_error), half_curvature = job.curvature / 2;
  Line lines[12];
  float * __restrict m0 = lines[0], * __restrict m1 = lines[1], * __restrict m2 = lines[2];
  float * __restrict m3 = lines[3], * __restrict m4 = lines[4];
  float * __restrict r0 = lines[5], * __restrict r1 = lines[6], * __restrict r2 = lines[7];
  float * __restrict response = lines[8], * __restrict offset = lines[9];
  float * __restrict valid = lines[10], * __restrict top = lines[11];
  const float * __restrict floor = row.floor, * __restrict best = row.best;
  for (int u = 0; u < width; ++u) {
    m0[u] = m1[u] = m2[u] = m3[u] = m4[u] = r0[u] = r1[u] = r2[u] = 0;
    top[u] = most(best[u], faint + faint_share * floor[u]);
  }
  for (int distance = -reach; distance <= reach; ++distance) {
    sample(distance, response, offset, valid);
    for (int u = 0; u < width; ++u) {
      const float lowest = faint + faint_share * floor[u];
      const float ratio = most(response[u] * kGreyStep - floor[u], lowest) / top[u];
      const float bounded = least(ratio, 1.5f);
      const float weight = bounded * bounded * bounded * valid[u];
      const float value = 2.0f - 2.0f / std::sqrt(ratio);
      const float first = weight * offset[u], second = first * offset[u];
      m0[u] += weight;
      m1[u] += first;
      m2[u] += second;
      m3[u] += second * offset[u];
      m4[u] += second * offset[u] * offset[u];
      r0[u] += weight * value;
      r1[u] += first * value;
      r2[u] += second * value;
    }
  }
  const float stiffness = 1.0f / squared(job.curvature_spread * job.curvature);
  const float flattest = job.least_curvature * job.curvature;
  for (int u = 0; u < width; ++u) {
    const float quality = squared(scatter * floor[u] / top[u]) + model_error;
    const float prior = quality * stiffness;
    const float n0 = m0[u] + 1e-6f, n1 = m1[u], n2 = m2[u], n3 = m3[u], n4 = m4[u] + prior;
    const float s2 = r2[u] - prior * half_curvature;
    const float slope = n2 + 1e-4f;
    const float c01 = n2 * n3 - n1 * n4, c02 = n1 * n3 - slope * n2;
    const float c11 = n0 * n4 - n2 * n2, c12 = n1 * n2 - n0 * n3, c22 = n0 * slope - n1 * n1;
    const float determinant = n0 * (slope * n4 - n3 * n3) + n1 * c01 + n2 * c02;
    const float inverse = 1.0f / most(determinant, 1e-9f);
    const float b = (c01 * r0[u] + c11 * r1[u] + c12 * s2) * inverse;
    const float c = (c02 * r0[u] + c12 * r1[u] + c22 * s2) * inverse;
    const float bend = most(-2.0f * c, flattest);
    const float by_b = 1.0f / bend, found = b * by_b;
    const float by_c = bend > flattest ? 2.0f * found * by_b : 0.0f;
    const float spread = quality * inverse *
      (by_b * by_b * c11 + 2.0f * by_b * by_c * c12 + by_c * by_c * c22);
    shift[u] = found;
    variance[u] = most(spread, 0.0f);
  }
}

/// Weighs a row of peaks: `core.depth.curves.layer_of` and what is doubted of it.
FOCUS_STACKING_INLINE void weigh_row(
  const Peaks & job, const Row & row, float scatter, const float * __restrict shift,
  const float * __restrict variances, const float * __restrict near,
  float * __restrict coordinate, float * __restrict weights, float * __restrict significances)
{
  const float low = job.volume.steps[0], high = job.volume.steps[job.volume.count - 1];
  const int width = row.width;
  const float steepness = 1.0f / job.doubtful_range;
  const float systematic = 1.0f / squared(job.systematic * job.width);
  // Copies, which nothing that is written can change.
  const float response_error = job.response_error, least_error = job.least_error;
  const float doubtful = job.doubtful, glow = job.glow, strong = 1.0f / job.weak;
  for (int u = 0; u < width; ++u) {
    const float best = row.best[u], mean = most(row.mean[u], 0.0f), limit = row.limit[u];
    const float noise = scatter * row.floor[u] + response_error * most(best, 0.0f) +
      least_error;
    const float significance = (best - mean) / noise;
    const float contrast = limited((best - mean) / (best + mean + 1e-3f), 0.0f, 1.0f);
    float weight = logistic((significance - doubtful) * steepness) * contrast * contrast;
    const float clear = logistic((significance - 2.0f * doubtful) * steepness);
    float variance = variances[u];
    const float uniform = limit * limit * (1.0f / 3);
    const float bounded = variance * uniform / (variance + uniform);
    const float inverse = clear / most(bounded, 1e-9f) +
      (1.0f - clear) / most(variance, 1e-9f);
    const float at_end = 1.0f / inverse, where = row.coordinate[u];
    variance = (where <= low) | (where >= high) ? at_end : variance;
    weight *= row.complete[u] / (1.0f + variance * systematic);
    // Light of a defocused neighbour.
    const float own = most(row.own[u], 0.0f) + 1e-3f;
    const float doubt = glow * row.deviation[u] / own /
      (1.0f + squared(own * strong / most(near[u], own)));
    weights[u] = weight / (1.0f + squared(squared(doubt)));
    significances[u] = significance;
    coordinate[u] = limited(where + limited(shift[u], -limit, limit), low - 0.5f, high + 0.5f);
  }
}

/// Lowers weights by what the window has from a pixel's neighbours alone: its own response,
/// `detail`, 1/16 grey level, is weak beside the averaged one.
FOCUS_STACKING_INLINE void doubt_borrowed_row(
  const Peaks & job, const Row & row, const int16_t * __restrict detail,
  float * __restrict weights)
{
  const int width = row.width;
  const float scale = 1.0f / job.borrowed;
  for (int u = 0; u < width; ++u) {
    const float own = (detail[u] * kGreyStep - row.floor[u]) /
      most(row.own[u], 0.05f * row.floor[u] + 0.3f);
    weights[u] *= squared(limited(own * scale, 0.0f, 1.0f));
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_PEAK_ROWS_HPP
