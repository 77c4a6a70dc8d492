// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Peaks of focus curves and what they are worth: core/depth/{volume,curves,peaks}.py in one pass.

#include "blended.hpp"
#include "brightness.hpp"
#include "parallel.hpp"
#include "two_peaks.hpp"
#include "volume.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
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

/// Mean over the slices, and where all have data. `all`: whether that is known to be everywhere.
FOCUS_STACKING_INLINE void mean_of_row(
  const Curves & curves, int count, int width, bool all, float * __restrict mean,
  float * __restrict complete)
{
  int32_t totals[kBlockColumns], counts[kBlockColumns];
  int32_t * __restrict total = totals, * __restrict found = counts;
  for (int u = 0; u < width; ++u) {
    total[u] = found[u] = 0;
  }
  for (int n = 0; n < count && all; ++n) {
    const int16_t * __restrict here = curves.first + n * curves.to_next;
    for (int u = 0; u < width; ++u) {
      total[u] += here[u];
    }
  }
  for (int n = 0; n < count && !all; ++n) {
    const int16_t * __restrict here = curves.first + n * curves.to_next;
    for (int u = 0; u < width; ++u) {
      total[u] += greater(here[u], 0);
      found[u] += here[u] >> 15;
    }
  }
  for (int u = 0; u < width; ++u) {
    const int known = greater(count + found[u], 1);
    mean[u] = static_cast<float>(total[u]) / static_cast<float>(16 * known);
    complete[u] = found[u] == 0 ? 1.0f : 0.0f;
  }
}

