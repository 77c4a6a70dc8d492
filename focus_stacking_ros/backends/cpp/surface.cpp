// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A smooth surface through uncertain peaks: core/depth/{surface,smoothing}.py.

#include "depth.hpp"
#include "floats.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kMostPlanes = 3;
constexpr int kStrip = 32;  // lines solved side by side
constexpr int kBand = 32;  // rows

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t FourNumbers __attribute__((vector_size(16)));

/// Transposes 4x4 values.
FOCUS_STACKING_INLINE void transpose_four(
  const float * from, size_t from_stride, float * to, size_t to_stride)
{
  const auto line = [&](int k) {return *reinterpret_cast<const Four *>(from + k * from_stride);};
  const Four a = line(0), b = line(1), c = line(2), d = line(3);
#if defined(__clang__)
  const Four low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four other_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four other_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *reinterpret_cast<Four *>(to) = __builtin_shufflevector(low, other_low, 0, 1, 4, 5);
  *reinterpret_cast<Four *>(to + to_stride) =
    __builtin_shufflevector(low, other_low, 2, 3, 6, 7);
  *reinterpret_cast<Four *>(to + 2 * to_stride) =
    __builtin_shufflevector(high, other_high, 0, 1, 4, 5);
  *reinterpret_cast<Four *>(to + 3 * to_stride) =
    __builtin_shufflevector(high, other_high, 2, 3, 6, 7);
#else
  const FourNumbers first = {0, 4, 1, 5}, second = {2, 6, 3, 7};
  const FourNumbers left = {0, 1, 4, 5}, right = {2, 3, 6, 7};
  const Four low = __builtin_shuffle(a, b, first), high = __builtin_shuffle(a, b, second);
  const Four other_low = __builtin_shuffle(c, d, first);
  const Four other_high = __builtin_shuffle(c, d, second);
  *reinterpret_cast<Four *>(to) = __builtin_shuffle(low, other_low, left);
  *reinterpret_cast<Four *>(to + to_stride) = __builtin_shuffle(low, other_low, right);
  *reinterpret_cast<Four *>(to + 2 * to_stride) = __builtin_shuffle(high, other_high, left);
  *reinterpret_cast<Four *>(to + 3 * to_stride) = __builtin_shuffle(high, other_high, right);
#endif
}

/// Transposes (rows, columns).
FOCUS_STACKING_INLINE void transpose(
  const float * from, int rows, int columns, size_t from_stride, float * to, size_t to_stride)
{
  const int whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (int u = 0; u < whole_columns; u += 4) {
    for (int v = 0; v < whole_rows; v += 4) {
      transpose_four(from + v * from_stride + u, from_stride, to + u * to_stride + v, to_stride);
    }
  }
  for (int u = 0; u < columns; ++u) {
    for (int v = u < whole_columns ? whole_rows : 0; v < rows; ++v) {
      to[u * to_stride + v] = from[v * from_stride + u];
    }
  }
}

