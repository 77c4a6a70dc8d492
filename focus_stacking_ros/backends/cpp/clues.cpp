// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What tells of each pixel's depth whether it is right, and what that is worth:
// core/depth/{clues,confidence,additive}.py.

#include "depth.hpp"
#include "parallel.hpp"
#include "regions.hpp"
#include "windows.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

namespace focus_stacking
{
namespace
{

constexpr int kClues = 6;
constexpr float kLogarithmOfTwo = 0.693147181f;

/// base^power, 0 where the base is next to 0.
FOCUS_STACKING_INLINE float powered(float base, float power)
{
  const float value = exponential(power * kLogarithmOfTwo * logarithm(most(base, 1e-30f)));
  return base > 1e-30f ? value : 0.0f;
}

/// A polygon through a few knots, constant beyond the outer ones, added to `sums`.
FOCUS_STACKING_INLINE void add_term(
  const Term & term, int count, const float * __restrict places, float * __restrict sums)
{
  for (int u = 0; u < count; ++u) {
    sums[u] += term.values[0];
  }
  for (int k = 0; k + 1 < term.count; ++k) {
    const float begin = term.knots[k], length = term.knots[k + 1] - begin;
    const float slope = (term.values[k + 1] - term.values[k]) / length;
    if (slope == 0.0f) {
      continue;
    }
    for (int u = 0; u < count; ++u) {
      sums[u] += slope * limited(places[u] - begin, 0.0f, length);
    }
  }
}

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

/// Whether a pixel's own focus curve tells, at any window.
FOCUS_STACKING_CLONES
void evidence_of(const Evidence & job, size_t first, size_t last)
{
  float * __restrict evidence = job.evidence;
  for (size_t k = first; k < last; ++k) {
    evidence[k] = 0;
  }
  const float steepness = 1.0f / job.telling_range;
  const float telling = job.telling, weighty = job.weighty;
  for (int n = 0; n < job.layers; ++n) {
    const float * __restrict weights = job.weights[n];
    const float * __restrict significances = job.significances[n];
    for (size_t k = first; k < last; ++k) {
      const float here = weights[k] / (weights[k] + weighty) *
        logistic((significances[k] - telling) * steepness);
      evidence[k] = most(evidence[k], here);
    }
  }
}

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

FOCUS_STACKING_CLONES
void mark_plain(
  float flat, size_t first, size_t last, const float * __restrict mean,
  uint8_t * __restrict plain)
{
  for (size_t k = first; k < last; ++k) {
    plain[k] = mean[k] < flat ? 1 : 0;
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

/// Planes that are known of a surface when it is judged.
struct Known
{
  const float * eroded, * own_distance, * jump, * wide_jump;
  const int32_t * labels;
  const float * scatter;
};

FOCUS_STACKING_CLONES
void judge_rows(const Judging & given, const Known & known, size_t first, size_t last)
{
  const Judging job = given;  // a copy, which nothing that is written can change
  constexpr size_t kTogether = 512;
  float clues[kClues][kTogether], logarithms[kClues][kTogether];
  float odds[kTogether], deviations[kTogether], scatters[kTogether];
  float places[kTogether], broads[kTogether];  // results may lie where these come from
  const float scale = 1.0f / job.unit, certain = powered(job.half, job.steepness);
  for (size_t begin = first; begin < last; begin += kTogether) {
    const int count = static_cast<int>(std::min(last - begin, kTogether));
    for (int u = 0; u < count; ++u) {
      scatters[u] = known.scatter[known.labels[begin + u]];
    }
    const float * __restrict agreement = job.agreement + begin;
    const float * __restrict eroded = known.eroded + begin;
    for (int u = 0; u < count; ++u) {
      const float own = eroded[u] / (eroded[u] + job.half_evident);
      const float enclosed = job.enclosed * exponential(-squared(scatters[u] / job.agreeing));
      const float product = most(own, enclosed) * powered(agreement[u], job.agreement_power);
      const float power = powered(product, job.steepness);
      clues[0][u] = power / (power + certain);
      clues[1][u] = agreement[u];
    }
    std::memcpy(places, job.coordinate + begin, sizeof *places * count);
    std::memcpy(broads, job.broad + begin, sizeof *broads * count);
    const float * __restrict distance = known.own_distance + begin;
    const float * __restrict jump = known.jump + begin, * __restrict wide = known.wide_jump + begin;
    const float * __restrict spread = job.spread + begin;
    for (int u = 0; u < count; ++u) {
      clues[2][u] = distance[u];
      clues[3][u] = jump[u];
      clues[4][u] = most(2.0f * jump[u] - wide[u], 0.0f);
      clues[5][u] = spread[u] * scale;
    }
    for (int c = 0; c < kClues; ++c) {
      for (int u = 0; u < count; ++u) {
        logarithms[c][u] = logarithm(most(clues[c][u], job.least));
      }
    }
    std::fill(odds, odds + count, job.odds_constant);
    std::fill(deviations, deviations + count, job.deviations_constant);
    for (int k = 0; k < job.odds_count; ++k) {
      const Term & term = job.odds[k];
      add_term(term, count, (term.logarithmic ? logarithms : clues)[term.clue], odds);
    }
    for (int k = 0; k < job.deviations_count; ++k) {
      const Term & term = job.deviations[k];
      add_term(term, count, (term.logarithmic ? logarithms : clues)[term.clue], deviations);
    }
    float * __restrict confidence = job.confidence + begin;
    float * __restrict deviation = job.deviation + begin, * __restrict calm = job.calm + begin;
    for (int u = 0; u < count; ++u) {
      const float support = clues[0][u];
      confidence[u] = logistic(job.power * (odds[u] - job.cost)) *
        ((1.0f + job.seen) * support / (support + job.seen));
      const float random = exponential(deviations[u]);
      deviation[u] = std::sqrt(random * random + squared(job.systematic)) * job.unit;
      calm[u] = broads[u] + support * (places[u] - broads[u]);
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
  std::unique_ptr<uint8_t[]> plain(new uint8_t[pixels]);
  spans([&](size_t first, size_t last) {
    mark_plain(job.flat, first, last, mean.get(), plain.get());
  });
  std::unique_ptr<int32_t[]> labels(new int32_t[pixels]()), highest(new int32_t[pixels]);
  std::unique_ptr<int32_t[]> lowest(new int32_t[pixels]);
  const int count = number_regions(plain.get(), rows, columns, labels.get());
  plain.reset();
  bands([&](int first, int last) {
    beside_of_rows(labels.get(), rows, columns, first, last, highest.get(), lowest.get());
  });
  const std::vector<float> scatter = scatter_of(job, labels.get(), count, mean.get(),
      highest.get(), lowest.get());
  highest.reset();
  lowest.reset();
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
  spans([&](size_t first, size_t last) {judge_rows(job, known, first, last);});
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

int32_t focus_stacking_native_evidence(const focus_stacking::Evidence * evidence)
{
  return focus_stacking::guarded([&] {
    focus_stacking::in_bands(evidence->rows, focus_stacking::kBandRows,
      [&](int, int first, int last) {
        focus_stacking::evidence_of(*evidence, static_cast<size_t>(first) * evidence->columns,
        static_cast<size_t>(last) * evidence->columns);
      });
  });
}

int32_t focus_stacking_native_judge(const focus_stacking::Judging * judging)
{
  return focus_stacking::guarded([&] {focus_stacking::judge(*judging);});
}