/// Fits a parabola to the inverse square root of the responses: `core.depth.peaks.fit_peak`.
FOCUS_STACKING_INLINE void fit_row(
  const Peaks & job, const Curves & curves, const Row & row, float scatter,
  float * __restrict shift, float * __restrict variance)
{
  const int width = row.width, last = job.volume.count - 1;
  const float * steps = job.volume.steps;
  Line lines[12];
  float * __restrict m0 = lines[0], * __restrict m1 = lines[1], * __restrict m2 = lines[2];
  float * __restrict m3 = lines[3], * __restrict m4 = lines[4];
  float * __restrict r0 = lines[5], * __restrict r1 = lines[6], * __restrict r2 = lines[7];
  float * __restrict response = lines[8], * __restrict offset = lines[9];
  float * __restrict valid = lines[10], * __restrict top = lines[11];
  const float * __restrict floor = row.floor, * __restrict best = row.best;
  for (int u = 0; u < width; ++u) {
    m0[u] = m1[u] = m2[u] = m3[u] = m4[u] = r0[u] = r1[u] = r2[u] = 0;
    top[u] = most(best[u], job.faint + job.faint_share * floor[u]);
  }
  for (int distance = -job.reach; distance <= job.reach; ++distance) {
    for (int u = 0; u < width; ++u) {
      const int other = row.number[u] + distance;
      const int inside = smaller(greater(other, 0), last);
      const int value = curves.first[inside * curves.to_next + u];
      response[u] = static_cast<float>(value);
      offset[u] = steps[inside] - steps[row.number[u]];
      valid[u] = static_cast<float>((other == inside) & (value >= 0));
    }
    for (int u = 0; u < width; ++u) {
      const float lowest = job.faint + job.faint_share * floor[u];
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
    const float quality = squared(scatter * floor[u] / top[u]) + squared(job.model_error);
    const float prior = quality * stiffness;
    const float n0 = m0[u] + 1e-6f, n1 = m1[u], n2 = m2[u], n3 = m3[u], n4 = m4[u] + prior;
    const float s2 = r2[u] - prior * (job.curvature / 2);
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
  const float steepness = 1.0f / job.doubtful_range;
  const float systematic = 1.0f / squared(job.systematic * job.width);
  for (int u = 0; u < row.width; ++u) {
    const float best = row.best[u], mean = most(row.mean[u], 0.0f), limit = row.limit[u];
    const float noise = scatter * row.floor[u] + job.response_error * most(best, 0.0f) +
      job.least_error;
    const float significance = (best - mean) / noise;
    const float contrast = limited((best - mean) / (best + mean + 1e-3f), 0.0f, 1.0f);
    float weight = logistic((significance - job.doubtful) * steepness) * contrast * contrast;
    const float clear = logistic((significance - 2.0f * job.doubtful) * steepness);
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
    const float doubt = job.glow * row.deviation[u] / own /
      (1.0f + squared(own * (1.0f / job.weak) / most(near[u], own)));
    weights[u] = weight / (1.0f + squared(squared(doubt)));
    significances[u] = significance;
    coordinate[u] = limited(where + limited(shift[u], -limit, limit), low - 0.5f, high + 0.5f);
  }
}

/// Everything of a block that its rows need.
struct Averages
{
  const int16_t * base;  // with the margin
  size_t to_next_base;
  int margin;
  const int16_t * wider[kWindows];  // without; null for the base itself
  size_t to_next;
  bool all;  // whether all slices have data everywhere
};

FOCUS_STACKING_INLINE void peaks_of_row(
  const Peaks & job, const Block & block, const Averages & averages, int v,
  Blended & blended, TwoPeaks & two_peaks)
{
  const Volume & volume = job.volume;
  const int width = block.width, stride = width + 2 * averages.margin;
  const size_t at = static_cast<size_t>(block.top + v) * volume.columns + block.left;
  const int16_t * base = averages.base +
    static_cast<size_t>(v + averages.margin) * stride + averages.margin;
  Row row;
  row.width = width;
  int16_t top[kBlockColumns];
  uint16_t before[kBlockColumns];
  Line shift, variance;
  BrightnessPlaces places;
  places.set(job, width, block.left, block.top + v);
  for (int k = 0; k < kWindows; ++k) {
    const Curves curves = averages.wider[k] ?
      Curves{averages.wider[k] + static_cast<size_t>(v) * width, averages.to_next} :
      Curves{base, averages.to_next_base};
    std::memcpy(before, row.number, sizeof before);
    mean_of_row(curves, volume.count, width, averages.all, row.mean, row.complete);
    if (blended) {
      blended.greatest_of_row(curves, width, row.complete, top, row.number);
    } else {
      greatest_of_row(curves.first, curves.to_next, volume.count, width, top, row.number);
    }
    const float * floor = job.floors[k] + at, * base_floor = job.floors[0] + at;
    if (k == 0 && (block.top + v) % job.sparse == 0) {
      const int across = (volume.columns + job.sparse - 1) / job.sparse;
      const size_t to = static_cast<size_t>((block.top + v) / job.sparse) * across +
        block.left / job.sparse;
      two_peaks_of_row(job, blended ? blended.curves() : curves, width, floor, top, row.number,
        two_peaks, job.told + to, job.near_peak + to, job.far_peak + to);
    }
    for (int u = 0; u < width; ++u) {
      const int n = row.number[u];
      const int here = curves.first[n * curves.to_next + u];
      row.floor[u] = floor[u];
      row.best[u] = static_cast<float>(greater(here, top[u])) * kGreyStep - floor[u];
      row.mean[u] -= floor[u];
      row.own[u] = static_cast<float>(base[n * averages.to_next_base + u]) * kGreyStep -
        base_floor[u];
      row.coordinate[u] = volume.steps[n];
      row.limit[u] = job.limits[n];
      if (k == 0 || n != before[u]) {
        row.deviation[u] = places.deviation(job, n, u);
      }
    }
    const float scatter = job.scatters[k];
    fit_row(job, curves, row, scatter, shift, variance);
    float * weight = job.weight[k] + at;
    weigh_row(job, row, scatter * job.seen, shift, variance, job.near + at,
      job.coordinate[k] + at, weight, job.significance[k] + at);
    if (k > 0) {
      continue;
    }
    // What the window has from the pixel's neighbours alone.
    for (int u = 0; u < width; ++u) {
      const float detail = volume.planes[row.number[u]][at + u] * kGreyStep;
      const float own = (detail - floor[u]) / most(row.own[u], 0.05f * floor[u] + 0.3f);
      weight[u] *= squared(limited(own * (1.0f / job.borrowed), 0.0f, 1.0f));
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void peaks_of_rows(const Peaks & job, int first, int last)
{
  const Volume & volume = job.volume;
  int margin = 0;
  for (int window : job.wider) {
    margin = greater(margin, window / 2);
  }
  Averaged averaged(volume, margin);
  const size_t grown =
    static_cast<size_t>(kBlockRows + 2 * margin) * (kBlockColumns + 2 * margin);
  const size_t plain = static_cast<size_t>(kBlockRows) * kBlockColumns;
  std::unique_ptr<int16_t[]> base(new int16_t[grown * volume.count]);
  std::unique_ptr<int16_t[]> wider[kWindows];
  Averages averages{base.get(), grown, margin, {}, plain, true};
  for (int k = 0; k < kWindows; ++k) {
    if (job.wider[k] == 1) {
      continue;
    }
    wider[k].reset(new int16_t[plain * volume.count]);
    averages.wider[k] = wider[k].get();
  }
  std::vector<int16_t> ceiling(grown);
  Blended blended(job.blend, volume.count);
  TwoPeaks two_peaks(volume.count);
  for (int left = 0; left < volume.columns; left += kBlockColumns) {
    const Block block{first, left, last - first, smaller(kBlockColumns, volume.columns - left)};
    const int stride = block.width + 2 * margin;
    for (int v = 0; v < block.height + 2 * margin; ++v) {
      const float * floor = job.floors[0] +
        static_cast<size_t>(reflected(first - margin + v, volume.rows)) * volume.columns;
      for (int u = 0; u < stride; ++u) {
        const float value = floor[reflected(left - margin + u, volume.columns)];
        ceiling[static_cast<size_t>(v) * stride + u] =
          static_cast<int16_t>(least((job.ceiling * value + 1.0f) * 16.0f, 32767.0f));
      }
    }
    averages.all = true;
    for (int n = 0; n < volume.count; ++n) {
      int16_t * here = base.get() + grown * n;
      averaged.base(block, n, here);
      averages.all &= averaged.all();
      for (int k = 0; k < kWindows; ++k) {
        if (!averages.wider[k]) {
          continue;
        }
        averaged.wider(block, here, job.wider[k], k ? ceiling.data() : nullptr, 1,
          wider[k].get() + plain * n);
      }
    }
    for (int v = 0; v < block.height; ++v) {
      peaks_of_row(job, block, averages, v, blended, two_peaks);
    }
  }
}

/// Shares that a window leaves to wider ones: 1 less what is settled around.
FOCUS_STACKING_CLONES
void rests_of_rows(
  const float * weights, int rows, int columns, float settled, int reach, int first, int last,
  float * rest)
{
  const int side = 2 * reach + 1, padded = columns + 2 * reach;
  std::vector<float> shares(static_cast<size_t>(last - first + 2 * reach) * padded), sums(padded);
  for (int v = 0; v < last - first + 2 * reach; ++v) {
    const float * __restrict from = weights +
      static_cast<size_t>(mirrored(first - reach + v, rows)) * columns;
    float * __restrict to = shares.data() + static_cast<size_t>(v) * padded;
    for (int u = 0; u < columns; ++u) {
      to[reach + u] = from[u] / (from[u] + settled);
    }
    for (int u = 0; u < reach; ++u) {
      to[u] = to[reach + mirrored(u - reach, columns)];
      to[reach + columns + u] = to[reach + mirrored(columns + u, columns)];
    }
  }
  float * __restrict sum = sums.data();
  const float scale = 1.0f / static_cast<float>(side * side);
  for (int v = first; v < last; ++v) {
    for (int u = 0; u < padded; ++u) {
      sum[u] = 0;
    }
    for (int k = 0; k < side; ++k) {
      const float * __restrict line = shares.data() + static_cast<size_t>(v - first + k) * padded;
      for (int u = 0; u < padded; ++u) {
        sum[u] += line[u];
      }
    }
    float * __restrict to = rest + static_cast<size_t>(v) * columns;
    for (int u = 0; u < columns; ++u) {
      float total = 0;
      for (int k = 0; k < side; ++k) {
        total += sum[u + k];
      }
      to[u] = 1.0f - total * scale;
    }
  }
}

FOCUS_STACKING_CLONES
void lower_rows(
  float * __restrict weights, const float * __restrict rest, float * __restrict total,
  size_t first, size_t last)
{
  for (size_t k = first; k < last; ++k) {
    total[k] *= rest[k];
    weights[k] *= total[k];
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_peaks(const focus_stacking::Peaks * peaks)
{
  using focus_stacking::kBlockRows;
  using focus_stacking::kWindows;
  return focus_stacking::guarded([&] {
    const int rows = peaks->volume.rows, columns = peaks->volume.columns;
    focus_stacking::in_bands(rows, kBlockRows, [&](int, int first, int last) {
      focus_stacking::peaks_of_rows(*peaks, first, last);
    });
    const size_t pixels = static_cast<size_t>(rows) * columns;
    std::vector<float> rests[kWindows - 1];
    for (auto & each : rests) {
      each.resize(pixels);
    }
    focus_stacking::in_bands(rows, kBlockRows, [&](int, int first, int last) {
      for (int k = 0; k + 1 < kWindows; ++k) {
        focus_stacking::rests_of_rows(peaks->weight[k], rows, columns,
          peaks->settled, 2, first, last, rests[k].data());
      }
    });
    std::vector<float> total(pixels, 1.0f);
    focus_stacking::in_bands(rows, kBlockRows, [&](int, int first, int last) {
      for (int k = 1; k < kWindows; ++k) {
        focus_stacking::lower_rows(peaks->weight[k], rests[k - 1].data(), total.data(),
          static_cast<size_t>(first) * columns, static_cast<size_t>(last) * columns);
      }
    });
  });
}
