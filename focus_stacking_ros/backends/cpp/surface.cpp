// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A smooth surface through uncertain peaks: core/depth/{surface,smoothing}.py.

#include "depth.hpp"
#include "floats.hpp"
#include "parallel.hpp"
#include "strips.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kMostPlanes = 3;

/// Columns of a strip.
FOCUS_STACKING_INLINE int columns_of(const Surface & job, int strip)
{
  return smaller(kStrip, job.columns - strip * kStrip);
}

/// Horizontal links of a band, (kStrip, stride), to their lines, times others if there are some.
FOCUS_STACKING_INLINE void turn_links(
  const float * links, int stride, int columns, const float * factors, float * to)
{
  float tile[kStrip * kStrip];
  for (int left = 0; left < columns; left += kStrip) {
    const int count = smaller(kStrip, columns - left) * kStrip;
    to_lines(links + left, stride, kStrip, kStrip, tile);
    const size_t at = static_cast<size_t>(left) * kStrip;
    for (int k = 0; k < count; ++k) {
      to[at + k] = factors ? factors[at + k] * tile[k] : tile[k];
    }
  }
}

/// Weight of a layer near a surface, where there is one.
FOCUS_STACKING_INLINE float near(float weight, float away, float scale)
{
  return weight / (away * away * scale + 1.0f);
}

template<bool kNear>
FOCUS_STACKING_INLINE void add_moments(
  const float * __restrict weights, const float * __restrict places,
  const float * __restrict heights, float scale, int columns, float * __restrict support,
  float * __restrict moment)
{
  for (int u = 0; u < columns; ++u) {
    const float weight = kNear ? near(weights[u], places[u] - heights[u], scale) : weights[u];
    support[u] += weight;
    moment[u] += weight * places[u];
  }
}

