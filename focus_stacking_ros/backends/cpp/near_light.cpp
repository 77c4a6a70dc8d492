// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The pixels beside nearer surfaces and the light that these spread there; see
// `core.fuse.near_light`.

#include "near_light.hpp"

#include "extremes.hpp"
#include "floats.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kRows = 64, kPixels = 512;  // of a band
constexpr float kPi = 3.14159265f, kRounding = 12582912.0f;  // 1.5 * 2^23: no fraction after it

/// Distance of pixels that are so far apart along the axes, as OpenCV has it: the shortest way in
/// steps to the 16 neighbours nearest in direction (Borgefors 1986,
/// doi:10.1016/S0734-189X(86)80047-0).
FOCUS_STACKING_INLINE float distance_of(int one, int other)
{
  constexpr int kStraight = 65536, kDiagonal = 91750, kKnight = 143976;  // 1, 1.4, 2.1969
  const int longer = greater(one, other), shorter = smaller(one, other);
  const int steps = longer >= 2 * shorter ?
    kKnight * shorter + kStraight * (longer - 2 * shorter) :
    kKnight * (longer - shorter) + kDiagonal * (2 * shorter - longer);
  return static_cast<float>(steps) * (1.0f / kStraight);
}

/// Finds pixels of rows `first` to `last`; returns how many.
FOCUS_STACKING_INLINE int64_t beside_in_rows(
  const BesideJob & job, int first, int last, int64_t * pixels, float * away, float * gap)
{
  const int reach = job.reach, columns = job.columns;
  first = greater(first, reach);
  last = smaller(last, job.rows - reach);
  int left = columns, right = 0;
  for (int v = first; v < last; ++v) {
    const uint8_t * line = job.known + static_cast<size_t>(v) * columns;
    for (int u = reach; u < left; ++u) {
      left = line[u] ? u : left;
    }
    for (int u = columns - reach; u > right; --u) {
      right = line[u - 1] ? u : right;
    }
  }
  if (left >= right) {
    return 0;
  }
  // Around them, and one pixel more, for what is beside a pixel tells whether it is an end.
  const int top = first - reach, height = last - first + 2 * reach;
  const int begin = left - reach, width = right - left + 2 * reach;
  const size_t size = static_cast<size_t>(height) * width;
  const auto at = [&](int v, int u) {
      return job.index + static_cast<size_t>(top + v) * columns + begin + u;
    };
  std::vector<float> near(size), scratch;
  extremes(at(0, 0), columns, height, width, reach, INFINITY, Least(), scratch, near.data());
  const int above = smaller(top, 1), before = smaller(begin, 1);
  const int wider = before + width + (begin + width < columns);
  const int higher = above + height + (top + height < job.rows);
  std::vector<float> lowest(static_cast<size_t>(higher) * wider);
  extremes(at(-above, -before), columns, higher, wider, 1, INFINITY, Least(), scratch,
    lowest.data());
  // Rows to the nearest end in the same column.
  const uint8_t far = static_cast<uint8_t>(reach + 1);
  std::vector<uint8_t> down(size);
  for (int v = 0; v < height; ++v) {
    const float * __restrict value = at(v, 0);
    const float * __restrict low = lowest.data() + static_cast<size_t>(v + above) * wider + before;
    const uint8_t * over = down.data() + static_cast<size_t>(greater(v - 1, 0)) * width;
    uint8_t * to = down.data() + static_cast<size_t>(v) * width;
    for (int u = 0; u < width; ++u) {
      const uint8_t more = v == 0 || over[u] >= far ? far : static_cast<uint8_t>(over[u] + 1);
      to[u] = ((value[u] + kRounding) - kRounding) - low[u] > job.step ? 0 : more;
    }
  }
  for (int v = height - 2; v >= 0; --v) {
    uint8_t * to = down.data() + static_cast<size_t>(v) * width;
    const uint8_t * under = to + width;
    for (int u = 0; u < width; ++u) {
      const uint8_t more = static_cast<uint8_t>(under[u] + 1);
      to[u] = to[u] < more ? to[u] : more;
    }
  }
  std::vector<float> distances;
  for (int way = 0; way <= reach; ++way) {
    for (int rows = 0; rows <= far; ++rows) {
      distances.push_back(distance_of(way, rows));
    }
  }
  int64_t count = 0;
  for (int v = first; v < last; ++v) {
    for (int u = left; u < right; ++u) {
      const size_t flat = static_cast<size_t>(v) * columns + u;
      if (!job.known[flat]) {
        continue;
      }
      const size_t here = static_cast<size_t>(v - top) * width + u - begin;
      const float ahead = ((job.index[flat] + kRounding) - kRounding) - near[here];
      if (!(ahead > job.step)) {
        continue;
      }
      float distance = far;
      for (int way = -reach; way <= reach; ++way) {
        const int across = way < 0 ? -way : way;
        distance = least(distance, distances[across * (far + 1) + down[here + way]]);
      }
      if (distance <= static_cast<float>(reach) && distance < job.widest * ahead + 1) {
        pixels[count] = static_cast<int64_t>(flat);
        away[count] = distance;
        gap[count++] = ahead;
      }
    }
  }
  return count;
}

FOCUS_STACKING_CLONES
int64_t beside(
  const BesideJob & job, int first, int last, int64_t * pixels, float * away, float * gap)
{
  return beside_in_rows(job, first, last, pixels, away, gap);
}

