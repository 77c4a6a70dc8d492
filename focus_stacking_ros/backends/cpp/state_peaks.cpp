// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Peaks of focus curves of which only the running state is known: core/depth/state_peaks.py.

#include "brightness.hpp"
#include "parallel.hpp"
#include "peak_rows.hpp"

#include <algorithm>
#include <vector>

namespace focus_stacking
{
namespace
{

/// Slices and counts of a row, whose numbers have one byte or two.
template<typename Number>
FOCUS_STACKING_INLINE void numbers_of_row(
  const StatePeaks & job, size_t at, int width, uint16_t * __restrict number,
  int32_t * __restrict count)
{
  const Number * __restrict index = static_cast<const Number *>(job.index) + at;
  const Number * __restrict counts = static_cast<const Number *>(job.count) + at;
  const int none = job.none;
  for (int u = 0; u < width; ++u) {
    number[u] = index[u] == none ? 0 : index[u];
    count[u] = counts[u];
  }
}

FOCUS_STACKING_INLINE void numbers_of_row(
  const StatePeaks & job, size_t at, int width, uint16_t * number, int32_t * count)
{
  if (job.wide) {
    numbers_of_row<uint16_t>(job, at, width, number, count);
  } else {
    numbers_of_row<uint8_t>(job, at, width, number, count);
  }
}

/// What the slice beside each best one, on one side of it, has and how far away it is.
FOCUS_STACKING_INLINE void beside_of_row(
  const StatePeaks & job, const int16_t * __restrict responses, int side, int width,
  const uint16_t * __restrict number, float * __restrict response, float * __restrict offset,
  float * __restrict valid)
{
  const float * steps = job.peaks.volume.steps;
  const int last = job.peaks.volume.count - 1;
  for (int u = 0; u < width; ++u) {
    response[u] = responses[u];
    valid[u] = responses[u] >= 0 ? 1.0f : 0.0f;
  }
  for (int u = 0; u < width; ++u) {
    offset[u] = steps[smaller(greater(number[u] + side, 0), last)] - steps[number[u]];
  }
}

/// A part of a row that is looked at together.
struct Part
{
  int row, left, width;
  size_t at;  // of its first pixel in a plane
};

FOCUS_STACKING_INLINE Part part_of(const Volume & volume, int row, int left)
{
  return {row, left, smaller(kBlockColumns, volume.columns - left),
    static_cast<size_t>(row) * volume.columns + left};
}

FOCUS_STACKING_INLINE void add_falls(
  const StatePeaks & job, float clear, float clear_signal, const Part & part, double * sums)
{
  const int width = part.width;
  uint16_t number[kBlockColumns];
  int32_t count[kBlockColumns];
  Line told, beside, square, response, offset, valid;
  const float * __restrict floor = job.peaks.floors[0] + part.at;
  const int16_t * __restrict best = job.best + part.at;
  numbers_of_row(job, part.at, width, number, count);
  for (int u = 0; u < width; ++u) {
    const float signal = best[u] * kGreyStep - floor[u];
    told[u] = (signal > clear * floor[u]) & (signal > clear_signal) ? signal : 0.0f;
    beside[u] = square[u] = 0;
  }
  for (int side : {-1, 1}) {
    const int16_t * responses = (side < 0 ? job.left : job.right) + part.at;
    beside_of_row(job, responses, side, width, number, response, offset, valid);
    for (int u = 0; u < width; ++u) {
      told[u] *= valid[u];
      beside[u] += response[u] * kGreyStep - floor[u];
      square[u] += offset[u] * offset[u];
    }
  }
  for (int u = 0; u < width; ++u) {
    if (told[u] > 0) {
      sums[0] += 1;
      sums[1] += told[u];
      sums[2] += beside[u];
      sums[3] += told[u] * square[u];
    }
  }
}

/// Slices beside the best ones of a row.
struct StateSample
{
  FOCUS_STACKING_INLINE void operator()(
    int distance, float * response, float * offset, float * valid) const
  {
    const int16_t * plane = distance < 0 ? job.left : distance > 0 ? job.right : job.best;
    beside_of_row(job, plane + at, distance, row.width, row.number, response, offset, valid);
  }

