// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// As core/depth/{confidence,additive}.py, and the support of core/depth/clues.py.

#include "confidence.hpp"

#include "floats.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

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

}  // namespace

FOCUS_STACKING_CLONES
void judge_pixels(const Judging & given, const Known & known, size_t first, size_t last)
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

}  // namespace focus_stacking
