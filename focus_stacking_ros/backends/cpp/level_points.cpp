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
  const bool flat = map[6] == 0 && map[7] == 0;
  for (int r = first; r < last; ++r) {
    const float * __restrict ours = pair.template_cells + static_cast<size_t>(r) * columns;
    float * __restrict out = common + static_cast<size_t>(r) * columns;
    const double u = map[1] * r + map[2], v = map[4] * r + map[5], w = map[7] * r + map[8];
    for (int c = 0; c < columns; ++c) {
      float theirs = 0;
      if (ours[c] > 0) {
        const double below = flat ? 1 : 1 / (map[6] * c + w);
        theirs = between(pair.image_cells, rows, columns,
          static_cast<float>((map[0] * c + u) * below),
          static_cast<float>((map[3] * c + v) * below));
      }
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

/// Adds a pixel, with its grey value and derivatives.
void add_point(
  const LevelPair & pair, int x, int y, float weight, Points & points)
{
  const auto row = [&](int offset) {
      return pair.template_grey + static_cast<size_t>(mirrored(y + offset, pair.rows)) *
             pair.columns;
    };
  const float * upper = row(-1), * middle = row(0), * lower = row(1);
  const int left = mirrored(x - 1, pair.columns), right = mirrored(x + 1, pair.columns);
  points.x.push_back(static_cast<float>(x));
  points.y.push_back(static_cast<float>(y));
  points.weight.push_back(weight);
  points.target.push_back(middle[x]);
  points.target_x.push_back((3 * ((upper[right] - upper[left]) + (lower[right] - lower[left])) +
    10 * (middle[right] - middle[left])) * (1.0f / 32));
  points.target_y.push_back((3 * ((lower[left] - upper[left]) + (lower[right] - upper[right])) +
    10 * (lower[x] - upper[x])) * (1.0f / 32));
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
          add_point(pair, 2 * c, 2 * r, weight, points);
          add_point(pair, right, lower, weight, points);
          if (dense) {
            add_point(pair, right, 2 * r, weight, points);
            add_point(pair, 2 * c, lower, weight, points);
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
        for (std::vector<float> * plane : {&points.x, &points.y, &points.target,
            &points.target_x, &points.target_y})
        {
          plane->push_back(plane->back());
        }
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
  return points;
}

}  // namespace focus_stacking
