// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Cubic interpolation of a part of a row.

#ifndef FOCUS_STACKING_GATHER_HPP
#define FOCUS_STACKING_GATHER_HPP

#include "four_rows.hpp"
#include "fuse.hpp"

#include <cstring>
#include <type_traits>

namespace focus_stacking
{

/// Interpolated values of parts of rows: sums of products with the cubic weights, in 1/2^34.
///
/// They are integers of less than 53 bits, so double precision holds all of them exactly, whatever
/// the order of the sums; those along columns of 8-bit pixels are less than 2^27.
template<typename Pixel, int kChannels>
class Gathering
{
public:
  /// Values of a pixel, of which the last one of colours counts for nothing.
  static constexpr int kLanes = kChannels == 1 ? 1 : 4;
  typedef double Four __attribute__((vector_size(32)));

  Gathering(const Tile & tile, const double * cubic)
  : tile_(tile), cubic_(cubic) {}

  /// Sums at positions `first` to `last` of a part of a row, in 1/32 pixel.
  FOCUS_STACKING_INLINE void row(
    const Slice & slice, const int32_t * xs, const int32_t * ys, int first, int last,
    double * __restrict sums)
  {
    for (int u = first; u < last; ) {
      // Where all lie at the same height, the sums along columns serve several pixels.
      int end = u + 1;
      if (ys[last - 1] == ys[u]) {
        end = last;
      }
      while (end < last && ys[end] == ys[u]) {
        ++end;
      }
      int left = smaller(xs[u], xs[end - 1]) >> 5, right = greater(xs[u], xs[end - 1]) >> 5;
      if (right - left + 4 > kMost) {
        end = u + 1;
        left = right = xs[u] >> 5;
      }
      sum_columns(slice, ys[u], left - 1, right + 3);
      for (; u < end; ++u) {
        const double * across = cubic_ + 4 * (xs[u] & 31);
        const double * from = values_ + ((xs[u] >> 5) - left) * kChannels;
        if (kChannels == 1) {
          sums[u] = (across[0] * from[0] + across[1] * from[1]) +
            (across[2] * from[2] + across[3] * from[3]);
        } else {
          Four a, b, c, d;
          std::memcpy(&a, from, sizeof a);
          std::memcpy(&b, from + kChannels, sizeof b);
          std::memcpy(&c, from + 2 * kChannels, sizeof c);
          std::memcpy(&d, from + 3 * kChannels, sizeof d);
          a = (across[0] * a + across[1] * b) + (across[2] * c + across[3] * d);
          std::memcpy(sums + u * kLanes, &a, sizeof a);
        }
      }
    }
  }

private:
  static constexpr int kColumnsAtOnce = 8;  // rows and sums have room for so many more
  static constexpr int kMost = 4 * kPart;  // columns of a slice that a part of a row may take
  typedef typename std::conditional<sizeof(Pixel) == 1, int32_t, double>::type Sum;

  /// Sums up four rows of the slice at columns `left` to `right`; beyond its rim it goes on.
  FOCUS_STACKING_INLINE void sum_columns(const Slice & slice, int32_t y, int left, int right)
  {
    const Pixel * lines[4];
    Sum weights[4];
    for (int k = 0; k < 4; ++k) {
      weights[k] = static_cast<Sum>(cubic_[4 * (y & 31) + k]);
    }
    // Values are taken many at a time, the last ones with some that nobody needs.
    find_rows<kChannels>(
      static_cast<const Pixel *>(slice.image), tile_.rows, tile_.columns, y, left, right,
      kColumnsAtOnce, beyond_, kStride, lines);
    sum_up(lines, weights, (right - left) * kChannels);
  }

  /// Weighted sums of four rows, so many at a time; those of bytes are exact in 32 bits.
  FOCUS_STACKING_INLINE void sum_up(const Pixel * const * lines, const Sum * weights, int count)
  {
    const Pixel * a = lines[0], * b = lines[1], * c = lines[2], * d = lines[3];
    const Sum e = weights[0], f = weights[1], g = weights[2], h = weights[3];
    for (int j = 0; j < count; j += kColumnsAtOnce) {
      double * __restrict to = values_ + j;
      for (int k = j; k < j + kColumnsAtOnce; ++k) {
        to[k - j] = static_cast<double>((e * a[k] + f * b[k]) + (g * c[k] + h * d[k]));
      }
    }
  }

  const Tile & tile_;
  const double * cubic_;
  static constexpr int kStride = kMost * kChannels + kColumnsAtOnce;

  double values_[kStride];
  Pixel beyond_[4 * kStride] = {};
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_GATHER_HPP
