// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Weights of all slices in a tile, as `core.fuse.job.FusionTile` decides them: sharpness, gates,
// levels. Blocks of a few parts of rows are done one after another: each has few slices near its
// index, all of it stays in the cache, and what is read of a slice lies side by side.

#ifndef FOCUS_STACKING_TILE_HPP
#define FOCUS_STACKING_TILE_HPP

#include "between.hpp"
#include "floats.hpp"
#include "fuse.hpp"
#include "lookup.hpp"
#include "taken_bytes.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace focus_stacking
{

typedef std::unique_ptr<uint8_t[]> Bytes;

/// Those of `Tables` that many values are taken of at once.
struct LookupTables
{
  explicit LookupTables(const Tables & from)
  : penalties(from.penalties), weights(from.weights), relative(from.relative),
    average_weights(from.average_weights), distances(from.distances), gates(from.gates),
    logarithms(from.logarithms), drop(from.drop), far_drop(from.far_drop) {}

  LookupTable penalties, weights, relative, average_weights, distances, gates, logarithms, drop;
  LookupTable far_drop;
};

/// What is known of a slice in a tile.
struct Entry
{
  bool seen = false;  // whether something of the tile lies within it
  Bytes inside;  // 255 where it has data, else 0; null where it has it everywhere
};

/// Weights of a slice in a block, 0 outside `first` to `last` of each row; some more may be read.
struct Weighted
{
  int number, first[kRows], last[kRows];
  uint8_t weights[kBlock + kTakenAtOnce];
};

/// The planes that decide the weights in a tile.
class TileGuide
{
public:
  TileGuide(const Job & job, const Tile & tile)
  {
    if (!job.source) {
      const size_t at = static_cast<size_t>(tile.top) * tile.columns + tile.left;
      planes_ = {job.index + at, job.trust + at, job.noise + at, job.widest + at,
        job.sharpest + at, job.missed + at, tile.columns};
      return;
    }
    const size_t pixels = static_cast<size_t>(tile.height) * tile.width;
    floats_.reset(new float[4 * pixels]);
    bytes_.reset(new uint8_t[2 * pixels]);
    float * const floats = floats_.get();
    const GuideTarget to{floats, floats + pixels, floats + 2 * pixels, floats + 3 * pixels,
      bytes_.get(), bytes_.get() + pixels, tile.width};
    make_guide(*job.source, {tile.top, tile.left, tile.height, tile.width}, to);
    planes_ = {to.index, to.trust, to.noise, to.widest, to.sharpest, to.missed, to.stride};
  }

  const GuidePlanes & planes() const {return planes_;}

private:
  std::unique_ptr<float[]> floats_;
  Bytes bytes_;
  GuidePlanes planes_;
};

/// Weights of all slices in a tile. Whatever is done with a block is done with all its pixels,
/// those beyond the tile too, where nothing has a weight.
class WeightedTile
{
public:
  WeightedTile(const Job & job, const Tile & tile)
  : guide_(job, tile), job_(job), tables_(*job.tables), shuffled_(*job.tables), tile_(tile),
    across_((tile.width + kPart - 1) / kPart),
    entries_(job.count), sharp_(static_cast<size_t>(job.count) * kBlock),
    gates_(static_cast<size_t>(job.count) * kBlock), known_(job.count), averaged_(job.count),
    weighted_(job.count)
  {}

  /// Finds where the tile lies in every slice.
  FOCUS_STACKING_INLINE void look()
  {
    for (int number = 0; number < job_.count; ++number) {
      look(number);
    }
  }

  /// Decides the weights in the block that begins at a row and a column of the tile.
  FOCUS_STACKING_INLINE void decide(int row, int begin)
  {
    row_ = row, begin_ = begin;
    width_ = smaller(kPart, tile_.width - begin_);
    height_ = smaller(kRows, tile_.height - row_);
    std::memset(known_.data(), 0, known_.size());
    place();
    believe();
    gate();
    if (averages_) {
      average();
    }
    weigh();
  }

  /// Slices that have a weight in that block, and how many there are.
  const Weighted * weighted() const {return weighted_.data();}
  int weighted_count() const {return weighted_count_;}

  /// Writes the planes of that block as records, each of 8 bytes, of the rows wanted; marks the
  /// slices that they may let in.
  void record(uint8_t * records, uint8_t * used) const
  {
    for (int v = 0; v < height_; ++v) {
      record(v, records + 8 * (at(v) - static_cast<size_t>(job_.first) * tile_.columns));
    }
    const int end = averages_ ? job_.count : end_near(farthest_);
    for (int number = averages_ ? 0 : first_near(farthest_); number < end; ++number) {
      used[number] |= entries_[number].seen ? 1 : 0;
    }
  }

private:
  typedef float Floats[kBlock];
  typedef uint8_t Values[kBlock];

  void record(int v, uint8_t * out) const
  {
    for (int u = kPart * v; u < kPart * v + width_; ++u, out += 8) {
      const bool averaged = averages_ && far_offset_[u] != tables_.never;
      out[0] = static_cast<uint8_t>(steps_[u] & 255);
      out[1] = static_cast<uint8_t>((steps_[u] >> 8) & 255);
      out[2] = reach_[u];
      out[3] = near_level_[u];
      out[4] = near_offset_[u];
      out[5] = averaged ? far_level_[u] : static_cast<uint8_t>(0);
      out[6] = averaged ? far_offset_[u] : static_cast<uint8_t>(tables_.never);
      out[7] = 0;
    }
  }

  /// Where a row of the block begins in planes of the whole result.
  size_t at(int v) const
  {
    return static_cast<size_t>(tile_.top + row_ + v) * tile_.columns + tile_.left + begin_;
  }

  /// Where a part of a row of the tile is in a plane of one block after another.
  size_t in_blocks(int row, int begin) const
  {
    return static_cast<size_t>(row / kRows * across_ + begin / kPart) * kBlock +
           row % kRows * kPart;
  }
  const uint8_t * inside(int number) const
  {
    const Bytes & bytes = entries_[number].inside;
    return bytes ? bytes.get() + in_blocks(row_, begin_) : nullptr;
  }
  uint8_t * logarithm(int number) {return sharp_.data() + static_cast<size_t>(number) * kBlock;}
  uint8_t * gate_of(int number) {return gates_.data() + static_cast<size_t>(number) * kBlock;}

  /// A plane of a slice in a part of a row, interpolated with bilinear weights.
  FOCUS_STACKING_INLINE void interpolate(
    const Slice & slice, const uint8_t * plane, int row, int begin, int width,
    uint8_t * __restrict out) const
  {
    const Line line = line_of(tile_, slice, row, begin);
    // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
    const int columns = tile_.columns, first = smaller(line.x(0) >> 5, columns - 2);
    if (slice.separable && smaller(line.x(width - 1) >> 5, columns - 2) - first == width - 1) {
      // As many columns of the slice as of the part: all are next to each other.
      const int y = line.y(0), top = smaller(y >> 5, tile_.rows - 2), down = y - 32 * top;
      const uint8_t * __restrict upper = plane + static_cast<size_t>(top) * columns + first;
      const uint8_t * __restrict lower = upper + columns;
      int16_t blended[kPart + 1];
      for (int u = 0; u <= width; ++u) {
        blended[u] = static_cast<int16_t>((32 - down) * upper[u] + down * lower[u]);
      }
      for (int u = 0; u < width; ++u) {
        const int left = blended[u], right = blended[u + 1];
        out[u] = static_cast<uint8_t>(
          (32 * left + (line.x(u) - 32 * (first + u)) * (right - left) + 512) >> 10);
      }
      return;
    }
    between_(plane, line, width, out);
  }

  /// Finds where the tile lies in a slice.
  FOCUS_STACKING_INLINE void look(int number)
  {
    const Slice & slice = job_.slices[number];
    if (!slice.image) {
      return;
    }
    const int right = 32 * (tile_.columns - 1), bottom = 32 * (tile_.rows - 1);
    const int step = slice.separable ? 0 : 1;
    const auto place_x = [&](int v, int u) {
        return (slice.columns_x[tile_.left + u] + slice.rows_x[step * (tile_.top + v)]) >> 10;
      };
    const auto place_y = [&](int v, int u) {
        return (slice.columns_y[step * (tile_.left + u)] + slice.rows_y[tile_.top + v]) >> 10;
      };
    // Positions rise or fall steadily along rows and columns: the corners are the extremes.
    bool within = true;
    for (int v : {0, tile_.height - 1}) {
      for (int u : {0, tile_.width - 1}) {
        const int x = place_x(v, u), y = place_y(v, u);
        within = within && x >= 0 && x <= right && y >= 0 && y <= bottom;
      }
    }
    Entry & entry = entries_[number];
    entry.seen = true;
    if (within && !slice.valid) {
      return;
    }
    entry.inside.reset(new uint8_t[in_blocks(tile_.height + kRows - 1, 0)]());
    bool all = true, any = false;
    for (int v = 0; v < tile_.height; ++v) {
      for (int begin = 0; begin < tile_.width; begin += kPart) {
        const int width = smaller(kPart, tile_.width - begin);
        uint8_t * inside = entry.inside.get() + in_blocks(v, begin);
        std::memset(inside, 255, width);
        if (slice.valid) {
          interpolate(slice, slice.valid, v, begin, width, inside);
        }
        for (int u = 0; u < width; ++u) {
          const int x = place_x(v, begin + u), y = place_y(v, begin + u);
          const bool here = inside[u] == 255 && x >= 0 && x <= right && y >= 0 && y <= bottom;
          inside[u] = here ? 255 : 0;
          all = all && here;
          any = any || here;
        }
      }
    }
    entry.seen = any;
    if (all || !any) {
      entry.inside.reset();
    }
  }

  /// Finds a slice's sharpness in the block, 0 where it has no data.
  FOCUS_STACKING_INLINE void sharpen(int number, int begin, int end)
  {
    if (known_[number]) {
      return;
    }
    begin = begin / 16 * 16;
    end = smaller((end + 15) / 16 * 16, width_);
    known_[number] = 1;
    uint8_t * __restrict out = logarithm(number);
    const Slice & slice = job_.slices[number];
    for (int v = 0; v < height_; ++v) {
      interpolate(
        slice, slice.sharpness, row_ + v, begin_ + begin, end - begin, out + kPart * v + begin);
    }
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < kBlock; ++u) {
        out[u] = static_cast<uint8_t>(out[u] & seen[u]);
      }
    }
  }

  /// The same of all columns, or of those that an average needs.
  FOCUS_STACKING_INLINE void sharpen(int number) {sharpen(number, 0, width_);}
  FOCUS_STACKING_INLINE void take_logarithm(int number) {take_logarithm(number, 0, width_);}
  FOCUS_STACKING_INLINE void take_logarithm(int number, int begin, int end)
  {
    sharpen(number, begin, end);
    if (known_[number] == 1) {
      known_[number] = 2;
      look_up_(shuffled_.logarithms, logarithm(number), kBlock, logarithm(number));
    }
  }

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
      seen = seen && entries_[k].seen && !entries_[k].inside;
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
      if (!entries_[number].seen) {
        continue;
      }
      const uint8_t * seen_here = inside(number);
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
      if (!entries_[number].seen) {
        continue;
      }
      sharpen(number);
      const uint8_t near = static_cast<uint8_t>(number);
      const uint8_t * __restrict sharp = logarithm(number);
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
    Values sharpest = {}, halves;
    std::memset(halves, 1, sizeof halves);  // what is divided by, beyond the tile too
    Floats guided = {}, noises = {}, widests = {}, shares;
    take(guide_.planes().sharpest, sharpest);
    take(guide_.planes().missed, halves);
    take(guide_.planes().trust, guided);
    take(guide_.planes().noise, noises);
    take(guide_.planes().widest, widests);
    // Copies, which nothing that is written can change.
    const float noise_sharpness = job_.noise_sharpness, sharpness_step = job_.sharpness_step;
    const float trusted = job_.trusted, distrusted = job_.distrusted, blur_of_one = job_.blur;
    const float least_noise = job_.least_noise, narrowest = job_.narrowest;
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
      const float blur = detail * 0.5f * squared(squared(guided[u])) * blur_of_one;
      const float width = std::sqrt(2.0f * known / (blur + 1e-3f)), widest = widests[u];
      gates[u] = least(most(width, least(widest, narrowest)), widest);
    }
    int16_t * __restrict step = steps_;
    for (int u = 0; u < kBlock; ++u) {
      levels[u] = static_cast<uint8_t>(ranks[u]);
      const float place = index_[u] * index_steps;
      step[u] = static_cast<int16_t>(static_cast<int32_t>((place + kRounding) - kRounding));
    }
    look_up_(shuffled_.logarithms, levels, kBlock, noise_level_);
    for (int u = 0; u < kBlock; ++u) {
      ranks[u] = static_cast<int>(16.0f * logarithm_of(gates[u] * scale)) + 1;
    }
    // Beyond the tile nothing passes.
    beyond(shares, 1.0f);
    const float * limits = tables_.gate_limits;
    const int full = tables_.full_reach;
    for (int v = 0; v < height_; ++v) {
      for (int u = kPart * v; u < kPart * v + width_; ++u) {
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
    averages_ = far_begin_ < far_end_;
  }

  /// Takes the block of a plane of the tile.
  template<typename Value>
  FOCUS_STACKING_INLINE void take(const Value * plane, Value * to) const
  {
    for (int v = 0; v < height_; ++v) {
      const Value * from = plane + (row_ + v) * guide_.planes().stride + begin_;
      if (width_ == kPart) {
        std::memcpy(to + kPart * v, from, sizeof *to * kPart);
      } else {
        std::copy_n(from, width_, to + kPart * v);
      }
    }
  }

  /// Gives pixels of the block that lie beyond the tile a value.
  template<typename Value>
  FOCUS_STACKING_INLINE void beyond(Value * values, Value value) const
  {
    for (int v = 0; v < height_ && width_ < kPart; ++v) {
      std::fill(values + kPart * v + width_, values + kPart * (v + 1), value);
    }
    std::fill(values + kPart * height_, values + kBlock, value);
  }

  static FOCUS_STACKING_INLINE float logarithm_of(float value)
  {
    return focus_stacking::logarithm(limited(value, 1e-9f, 1e9f));
  }

  /// How many limits a value reaches, from a number that is nearly right.
  static FOCUS_STACKING_INLINE int rank_of(
    float value, int rank, const float * limits, int count)
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

  /// Gates of the slices that they may let in, their level, least penalty, and sum of weights.
  FOCUS_STACKING_INLINE void gate()
  {
    farthest_ = tables_.farthest[least_reach_];
    const uint8_t never = static_cast<uint8_t>(tables_.never);
    uint8_t * __restrict level = near_level_;
    std::memset(level, 0, kBlock);
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      take_logarithm(number);
      uint8_t * __restrict gate = gate_of(number);
      find_gate(number, gate);
      const uint8_t * __restrict sharp = logarithm(number);
      for (int u = 0; u < kBlock; ++u) {
        const uint8_t passes = gate[u] < never ? uint8_t{255} : uint8_t{0};
        const uint8_t passing = static_cast<uint8_t>(sharp[u] & passes);
        level[u] = level[u] > passing ? level[u] : passing;
      }
    }
    tell(level, shuffled_.drop);
    Values bests;
    uint8_t * __restrict best = bests;
    std::memset(best, 255, kBlock);
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      // From now on with the penalty for what is missing of the level.
      uint8_t * __restrict gate = gate_of(number);
      const uint8_t * __restrict sharp = logarithm(number);
      Values missing;
      for (int u = 0; u < kBlock; ++u) {
        missing[u] = without(level[u], sharp[u]);
      }
      look_up_(shuffled_.penalties, missing, kBlock, missing);
      for (int u = 0; u < kBlock; ++u) {
        gate[u] = together(missing[u], gate[u]);
        best[u] = best[u] < gate[u] ? best[u] : gate[u];
      }
    }
    const uint8_t centre = static_cast<uint8_t>(tables_.centre);
    for (int u = 0; u < kBlock; ++u) {
      near_offset_[u] = without(centre, best[u]);
      sum_of_gated_[u] = 0;
    }
    if (!averages_) {
      return;
    }
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      const uint8_t * __restrict penalty = gate_of(number);
      Values weights;
      for (int u = 0; u < kBlock; ++u) {
        weights[u] = without(penalty[u], best[u]);
      }
      look_up_(shuffled_.relative, weights, kBlock, weights);
      for (int u = 0; u < kBlock; ++u) {
        sum_of_gated_[u] = static_cast<uint16_t>(sum_of_gated_[u] + weights[u]);
      }
    }
  }

  /// Penalty of the distance of a slice from the index.
  FOCUS_STACKING_INLINE void find_gate(int number, uint8_t * __restrict gate) const
  {
    const int16_t middle = static_cast<int16_t>(tables_.index_steps * number);
    const int shift = tables_.distance_shift;
    const int16_t * __restrict step = steps_;
    int16_t aways[kBlock];
    for (int u = 0; u < kBlock; ++u) {
      const int16_t away = static_cast<int16_t>(step[u] - middle);
      const int16_t size = away < 0 ? static_cast<int16_t>(-away) : away;
      const int16_t steps = static_cast<int16_t>(size >> shift);
      aways[u] = steps < 255 ? steps : int16_t{255};
    }
    for (int u = 0; u < kBlock; ++u) {
      gate[u] = static_cast<uint8_t>(aways[u]);
    }
    look_up_(shuffled_.distances, gate, kBlock, gate);
    for (int u = 0; u < kBlock; ++u) {
      gate[u] = together(gate[u], reach_[u]);
    }
    look_up_(shuffled_.gates, gate, kBlock, gate);
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < kBlock; ++u) {
        gate[u] = static_cast<uint8_t>(gate[u] | ~seen[u]);
      }
    }
  }

  /// Lowers levels that do not stand out of the noise.
  FOCUS_STACKING_INLINE void tell(uint8_t * __restrict level, const LookupTable & table) const
  {
    Values drop;
    for (int u = 0; u < kBlock; ++u) {
      drop[u] = without(level[u], noise_level_[u]);
    }
    look_up_(table, drop, kBlock, drop);
    for (int u = 0; u < kBlock; ++u) {
      level[u] = without(level[u], drop[u]);
    }
  }

  /// Level and offsets of slices at any distance.
  FOCUS_STACKING_INLINE void average()
  {
    const int begin = far_begin_, end = far_end_;
    uint8_t * __restrict level = far_level_;
    uint16_t sums[kBlock] = {};
    std::memset(level, 0, kBlock);
    for (int number = 0; number < job_.count; ++number) {
      if (entries_[number].seen) {
        take_logarithm(number, begin, end);
        const uint8_t * __restrict sharp = logarithm(number);
        for (int u = 0; u < kBlock; ++u) {
          level[u] = level[u] > sharp[u] ? level[u] : sharp[u];
        }
      }
    }
    tell(level, shuffled_.far_drop);
    for (int number = 0; number < job_.count; ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      const uint8_t * __restrict sharp = logarithm(number);
      Values weights;
      for (int u = 0; u < kBlock; ++u) {
        weights[u] = without(level[u], sharp[u]);
      }
      look_up_(shuffled_.average_weights, weights, kBlock, weights);
      if (const uint8_t * __restrict seen = inside(number)) {
        for (int u = 0; u < kBlock; ++u) {
          weights[u] = static_cast<uint8_t>(weights[u] & seen[u]);
        }
      }
      uint8_t some = 0;
      for (int u = 0; u < kBlock; ++u) {
        sums[u] = static_cast<uint16_t>(sums[u] + weights[u]);
        some |= weights[u];
      }
      averaged_[number] = some;
    }
    // The gated slices are to have the share 'trust' of the whole weight.
    std::memset(far_offset_, tables_.never, kBlock);
    for (int v = 0; v < height_; ++v) {
      for (int u = kPart * v + begin; u < kPart * v + end; ++u) {
        const float all = static_cast<float>(greater(sums[u], 1));
        const float gated = static_cast<float>(greater(sum_of_gated_[u], 1));
        const float ratio = trust_[u] * all / (most(1.0f - trust_[u], 1e-6f) * gated);
        const int rank = static_cast<int>(static_cast<float>(tables_.octave) * logarithm_of(ratio) +
          static_cast<float>(tables_.never) + 0.5f);
        const int lead = rank_of(ratio, rank, tables_.lead_limits, tables_.leads) - tables_.never;
        near_offset_[u] =
          static_cast<uint8_t>(smaller(near_offset_[u] + greater(-lead, 0), tables_.never));
        far_offset_[u] = static_cast<uint8_t>(
          trust_[u] < 1 ? greater(lead, 0) + tables_.centre : tables_.never);
      }
    }
  }

  /// Finds the weights of all slices in the part.
  FOCUS_STACKING_INLINE void weigh()
  {
    weighted_count_ = 0;
    if (averages_) {
      for (int number = 0; number < job_.count; ++number) {
        // The average's weights only grow smaller by its share.
        if (entries_[number].seen && (averaged_[number] || within(number))) {
          weigh_slice(number, within(number));
        }
      }
      return;
    }
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      weigh_slice(number, true);
    }
  }

  bool within(int number) const
  {
    const float place = static_cast<float>(number);
    return low_ - farthest_ <= place && place <= high_ + farthest_;
  }

  FOCUS_STACKING_INLINE void weigh_slice(int number, bool gated)
  {
    Weighted & found = weighted_[weighted_count_];
    uint8_t * __restrict penalty = found.weights;
    std::memset(penalty, 255, kBlock);
    if (gated) {
      const uint8_t * __restrict gate = gate_of(number);
      for (int u = 0; u < kBlock; ++u) {
        penalty[u] = together(gate[u], near_offset_[u]);
      }
    }
    if (averages_) {
      const uint8_t * __restrict sharp = logarithm(number);
      const int steps = tables_.average_steps;  // a copy, which nothing that is written can change
      for (int u = 0; u < kBlock; ++u) {
        const uint8_t lacking = static_cast<uint8_t>(
          smaller(steps * without(far_level_[u], sharp[u]), 255));
        const uint8_t more = together(lacking, far_offset_[u]);
        penalty[u] = penalty[u] < more ? penalty[u] : more;
      }
    }
    uint8_t lowest = 255;
    for (int u = 0; u < kBlock; ++u) {
      lowest = lowest < penalty[u] ? lowest : penalty[u];
    }
    if (tables_.weights[lowest] == 0) {  // the weight never rises with the penalty
      return;
    }
    uint8_t * __restrict weight = penalty;
    look_up_(shuffled_.weights, penalty, kBlock, weight);
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < kBlock; ++u) {
        weight[u] = static_cast<uint8_t>(weight[u] & seen[u]);
      }
    }
    bool any = false;
    for (int v = 0; v < kRows; ++v) {
      int & first = found.first[v], & last = found.last[v];
      first = 0, last = width_;
      narrow_to_weights(weight + kPart * v, first, last);
      any = any || first < last;
    }
    if (any) {
      found.number = number;
      ++weighted_count_;
    }
  }

  /// Leaves out what has no weight before the first and after the last that has.
  static FOCUS_STACKING_INLINE void narrow_to_weights(
    const uint8_t * weight, int & first, int & last)
  {
    uint64_t some;
    constexpr int kStep = sizeof some;
    while (first + kStep <= last && (std::memcpy(&some, weight + first, kStep), some == 0)) {
      first += kStep;
    }
    while (first + kStep <= last && (std::memcpy(&some, weight + last - kStep, kStep), some == 0)) {
      last -= kStep;
    }
    while (first < last && weight[first] == 0) {
      ++first;
    }
    while (first < last && weight[last - 1] == 0) {
      --last;
    }
  }

  static constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: a sum with it has no fraction

  const TileGuide guide_;
  const Job & job_;
  const Tables & tables_;
  const LookupTables shuffled_;
  const Tile tile_;
  const int across_;  // blocks side by side
  std::vector<Entry> entries_;
  // Of the block at hand: of every slice the logarithm of its sharpness, its gate, what of it is
  // known, 1 for the sharpness and 2 for its logarithm, and whether it counts in an average.
  std::vector<uint8_t> sharp_, gates_, known_, averaged_;
  int row_ = 0, begin_ = 0, width_ = 0, height_ = 0, least_reach_ = 255;
  bool averages_ = false;  // whether some pixel has an average
  int far_begin_ = 0, far_end_ = 0;  // columns of the block where there is an average
  const Lookup look_up_ = fastest_lookup();
  const Between between_ = fastest_between();
  std::vector<Weighted> weighted_;
  int weighted_count_ = 0;
  float low_ = 0, high_ = 0, farthest_ = 0;
  Floats index_, trust_;
  int16_t steps_[kBlock];  // of less than 256 slices
  Values reach_, noise_level_, near_level_, near_offset_, far_level_, far_offset_;
  uint16_t sum_of_gated_[kBlock];
};

/// The two of them, for the processor at hand.
void look(WeightedTile & tile);
void decide(WeightedTile & tile, int row, int begin);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TILE_HPP
