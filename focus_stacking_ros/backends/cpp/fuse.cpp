// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The all-in-focus image of a tile: weights, cubic interpolation and the weighted mean.

#include "gather.hpp"

#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

/// Penalties from what is missing of a level, with an offset and, where there is one, a gate.
FOCUS_STACKING_INLINE void penalties_of_row(
  int width, const uint8_t * __restrict level, const uint8_t * __restrict logarithm,
  const uint8_t * __restrict table, const uint8_t * __restrict gate,
  const uint8_t * __restrict offset, uint8_t * __restrict missing, uint8_t * __restrict penalty)
{
  for (int u = 0; u < width; ++u) {
    missing[u] = without(level[u], logarithm[u]);
  }
  for (int u = 0; u < width; ++u) {
    missing[u] = table[missing[u]];
  }
  if (gate) {
    for (int u = 0; u < width; ++u) {
      missing[u] = together(missing[u], gate[u]);
    }
  }
  for (int u = 0; u < width; ++u) {
    const uint8_t found = together(missing[u], offset[u]);
    penalty[u] = penalty[u] < found ? penalty[u] : found;
  }
}

FOCUS_STACKING_INLINE uint8_t least_of(const uint8_t * values, int width)
{
  uint8_t least = 255;
  for (int u = 0; u < width; ++u) {
    least = least < values[u] ? least : values[u];
  }
  return least;
}

/// Weights of a row of a slice; returns whether there may be any.
FOCUS_STACKING_INLINE bool weights_of_row(
  const Tile & tile, const Entry & entry, const Tables & tables, bool averages, size_t at,
  uint8_t * __restrict missing, uint8_t * __restrict penalty, uint8_t * __restrict weight)
{
  const int width = tile.width;
  std::memset(penalty, 255, width);
  if (entry.gate) {
    penalties_of_row(width, tile.near_level + at, entry.logarithm + at, tables.penalties,
      entry.gate + at, tile.near_offset + at, missing, penalty);
  }
  if (averages) {
    penalties_of_row(width, tile.far_level + at, entry.logarithm + at, tables.averages, nullptr,
      tile.far_offset + at, missing, penalty);
  }
  const uint8_t * table = tables.weights;
  if (table[least_of(penalty, width)] == 0) {  // the weight never rises with the penalty
    std::memset(weight, 0, width);
    return false;
  }
  for (int u = 0; u < width; ++u) {
    weight[u] = table[penalty[u]];
  }
  if (entry.inside) {
    const uint8_t * __restrict inside = entry.inside + at;
    for (int u = 0; u < width; ++u) {
      weight[u] = static_cast<uint8_t>(weight[u] & inside[u]);
    }
  }
  return true;
}

/// First and last + 1 of what is not 0.
FOCUS_STACKING_INLINE void extent(const uint8_t * weight, int width, int & begin, int & end)
{
  begin = 0, end = width;
  while (begin < end && weight[begin] == 0) {
    ++begin;
  }
  while (begin < end && weight[end - 1] == 0) {
    --end;
  }
}

/// Adds values to the sums: rounded, limited, exposed and weighted.
template<typename Pixel>
FOCUS_STACKING_INLINE void add_values(
  const double * __restrict sums, const int32_t * __restrict gains,
  const uint8_t * __restrict weights, int count, uint32_t * __restrict total)
{
  constexpr bool kNarrow = sizeof(Pixel) == 1;
  constexpr int kTop = kNarrow ? 255 : 65535;
  for (int j = 0; j < count; ++j) {
    // Exact: an integer below 2^53 times a power of two. What is below 0 becomes 0 either way.
    const int rounded = static_cast<int>((sums[j] + 8589934592.0) * (1.0 / 17179869184.0));
    const int value = smaller(greater(rounded, 0), kTop);
    int exposed;
    if (kNarrow) {
      exposed = (value * gains[j] + 512) >> 10;
    } else {
      exposed = static_cast<int>((static_cast<double>(value) * gains[j] + 8192.0) * (1.0 / 16384));
    }
    total[j] += static_cast<uint32_t>(smaller(exposed, 65535)) * weights[j];
  }
}

