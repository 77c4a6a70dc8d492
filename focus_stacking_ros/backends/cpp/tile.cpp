// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What decides the weights of a tile, as core/fuse/job.py does it: sharpness, gates, levels.

#include "fuse.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kTogether = 1024;  // pixels at a time: what is in between stays in the cache

}  // namespace

FOCUS_STACKING_CLONES
void sharpness_of_tile(
  const Tile & tile, const Slice & slice, const uint8_t * inside, uint8_t * result)
{
  const int width = tile.width, columns = tile.columns, rows = tile.rows;
  std::vector<int32_t> xs(width), ys(width), offsets(width);
  std::vector<uint16_t> uppers(width), lowers(width);
  int32_t * __restrict x = xs.data(), * __restrict y = ys.data();
  int32_t * __restrict offset = offsets.data();
  uint16_t * __restrict upper = uppers.data(), * __restrict lower = lowers.data();
  const uint8_t * sharpness = slice.sharpness;
  for (int v = 0; v < tile.height; ++v) {
    positions(tile, slice, v, 0, width, x, y);
    for (int u = 0; u < width; ++u) {
      // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
      const int column = smaller(x[u] >> 5, columns - 2), row = smaller(y[u] >> 5, rows - 2);
      offset[u] = row * columns + column;
      x[u] -= 32 * column;
      y[u] -= 32 * row;
    }
    for (int u = 0; u < width; ++u) {
      std::memcpy(upper + u, sharpness + offset[u], sizeof *upper);
    }
    for (int u = 0; u < width; ++u) {
      std::memcpy(lower + u, sharpness + offset[u] + columns, sizeof *lower);
    }
    uint8_t * __restrict out = result + static_cast<size_t>(v) * width;
    for (int u = 0; u < width; ++u) {
      const int left = (32 - y[u]) * (upper[u] & 255) + y[u] * (lower[u] & 255);
      const int right = (32 - y[u]) * (upper[u] >> 8) + y[u] * (lower[u] >> 8);
      out[u] = static_cast<uint8_t>((32 * left + x[u] * (right - left) + 512) >> 10);
    }
    if (inside) {
      const uint8_t * __restrict here = inside + static_cast<size_t>(v) * width;
      for (int u = 0; u < width; ++u) {
        out[u] = static_cast<uint8_t>(out[u] & here[u]);
      }
    }
  }
}

FOCUS_STACKING_CLONES
void gate_of_tile(
  int count, const int16_t * __restrict index, int middle, int shift,
  const uint8_t * __restrict reach, const uint8_t * __restrict distances,
  const uint8_t * __restrict gates, const uint8_t * __restrict inside,
  uint8_t * __restrict result)
{
  for (int begin = 0; begin < count; begin += kTogether) {
    const int end = smaller(begin + kTogether, count);
    for (int k = begin; k < end; ++k) {
      const int away = index[k] - middle;
      result[k] = static_cast<uint8_t>(smaller((away < 0 ? -away : away) >> shift, 255));
    }
    for (int k = begin; k < end; ++k) {
      result[k] = distances[result[k]];
    }
    for (int k = begin; k < end; ++k) {
      result[k] = together(result[k], reach[k]);
    }
    for (int k = begin; k < end; ++k) {
      result[k] = gates[result[k]];
    }
    if (inside) {
      for (int k = begin; k < end; ++k) {
        result[k] = static_cast<uint8_t>(result[k] | ~inside[k]);
      }
    }
  }
}

/// What a level must stand out of.
struct Noise
{
  const uint8_t * level;  ///< logarithm of the sharpness that noise alone has, of each pixel
  const uint8_t * drop;  ///< by how much a level is lowered, by how far it is above the noise's
};

/// Lower levels that do not stand out of the noise.
static inline void told(int count, const Noise & noise, int begin, uint8_t * __restrict level)
{
  const uint8_t * __restrict floor = noise.level + begin;
  for (int k = 0; k < count; ++k) {
    level[k] = without(level[k], noise.drop[without(level[k], floor[k])]);
  }
}

