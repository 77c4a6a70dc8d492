// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The all-in-focus image of a tile: weights, cubic interpolation and the weighted mean.

#include "fuse.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr size_t kMostHeld = 1 << 21;  // values: beyond that pixels are interpolated one by one
constexpr int kBeyond = 4;  // values read and written beyond what is wanted

/// Interpolated values of a tile: sums of products with the cubic weights, in 1/2^34.
///
/// They are integers of less than 53 bits, so double precision holds all of them exactly, whatever the
/// order of the sums.
template<typename Pixel, int kChannels>
class Gathered
{
public:
  Gathered(const Tile & tile, const Slice & slice, const double * cubic)
  : tile_(tile), slice_(slice), image_(static_cast<const Pixel *>(slice.image)), cubic_(cubic),
    x_(tile.width), y_(tile.width) {}

  /// Prepares rows `first` to `last` of the tile and columns `begin` to `end`.
  FOCUS_STACKING_INLINE void prepare(
    int first, int last, int begin, int end, std::vector<double> & held)
  {
    begin_ = begin, end_ = end;
    int least_x = INT32_MAX, greatest_x = INT32_MIN;
    for (int v : {first, last - 1}) {
      place(v, begin, end);
      least_x = smaller(least_x, smaller(x_[begin], x_[end - 1]));
      greatest_x = greater(greatest_x, greater(x_[begin], x_[end - 1]));
    }
    left_ = (least_x >> 5) - 1;
    columns_ = (greatest_x >> 5) + 3 - left_;
    const int32_t * columns_y = slice_.columns_y + tile_.left;
    const int64_t rise = slice_.separable ? 0 :
      static_cast<int64_t>(columns_y[end - 1]) - columns_y[begin];
    const int64_t needed = std::min<int64_t>(std::abs(rise) >> 15, tile_.rows) + 8;
    for (count_ = 8; count_ < needed; count_ *= 2) {
    }
    stride_ = static_cast<size_t>(columns_) * kChannels + kBeyond;
    holds_ = stride_ * count_ <= kMostHeld;
    if (holds_) {
      held.resize(std::max(held.size(), stride_ * count_));
      held_ = held.data();
      numbers_.assign(count_, INT32_MIN);
    }
  }

  /// Values of a row where it has a weight; `sums` has the whole row of the tile.
  FOCUS_STACKING_INLINE void row(
    int v, int begin, int end, const uint8_t * weight, double * __restrict sums)
  {
    place(v, begin, end);
    if (!holds_) {
      for (int u = begin; u < end; ++u) {
        if (weight[u]) {
          one_by_one(x_[u], y_[u], sums + u * kChannels);
        }
      }
      return;
    }
    const int above = (smaller(y_[begin], y_[end - 1]) >> 5) - 1;
    const int below = (greater(y_[begin], y_[end - 1]) >> 5) + 2;
    for (int y = above; y <= below; ++y) {
      load(y);
    }
    for (int u = begin; u < end; ++u) {
      if (weight[u]) {
        const double * across = cubic_ + 4 * (x_[u] & 31), * down = cubic_ + 4 * (y_[u] & 31);
        const size_t at = static_cast<size_t>((x_[u] >> 5) - 1 - left_) * kChannels;
        const int y = (y_[u] >> 5) - 1;
        const double * line[4];
        for (int k = 0; k < 4; ++k) {
          line[k] = held_ + stride_ * ((y + k) & (count_ - 1)) + at;
        }
        double * to = sums + u * kChannels;
        if (kChannels == 1) {
          double total[4];
          for (int k = 0; k < 4; ++k) {
            total[k] = across[k] * (down[0] * line[0][k] + down[1] * line[1][k] +
              down[2] * line[2][k] + down[3] * line[3][k]);
          }
          to[0] = (total[0] + total[1]) + (total[2] + total[3]);
        } else {
          four(line, across, down, to);
        }
      }
    }
  }

private:
  typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

  /// Three values and one that counts for nothing.
  static FOCUS_STACKING_INLINE void four(
    const double * const * line, const double * across, const double * down, double * to)
  {
    Four total = {0, 0, 0, 0};
    for (int k = 0; k < 4; ++k) {
      const double * p = line[k];
      total += down[k] * (
        across[0] * *reinterpret_cast<const Four *>(p) +
        across[1] * *reinterpret_cast<const Four *>(p + kChannels) +
        across[2] * *reinterpret_cast<const Four *>(p + 2 * kChannels) +
        across[3] * *reinterpret_cast<const Four *>(p + 3 * kChannels));
    }
    *reinterpret_cast<Four *>(to) = total;
  }