template<typename Pixel, int kChannels>
FOCUS_STACKING_INLINE void fuse(
  const Tile & tile, const Slice * slices, const Entry * entries, int count,
  const Tables & tables, Pixel * result)
{
  const size_t pixels = static_cast<size_t>(tile.width) * tile.height;
  const int across = tile.width * kChannels;
  std::vector<uint8_t> weight(pixels), missing(tile.width), penalty(tile.width), spread(across);
  std::vector<uint32_t> total(pixels * kChannels), whole(pixels);
  std::vector<double> sums(across + kBeyond), held;
  std::vector<int32_t> gains(across);
  std::vector<int> from(tile.height), to(tile.height);  // columns of a row that have a weight
  bool averages = false;
  for (size_t k = 0; k < pixels; ++k) {
    averages |= tile.far_offset[k] < 255;
  }
  for (int number = 0; number < count; ++number) {
    const Entry & entry = entries[number];
    const Slice & slice = slices[entry.number];
    int first = tile.height, last = 0, begin = tile.width, end = 0;
    for (int v = 0; v < tile.height; ++v) {
      const size_t at = static_cast<size_t>(v) * tile.width;
      from[v] = to[v] = 0;
      if (weights_of_row(tile, entry, tables, averages, at, missing.data(), penalty.data(),
          weight.data() + at))
      {
        extent(weight.data() + at, tile.width, from[v], to[v]);
      }
      if (from[v] < to[v]) {
        first = smaller(first, v), last = v + 1;
        begin = smaller(begin, from[v]), end = greater(end, to[v]);
      }
    }
    if (first >= last) {
      continue;
    }
    for (int j = 0; j < across; ++j) {
      gains[j] = slice.gains[j % kChannels];
    }
    Gathered<Pixel, kChannels> gathered(tile, slice, tables.cubic);
    gathered.prepare(first, last, begin, end, held);
    for (int v = first; v < last; ++v) {
      if (from[v] >= to[v]) {
        continue;
      }
      const size_t at = static_cast<size_t>(v) * tile.width;
      const uint8_t * here = weight.data() + at;
      gathered.row(v, from[v], to[v], here, sums.data());
      for (int u = from[v]; u < to[v]; ++u) {
        whole[at + u] += here[u];
        for (int c = 0; c < kChannels; ++c) {
          spread[u * kChannels + c] = here[u];
        }
      }
      const int skip = from[v] * kChannels;
      add_values<Pixel>(sums.data() + skip, gains.data() + skip, spread.data() + skip,
        (to[v] - from[v]) * kChannels, total.data() + at * kChannels + skip);
    }
  }
  constexpr bool kNarrow = sizeof(Pixel) == 1;
  for (int v = 0; v < tile.height; ++v) {
    const size_t at = static_cast<size_t>(v) * tile.width;
    Pixel * out = result +
      (static_cast<size_t>(tile.top - tile.result_top + v) * tile.columns + tile.left) * kChannels;
    for (int u = 0; u < tile.width; ++u) {
      const uint32_t divisor = (whole[at + u] ? whole[at + u] : 1) << (kNarrow ? 4 : 0);
      for (int c = 0; c < kChannels; ++c) {
        const size_t j = static_cast<size_t>(u) * kChannels + c;
        const uint32_t mean = (total[at * kChannels + j] + (divisor >> 1)) / divisor;
        constexpr uint32_t kTop = kNarrow ? 255 : 65535;
        out[j] = static_cast<Pixel>(mean < kTop ? mean : kTop);
      }
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void fuse_grey_8(
  const Tile & tile, const Slice * slices, const Entry * entries, int count,
  const Tables & tables, uint8_t * result)
{
  fuse<uint8_t, 1>(tile, slices, entries, count, tables, result);
}

FOCUS_STACKING_CLONES
void fuse_colour_8(
  const Tile & tile, const Slice * slices, const Entry * entries, int count,
  const Tables & tables, uint8_t * result)
{
  fuse<uint8_t, 3>(tile, slices, entries, count, tables, result);
}

FOCUS_STACKING_CLONES
void fuse_grey_16(
  const Tile & tile, const Slice * slices, const Entry * entries, int count,
  const Tables & tables, uint16_t * result)
{
  fuse<uint16_t, 1>(tile, slices, entries, count, tables, result);
}

FOCUS_STACKING_CLONES
void fuse_colour_16(
  const Tile & tile, const Slice * slices, const Entry * entries, int count,
  const Tables & tables, uint16_t * result)
{
  fuse<uint16_t, 3>(tile, slices, entries, count, tables, result);
}

}  // namespace focus_stacking

int32_t focus_stacking_native_fuse(
  const focus_stacking::Tile * tile, const focus_stacking::Slice * slices,
  const focus_stacking::Entry * entries, int32_t count, const focus_stacking::Tables * tables,
  int32_t channels, int32_t wide, void * result)
{
  return focus_stacking::guarded([&] {
    if (wide) {
      auto * out = static_cast<uint16_t *>(result);
      (channels == 3 ? focus_stacking::fuse_colour_16 : focus_stacking::fuse_grey_16)(
        *tile, slices, entries, count, *tables, out);
    } else {
      auto * out = static_cast<uint8_t *>(result);
      (channels == 3 ? focus_stacking::fuse_colour_8 : focus_stacking::fuse_grey_8)(
        *tile, slices, entries, count, *tables, out);
    }
  });
}
