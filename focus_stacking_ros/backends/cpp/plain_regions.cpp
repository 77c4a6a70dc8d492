// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// As core/depth/clues.py, whose formulas are not explained again.

#include "plain_regions.hpp"

#include "floats.hpp"
#include "parallel.hpp"
#include "regions.hpp"
#include "windows.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

namespace focus_stacking
{

FOCUS_STACKING_CLONES
void mark_plain(
  float flat, size_t first, size_t last, const float * __restrict mean,
  uint8_t * __restrict plain)
{
  for (size_t k = first; k < last; ++k) {
    plain[k] = mean[k] < flat ? 1 : 0;
  }
}

/// Greatest and least number of a region within a window of 5x5 pixels, 0 where there is none.
FOCUS_STACKING_CLONES
void beside_of_rows(
  const int32_t * labels, int rows, int columns, int first, int last, int32_t * highest,
  int32_t * lowest)
{
  constexpr int kReach = 2;
  const int padded = columns + 2 * kReach;
  std::vector<uint32_t> some(static_cast<size_t>(padded) * 2, 0);
  for (int v = first; v < last; ++v) {
    // 0 less 1 is the greatest number, which is the least of nothing.
    uint32_t * __restrict high = some.data() + kReach;
    uint32_t * __restrict low = some.data() + padded + kReach;
    std::fill(some.begin(), some.begin() + padded, 0u);
    std::fill(some.begin() + padded, some.end(), UINT32_MAX);
    for (int y = greater(v - kReach, 0); y <= smaller(v + kReach, rows - 1); ++y) {
      const int32_t * __restrict from = labels + static_cast<size_t>(y) * columns;
      for (int u = 0; u < columns; ++u) {
        const uint32_t label = static_cast<uint32_t>(from[u]), less = label - 1;
        high[u] = high[u] > label ? high[u] : label;
        low[u] = low[u] < less ? low[u] : less;
      }
    }
    int32_t * __restrict to_high = highest + static_cast<size_t>(v) * columns;
    int32_t * __restrict to_low = lowest + static_cast<size_t>(v) * columns;
    for (int u = 0; u < columns; ++u) {
      uint32_t greatest = 0, smallest = UINT32_MAX;
      for (int k = -kReach; k <= kReach; ++k) {
        greatest = greatest > high[u + k] ? greatest : high[u + k];
        smallest = smallest < low[u + k] ? smallest : low[u + k];
      }
      to_high[u] = static_cast<int32_t>(greatest);
      to_low[u] = static_cast<int32_t>(smallest + 1);
    }
  }
}

namespace
{

/// By how much the depths around every region differ, units: of their numbers.
std::vector<float> scatter_of(
  const Judging & job, const int32_t * labels, int count, const float * mean,
  const int32_t * highest, const int32_t * lowest)
{
  struct Moments
  {
    double weight, first, second;
    bool at_rim;
  };
  std::vector<Moments> all(count, Moments{0, 0, 0, false});
  const float scale = 1.0f / job.unit;
  const size_t pixels = static_cast<size_t>(job.rows) * job.columns;
  for (size_t k = 0; k < pixels; ++k) {
    if (labels[k] || !highest[k]) {
      continue;
    }
    const float depth = job.coordinate[k] * scale, weight = mean[k];
    for (int label : {highest[k], lowest[k]}) {
      Moments & moments = all[label];
      moments.weight += weight;
      moments.first += weight * depth;
      moments.second += weight * (depth * depth);
    }
  }
  const size_t below = static_cast<size_t>(job.rows - 1) * job.columns;
  for (int u = 0; u < job.columns; ++u) {
    all[labels[u]].at_rim = all[labels[below + u]].at_rim = true;
  }
  for (size_t v = 0; v < static_cast<size_t>(job.rows); ++v) {
    all[labels[v * job.columns]].at_rim = true;
    all[labels[(v + 1) * job.columns - 1]].at_rim = true;
  }
  constexpr float kNone = 99.0f;
  std::vector<float> scatter(count, kNone);
  for (int k = 1; k < count; ++k) {
    const Moments & moments = all[k];
    if (moments.at_rim || moments.weight < 1e-6) {
      continue;
    }
    const double middle = moments.first / moments.weight;
    const double square = moments.second / moments.weight - middle * middle;
    scatter[k] = least(static_cast<float>(std::sqrt(std::max(square, 0.0))), kNone);
  }
  return scatter;
}

}  // namespace

std::vector<float> scatter_around_plain(
  const Judging & job, const float * mean, int32_t * labels)
{
  const int rows = job.rows, columns = job.columns;
  const size_t pixels = static_cast<size_t>(rows) * columns;
  const auto bands = [&](auto work) {
      in_bands(rows, kBandRows, [&](int, int first, int last) {work(first, last);});
    };
  std::unique_ptr<uint8_t[]> plain(new uint8_t[pixels]);
  bands([&](int first, int last) {
    mark_plain(job.flat, static_cast<size_t>(first) * columns, static_cast<size_t>(last) * columns,
      mean, plain.get());
  });
  std::unique_ptr<int32_t[]> highest(new int32_t[pixels]), lowest(new int32_t[pixels]);
  const int count = number_regions(plain.get(), rows, columns, labels);
  plain.reset();
  bands([&](int first, int last) {
    beside_of_rows(labels, rows, columns, first, last, highest.get(), lowest.get());
  });
  return scatter_of(job, labels, count, mean, highest.get(), lowest.get());
}

}  // namespace focus_stacking
