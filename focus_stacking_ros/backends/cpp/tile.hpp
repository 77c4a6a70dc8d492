// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Weights of all slices in a tile, as `core.fuse.job.FusionTile` decides them: sharpness, gates,
// levels. Parts of rows are done one after another: each has few slices near its index, and all of
// it stays in the cache.

#ifndef FOCUS_STACKING_TILE_HPP
#define FOCUS_STACKING_TILE_HPP

#include "floats.hpp"
#include "fuse.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace focus_stacking
{

typedef std::unique_ptr<uint8_t[]> Bytes;

constexpr int kPart = 64;  // columns of a part of a row

/// What is known of a slice in a tile.
struct Entry
{
  bool seen = false;  // whether something of the tile lies within it
  Bytes inside;  // 255 where it has data, else 0; null where it has it everywhere
  Bytes weight;  // null where it has none anywhere
  std::vector<int> from, to;  // columns of every row that have a weight
};

/// Weights of all slices in a tile.
class WeightedTile
{
public:
  WeightedTile(const Job & job, const Tile & tile)
  : job_(job), tables_(*job.tables), tile_(tile), pixels_(tile.width * tile.height),
    entries_(job.count), sharp_(static_cast<size_t>(job.count) * kPart),
    gates_(static_cast<size_t>(job.count) * kPart), known_(job.count)
  {}

  /// Does all the work.
  FOCUS_STACKING_INLINE void decide()
  {
    each_part([this]() {weigh();});
  }

  /// Decides the planes alone: their records, each of 8 bytes, of the rows wanted; and which slices
  /// they may let in.
  FOCUS_STACKING_INLINE void record(uint8_t * records, uint8_t * used)
  {
    each_part([this, records, used]() {
        write(records + 8 * (at() - static_cast<size_t>(job_.first) * tile_.columns));
        const bool any = least_trust_ < 1;
        const int end = any ? job_.count : end_near(farthest_);
        for (int number = any ? 0 : first_near(farthest_); number < end; ++number) {
          used[number] |= entries_[number].seen ? 1 : 0;
        }
      });
  }

  const Entry & entry(int number) const {return entries_[number];}

private:
  typedef float Floats[kPart];
  typedef uint8_t Values[kPart];

  /// Decides part after part, of which `use` then makes something.
  template<typename Use>
  FOCUS_STACKING_INLINE void each_part(Use use)
  {
    for (int number = 0; number < job_.count; ++number) {
      look(number);
    }
    for (row_ = 0; row_ < tile_.height; ++row_) {
      for (begin_ = 0; begin_ < tile_.width; begin_ += kPart) {
        width_ = smaller(kPart, tile_.width - begin_);
        std::memset(known_.data(), 0, known_.size());
        place();
        believe();
        gate();
        if (least_trust_ < 1) {
          average();
        }
        use();
      }
    }
  }

  FOCUS_STACKING_INLINE void write(uint8_t * __restrict out) const
  {
    const bool any = least_trust_ < 1;
    for (int u = 0; u < width_; ++u, out += 8) {
      out[0] = static_cast<uint8_t>(steps_[u] & 255);
      out[1] = static_cast<uint8_t>((steps_[u] >> 8) & 255);
      out[2] = reach_[u];
      out[3] = near_level_[u];
      out[4] = near_offset_[u];
      out[5] = any ? far_level_[u] : static_cast<uint8_t>(0);
      out[6] = any ? far_offset_[u] : static_cast<uint8_t>(tables_.never);
      out[7] = 0;
    }
  }

  /// Where the part begins in planes of the whole result, and in those of the tile.
  size_t at() const
  {
    return static_cast<size_t>(tile_.top + row_) * tile_.columns + tile_.left + begin_;
  }
  size_t here() const {return static_cast<size_t>(row_) * tile_.width + begin_;}
  const uint8_t * inside(int number) const
  {
    const Bytes & bytes = entries_[number].inside;
    return bytes ? bytes.get() + here() : nullptr;
  }
  uint8_t * logarithm(int number) {return sharp_.data() + static_cast<size_t>(number) * kPart;}
  uint8_t * gate_of(int number) {return gates_.data() + static_cast<size_t>(number) * kPart;}

  /// A plane of a slice in a part of a row, interpolated with bilinear weights.
  FOCUS_STACKING_INLINE void interpolate(
    const Slice & slice, const uint8_t * plane, int row, int begin, int width,
    uint8_t * __restrict out) const
  {
    const int columns = tile_.columns, rows = tile_.rows;
    int32_t xs[kPart], ys[kPart];
    int32_t * __restrict x = xs, * __restrict y = ys;
    Tile part = tile_;
    part.left += begin;
    positions(part, slice, row, 0, width, x, y);
    // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
    const int first = smaller(x[0] >> 5, columns - 2);
    if (slice.separable && smaller(x[width - 1] >> 5, columns - 2) - first == width - 1) {
      // As many columns of the slice as of the part: all are next to each other.
      const int line = smaller(y[0] >> 5, rows - 2), down = y[0] - 32 * line;
      const uint8_t * __restrict upper = plane + static_cast<size_t>(line) * columns + first;
      const uint8_t * __restrict lower = upper + columns;
      int16_t blended[kPart + 1];
      for (int u = 0; u <= width; ++u) {
        blended[u] = static_cast<int16_t>((32 - down) * upper[u] + down * lower[u]);
      }
      for (int u = 0; u < width; ++u) {
        const int left = blended[u], right = blended[u + 1];
        out[u] = static_cast<uint8_t>(
          (32 * left + (x[u] - 32 * (first + u)) * (right - left) + 512) >> 10);
      }
      return;
    }
    int32_t offsets[kPart];
    uint16_t uppers[kPart], lowers[kPart];
    int32_t * __restrict offset = offsets;
    uint16_t * __restrict upper = uppers, * __restrict lower = lowers;
    for (int u = 0; u < width; ++u) {
      const int column = smaller(x[u] >> 5, columns - 2), line = smaller(y[u] >> 5, rows - 2);
      offset[u] = line * columns + column;
      x[u] -= 32 * column;
      y[u] -= 32 * line;
    }
    for (int u = 0; u < width; ++u) {
      std::memcpy(upper + u, plane + offset[u], sizeof *upper);
      std::memcpy(lower + u, plane + offset[u] + columns, sizeof *lower);
    }
    for (int u = 0; u < width; ++u) {
      const int left = (32 - y[u]) * (upper[u] & 255) + y[u] * (lower[u] & 255);
      const int right = (32 - y[u]) * (upper[u] >> 8) + y[u] * (lower[u] >> 8);
      out[u] = static_cast<uint8_t>((32 * left + x[u] * (right - left) + 512) >> 10);
    }
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
    entry.inside.reset(new uint8_t[pixels_]);
    bool all = true, any = false;
    for (int v = 0; v < tile_.height; ++v) {
      uint8_t * inside = entry.inside.get() + v * tile_.width;
      std::memset(inside, 255, tile_.width);
      for (int begin = 0; slice.valid && begin < tile_.width; begin += kPart) {
        interpolate(slice, slice.valid, v, begin, smaller(kPart, tile_.width - begin),
          inside + begin);
      }
      for (int u = 0; u < tile_.width; ++u) {
        const int x = place_x(v, u), y = place_y(v, u);
        const bool here = inside[u] == 255 && x >= 0 && x <= right && y >= 0 && y <= bottom;
        inside[u] = here ? 255 : 0;
        all = all && here;
        any = any || here;
      }
    }
    entry.seen = any;
    if (all || !any) {
      entry.inside.reset();
    }
  }

  /// Finds the logarithm of a slice's sharpness in the part, 0 where it has no data.
  FOCUS_STACKING_INLINE void sharpen(int number)
  {
    if (known_[number]) {
      return;
    }
    known_[number] = 1;
    uint8_t * __restrict out = logarithm(number);
    interpolate(job_.slices[number], job_.slices[number].sharpness, row_, begin_, width_, out);
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < width_; ++u) {
        out[u] = static_cast<uint8_t>(out[u] & seen[u]);
      }
    }
  }

  FOCUS_STACKING_INLINE void take_logarithm(int number)
  {
    sharpen(number);
    if (known_[number] == 1) {
      known_[number] = 2;
      uint8_t * __restrict values = logarithm(number);
      for (int u = 0; u < width_; ++u) {
        values[u] = tables_.logarithms[values[u]];
      }
    }
  }

  /// Finds the index; where no slice next to it has data, that of the nearest that has.
  FOCUS_STACKING_INLINE void place()
  {
    std::memcpy(index_, job_.index + at(), sizeof *index_ * width_);
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
    for (int u = 0; u < width_; ++u) {
      closest[u] = INFINITY;
      nearest[u] = index_[u];
    }
    for (int number = 0; number <= last; ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      const uint8_t * seen_here = inside(number);
      const float place = static_cast<float>(number);
      for (int u = 0; u < width_; ++u) {
        const float away = seen_here && !seen_here[u] ? INFINITY : std::fabs(index_[u] - place);
        nearest[u] = away < closest[u] ? place : nearest[u];
        closest[u] = away < closest[u] ? away : closest[u];
      }
    }
    for (int u = 0; u < width_; ++u) {
      index_[u] = closest[u] < 1.0f ? index_[u] : nearest[u];
    }
    extremes();
  }

  FOCUS_STACKING_INLINE void extremes()
  {
    float low = index_[0], high = index_[0];
    for (int u = 0; u < width_; ++u) {
      low = least(low, index_[u]);
      high = most(high, index_[u]);
    }
    low_ = low, high_ = high;
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
    Values bests = {};
    uint8_t * __restrict best = bests;
    for (int number = first_near(1); number < end_near(1); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      sharpen(number);
      const float place = static_cast<float>(number);
      const uint8_t * __restrict sharp = logarithm(number);
      for (int u = 0; u < width_; ++u) {
        const uint8_t value = std::fabs(index_[u] - place) < 1.0f ? sharp[u] : 0;
        best[u] = best[u] > value ? best[u] : value;
      }
    }
    Floats gates;
    Values levels;
    int32_t ranks[kPart];
    const uint8_t * __restrict sharpest = job_.sharpest + at();
    const float * __restrict guided = job_.trust + at(), * __restrict noise = job_.noise + at();
    const float * __restrict widest = job_.widest + at();
    const float scale = 1.0f / tables_.gate_limits[0];
    for (int u = 0; u < width_; ++u) {
      const float sharp = static_cast<float>(best[u]);
      const float detail = most(sharp - job_.noise_sharpness * noise[u], 0.0f);
      const float missing = most(static_cast<float>(sharpest[u]) - 1.1f * sharp, 0.0f);
      const float share = guided[u] / (1.0f + squared(squared(missing * job_.missed)));
      trust_[u] = share >= job_.trusted ? 1.0f : share < job_.distrusted ? 0.0f : share;
      const float known = most(noise[u], job_.least_noise);
      const float blur = detail * 0.5f * squared(squared(guided[u])) * job_.blur;
      const float width = std::sqrt(2.0f * known / (blur + 1e-3f));
      gates[u] = least(most(width, least(widest[u], job_.narrowest)), widest[u]);
      levels[u] = static_cast<uint8_t>(static_cast<int>(
          (least(known * job_.noise_sharpness, 255.0f) + kRounding) - kRounding));
      ranks[u] = static_cast<int>(16.0f * logarithm_of(gates[u] * scale)) + 1;
      const float step = index_[u] * static_cast<float>(tables_.index_steps);
      steps_[u] = static_cast<int32_t>((step + kRounding) - kRounding);
    }
    least_reach_ = 255;
    least_trust_ = 1;
    for (int u = 0; u < width_; ++u) {
      noise_level_[u] = tables_.logarithms[levels[u]];
      const int rank = rank_of(gates[u], ranks[u], tables_.gate_limits, tables_.full_reach);
      reach_[u] = static_cast<uint8_t>(trust_[u] == 0 ? tables_.never : tables_.full_reach - rank);
      least_reach_ = smaller(least_reach_, reach_[u]);
      least_trust_ = least(least_trust_, trust_[u]);
    }
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
    const int width = width_;
    uint8_t * __restrict level = near_level_;
    std::memset(level, 0, width);
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      take_logarithm(number);
      uint8_t * __restrict gate = gate_of(number);
      find_gate(number, gate);
      const uint8_t * __restrict sharp = logarithm(number);
      for (int u = 0; u < width; ++u) {
        const uint8_t passing = gate[u] < never ? sharp[u] : 0;
        level[u] = level[u] > passing ? level[u] : passing;
      }
    }
    tell(level);
    Values bests;
    uint8_t * __restrict best = bests;
    std::memset(best, 255, width);
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      // From now on with the penalty for what is missing of the level.
      uint8_t * __restrict gate = gate_of(number);
      const uint8_t * __restrict sharp = logarithm(number);
      Values missing;
      for (int u = 0; u < width; ++u) {
        missing[u] = without(level[u], sharp[u]);
      }
      for (int u = 0; u < width; ++u) {
        missing[u] = tables_.penalties[missing[u]];
      }
      for (int u = 0; u < width; ++u) {
        gate[u] = together(missing[u], gate[u]);
        best[u] = best[u] < gate[u] ? best[u] : gate[u];
      }
    }
    const uint8_t centre = static_cast<uint8_t>(tables_.centre);
    for (int u = 0; u < width; ++u) {
      near_offset_[u] = without(centre, best[u]);
      sum_of_gated_[u] = 0;
    }
    if (!(least_trust_ < 1)) {
      return;
    }
    for (int number = first_near(farthest_); number < end_near(farthest_); ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      const uint8_t * __restrict penalty = gate_of(number);
      for (int u = 0; u < width; ++u) {
        sum_of_gated_[u] = static_cast<uint16_t>(
          sum_of_gated_[u] + tables_.relative[without(penalty[u], best[u])]);
      }
    }
  }

  /// Penalty of the distance of a slice from the index.
  FOCUS_STACKING_INLINE void find_gate(int number, uint8_t * __restrict gate) const
  {
    const int middle = tables_.index_steps * number, shift = tables_.distance_shift;
    const int width = width_;
    for (int u = 0; u < width; ++u) {
      const int away = steps_[u] - middle;
      gate[u] = static_cast<uint8_t>(smaller((away < 0 ? -away : away) >> shift, 255));
    }
    for (int u = 0; u < width; ++u) {
      gate[u] = tables_.distances[gate[u]];
    }
    for (int u = 0; u < width; ++u) {
      gate[u] = together(gate[u], reach_[u]);
    }
    for (int u = 0; u < width; ++u) {
      gate[u] = tables_.gates[gate[u]];
    }
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < width; ++u) {
        gate[u] = static_cast<uint8_t>(gate[u] | ~seen[u]);
      }
    }
  }

  /// Lowers levels that do not stand out of the noise.
  FOCUS_STACKING_INLINE void tell(uint8_t * __restrict level) const
  {
    for (int u = 0; u < width_; ++u) {
      level[u] = without(level[u], tables_.drop[without(level[u], noise_level_[u])]);
    }
  }

  /// Level and offsets of slices at any distance.
  FOCUS_STACKING_INLINE void average()
  {
    const int width = width_;
    uint8_t * __restrict level = far_level_;
    uint16_t sums[kPart] = {};
    std::memset(level, 0, width);
    for (int number = 0; number < job_.count; ++number) {
      if (entries_[number].seen) {
        take_logarithm(number);
        const uint8_t * __restrict sharp = logarithm(number);
        for (int u = 0; u < width; ++u) {
          level[u] = level[u] > sharp[u] ? level[u] : sharp[u];
        }
      }
    }
    tell(level);
    for (int number = 0; number < job_.count; ++number) {
      if (!entries_[number].seen) {
        continue;
      }
      const uint8_t * __restrict sharp = logarithm(number);
      const uint8_t * __restrict seen = inside(number);
      for (int u = 0; u < width; ++u) {
        const uint8_t weight = tables_.average_weights[without(level[u], sharp[u])];
        sums[u] = static_cast<uint16_t>(
          sums[u] + (seen ? static_cast<uint8_t>(weight & seen[u]) : weight));
      }
    }
    // The gated slices are to have the share 'trust' of the whole weight.
    for (int u = 0; u < width; ++u) {
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

  /// Finds the weights of all slices in the part.
  FOCUS_STACKING_INLINE void weigh()
  {
    if (least_trust_ < 1) {
      for (int number = 0; number < job_.count; ++number) {
        if (entries_[number].seen) {
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
    const int width = width_;
    Values penalties;
    uint8_t * __restrict penalty = penalties;
    std::memset(penalty, 255, width);
    if (gated) {
      const uint8_t * __restrict gate = gate_of(number);
      for (int u = 0; u < width; ++u) {
        penalty[u] = together(gate[u], near_offset_[u]);
      }
    }
    if (least_trust_ < 1) {
      const uint8_t * __restrict sharp = logarithm(number);
      Values missing;
      for (int u = 0; u < width; ++u) {
        missing[u] = without(far_level_[u], sharp[u]);
      }
      for (int u = 0; u < width; ++u) {
        const uint8_t lacking = static_cast<uint8_t>(
          smaller(tables_.average_steps * missing[u], 255));
        const uint8_t found = together(lacking, far_offset_[u]);
        penalty[u] = penalty[u] < found ? penalty[u] : found;
      }
    }
    uint8_t lowest = 255;
    for (int u = 0; u < width; ++u) {
      lowest = lowest < penalty[u] ? lowest : penalty[u];
    }
    if (tables_.weights[lowest] == 0) {  // the weight never rises with the penalty
      return;
    }
    Entry & entry = entries_[number];
    if (!entry.weight) {
      entry.weight.reset(new uint8_t[pixels_]());
      entry.from.assign(tile_.height, tile_.width);
      entry.to.assign(tile_.height, 0);
    }
    uint8_t * __restrict weight = entry.weight.get() + here();
    for (int u = 0; u < width; ++u) {
      weight[u] = tables_.weights[penalty[u]];
    }
    if (const uint8_t * __restrict seen = inside(number)) {
      for (int u = 0; u < width; ++u) {
        weight[u] = static_cast<uint8_t>(weight[u] & seen[u]);
      }
    }
    int first = 0, last = width;
    while (first < last && weight[first] == 0) {
      ++first;
    }
    while (first < last && weight[last - 1] == 0) {
      --last;
    }
    if (first < last) {
      entry.from[row_] = smaller(entry.from[row_], begin_ + first);
      entry.to[row_] = greater(entry.to[row_], begin_ + last);
    }
  }

  static constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: a sum with it has no fraction

  const Job & job_;
  const Tables & tables_;
  const Tile tile_;
  const int pixels_;
  std::vector<Entry> entries_;
  // Of the part at hand: of every slice the logarithm of its sharpness, its gate and what of it is
  // known, 1 for the sharpness and 2 for its logarithm.
  std::vector<uint8_t> sharp_, gates_, known_;
  int row_ = 0, begin_ = 0, width_ = 0, least_reach_ = 255;
  float low_ = 0, high_ = 0, least_trust_ = 1, farthest_ = 0;
  Floats index_, trust_;
  int32_t steps_[kPart];
  Values reach_, noise_level_, near_level_, near_offset_, far_level_, far_offset_;
  uint16_t sum_of_gated_[kPart];
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TILE_HPP
