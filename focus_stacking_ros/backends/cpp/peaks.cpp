// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Peaks of focus curves and what they are worth: core/depth/{volume,curves,peaks}.py in one pass.

#include "blended.hpp"
#include "brightness.hpp"
#include "parallel.hpp"
#include "peak_rows.hpp"
#include "two_peaks.hpp"
#include "volume.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

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

/// Values of slices at cells of a row's curves.
FOCUS_STACKING_INLINE void values_at(
  const int16_t * responses, const int32_t * __restrict cells, int width,
  int32_t * __restrict values)
{
  for (int u = 0; u < width; ++u) {
    values[u] = responses[cells[u]];
  }
}

/// Slices beside the best ones of a row.
struct VolumeSample
{
  FOCUS_STACKING_INLINE void operator()(
    int distance, float * __restrict response, float * __restrict offset,
    float * __restrict valid) const
  {
    // What has no address of its own is computed for many pixels at once.
    const float * steps = volume.steps;
    const int last = volume.count - 1, width = row.width;
    const int to_next = static_cast<int>(curves.to_next);
    const uint16_t * __restrict number = row.number;
    int32_t cells[kBlockColumns], values[kBlockColumns], others[kBlockColumns];
    int32_t * __restrict cell = cells, * __restrict other = others, * __restrict value = values;
    for (int u = 0; u < width; ++u) {
      other[u] = smaller(greater(number[u] + distance, 0), last);
      cell[u] = other[u] * to_next + u;
    }
    values_at(curves.first, cells, width, values);
    for (int u = 0; u < width; ++u) {
      response[u] = static_cast<float>(value[u]);
      valid[u] = (other[u] == number[u] + distance) & (value[u] >= 0) ? 1.0f : 0.0f;
    }
    if (even) {
      for (int u = 0; u < width; ++u) {
        offset[u] = static_cast<float>(other[u] - number[u]);
      }
      return;
    }
    for (int u = 0; u < width; ++u) {
      offset[u] = steps[other[u]] - steps[number[u]];
    }
  }

  const Volume & volume;
  const Curves & curves;
  const Row & row;
  bool even;  // whether every slice's coordinate is its number
};

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

/// Responses of a row's best slices less the floors.
FOCUS_STACKING_INLINE void levels_of_row(
  const float * __restrict floor, const float * __restrict base_floor,
  const int16_t * __restrict best, const int16_t * __restrict own, Row & row)
{
  const int width = row.width;
  float * __restrict floors = row.floor, * __restrict bests = row.best;
  float * __restrict means = row.mean, * __restrict owns = row.own;
  for (int u = 0; u < width; ++u) {
    floors[u] = floor[u];
    bests[u] = best[u] * kGreyStep - floor[u];
    means[u] -= floor[u];
    owns[u] = own[u] * kGreyStep - base_floor[u];
  }
}

FOCUS_STACKING_INLINE void peaks_of_row(
  const Peaks & job, const Block & block, const Averages & averages, int v,
  Blended & blended, TwoPeaks & two_peaks, bool even)
{
  const Volume & volume = job.volume;
  const int width = block.width, stride = width + 2 * averages.margin;
  const size_t at = static_cast<size_t>(block.top + v) * volume.columns + block.left;
  const int16_t * base = averages.base +
    static_cast<size_t>(v + averages.margin) * stride + averages.margin;
  Row row;
  row.width = width;
  int16_t top[kBlockColumns], heres[kBlockColumns], highest[kBlockColumns], owns[kBlockColumns];
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
    const bool same = k == 0 && !averages.wider[0];  // the base's curves
    if (blended) {
      for (int u = 0; u < width; ++u) {
        heres[u] = curves.first[row.number[u] * curves.to_next + u];
        highest[u] = static_cast<int16_t>(greater(heres[u], top[u]));
      }
    } else {
      std::memcpy(heres, top, sizeof *heres * width);
      std::memcpy(highest, top, sizeof *highest * width);
    }
    if (!same) {
      for (int u = 0; u < width; ++u) {
        owns[u] = base[row.number[u] * averages.to_next_base + u];
      }
    }
    levels_of_row(floor, base_floor, highest, same ? heres : owns, row);
    for (int u = 0; u < width; ++u) {
      const int n = row.number[u];
      row.coordinate[u] = volume.steps[n];
      row.limit[u] = job.limits[n];
      if (k == 0 || n != before[u]) {
        row.deviation[u] = places.deviation(job, n, u);
      }
    }
    const float scatter = job.scatters[k];
    const VolumeSample sample{volume, curves, row, even};
    fit_row(job, job.reach, row, scatter, sample, shift, variance);
    float * weight = job.weight[k] + at;
    weigh_row(job, row, scatter * job.seen, shift, variance, job.near + at,
      job.coordinate[k] + at, weight, job.significance[k] + at);
    if (k > 0) {
      continue;
    }
    int16_t detail[kBlockColumns];
    for (int u = 0; u < width; ++u) {
      detail[u] = volume.planes[row.number[u]][at + u];
    }
    doubt_borrowed_row(job, row, detail, weight);
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
  bool even = true;
  for (int n = 0; n < volume.count; ++n) {
    even &= volume.steps[n] == static_cast<float>(n);
  }
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
      peaks_of_row(job, block, averages, v, blended, two_peaks, even);
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
