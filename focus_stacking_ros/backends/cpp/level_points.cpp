// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "level_points.hpp"
#include "parallel.hpp"
#include "sampling.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace focus_stacking
{
namespace
{

constexpr int kBand = 32;  // rows of cells at a time
constexpr int kShift = 17;  // bits of a sharpness that its place in the histogram leaves out
constexpr int kBins = 1 << (31 - kShift);

uint32_t bits_of(float value)
{
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// Sharpness of some rows of cells that both slices have; `map`: cell -> cell.
FOCUS_STACKING_CLONES
void common_rows(
  const LevelPair & pair, const double * map, int first, int last, float * common)
{
  const int rows = (pair.rows + 1) / 2, columns = (pair.columns + 1) / 2;
  float t[9];
  for (int k = 0; k < 9; ++k) {
    t[k] = static_cast<float>(map[k]);
  }
  const bool flat = t[6] == 0 && t[7] == 0;
  std::vector<float> places(2 * static_cast<size_t>(columns));
  float * __restrict x = places.data(), * __restrict y = x + columns;
  for (int r = first; r < last; ++r) {
    const float * __restrict ours = pair.template_cells + static_cast<size_t>(r) * columns;
    float * __restrict out = common + static_cast<size_t>(r) * columns;
    const float at = static_cast<float>(r);
    const float u = t[1] * at + t[2], v = t[4] * at + t[5], w = t[7] * at + t[8];
    for (int c = 0; c < columns; ++c) {
      x[c] = t[0] * static_cast<float>(c) + u;
      y[c] = t[3] * static_cast<float>(c) + v;
    }
    for (int c = 0; !flat && c < columns; ++c) {
      const float below = 1 / (t[6] * static_cast<float>(c) + w);
      x[c] *= below;
      y[c] *= below;
    }
    for (int c = 0; c < columns; ++c) {
      const float theirs = ours[c] > 0 ? between(pair.image_cells, rows, columns, x[c], y[c]) : 0;
      out[c] = theirs < ours[c] ? theirs : ours[c];
    }
  }
}

/// The sharpness that `wanted` cells reach, rounded down to what a histogram tells.
float threshold_of(const std::vector<float> & common, int wanted)
{
  if (static_cast<int64_t>(common.size()) <= wanted) {
    return FLT_MIN;
  }
  std::vector<int> bins(kBins);
  for (float value : common) {
    if (value > 0) {
      ++bins[bits_of(value) >> kShift];
    }
  }
  int bin = kBins, count = 0;
  while (bin > 0 && count < wanted) {
    count += bins[--bin];
  }
  const uint32_t bits = static_cast<uint32_t>(bin) << kShift;
  float threshold;
  std::memcpy(&threshold, &bits, sizeof threshold);
  return std::max(threshold, FLT_MIN);
}

/// Adds a pixel.
FOCUS_STACKING_INLINE void add_point(int x, int y, float weight, Points & points)
{
  points.x.push_back(static_cast<float>(x));
  points.y.push_back(static_cast<float>(y));
  points.weight.push_back(weight);
}

/// Sets the grey values and derivatives of a patch's points.
FOCUS_STACKING_CLONES
void set_targets(const LevelPair & pair, const Patch & patch, Points & points)
{
  for (int k = patch.first; k < patch.last; ++k) {
    const int x = static_cast<int>(points.x[k]), y = static_cast<int>(points.y[k]);
    const float * middle = pair.template_grey + static_cast<size_t>(y) * pair.columns;
    // Mirrored without the edge.
    const float * upper = y > 0 ? middle - pair.columns : middle + pair.columns;
    const float * lower = y < pair.rows - 1 ? middle + pair.columns : middle - pair.columns;
    const int left = x > 0 ? x - 1 : 1, right = x < pair.columns - 1 ? x + 1 : x - 1;
    points.target[k] = middle[x];
    points.target_x[k] = (3 * ((upper[right] - upper[left]) + (lower[right] - lower[left])) +
      10 * (middle[right] - middle[left])) * (1.0f / 32);
    points.target_y[k] = (3 * ((lower[left] - upper[left]) + (lower[right] - upper[right])) +
      10 * (lower[x] - upper[x])) * (1.0f / 32);
  }
}

}  // namespace

Points sharpest_points(const LevelPair & pair, const FitRules & rules, const double * start)
{
  const int rows = (pair.rows + 1) / 2, columns = (pair.columns + 1) / 2;
  Points points;
  if (pair.rows < 4 || pair.columns < 4) {
    return points;
  }
  // Centres of cells lie at 2 c + 1/2.
  double map[9];
  for (int i = 0; i < 3; ++i) {
    map[3 * i] = 2 * start[3 * i];
    map[3 * i + 1] = 2 * start[3 * i + 1];
    map[3 * i + 2] = start[3 * i + 2] + 0.5 * (start[3 * i] + start[3 * i + 1]);
  }
  for (int j = 0; j < 6; ++j) {
    map[j] = 0.5 * (map[j] - 0.5 * map[6 + j % 3]);
  }
  for (double & value : map) {
    value /= map[8];
  }
  std::vector<float> common(static_cast<size_t>(rows) * columns);
  in_bands(rows, kBand, [&](int, int first, int last) {
      common_rows(pair, map, first, last, common.data());
    });
  const int share = static_cast<int>(rules.share * static_cast<double>(common.size()));
  const float threshold = threshold_of(common, std::max(rules.cells, share));
  const int unit = std::max(pair.rows, pair.columns) / 2;
  int side = 2;  // cells
  while (4 * side * 8 <= unit) {
    side *= 2;
  }
  const bool dense = static_cast<int64_t>(common.size()) <= rules.all_of;
  double total = 0, sharp = 0;
  int count = 0;
  for (int top = 0; top < rows; top += side) {
    for (int left = 0; left < columns; left += side) {
      const int first = static_cast<int>(points.x.size());
      for (int r = top; r < std::min(top + side, rows); ++r) {
        for (int c = left; c < std::min(left + side, columns); ++c) {
          const float sharpness = common[static_cast<size_t>(r) * columns + c];
          if (!(sharpness >= threshold)) {
            continue;
          }
          const float weight = rules.cubed ? sharpness * sharpness * sharpness :
            std::sqrt(sharpness);
          const int right = std::min(2 * c + 1, pair.columns - 1);
          const int lower = std::min(2 * r + 1, pair.rows - 1);
          add_point(2 * c, 2 * r, weight, points);
          add_point(right, lower, weight, points);
          if (dense) {
            add_point(right, 2 * r, weight, points);
            add_point(2 * c, lower, weight, points);
          }
          total += weight;
          sharp += static_cast<double>(weight) * sharpness;
          ++count;
        }
      }
      if (static_cast<int>(points.x.size()) == first) {
        continue;
      }
      while (points.x.size() % kLanes != 0) {
        points.x.push_back(points.x.back());
        points.y.push_back(points.y.back());
        points.weight.push_back(0);
      }
      points.patches.push_back({first, static_cast<int>(points.x.size()),
          2.0 * left + side - 0.5, 2.0 * top + side - 0.5});
    }
  }
  if (count < rules.least_cells) {
    return Points();
  }
  points.sharpness = sharp / total;
  for (std::vector<float> * plane : {&points.target, &points.target_x, &points.target_y}) {
    plane->resize(points.x.size());
  }
  in_bands(static_cast<int>(points.patches.size()), kBand, [&](int, int from, int to) {
      for (int k = from; k < to; ++k) {
        set_targets(pair, points.patches[k], points);
      }
    });
  return points;
}

}  // namespace focus_stacking
