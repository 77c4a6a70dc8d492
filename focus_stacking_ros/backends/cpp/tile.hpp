// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Weights of all slices in a tile, as `core.fuse.job.FusionTile` decides them: gates, levels,
// averages. Blocks of a few parts of rows are done one after another: each has few slices near its
// index, all of it stays in the cache, and what is read of a slice lies side by side.

#ifndef FOCUS_STACKING_TILE_HPP
#define FOCUS_STACKING_TILE_HPP

#include "fuse.hpp"
#include "lookup.hpp"
#include "taken_bytes.hpp"
#include "tile_block.hpp"
#include "tile_slices.hpp"

#include <cstring>
#include <vector>

namespace focus_stacking
{

/// Those of `Tables` that many values are taken of at once.
struct LookupTables
{
  explicit LookupTables(const Tables & from)
  : penalties(from.penalties), weights(from.weights), relative(from.relative),
    average_weights(from.average_weights), distances(from.distances), gates(from.gates),
    drop(from.drop), far_drop(from.far_drop) {}

  LookupTable penalties, weights, relative, average_weights, distances, gates, drop, far_drop;
};

/// Weights of a slice in a block, 0 beyond the tile; some more may be read.
struct Weighted
{
  int number;
  uint8_t weights[kBlock + kTakenAtOnce];
};

/// Weights of all slices in a tile. Whatever is done with a block is done with all its pixels,
/// those beyond the tile too, where nothing has a weight.
class WeightedTile
{
public:
  WeightedTile(const Job & job, const Tile & tile)
  : job_(job), tables_(*job.tables), shuffled_(*job.tables), tile_(tile), slices_(job, tile),
    guide_(job, tile, slices_), gates_(static_cast<size_t>(job.count) * kBlock),
    averaged_(job.count), weighted_(job.count)
  {}

  /// Finds where the tile lies in every slice.
  FOCUS_STACKING_INLINE void look() {slices_.look();}

