// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What decides the weights in a block, as `core.fuse.job.FusionTile` does: the index, the share of
// the slices near it, and how near they have to be.

#ifndef FOCUS_STACKING_TILE_BLOCK_HPP
#define FOCUS_STACKING_TILE_BLOCK_HPP

#include "floats.hpp"
#include "fuse.hpp"
#include "lookup.hpp"
#include "tile_guide.hpp"
#include "tile_slices.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace focus_stacking
{

/// How many limits a value reaches, from a number that is nearly right.
FOCUS_STACKING_INLINE int rank_of(float value, int rank, const float * limits, int count)
{
  rank = smaller(greater(rank, 0), count);
  while (rank > 0 && value < limits[rank - 1]) {
    --rank;
  }
  while (rank < count && value >= limits[rank]) {
    ++rank;
  }
  return rank;
}

/// The logarithm of a ratio, however small or great.
FOCUS_STACKING_INLINE float logarithm_of(float value)
{
  return logarithm(limited(value, 1e-9f, 1e9f));
}

/// Guides the weights in one block of a tile after another.
class BlockGuide
{
public:
  BlockGuide(const Job & job, const Tile & tile, TileSlices & slices)
  : guide_(job, tile), job_(job), tables_(*job.tables), logarithms_(job.tables->logarithms),
    slices_(slices) {}

  /// Decides it in the block at which the slices are.
  FOCUS_STACKING_INLINE void decide()
  {
    place();
    believe();
    const float farthest = tables_.farthest[least_reach_];
    first_gated_ = first_near(farthest);
    end_gated_ = end_near(farthest);
  }

  /// (kBlock) share of the slices near the index, 0 to 1.
  const float * trust() const {return trust_;}
  /// (kBlock) index in steps of the gates; of less than 256 slices.
  const int16_t * steps() const {return steps_;}
  /// (kBlock) how narrow the gate is.
  const uint8_t * reach() const {return reach_;}
  /// (kBlock) logarithm of the sharpness that noise has.
  const uint8_t * noise_level() const {return noise_level_;}

  /// Whether some pixel has an average, and the columns of the block where one has.
  bool averages() const {return far_begin_ < far_end_;}
  int far_begin() const {return far_begin_;}
  int far_end() const {return far_end_;}

  /// First slice that a gate may let in, and the one after the last.
  int first_gated() const {return first_gated_;}
  int end_gated() const {return end_gated_;}
  bool may_be_gated(int number) const {return first_gated_ <= number && number < end_gated_;}

private:
  typedef float Floats[kBlock];
  typedef uint8_t Values[kBlock];

  /// Finds the index; where no slice next to it has data, that of the nearest that has.
  FOCUS_STACKING_INLINE void place()
  {
    take(guide_.planes().index, index_);
    beyond(index_, index_[0]);
    extremes();
    const int last = job_.count - 1;
    bool seen = true;
    for (int k = greater(static_cast<int>(std::floor(low_)), 0);
      k <= smaller(static_cast<int>(std::ceil(high_)), last); ++k)
    {
      seen = seen && slices_.seen(k) && !slices_.inside(k);
    }
    if (seen) {
      return;
    }
    Floats closest, nearest;
    for (int u = 0; u < kBlock; ++u) {
      closest[u] = INFINITY;
      nearest[u] = index_[u];
    }
    for (int number = 0; number <= last; ++number) {
      if (!slices_.seen(number)) {
        continue;
      }
      const uint8_t * seen_here = slices_.inside(number);
      const float place = static_cast<float>(number);
      for (int u = 0; u < kBlock; ++u) {
        const float away = seen_here && !seen_here[u] ? INFINITY : std::fabs(index_[u] - place);
        nearest[u] = away < closest[u] ? place : nearest[u];
        closest[u] = away < closest[u] ? away : closest[u];
      }
    }
    for (int u = 0; u < kBlock; ++u) {
      index_[u] = closest[u] < 1.0f ? index_[u] : nearest[u];
    }
    extremes();
  }

  FOCUS_STACKING_INLINE void extremes()
  {
    constexpr int kLanes = 8;  // compilers do not reorder least values themselves
    float lows[kLanes], highs[kLanes];
    for (int k = 0; k < kLanes; ++k) {
      lows[k] = highs[k] = index_[k];
    }
    for (int u = kLanes; u < kBlock; u += kLanes) {
      for (int k = 0; k < kLanes; ++k) {
        lows[k] = least(lows[k], index_[u + k]);
        highs[k] = most(highs[k], index_[u + k]);
      }
    }
    low_ = lows[0], high_ = highs[0];
    for (int k = 1; k < kLanes; ++k) {
      low_ = least(low_, lows[k]);
      high_ = most(high_, highs[k]);
    }
  }

  /// First slice within a distance of the index of the part, and the one after the last.
  int first_near(float distance) const
  {
    return greater(static_cast<int>(std::ceil(low_ - distance)), 0);
  }
  int end_near(float distance) const
  {
    return smaller(static_cast<int>(std::floor(high_ + distance)) + 1, job_.count);
  }

  /// The share of the gated slices and how narrow the gate is.
  FOCUS_STACKING_INLINE void believe()
  {
    Values bests = {}, belows, aboves;
    uint8_t * __restrict best = bests, * __restrict below = belows, * __restrict above = aboves;
    for (int u = 0; u < kBlock; ++u) {
      const float floor = std::floor(index_[u]);
      below[u] = static_cast<uint8_t>(static_cast<int32_t>(floor));
      above[u] = static_cast<uint8_t>(
        static_cast<int32_t>((floor + 1.0f) - index_[u] < 1.0f ? floor + 1.0f : floor));
    }
    for (int number = first_near(1); number < end_near(1); ++number) {
      if (!slices_.seen(number)) {
        continue;
      }
      slices_.sharpen(number);
      const uint8_t near = static_cast<uint8_t>(number);
      const uint8_t * __restrict sharp = slices_.sharp(number);
      for (int u = 0; u < kBlock; ++u) {
        const uint8_t next = static_cast<uint8_t>(
          (below[u] == near ? 255 : 0) | (above[u] == near ? 255 : 0));
        const uint8_t value = static_cast<uint8_t>(sharp[u] & next);
        best[u] = best[u] > value ? best[u] : value;
      }
    }
    Floats gates;
    Values levels;
    int32_t ranks[kBlock];
    Values sharpest = {}, halves, narrows = {};
    std::memset(halves, 1, sizeof halves);  // what is divided by, beyond the tile too
    Floats guided = {}, noises = {}, widests = {}, shares;
    take(guide_.planes().sharpest, sharpest);
    take(guide_.planes().missed, halves);
    take(guide_.planes().narrow, narrows);
    take(guide_.planes().trust, guided);
    take(guide_.planes().noise, noises);
    take(guide_.planes().widest, widests);
    // Copies, which nothing that is written can change.
    const float noise_sharpness = job_.noise_sharpness, sharpness_step = job_.sharpness_step;
    const float trusted = job_.trusted, distrusted = job_.distrusted, blur_of_one = job_.blur;
    const float least_noise = job_.least_noise, narrowest = job_.narrowest;
    const float narrowed = job_.narrowed;
    const float index_steps = static_cast<float>(tables_.index_steps);
    const float scale = 1.0f / tables_.gate_limits[0];
    for (int u = 0; u < kBlock; ++u) {
      const float sharp = static_cast<float>(best[u]), noise = noises[u];
      const float missing = most(static_cast<float>(sharpest[u]) - 1.1f * sharp, 0.0f);
      const float missed = missing / static_cast<float>(halves[u]);
      const float share = guided[u] / (1.0f + squared(squared(missed)));
      const float some = share < distrusted ? 0.0f : share;
      shares[u] = share >= trusted ? 1.0f : some;
      const float known = most(noise, least_noise);
      ranks[u] = static_cast<int>((least(
        known * noise_sharpness + sharpness_step / widests[u], 255.0f) + kRounding) - kRounding);
      const float detail = most(sharp - noise_sharpness * noise, 0.0f);
      const float blur = detail * squared(squared(guided[u])) * blur_of_one;
      const float width = std::sqrt(2.0f * known / (blur + 1e-3f));
      const float widest = least(widests[u], narrows[u] ? narrowed : INFINITY);
      gates[u] = least(most(width, least(widest, narrowest)), widest);
    }
    int16_t * __restrict step = steps_;
    for (int u = 0; u < kBlock; ++u) {
      levels[u] = static_cast<uint8_t>(ranks[u]);
      const float place = index_[u] * index_steps;
      step[u] = static_cast<int16_t>(static_cast<int32_t>((place + kRounding) - kRounding));
    }
    look_up_(logarithms_, levels, kBlock, noise_level_);
    for (int u = 0; u < kBlock; ++u) {
      ranks[u] = static_cast<int>(16.0f * logarithm_of(gates[u] * scale)) + 1;
    }
    // Beyond the tile nothing passes.
    beyond(shares, 1.0f);
    const float * limits = tables_.gate_limits;
    const int full = tables_.full_reach;
    for (int v = 0; v < slices_.height(); ++v) {
      for (int u = kPart * v; u < kPart * v + slices_.width(); ++u) {
        levels[u] = static_cast<uint8_t>(full - rank_of(gates[u], ranks[u], limits, full));
      }
    }
    beyond(levels, uint8_t{255});
    std::memcpy(trust_, shares, sizeof shares);
    uint8_t open[kPart] = {}, lowest = 255;
    for (int v = 0; v < kRows; ++v) {
      for (int u = 0; u < kPart; ++u) {
        open[u] |= shares[kPart * v + u] < 1.0f;
      }
    }
    for (int u = 0; u < kBlock; ++u) {
      const uint8_t none = static_cast<uint8_t>(shares[u] == 0.0f ? 255 : 0);
      levels[u] = static_cast<uint8_t>(levels[u] | none);
    }
    for (int u = 0; u < kBlock; ++u) {
      lowest = lowest < levels[u] ? lowest : levels[u];
    }
    std::memcpy(reach_, levels, sizeof levels);
    least_reach_ = lowest;
    far_begin_ = 0;
    far_end_ = kPart;
    while (far_begin_ < far_end_ && !open[far_begin_]) {
      ++far_begin_;
    }
    while (far_begin_ < far_end_ && !open[far_end_ - 1]) {
      --far_end_;
    }
  }

  /// Takes the block of a plane of the tile.
  template<typename Value>
  FOCUS_STACKING_INLINE void take(const Value * plane, Value * to) const
  {
    for (int v = 0; v < slices_.height(); ++v) {
      const Value * from = plane + (slices_.row() + v) * guide_.planes().stride + slices_.begin();
      if (slices_.width() == kPart) {
        std::memcpy(to + kPart * v, from, sizeof *to * kPart);
      } else {
        std::copy_n(from, slices_.width(), to + kPart * v);
      }
    }
  }

  /// Gives pixels of the block that lie beyond the tile a value.
  template<typename Value>
  FOCUS_STACKING_INLINE void beyond(Value * values, Value value) const
  {
    for (int v = 0; v < slices_.height() && slices_.width() < kPart; ++v) {
      std::fill(values + kPart * v + slices_.width(), values + kPart * (v + 1), value);
    }
    std::fill(values + kPart * slices_.height(), values + kBlock, value);
  }

  static constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: a sum with it has no fraction

  const TileGuide guide_;
  const Job & job_;
  const Tables & tables_;
  const LookupTable logarithms_;
  TileSlices & slices_;
  const Lookup look_up_ = fastest_lookup();
  int least_reach_ = 255, far_begin_ = 0, far_end_ = 0, first_gated_ = 0, end_gated_ = 0;
  float low_ = 0, high_ = 0;
  Floats index_, trust_;
  int16_t steps_[kBlock];
  Values reach_, noise_level_;
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TILE_BLOCK_HPP