  /// Positions of a row, moved into the slice.
  FOCUS_STACKING_INLINE void place(int v, int begin, int end)
  {
    positions(tile_, slice_, v, begin, end, x_.data(), y_.data());
  }

  /// Makes a row of the slice, which may lie beyond its rim, ready to be read.
  FOCUS_STACKING_INLINE void load(int y)
  {
    const int slot = y & (count_ - 1);
    if (numbers_[slot] == y) {
      return;
    }
    numbers_[slot] = y;
    double * line = held_ + stride_ * slot;
    const Pixel * from = image_ +
      static_cast<size_t>(smaller(greater(y, 0), tile_.rows - 1)) * tile_.columns * kChannels;
    const int begin = greater(left_, 0), end = smaller(left_ + columns_, tile_.columns);
    const Pixel * some = from + static_cast<size_t>(begin) * kChannels;
    double * to = line + static_cast<size_t>(begin - left_) * kChannels;
    for (int j = 0; j < (end - begin) * kChannels; ++j) {
      to[j] = static_cast<double>(static_cast<int>(some[j]));
    }
    for (int x = left_; x < begin; ++x) {
      for (int c = 0; c < kChannels; ++c) {
        line[(x - left_) * kChannels + c] = from[c];
      }
    }
    for (int x = end; x < left_ + columns_; ++x) {
      for (int c = 0; c < kChannels; ++c) {
        line[static_cast<size_t>(x - left_) * kChannels + c] =
          from[static_cast<size_t>(tile_.columns - 1) * kChannels + c];
      }
    }
  }

  /// A pixel of its own, for maps that lead far.
  FOCUS_STACKING_INLINE void one_by_one(int32_t x, int32_t y, double * to) const
  {
    for (int c = 0; c < kChannels; ++c) {
      to[c] = 0;
    }
    for (int k = 0; k < 16; ++k) {
      const int row = smaller(greater((y >> 5) - 1 + k / 4, 0), tile_.rows - 1);
      const int column = smaller(greater((x >> 5) - 1 + k % 4, 0), tile_.columns - 1);
      const double weight = cubic_[4 * (y & 31) + k / 4] * cubic_[4 * (x & 31) + k % 4];
      for (int c = 0; c < kChannels; ++c) {
        to[c] += weight *
          image_[(static_cast<size_t>(row) * tile_.columns + column) * kChannels + c];
      }
    }
  }

  const Tile & tile_;
  const Slice & slice_;
  const Pixel * image_;
  const double * cubic_;
  std::vector<int32_t> x_, y_;
  std::vector<int> numbers_;  // rows of the slice that are held
  double * held_ = nullptr;
  size_t stride_ = 0;
  int begin_ = 0, end_ = 0, left_ = 0, columns_ = 0, count_ = 0;
  bool holds_ = false;
};

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
  std::vector<uint8_t> filled(tile.height);
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
      int from = 0, to = 0;
      if (weights_of_row(tile, entry, tables, averages, at, missing.data(), penalty.data(),
          weight.data() + at))
      {
        extent(weight.data() + at, tile.width, from, to);
      }
      filled[v] = from < to;
      if (filled[v]) {
        first = smaller(first, v), last = v + 1;
        begin = smaller(begin, from), end = greater(end, to);
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
      if (!filled[v]) {
        continue;
      }
      const size_t at = static_cast<size_t>(v) * tile.width;
      const uint8_t * here = weight.data() + at;
      int from, to;
      extent(here, tile.width, from, to);
      gathered.row(v, from, to, here, sums.data());
      for (int u = from; u < to; ++u) {
        whole[at + u] += here[u];
        for (int c = 0; c < kChannels; ++c) {
          spread[u * kChannels + c] = here[u];
        }
      }
      const int skip = from * kChannels;
      add_values<Pixel>(sums.data() + skip, gains.data() + skip, spread.data() + skip,
        (to - from) * kChannels, total.data() + at * kChannels + skip);
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
