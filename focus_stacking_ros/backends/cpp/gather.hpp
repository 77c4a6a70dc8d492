// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Cubic interpolation of the pixels of a tile that have a weight.

#ifndef FOCUS_STACKING_GATHER_HPP
#define FOCUS_STACKING_GATHER_HPP

#include "fuse.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace focus_stacking
{

constexpr size_t kMostHeld = 1 << 21;  // values: beyond that pixels are interpolated one by one
constexpr int kBeyond = 4;  // values read and written beyond what is wanted

/// Interpolated values of a tile: sums of products with the cubic weights, in 1/2^34.
///
/// They are integers of less than 53 bits, so double precision holds all of them exactly, whatever
/// the order of the sums.
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

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_GATHER_HPP