FOCUS_STACKING_CLONES
void gated_levels(
  int count, const Entry * entries, int slices, const uint8_t * penalties,
  const uint8_t * relative, int never, const Noise & noise, uint8_t * levels, uint8_t * bests,
  uint16_t * totals)
{
  std::vector<uint8_t> all(static_cast<size_t>(kTogether) * greater(slices, 1));
  const uint8_t limit = static_cast<uint8_t>(never);
  for (int begin = 0; begin < count; begin += kTogether) {
    const int some = smaller(kTogether, count - begin);
    uint8_t * __restrict level = levels + begin, * __restrict best = bests + begin;
    uint16_t * __restrict total = totals + begin;
    std::memset(level, 0, some);
    std::memset(best, 255, some);
    std::memset(total, 0, some * sizeof *total);
    for (int n = 0; n < slices; ++n) {
      const uint8_t * __restrict gate = entries[n].gate + begin;
      const uint8_t * __restrict logarithm = entries[n].logarithm + begin;
      for (int k = 0; k < some; ++k) {
        const uint8_t passing = gate[k] < limit ? logarithm[k] : 0;
        level[k] = level[k] > passing ? level[k] : passing;
      }
    }
    told(some, noise, begin, level);
    for (int n = 0; n < slices; ++n) {
      const uint8_t * __restrict gate = entries[n].gate + begin;
      const uint8_t * __restrict logarithm = entries[n].logarithm + begin;
      uint8_t * __restrict penalty = all.data() + static_cast<size_t>(n) * kTogether;
      for (int k = 0; k < some; ++k) {
        penalty[k] = without(level[k], logarithm[k]);
      }
      for (int k = 0; k < some; ++k) {
        penalty[k] = penalties[penalty[k]];
      }
      for (int k = 0; k < some; ++k) {
        penalty[k] = together(penalty[k], gate[k]);
        best[k] = best[k] < penalty[k] ? best[k] : penalty[k];
      }
    }
    for (int n = 0; n < slices; ++n) {
      uint8_t * __restrict penalty = all.data() + static_cast<size_t>(n) * kTogether;
      for (int k = 0; k < some; ++k) {
        penalty[k] = without(penalty[k], best[k]);
      }
      for (int k = 0; k < some; ++k) {
        penalty[k] = relative[penalty[k]];
      }
      for (int k = 0; k < some; ++k) {
        total[k] = static_cast<uint16_t>(total[k] + penalty[k]);
      }
    }
  }
}

FOCUS_STACKING_CLONES
void average_levels(
  int count, const Entry * entries, int slices, const uint8_t * weights, const Noise & noise,
  uint8_t * levels, uint16_t * totals)
{
  std::vector<uint8_t> some_weights(kTogether);
  uint8_t * __restrict weight = some_weights.data();
  for (int begin = 0; begin < count; begin += kTogether) {
    const int some = smaller(kTogether, count - begin);
    uint8_t * __restrict level = levels + begin;
    uint16_t * __restrict total = totals + begin;
    std::memset(level, 0, some);
    std::memset(total, 0, some * sizeof *total);
    for (int n = 0; n < slices; ++n) {
      const uint8_t * __restrict logarithm = entries[n].logarithm + begin;
      for (int k = 0; k < some; ++k) {
        level[k] = level[k] > logarithm[k] ? level[k] : logarithm[k];
      }
    }
    told(some, noise, begin, level);
    for (int n = 0; n < slices; ++n) {
      const uint8_t * __restrict logarithm = entries[n].logarithm + begin;
      for (int k = 0; k < some; ++k) {
        weight[k] = without(level[k], logarithm[k]);
      }
      for (int k = 0; k < some; ++k) {
        weight[k] = weights[weight[k]];
      }
      if (entries[n].inside) {
        const uint8_t * __restrict inside = entries[n].inside + begin;
        for (int k = 0; k < some; ++k) {
          weight[k] = static_cast<uint8_t>(weight[k] & inside[k]);
        }
      }
      for (int k = 0; k < some; ++k) {
        total[k] = static_cast<uint16_t>(total[k] + weight[k]);
      }
    }
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_sharpness(
  const focus_stacking::Tile * tile, const focus_stacking::Slice * slice, const uint8_t * inside,
  uint8_t * result)
{
  return focus_stacking::guarded([&] {
    focus_stacking::sharpness_of_tile(*tile, *slice, inside, result);
  });
}

int32_t focus_stacking_native_gate(
  int32_t count, const int16_t * index, int32_t middle, int32_t shift, const uint8_t * reach,
  const uint8_t * distances, const uint8_t * gates, const uint8_t * inside, uint8_t * result)
{
  focus_stacking::gate_of_tile(count, index, middle, shift, reach, distances, gates, inside,
    result);
  return 0;
}

int32_t focus_stacking_native_gated_levels(
  int32_t count, const focus_stacking::Entry * entries, int32_t slices, const uint8_t * penalties,
  const uint8_t * relative, int32_t never, const uint8_t * noise, const uint8_t * drop,
  uint8_t * level, uint8_t * best, uint16_t * total)
{
  return focus_stacking::guarded([&] {
    focus_stacking::gated_levels(count, entries, slices, penalties, relative, never, {noise, drop},
      level, best, total);
  });
}

int32_t focus_stacking_native_average_levels(
  int32_t count, const focus_stacking::Entry * entries, int32_t slices, const uint8_t * weights,
  const uint8_t * noise, const uint8_t * drop, uint8_t * level, uint16_t * total)
{
  return focus_stacking::guarded([&] {
    focus_stacking::average_levels(count, entries, slices, weights, {noise, drop}, level, total);
  });
}
