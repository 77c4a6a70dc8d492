// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Curves with two separate peaks: `core.depth.seen_through._peaks`, of some of the pixels.

#ifndef FOCUS_STACKING_TWO_PEAKS_HPP
#define FOCUS_STACKING_TWO_PEAKS_HPP

#include "floats.hpp"
#include "volume.hpp"

#include <vector>

namespace focus_stacking
{

/// What curves with two peaks are told by, in lines of the pixels that are looked at.
struct TwoPeaks
{
  explicit TwoPeaks(int slices)
  : responses(static_cast<size_t>(slices) * kBlockColumns) {}

  std::vector<int16_t> responses;
  Line floor, strongest, place, highest, noise, mean, lowest, rise, height[2], number[2];
  int column[kBlockColumns];
};

/// Finds, of the curves whose greatest peak tells, the more prominent one of those beside it.
/// `told`, `near_peak` and `far_peak` are of every `sparse`th pixel of the row.
FOCUS_STACKING_INLINE void two_peaks_of_row(
  const Peaks & job, const Curves & curves, int width, const float * floors, const int16_t * top,
  const uint16_t * number, TwoPeaks & all, uint8_t * told, float * near_peak, float * far_peak)
{
  const int slices = job.volume.count;
  const float * steps = job.volume.steps;
  // Nothing is looked for where the greatest peak does not tell, which its mean decides.
  int32_t sums[kBlockColumns];
  const int looked_at = (width + job.sparse - 1) / job.sparse;
  for (int k = 0; k < looked_at; ++k) {
    sums[k] = 0;
  }
  for (int n = 0; n < slices; ++n) {
    const int16_t * here = curves.first + n * curves.to_next;
    for (int k = 0; k < looked_at; ++k) {
      sums[k] += greater(here[k * job.sparse], 0);
    }
  }
  int count = 0;
  for (int k = 0; k < looked_at; ++k) {
    const int u = k * job.sparse;
    const float floor = floors[u], highest = top[u] * kGreyStep - floor;
    const float noise = job.scatters[0] * floor + job.through_error * most(highest, 0.0f) +
      job.through_least_error;
    const float mean = static_cast<float>(sums[k]) / static_cast<float>(slices) * kGreyStep - floor;
    told[k] = 0;
    near_peak[k] = far_peak[k] = steps[number[u]];
    if (!(highest - mean > job.telling * noise)) {
      continue;
    }
    told[k] = 1;
    all.column[count] = u;
    all.floor[count] = floor;
    all.strongest[count] = static_cast<float>(number[u]);
    all.place[count] = steps[number[u]];
    all.highest[count] = highest;
    all.noise[count++] = noise;
  }
  for (int n = 0; n < slices; ++n) {
    const int16_t * here = curves.first + n * curves.to_next;
    int16_t * to = all.responses.data() + static_cast<size_t>(n) * kBlockColumns;
    for (int k = 0; k < count; ++k) {
      to[k] = here[all.column[k]];
    }
  }
  const float * __restrict floor = all.floor, * __restrict strongest = all.strongest;
  const float * __restrict place = all.place, * __restrict highest = all.highest;
  for (int side = 0; side < 2; ++side) {
    float * __restrict height = all.height[side], * __restrict other = all.number[side];
    float * __restrict lowest = all.lowest, * __restrict rise = all.rise;
    for (int k = 0; k < count; ++k) {
      lowest[k] = highest[k];
      rise[k] = height[k] = 0;
      other[k] = strongest[k];
    }
    for (int j = 0; j < slices && count; ++j) {
      const int n = side ? j : slices - 1 - j;
      const float rank = static_cast<float>(n), step = steps[n];
      const float way = side ? 1.0f : -1.0f;
      const int16_t * __restrict here =
        all.responses.data() + static_cast<size_t>(n) * kBlockColumns;
      for (int k = 0; k < count; ++k) {
        const float signal = here[k] * kGreyStep - floor[k], risen = signal - lowest[k];
        const bool beyond = ((rank - strongest[k]) * way > 0.0f) & (here[k] >= 0);
        const bool higher = beyond & (risen > rise[k]) &
          (std::fabs(step - place[k]) > job.width);
        rise[k] = higher ? risen : rise[k];
        height[k] = higher ? signal : height[k];
        other[k] = higher ? rank : other[k];
        lowest[k] = beyond ? least(lowest[k], signal) : lowest[k];
      }
    }
    for (int k = 0; k < count; ++k) {
      const bool peak = (height[k] > job.strong * highest[k]) &
        (rise[k] > most(job.valley * height[k], job.clear * all.noise[k]));
      height[k] = peak ? height[k] : 0.0f;
      other[k] = peak ? other[k] : strongest[k];
    }
  }
  for (int k = 0; k < count; ++k) {
    const bool nearer = all.height[0][k] >= all.height[1][k];
    if (!(most(all.height[0][k], all.height[1][k]) > 0)) {
      continue;
    }
    const int at = all.column[k] / job.sparse;
    told[at] = 2;
    near_peak[at] = steps[static_cast<int>(nearer ? all.number[0][k] : strongest[k])];
    far_peak[at] = steps[static_cast<int>(nearer ? strongest[k] : all.number[1][k])];
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TWO_PEAKS_HPP