  /// Decides the weights in the block that begins at a row and a column of the tile.
  FOCUS_STACKING_INLINE void decide(int row, int begin)
  {
    slices_.go_to(row, begin);
    guide_.decide();
    gate();
    if (guide_.averages()) {
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
    for (int v = 0; v < slices_.height(); ++v) {
      const size_t row = static_cast<size_t>(tile_.top - job_.first + slices_.row() + v);
      record(v, records + 8 * (row * tile_.columns + tile_.left + slices_.begin()));
    }
    for (int number = 0; number < job_.count; ++number) {
      const bool may = guide_.averages() || guide_.may_be_gated(number);
      used[number] |= may && slices_.seen(number) ? 1 : 0;
    }
  }

private:
  typedef uint8_t Values[kBlock];

  void record(int v, uint8_t * out) const
  {
    const int first = kPart * v;
    for (int u = first; u < first + slices_.width(); ++u, out += 8) {
      const bool averaged = guide_.averages() && far_offset_[u] != tables_.never;
      out[0] = static_cast<uint8_t>(guide_.steps()[u] & 255);
      out[1] = static_cast<uint8_t>((guide_.steps()[u] >> 8) & 255);
      out[2] = guide_.reach()[u];
      out[3] = near_level_[u];
      out[4] = near_offset_[u];
      out[5] = averaged ? far_level_[u] : static_cast<uint8_t>(0);
      out[6] = averaged ? far_offset_[u] : static_cast<uint8_t>(tables_.never);
      out[7] = 0;
    }
  }

  uint8_t * gate_of(int number) {return gates_.data() + static_cast<size_t>(number) * kBlock;}

  /// Gates of the slices that they may let in, their level, least penalty, and sum of weights.
  FOCUS_STACKING_INLINE void gate()
  {
    const uint8_t never = static_cast<uint8_t>(tables_.never);
    uint8_t * __restrict level = near_level_;
    std::memset(level, 0, kBlock);
    for (int number = guide_.first_gated(); number < guide_.end_gated(); ++number) {
      if (!slices_.seen(number)) {
        continue;
      }
      slices_.take_logarithm(number);
      uint8_t * __restrict gate = gate_of(number);
      find_gate(number, gate);
      const uint8_t * __restrict sharp = slices_.sharp(number);
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
    for (int number = guide_.first_gated(); number < guide_.end_gated(); ++number) {
      if (!slices_.seen(number)) {
        continue;
      }
      // From now on with the penalty for what is missing of the level.
      uint8_t * __restrict gate = gate_of(number);
      const uint8_t * __restrict sharp = slices_.sharp(number);
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
    if (!guide_.averages()) {
      return;
    }
    for (int number = guide_.first_gated(); number < guide_.end_gated(); ++number) {
      if (!slices_.seen(number)) {
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
    const int16_t * __restrict step = guide_.steps();
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
    const uint8_t * __restrict reach = guide_.reach();
    for (int u = 0; u < kBlock; ++u) {
      gate[u] = together(gate[u], reach[u]);
    }
    look_up_(shuffled_.gates, gate, kBlock, gate);
    if (const uint8_t * __restrict seen = slices_.inside(number)) {
      for (int u = 0; u < kBlock; ++u) {
        gate[u] = static_cast<uint8_t>(gate[u] | ~seen[u]);
      }
    }
  }

  /// Lowers levels that do not stand out of the noise.
  FOCUS_STACKING_INLINE void tell(uint8_t * __restrict level, const LookupTable & table) const
  {
    Values drop;
    const uint8_t * __restrict noise_level = guide_.noise_level();
    for (int u = 0; u < kBlock; ++u) {
      drop[u] = without(level[u], noise_level[u]);
    }
    look_up_(table, drop, kBlock, drop);
    for (int u = 0; u < kBlock; ++u) {
      level[u] = without(level[u], drop[u]);
    }
  }

  /// Level and offsets of slices at any distance.
  FOCUS_STACKING_INLINE void average()
  {
    const int begin = guide_.far_begin(), end = guide_.far_end();
    const float * trust = guide_.trust();
    uint8_t * __restrict level = far_level_;
    uint16_t sums[kBlock] = {};
    std::memset(level, 0, kBlock);
    for (int number = 0; number < job_.count; ++number) {
      if (slices_.seen(number)) {
        slices_.take_logarithm(number, begin, end);
        const uint8_t * __restrict sharp = slices_.sharp(number);
        for (int u = 0; u < kBlock; ++u) {
          level[u] = level[u] > sharp[u] ? level[u] : sharp[u];
        }
      }
    }
    tell(level, shuffled_.far_drop);
    for (int number = 0; number < job_.count; ++number) {
      if (!slices_.seen(number)) {
        continue;
      }
      const uint8_t * __restrict sharp = slices_.sharp(number);
      Values weights;
      for (int u = 0; u < kBlock; ++u) {
        weights[u] = without(level[u], sharp[u]);
      }
      look_up_(shuffled_.average_weights, weights, kBlock, weights);
      if (const uint8_t * __restrict seen = slices_.inside(number)) {
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
    for (int v = 0; v < slices_.height(); ++v) {
      for (int u = kPart * v + begin; u < kPart * v + end; ++u) {
        const float all = static_cast<float>(greater(sums[u], 1));
        const float gated = static_cast<float>(greater(sum_of_gated_[u], 1));
        const float ratio = trust[u] * all / (most(1.0f - trust[u], 1e-6f) * gated);
        const float octaves = static_cast<float>(tables_.octave) * logarithm_of(ratio);
        const int rank = static_cast<int>(octaves + static_cast<float>(tables_.never) + 0.5f);
        const int lead = rank_of(ratio, rank, tables_.lead_limits, tables_.leads) - tables_.never;
        near_offset_[u] =
          static_cast<uint8_t>(smaller(near_offset_[u] + greater(-lead, 0), tables_.never));
        far_offset_[u] = static_cast<uint8_t>(
          trust[u] < 1 ? greater(lead, 0) + tables_.centre : tables_.never);
      }
    }
  }

  /// Finds the weights of all slices in the part.
  FOCUS_STACKING_INLINE void weigh()
  {
    weighted_count_ = 0;
    if (guide_.averages()) {
      for (int number = 0; number < job_.count; ++number) {
        // The average's weights only grow smaller by its share.
        if (slices_.seen(number) && (averaged_[number] || guide_.may_be_gated(number))) {
          weigh_slice(number, guide_.may_be_gated(number), averaged_[number] != 0);
        }
      }
      return;
    }
    for (int number = guide_.first_gated(); number < guide_.end_gated(); ++number) {
      if (!slices_.seen(number)) {
        continue;
      }
      weigh_slice(number, true, false);
    }
  }

  FOCUS_STACKING_INLINE void weigh_slice(int number, bool gated, bool averaged)
  {
    Weighted & found = weighted_[weighted_count_];
    uint8_t * __restrict penalty = found.weights;
    if (gated) {
      const uint8_t * __restrict gate = gate_of(number);
      for (int u = 0; u < kBlock; ++u) {
        penalty[u] = together(gate[u], near_offset_[u]);
      }
    } else {
      std::memset(penalty, 255, kBlock);
    }
    if (averaged) {
      const uint8_t * __restrict sharp = slices_.sharp(number);
      // A copy, which nothing that is written can change.
      const uint16_t steps = static_cast<uint16_t>(tables_.average_steps);
      for (int u = 0; u < kBlock; ++u) {
        const uint16_t lack = static_cast<uint16_t>(steps * without(far_level_[u], sharp[u]));
        const uint8_t more =
          together(static_cast<uint8_t>(lack < 255 ? lack : uint16_t{255}), far_offset_[u]);
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
    if (const uint8_t * __restrict seen = slices_.inside(number)) {
      for (int u = 0; u < kBlock; ++u) {
        weight[u] = static_cast<uint8_t>(weight[u] & seen[u]);
      }
    }
    uint8_t some = 0;
    for (int u = 0; u < kBlock; ++u) {
      some |= weight[u];
    }
    if (some) {
      found.number = number;
      ++weighted_count_;
    }
  }

  const Job & job_;
  const Tables & tables_;
  const LookupTables shuffled_;
  const Tile tile_;
  TileSlices slices_;
  BlockGuide guide_;
  // Of the block at hand: of every slice its gate, and whether it counts in an average.
  std::vector<uint8_t> gates_, averaged_;
  const Lookup look_up_ = fastest_lookup();
  std::vector<Weighted> weighted_;
  int weighted_count_ = 0;
  Values near_level_, near_offset_, far_level_, far_offset_;
  uint16_t sum_of_gated_[kBlock];
};

/// The two of them, for the processor at hand.
void look(WeightedTile & tile);
void decide(WeightedTile & tile, int row, int begin);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TILE_HPP
