// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What tells of each pixel's depth whether it is right: core/depth/clues.py.

#include "confidence.hpp"
#include "depth.hpp"
#include "parallel.hpp"
#include "plain_regions.hpp"
#include "windows.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

namespace focus_stacking
{
namespace
{

/// Finds the fractional slice index of a coordinate.
class Index
{
public:
  Index(const float * steps, int count)
  : steps_(steps), last_(count - 1), cells_(count)
  {
    // Coordinates go from 0 to count - 1: the first gap that may hold one of every cell.
    for (int cell = 0, k = 0; cell < count; ++cell) {
      while (k + 1 < last_ && steps[k + 1] <= static_cast<float>(cell)) {
        ++k;
      }
      cells_[cell] = k;
    }
    for (int k = 0; k < count; ++k) {
      even_ &= std::fabs(steps[k] - static_cast<float>(k)) <= 1e-6f * static_cast<float>(count);
    }
  }

  bool even() const {return even_;}

  float of(float coordinate) const
  {
    if (last_ == 0 || coordinate <= steps_[0]) {
      return 0;
    }
    if (coordinate >= steps_[last_]) {
      return static_cast<float>(last_);
    }
    int k = cells_[smaller(greater(static_cast<int>(coordinate), 0), last_)];
    while (k + 1 < last_ && steps_[k + 1] <= coordinate) {
      ++k;
    }
    return static_cast<float>(k) + (coordinate - steps_[k]) / (steps_[k + 1] - steps_[k]);
  }

private:
  const float * steps_;
  int last_;
  std::vector<int> cells_;
  bool even_ = true;
};

}  // namespace

/// The surface within the ends.
FOCUS_STACKING_CLONES
void limit(const Judging & job, size_t first, size_t last)
{
  float * __restrict coordinate = job.coordinate;
  const float low = job.steps[0], high = job.steps[job.slices - 1];
  for (size_t k = first; k < last; ++k) {
    coordinate[k] = limited(coordinate[k], low, high);
  }
}

FOCUS_STACKING_CLONES
void convolve(
  const float * plane, int rows, int columns, const float * kernel, int length, int first,
  int last, float * result)
{
  convolve_rows(plane, rows, columns, kernel, length, first, last, result);
}

FOCUS_STACKING_CLONES
void own_distances_of(const Judging & job, size_t first, size_t last, float * __restrict distances)
{
  const float * __restrict own = job.own_coordinate, * __restrict there = job.coordinate;
  const float scale = 1.0f / job.unit, far = job.far;
  for (size_t k = first; k < last; ++k) {
    distances[k] = least(std::fabs(own[k] - there[k]) * scale, far);
  }
}

/// Least value within a disc, of rows; what is outside counts for nothing.
FOCUS_STACKING_CLONES
void erode_by_disc(
  const float * plane, int rows, int columns, const int32_t * disc, int disc_rows, int first,
  int last, float * result)
{
  const int reach = disc_rows / 2, padded = columns + 2 * disc_rows;
  std::vector<float> line(padded);
  for (int v = first; v < last; ++v) {
    float * __restrict to = result + static_cast<size_t>(v) * columns;
    std::fill(to, to + columns, 3e38f);
  }
  for (int y = greater(first - reach, 0); y < smaller(last + reach, rows); ++y) {
    float * __restrict here = line.data();
    const float * from = plane + static_cast<size_t>(y) * columns;
    std::memcpy(here + disc_rows, from, sizeof *here * columns);
    std::fill(here, here + disc_rows, from[0]);
    std::fill(here + disc_rows + columns, here + padded, from[columns - 1]);
    // Every row of the disc that reaches as far as the one before needs no new least values.
    std::vector<float> leasts(columns);
    float * __restrict lowest = leasts.data();
    int known = -1;
    for (int k = 0; k <= reach; ++k) {
      const int wide = disc[reach - k];
      if (wide != known) {
        const float * __restrict some = here + disc_rows - wide;
        for (int u = 0; u < columns; ++u) {
          lowest[u] = some[u];
        }
        for (int j = 1; j <= 2 * wide; ++j) {
          for (int u = 0; u < columns; ++u) {
            lowest[u] = least(lowest[u], some[u + j]);
          }
        }
        known = wide;
      }
      for (int v : {y - k, y + k}) {
        if (v < first || v >= last || (k == 0 && v != y)) {
          continue;
        }
        float * __restrict to = result + static_cast<size_t>(v) * columns;
        for (int u = 0; u < columns; ++u) {
          to[u] = least(to[u], lowest[u]);
        }
      }
    }
  }
}

FOCUS_STACKING_CLONES
void ranges(
  const float * plane, int rows, int columns, int reach, int first, int last, float scale,
  float * result)
{
  ranges_of_rows(plane, rows, columns, reach, first, last, scale, result);
}

FOCUS_STACKING_CLONES
void continuity_of(const Judging & job, size_t first, size_t last)
{
  float * __restrict continuity = job.continuity;
  const float scale = 1.0f / job.wandering;
  for (size_t k = first; k < last; ++k) {
    continuity[k] = 1.0f / (1.0f + squared(continuity[k] * scale));
  }
}

namespace
{

void judge(const Judging & job)
{
  const int rows = job.rows, columns = job.columns;
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const auto plane = [&] {return std::unique_ptr<float[]>(new float[pixels]);};
  float * const evidence = job.evidence;
  const auto blurred = plane(), mean = plane();
  auto eroded = plane();
  const auto bands = [&](auto work) {
      in_bands(rows, kBandRows, [&](int, int first, int last) {work(first, last);});
    };
  const auto spans = [&](auto work) {
      bands([&](int first, int last) {
        work(static_cast<size_t>(first) * columns, static_cast<size_t>(last) * columns);
      });
    };
  const auto convolved = [&](const float * from, const float * kernel, int length, float * to) {
      bands([&](int first, int last) {
        convolve(from, rows, columns, kernel, length, first, last, to);
      });
    };
  spans([&](size_t first, size_t last) {limit(job, first, last);});
  convolved(evidence, job.blur, job.blur_length, blurred.get());
  bands([&](int first, int last) {
    erode_by_disc(blurred.get(), rows, columns, job.disc, job.disc_rows, first, last,
      eroded.get());
  });
  const std::vector<float> flat(job.mean, 1.0f / static_cast<float>(job.mean));
  convolved(eroded.get(), flat.data(), job.mean, blurred.get());  // least evidence around
  eroded.reset();  // what follows takes its place
  const std::vector<float> three(3, 1.0f / 3);
  convolved(evidence, three.data(), 3, mean.get());
  std::unique_ptr<int32_t[]> labels(new int32_t[pixels]());
  const std::vector<float> scatter = scatter_around_plain(job, mean.get(), labels.get());
  const auto & distance = mean;
  spans([&](size_t first, size_t last) {own_distances_of(job, first, last, evidence);});
  convolved(evidence, job.own_blur, job.own_blur_length, distance.get());
  float * const jump = evidence;
  const auto wide_jump = plane();
  const float scale = 1.0f / job.unit;
  bands([&](int first, int last) {
    ranges(job.coordinate, rows, columns, job.near / 2, first, last, scale, jump);
    ranges(job.coordinate, rows, columns, job.near - 1, first, last, scale, wide_jump.get());
  });
  const Known known{
    blurred.get(), distance.get(), jump, wide_jump.get(), labels.get(), scatter.data()};
  spans([&](size_t first, size_t last) {judge_pixels(job, known, first, last);});
  bands([&](int first, int last) {
    ranges(job.calm, rows, columns, job.near / 2, first, last, scale, job.continuity);
  });
  spans([&](size_t first, size_t last) {continuity_of(job, first, last);});
  const Index index(job.steps, job.slices);
  const float low = job.steps[0], high = job.steps[job.slices - 1];
  spans([&](size_t first, size_t last) {
    for (size_t k = first; k < last; ++k) {
      job.index[k] = index.even() ? job.coordinate[k] : index.of(job.coordinate[k]);
      job.calm[k] = index.even() ? limited(job.calm[k], low, high) : index.of(job.calm[k]);
    }
  });
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_judge(const focus_stacking::Judging * judging)
{
  return focus_stacking::guarded([&] {focus_stacking::judge(*judging);});
}