  const StatePeaks & job;
  const Row & row;
  size_t at;
};

FOCUS_STACKING_INLINE void peaks_of_part(const StatePeaks & job, const Part & part)
{
  const Peaks & peaks = job.peaks;
  const int slices = job.slices, width = part.width;
  const size_t at = part.at;
  Row row;
  row.width = width;
  Line shift, variance;
  int32_t count[kBlockColumns];
  numbers_of_row(job, at, width, row.number, count);
  const float * __restrict floor = peaks.floors[0] + at;
  const int16_t * __restrict best = job.best + at;
  const int32_t * __restrict total = job.total + at;
  for (int u = 0; u < width; ++u) {
    row.floor[u] = floor[u];
    row.best[u] = row.own[u] = best[u] * kGreyStep - floor[u];
    row.mean[u] = static_cast<float>(total[u]) /
      (16.0f * static_cast<float>(greater(count[u], 1))) - floor[u];
    row.complete[u] = count[u] == slices ? 1.0f : 0.0f;
  }
  BrightnessPlaces places;
  places.set(peaks, width, part.left, part.row);
  for (int u = 0; u < width; ++u) {
    row.coordinate[u] = peaks.volume.steps[row.number[u]];
    row.limit[u] = peaks.limits[row.number[u]];
    row.deviation[u] = places.deviation(peaks, row.number[u], u);
  }
  const float scatter = peaks.scatters[0];
  fit_row(peaks, 1, row, scatter, StateSample{job, row, at}, shift, variance);
  float * weight = peaks.weight[0] + at;
  weigh_row(peaks, row, scatter, shift, variance, peaks.near + at, peaks.coordinate[0] + at,
    weight, peaks.significance[0] + at);
  doubt_borrowed_row(peaks, row, job.detail + at, weight);
}

}  // namespace

FOCUS_STACKING_CLONES
void state_falls_of_rows(
  const StatePeaks & job, float clear, float clear_signal, int first, int last, double * sums)
{
  const Volume & volume = job.peaks.volume;
  for (int v = first; v < last; ++v) {
    for (int left = 0; left < volume.columns; left += kBlockColumns) {
      add_falls(job, clear, clear_signal, part_of(volume, v, left), sums);
    }
  }
}

FOCUS_STACKING_CLONES
void state_peaks_of_rows(const StatePeaks & job, int first, int last)
{
  const Volume & volume = job.peaks.volume;
  for (int v = first; v < last; ++v) {
    for (int left = 0; left < volume.columns; left += kBlockColumns) {
      peaks_of_part(job, part_of(volume, v, left));
    }
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_state_falls(
  const focus_stacking::StatePeaks * job, float clear, float clear_signal, double * sums)
{
  using focus_stacking::kBlockRows;
  return focus_stacking::guarded([&] {
    const int rows = job->peaks.volume.rows;
    std::vector<double> parts(4 * static_cast<size_t>((rows + kBlockRows - 1) / kBlockRows));
    focus_stacking::in_bands(rows, kBlockRows, [&](int number, int first, int last) {
      focus_stacking::state_falls_of_rows(
        *job, clear, clear_signal, first, last, parts.data() + 4 * static_cast<size_t>(number));
    });
    std::fill(sums, sums + 4, 0.0);
    for (size_t k = 0; k < parts.size(); ++k) {
      sums[k % 4] += parts[k];
    }
  });
}

int32_t focus_stacking_native_state_peaks(const focus_stacking::StatePeaks * job)
{
  return focus_stacking::guarded([&] {
    focus_stacking::in_bands(
      job->peaks.volume.rows, focus_stacking::kBlockRows, [&](int, int first, int last) {
        focus_stacking::state_peaks_of_rows(*job, first, last);
      });
  });
}