/// A row of the disc within which light is followed.
struct DiscRow
{
  std::vector<float> limits, soft;  // of every pixel: the least gap of its light; .5 - its distance
};

std::vector<DiscRow> disc_of(const SpreadJob & job)
{
  std::vector<DiscRow> rows;
  for (int down = -job.reach; down <= job.reach; ++down) {
    DiscRow row;
    for (int right = -job.reach; right <= job.reach; ++right) {
      const double away = std::sqrt(static_cast<double>(down * down + right * right));
      const bool counts = away > 0 && away <= job.reach;
      row.limits.push_back(
        counts ? static_cast<float>(std::max(job.step, (away - 0.5) / job.rate)) : INFINITY);
      row.soft.push_back(static_cast<float>(0.5 - away));
    }
    rows.push_back(row);
  }
  return rows;
}

template<typename Pixel, int kChannels>
FOCUS_STACKING_INLINE void spread_over(
  const SpreadJob & job, const std::vector<DiscRow> & disc, int first, int last)
{
  const Pixel * image = static_cast<const Pixel *>(job.image);
  const float rate = static_cast<float>(job.rate);
  const int side = 2 * job.reach + 1;
  for (int k = first; k < last; ++k) {
    const float focus = (job.index[job.pixels[k]] + kRounding) - kRounding;
    float share = 0, radius = 0, saturated = 0, light[kChannels] = {};
    for (int v = 0; v < side; ++v) {
      const ptrdiff_t at = static_cast<ptrdiff_t>(job.pixels[k]) +
        static_cast<ptrdiff_t>(v - job.reach) * job.columns - job.reach;
      const float * index = job.index + at;
      const float * limits = disc[v].limits.data();
      int any = 0;
      for (int u = 0; u < side; ++u) {
        any |= focus - index[u] > limits[u];
      }
      if (!any) {
        continue;
      }
      for (int u = 0; u < side; ++u) {
        const float gap = focus - index[u];
        if (!(gap > limits[u])) {
          continue;
        }
        const float circle = most(rate * gap, 0.5f);
        // A disc whose rim is soft over a pixel.
        float weight = limited(circle + disc[v].soft[u], 0, 1);
        weight /= kPi * (circle * circle + 1.0f / 12);
        share += weight;
        radius += weight * circle;
        const Pixel * seen = image + (at + u) * kChannels;
        int greatest = 0;
        for (int c = 0; c < kChannels; ++c) {
          greatest = greater(greatest, seen[c]);
          light[c] += weight * job.table[seen[c]];
        }
        saturated += greatest >= job.bright ? weight : 0;
      }
    }
    job.share[k] = share;
    job.radius[k] = radius / most(share, 1e-6f);
    job.saturated[k] = saturated;
    for (int c = 0; c < kChannels; ++c) {
      job.light[static_cast<ptrdiff_t>(k) * kChannels + c] = light[c];
    }
  }
}

FOCUS_STACKING_CLONES
void spread(const SpreadJob & job, const std::vector<DiscRow> & disc, int first, int last)
{
  if (job.wide && job.channels == 3) {
    spread_over<uint16_t, 3>(job, disc, first, last);
  } else if (job.wide) {
    spread_over<uint16_t, 1>(job, disc, first, last);
  } else if (job.channels == 3) {
    spread_over<uint8_t, 3>(job, disc, first, last);
  } else {
    spread_over<uint8_t, 1>(job, disc, first, last);
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_beside(const focus_stacking::BesideJob * job)
{
  using focus_stacking::kRows;
  return focus_stacking::guarded([&] {
    const int bands = (job->rows + kRows - 1) / kRows;
    std::vector<int64_t> starts(bands + 1), counts(bands);
    focus_stacking::in_bands(job->rows, kRows, [&](int number, int first, int last) {
      const uint8_t * known = job->known + static_cast<size_t>(first) * job->columns;
      int64_t count = 0;
      for (size_t k = 0; k < static_cast<size_t>(last - first) * job->columns; ++k) {
        count += known[k];
      }
      starts[number + 1] = count;
    });
    for (int k = 0; k < bands; ++k) {
      starts[k + 1] += starts[k];
    }
    focus_stacking::in_bands(job->rows, kRows, [&](int number, int first, int last) {
      const int64_t start = starts[number];
      if (starts[number + 1] > start) {
        counts[number] = focus_stacking::beside(
          *job, first, last, job->pixels + start, job->away + start, job->gap + start);
      }
    });
    int64_t total = 0;
    for (int k = 0; k < bands; ++k) {
      std::copy_n(job->pixels + starts[k], counts[k], job->pixels + total);
      std::copy_n(job->away + starts[k], counts[k], job->away + total);
      std::copy_n(job->gap + starts[k], counts[k], job->gap + total);
      total += counts[k];
    }
    *job->count = total;
  });
}

int32_t focus_stacking_native_spread(const focus_stacking::SpreadJob * job)
{
  return focus_stacking::guarded([&] {
    const auto disc = focus_stacking::disc_of(*job);
    focus_stacking::in_bands(
      static_cast<int>(job->count), focus_stacking::kPixels, [&](int, int first, int last) {
        focus_stacking::spread(*job, disc, first, last);
      });
  });
}