/// Solves (1 + strength A) x = f along `length` lines of `width` values side by side (Thomas).
///
/// `links`: of each line to the one before it; the first one is never read.
FOCUS_STACKING_INLINE void solve(
  const float * links, size_t links_stride, int length, int width, float strength, int count,
  float * const * planes, size_t stride, float * onward)
{
  float zero[kStrip] = {}, inverse[kStrip];
  for (int k = 0; k < length; ++k) {
    const float * __restrict link = k > 0 ? links + k * links_stride : zero;
    const float * __restrict next = k + 1 < length ? links + (k + 1) * links_stride : zero;
    const float * __restrict before = k > 0 ? onward + (k - 1) * kStrip : zero;
    float * __restrict after = onward + k * kStrip;
    for (int u = 0; u < width; ++u) {
      const float here = strength * link[u], there = strength * next[u];
      inverse[u] = 1.0f / ((1.0f + here + there) - here * before[u]);
      after[u] = there * inverse[u];
    }
    for (int p = 0; p < count; ++p) {
      float * __restrict value = planes[p] + k * stride;
      const float * __restrict last = k > 0 ? value - stride : zero;
      for (int u = 0; u < width; ++u) {
        value[u] = (value[u] + strength * link[u] * last[u]) * inverse[u];
      }
    }
  }
  for (int k = length - 2; k >= 0; --k) {
    const float * __restrict factor = onward + k * kStrip;
    for (int p = 0; p < count; ++p) {
      float * __restrict value = planes[p] + k * stride;
      const float * __restrict next = value + stride;
      for (int u = 0; u < width; ++u) {
        value[u] += factor[u] * next[u];
      }
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void solve_columns(
  const float * links, int rows, int columns, int first, int last, float strength, int count,
  float * const * planes)
{
  std::unique_ptr<float[]> onward(new float[static_cast<size_t>(rows) * kStrip]);
  for (int left = first; left < last; left += kStrip) {
    float * parts[kMostPlanes];
    for (int p = 0; p < count; ++p) {
      parts[p] = planes[p] + left;
    }
    solve(links + left, columns, rows, smaller(kStrip, last - left), strength, count, parts,
      columns, onward.get());
  }
}

FOCUS_STACKING_CLONES
void solve_rows(
  const float * links, int columns, int first, int last, float strength, int count,
  float * const * planes)
{
  const int height = last - first;
  const size_t strip = static_cast<size_t>(columns) * kStrip;
  std::unique_ptr<float[]> turned(new float[strip * (count + 2)]);
  float * parts[kMostPlanes];
  const size_t at = static_cast<size_t>(first) * columns;
  for (int p = 0; p < count; ++p) {
    parts[p] = turned.get() + strip * (p + 2);
    transpose(planes[p] + at, height, columns, columns, parts[p], kStrip);
  }
  float * across = turned.get() + strip;
  transpose(links + at, height, columns, columns, across, kStrip);
  solve(across, kStrip, columns, height, strength, count, parts, kStrip, turned.get());
  for (int p = 0; p < count; ++p) {
    transpose(parts[p], columns, height, kStrip, planes[p] + at, columns);
  }
}

/// Links of rows by the steps of the guide.
FOCUS_STACKING_CLONES
void links_of_rows(
  const Surface & job, int first, int last, float * above, float * left)
{
  const int columns = job.columns;
  const float scale = -1.0f / job.contrast;
  for (int v = first; v < last; ++v) {
    const size_t at = static_cast<size_t>(v) * columns;
    const float * __restrict here = job.guide + at;
    const float * __restrict before = v > 0 ? here - columns : here;
    for (int u = 0; u < columns; ++u) {
      above[at + u] = most(exponential(std::fabs(here[u] - before[u]) * scale), job.least_link);
    }
    left[at] = 0;
    for (int u = 1; u < columns; ++u) {
      left[at + u] = most(exponential(std::fabs(here[u] - here[u - 1]) * scale), job.least_link);
    }
  }
}

/// Links weakened across steps of the surface and between what is well known.
FOCUS_STACKING_CLONES
void weaken_rows(
  const Surface & job, const float * surface, const float * support, int first, int last,
  const float * from_above, const float * from_left, float * above, float * left)
{
  const int columns = job.columns;
  const float doubt = squared(job.certain), scale = 1.0f / job.known, steepness = 1.0f / job.step;
  std::vector<float> some(static_cast<size_t>(columns) * 4);
  float * sure[2] = {some.data(), some.data() + columns};
  float * loose[2] = {some.data() + 2 * columns, some.data() + 3 * columns};
  const auto known = [&](int v, int slot) {
      const float * __restrict from = support + static_cast<size_t>(v) * columns;
      float * __restrict certain = sure[slot], * __restrict free = loose[slot];
      for (int u = 0; u < columns; ++u) {
        const float square = from[u] * from[u];
        certain[u] = square / (square + doubt);
        free[u] = 1.0f / (1.0f + from[u] * scale);
      }
    };
  const auto factor = [&](float step, float certain, float free) {
      return free / (squared(step * steepness) * certain + 1.0f);
    };
  known(greater(first - 1, 0), 0);
  for (int v = first; v < last; ++v) {
    known(v, 1);
    const size_t at = static_cast<size_t>(v) * columns;
    const float * here = surface + at, * before = v > 0 ? here - columns : here;
    for (int u = 0; u < columns; ++u) {
      above[at + u] = from_above[at + u] * factor(here[u] - before[u],
        least(sure[0][u], sure[1][u]), least(loose[0][u], loose[1][u]));
    }
    left[at] = 0;
    for (int u = 1; u < columns; ++u) {
      left[at + u] = from_left[at + u] * factor(here[u] - here[u - 1],
        least(sure[1][u - 1], sure[1][u]), least(loose[1][u - 1], loose[1][u]));
    }
    std::swap(sure[0], sure[1]);
    std::swap(loose[0], loose[1]);
  }
}

/// Weight of a layer near a surface, where there is one.
FOCUS_STACKING_INLINE float near(float weight, float away, float scale)
{
  return weight / (away * away * scale + 1.0f);
}

/// Sums over the layers of the weights and of the coordinates times them.
FOCUS_STACKING_CLONES
void moments_of(
  const Surface & job, const float * surface, size_t first, size_t last, float * __restrict support,
  float * __restrict moment)
{
  const float scale = 1.0f / squared(job.outlier);
  for (int n = 0; n < job.layers; ++n) {
    const float * __restrict weights = job.weights[n];
    const float * __restrict places = job.coordinates[n];
    for (size_t k = first; k < last; ++k) {
      const float weight =
        surface ? near(weights[k], places[k] - surface[k], scale) : weights[k];
      support[k] = weight + (n ? support[k] : 0.0f);
      moment[k] = weight * places[k] + (n ? moment[k] : 0.0f);
    }
  }
}

FOCUS_STACKING_CLONES
void divide(
  const Surface & job, size_t first, size_t last, const float * __restrict support,
  const float * __restrict moment, float * __restrict surface)
{
  for (size_t k = first; k < last; ++k) {
    surface[k] = (moment[k] + job.tiny * job.mean) / (support[k] + job.tiny);
  }
}

/// Sums over the layers of the weights, of those near the surface and of these times the squares
/// of the distances.
FOCUS_STACKING_CLONES
void spread_of(
  const Surface & job, const float * __restrict surface, size_t first, size_t last,
  float * __restrict all, float * __restrict inlying, float * __restrict spread)
{
  const float scale = 1.0f / squared(job.outlier), farthest = 4.0f * squared(job.outlier);
  for (int n = 0; n < job.layers; ++n) {
    const float * __restrict weights = job.weights[n];
    const float * __restrict places = job.coordinates[n];
    for (size_t k = first; k < last; ++k) {
      const float away = places[k] - surface[k], weight = near(weights[k], away, scale);
      all[k] = weights[k] + (n ? all[k] : 0.0f);
      inlying[k] = weight + (n ? inlying[k] : 0.0f);
      spread[k] = weight * least(away * away, farthest) + (n ? spread[k] : 0.0f);
    }
  }
}

FOCUS_STACKING_CLONES
void finish_surface(
  const Surface & job, size_t first, size_t last, const float * __restrict all,
  const float * __restrict inlying, float * __restrict spread, float * __restrict agreement)
{
  for (size_t k = first; k < last; ++k) {
    agreement[k] = limited(inlying[k] / (all[k] + job.tiny), 0.0f, 1.0f);
    spread[k] = std::sqrt(most(spread[k], 0.0f) / (inlying[k] + job.tiny));
  }
}

namespace
{

/// Lays a surface: `core.depth.surface.regularise`.
class Laying
{
public:
  explicit Laying(const Surface & job)
  : job_(job), pixels_(static_cast<size_t>(job.rows) * job.columns), above_(new float[pixels_]),
    left_(new float[pixels_]), weak_above_(new float[pixels_]), weak_left_(new float[pixels_]),
    support_(new float[pixels_]), moment_(new float[pixels_])
  {
    in_bands(job.rows, kBand, [&](int, int first, int last) {
      links_of_rows(job, first, last, above_.get(), left_.get());
    });
  }

  void run()
  {
    const float * above = above_.get(), * left = left_.get();
    lay(nullptr, above, left, job_.broad_share, job_.broad);
    for (int round = 0; round < job_.rounds; ++round) {
      lay(round ? job_.coordinate : nullptr, above, left, job_.shares[round], job_.coordinate);
      if (round + 1 < job_.rounds) {
        in_bands(job_.rows, kBand, [&](int, int first, int last) {
          weaken_rows(job_, job_.coordinate, support_.get(), first, last, above_.get(),
            left_.get(), weak_above_.get(), weak_left_.get());
        });
        above = weak_above_.get(), left = weak_left_.get();
      }
    }
    float * planes[] = {moment_.get(), support_.get(), job_.spread};
    each([&](size_t first, size_t last) {
      spread_of(job_, job_.coordinate, first, last, planes[0], planes[1], planes[2]);
    });
    smooth(above, left, job_.strength, 3, planes);
    each([&](size_t first, size_t last) {
      finish_surface(job_, first, last, planes[0], planes[1], planes[2], job_.agreement);
    });
  }

private:
  template<typename Work>
  void each(Work work)
  {
    const size_t columns = job_.columns;
    in_bands(job_.rows, kBand, [&](int, int first, int last) {
      work(columns * first, columns * last);
    });
  }

  /// Lays one surface through what lies near another one, null for everything.
  void lay(
    const float * before, const float * above, const float * left, float share, float * surface)
  {
    float * planes[] = {support_.get(), moment_.get()};
    each([&](size_t first, size_t last) {
      moments_of(job_, before, first, last, planes[0], planes[1]);
    });
    smooth(above, left, job_.strength * share, 2, planes);
    each([&](size_t first, size_t last) {
      divide(job_, first, last, planes[0], planes[1], surface);
    });
  }

  void smooth(
    const float * above, const float * left, float strength, int count, float * const * planes)
  {
    for (int pass = 0; pass < job_.passes; ++pass) {
      in_bands(job_.rows, kStrip, [&](int, int first, int last) {
        solve_rows(left, job_.columns, first, last, strength, count, planes);
      });
      in_bands(job_.columns, kStrip, [&](int, int first, int last) {
        solve_columns(above, job_.rows, job_.columns, first, last, strength, count, planes);
      });
      strength *= job_.attenuation;
    }
  }

  const Surface & job_;
  size_t pixels_;
  std::unique_ptr<float[]> above_, left_, weak_above_, weak_left_, support_, moment_;
};

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_surface(const focus_stacking::Surface * surface)
{
  return focus_stacking::guarded([&] {focus_stacking::Laying(*surface).run();});
}