FOCUS_STACKING_INLINE void add_spread(
  const float * __restrict weights, const float * __restrict places,
  const float * __restrict heights, float scale, float farthest, int columns,
  float * __restrict all, float * __restrict inlying, float * __restrict spread)
{
  for (int u = 0; u < columns; ++u) {
    const float away = places[u] - heights[u], weight = near(weights[u], away, scale);
    all[u] += weights[u];
    inlying[u] += weight;
    spread[u] += weight * least(away * away, farthest);
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void solve_band(
  const Links & links, int columns, int first, float strength, int count,
  const Strips * const * planes)
{
  if (count == 2) {
    solve_rows<2>(links, columns, first, strength, planes);
  } else {
    solve_rows<kMostPlanes>(links, columns, first, strength, planes);
  }
}

FOCUS_STACKING_CLONES
void solve_strip(
  const Links & links, int rows, int strip, float strength, int count,
  const Strips * const * planes)
{
  if (count == 2) {
    solve_columns<2>(links, rows, strip, strength, planes);
  } else {
    solve_columns<kMostPlanes>(links, rows, strip, strength, planes);
  }
}

/// Links of a band of rows by the steps of the guide.
FOCUS_STACKING_CLONES
void links_of_rows(const Surface & job, int first, int last, const Links & links)
{
  const int columns = job.columns, stride = links.above.count() * kStrip;
  const float scale = -1.0f / job.contrast, least_link = job.least_link;
  std::vector<float> some(static_cast<size_t>(stride) * (kStrip + 1), 0.0f);
  float * __restrict above = some.data() + static_cast<size_t>(stride) * kStrip;
  for (int v = first; v < last; ++v) {
    const float * __restrict here = job.guide + static_cast<size_t>(v) * columns;
    const float * __restrict before = v > 0 ? here - columns : here;
    float * __restrict left = some.data() + static_cast<size_t>(stride) * (v - first);
    for (int u = 0; u < columns; ++u) {
      above[u] = most(exponential(std::fabs(here[u] - before[u]) * scale), least_link);
    }
    for (int u = 1; u < columns; ++u) {
      left[u] = most(exponential(std::fabs(here[u] - here[u - 1]) * scale), least_link);
    }
    links.above.write_row(v, columns, above);
  }
  turn_links(some.data(), stride, columns, nullptr, links.left_of(first));
}

/// Links weakened across steps of the surface and between what is well known.
FOCUS_STACKING_CLONES
void weaken_rows(
  const Surface & job, const Strips & surface, const Strips & support, int first, int last,
  const Links & from, const Links & to)
{
  const int columns = job.columns, stride = from.above.count() * kStrip;
  const float doubt = squared(job.certain), scale = 1.0f / job.known, steepness = 1.0f / job.step;
  std::vector<float> some(static_cast<size_t>(stride) * (kStrip + 7), 0.0f);
  float * next = some.data() + static_cast<size_t>(stride) * kStrip;
  const auto line = [&] {return std::exchange(next, next + stride);};
  float * sure[2] = {line(), line()}, * loose[2] = {line(), line()};
  float * heights[2] = {line(), line()}, * above = line();
  const auto read = [&](int v, int slot) {
      support.read_row(v, columns, above);
      surface.read_row(v, columns, heights[slot]);
      const float * __restrict known = above;
      float * __restrict certain = sure[slot], * __restrict free = loose[slot];
      for (int u = 0; u < columns; ++u) {
        const float square = known[u] * known[u];
        certain[u] = square / (square + doubt);
        free[u] = 1.0f / (1.0f + known[u] * scale);
      }
    };
  const auto factor = [=](float step, float certain, float free) {
      return free / (squared(step * steepness) * certain + 1.0f);
    };
  read(greater(first - 1, 0), 0);
  for (int v = first; v < last; ++v) {
    read(v, 1);
    const float * __restrict here = heights[1], * __restrict before = heights[0];
    const float * __restrict certain = sure[1], * __restrict certain_before = sure[0];
    const float * __restrict free = loose[1], * __restrict free_before = loose[0];
    float * __restrict up = above;
    float * __restrict left = some.data() + static_cast<size_t>(stride) * (v - first);
    from.above.read_row(v, columns, above);
    for (int u = 0; u < columns; ++u) {
      up[u] *= factor(here[u] - before[u], least(certain_before[u], certain[u]),
          least(free_before[u], free[u]));
    }
    for (int u = 1; u < columns; ++u) {
      left[u] = factor(here[u] - here[u - 1], least(certain[u - 1], certain[u]),
          least(free[u - 1], free[u]));
    }
    to.above.write_row(v, columns, above);
    std::swap(sure[0], sure[1]);
    std::swap(loose[0], loose[1]);
    std::swap(heights[0], heights[1]);
  }
  turn_links(some.data(), stride, columns, from.left_of(first), to.left_of(first));
}

/// Sums over the layers of the weights, near a surface where there is one, and of the coordinates
/// times them.
FOCUS_STACKING_CLONES
void moments_of(
  const Surface & job, const Strips * surface, int first, int last, const Strips * const * sums)
{
  const float scale = 1.0f / squared(job.outlier);
  const int layers = job.layers, columns = job.columns;
  std::vector<float> some(static_cast<size_t>(columns) * 3);
  float * heights = some.data(), * support = heights + columns, * moment = support + columns;
  for (int v = first; v < last; ++v) {
    if (surface) {
      surface->read_row(v, columns, heights);
    }
    std::fill(support, support + 2 * static_cast<size_t>(columns), 0.0f);
    for (int n = 0; n < layers; ++n) {
      const size_t at = static_cast<size_t>(v) * columns;
      const float * weights = job.weights[n] + at, * places = job.coordinates[n] + at;
      if (surface) {
        add_moments<true>(weights, places, heights, scale, columns, support, moment);
      } else {
        add_moments<false>(weights, places, heights, scale, columns, support, moment);
      }
    }
    sums[0]->write_row(v, columns, support);
    sums[1]->write_row(v, columns, moment);
  }
}

/// The surface of a strip, and the same as a part of a plane where that is wanted.
FOCUS_STACKING_CLONES
void divide(
  const Surface & job, int strip, const Strips * const * sums, const Strips & surface,
  float * plane)
{
  const float tiny = job.tiny, offset = job.tiny * job.mean;
  const int count = job.rows * kStrip;
  const float * __restrict support = sums[0]->line(strip, 0);
  const float * __restrict moment = sums[1]->line(strip, 0);
  float * __restrict height = surface.line(strip, 0);
  for (int k = 0; k < count; ++k) {
    height[k] = (moment[k] + offset) / (support[k] + tiny);
  }
  const int columns = columns_of(job, strip);
  for (int v = 0; v < job.rows && plane; ++v) {
    std::memcpy(plane + static_cast<size_t>(v) * job.columns + strip * kStrip,
      surface.line(strip, v), sizeof *height * columns);
  }
}

/// Sums over the layers of the weights, of those near the surface and of these times the squares
/// of the distances.
FOCUS_STACKING_CLONES
void spread_of(
  const Surface & job, const Strips & surface, int first, int last, const Strips * const * sums)
{
  const float scale = 1.0f / squared(job.outlier), farthest = 4.0f * squared(job.outlier);
  const int layers = job.layers, columns = job.columns;
  std::vector<float> some(static_cast<size_t>(columns) * 4);
  float * heights = some.data(), * all = heights + columns, * inlying = all + columns;
  float * spread = inlying + columns;
  for (int v = first; v < last; ++v) {
    surface.read_row(v, columns, heights);
    std::fill(all, all + 3 * static_cast<size_t>(columns), 0.0f);
    for (int n = 0; n < layers; ++n) {
      const size_t at = static_cast<size_t>(v) * columns;
      add_spread(job.weights[n] + at, job.coordinates[n] + at, heights, scale, farthest, columns,
        all, inlying, spread);
    }
    sums[0]->write_row(v, columns, all);
    sums[1]->write_row(v, columns, inlying);
    sums[2]->write_row(v, columns, spread);
  }
}

FOCUS_STACKING_CLONES
void finish_strip(const Surface & job, int strip, const Strips * const * sums)
{
  const float tiny = job.tiny;
  const int columns = columns_of(job, strip);
  for (int v = 0; v < job.rows; ++v) {
    const float * __restrict all = sums[0]->line(strip, v);
    const float * __restrict inlying = sums[1]->line(strip, v);
    const float * __restrict squares = sums[2]->line(strip, v);
    const size_t at = static_cast<size_t>(v) * job.columns + strip * kStrip;
    float * __restrict agreement = job.agreement + at, * __restrict spread = job.spread + at;
    for (int u = 0; u < columns; ++u) {
      agreement[u] = limited(inlying[u] / (all[u] + tiny), 0.0f, 1.0f);
      spread[u] = std::sqrt(most(squares[u], 0.0f) / (inlying[u] + tiny));
    }
  }
}

namespace
{

/// Lays a surface: `core.depth.surface.regularise`.
class Laying
{
public:
  explicit Laying(const Surface & job)
  : job_(job), links_(job.rows, job.columns), weak_(job.rows, job.columns),
    surface_(job.rows, job.columns), support_(job.rows, job.columns),
    moment_(job.rows, job.columns), square_(job.rows, job.columns)
  {
    bands([&](int first, int last) {links_of_rows(job, first, last, links_);});
  }

  void run()
  {
    lay(links_, job_.broad_share, nullptr, job_.broad);
    const Links * links = &links_;
    for (int round = 0; round < job_.rounds; ++round) {
      const bool last_one = round + 1 == job_.rounds;
      lay(*links, job_.shares[round], round ? &surface_ : nullptr,
        last_one ? job_.coordinate : nullptr);
      if (!last_one) {
        bands([&](int first, int last) {
          weaken_rows(job_, surface_, support_, first, last, links_, weak_);
        });
        links = &weak_;
      }
    }
    const Strips * sums[] = {&moment_, &support_, &square_};
    smooth(*links, job_.strength, 3, sums,
      [&](int first, int last) {spread_of(job_, surface_, first, last, sums);},
      [&](int strip) {finish_strip(job_, strip, sums);});
  }

private:
  template<typename Work>
  void bands(Work work)
  {
    in_bands(job_.rows, kStrip, [&](int, int first, int last) {work(first, last);});
  }

  /// Lays one surface through what lies near another one, null for everything.
  void lay(const Links & links, float share, const Strips * before, float * plane)
  {
    const Strips * sums[] = {&support_, &moment_};
    smooth(links, job_.strength * share, 2, sums,
      [&](int first, int last) {moments_of(job_, before, first, last, sums);},
      [&](int strip) {divide(job_, strip, sums, surface_, plane);});
  }

  /// Smoothes what `prepare` fills bands of rows with; `use` gets every strip that is done.
  template<typename Prepare, typename Use>
  void smooth(
    const Links & links, float strength, int count, const Strips * const * planes,
    Prepare prepare, Use use)
  {
    for (int pass = 0; pass < job_.passes; ++pass) {
      bands([&](int first, int last) {
        if (pass == 0) {
          prepare(first, last);
        }
        solve_band(links, job_.columns, first, strength, count, planes);
      });
      in_bands(planes[0]->count(), 1, [&](int strip, int, int) {
        solve_strip(links, job_.rows, strip, strength, count, planes);
        if (pass + 1 == job_.passes) {
          use(strip);
        }
      });
      strength *= job_.attenuation;
    }
  }

  const Surface & job_;
  Links links_, weak_;
  Strips surface_, support_, moment_, square_;
};

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_surface(const focus_stacking::Surface * surface)
{
  return focus_stacking::guarded([&] {focus_stacking::Laying(*surface).run();});
}
