// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Lines one below the other lie at nearly the same columns of a slice, and share rows of it: these
// are summed up along the columns once, then along rows.

#include "taken_bytes.hpp"
#include "taken_exactly.hpp"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDE __attribute__((target("avx2,fma")))
#include "wide_lines.hpp"
#endif

namespace focus_stacking
{

#if defined(FOCUS_STACKING_WIDE)

namespace
{

constexpr int kBytes = 16;  // that are read at once
constexpr int kMostRows = 24;  // of a slice that are summed up along the columns at once

/// Pixels and channels of the values of 8 pixels, and which byte of 8 weights each has.
template<int kChannels>
struct Places
{
  constexpr Places()
  : pixels(), channels(), bytes()
  {
    for (int k = 0; k < 8 * kChannels; ++k) {
      pixels[k] = k / kChannels;
      channels[k] = k % kChannels;
      bytes[k] = static_cast<int32_t>(0x80808000u + static_cast<uint32_t>(k / kChannels));
    }
  }

  int32_t pixels[8 * kChannels], channels[8 * kChannels], bytes[8 * kChannels];
};

/// 8 pixels of lines.
template<int kChannels>
class Pixels
{
public:
  FOCUS_STACKING_WIDE explicit Pixels(const TakenBlock & taken)
  : taken_(taken), lines_(*taken.lines)
  {
    for (int m = 0; m < kChannels; ++m) {
      int32_t gain[8];
      for (int k = 0; k < 8; ++k) {
        gain[k] = taken.gains[places.channels[8 * m + k]];
      }
      gains_[m] = load(gain);
    }
  }

  /// Goes to the pixels from `u` on at the columns of a line; false where what they take does not
  /// lie in the slice side by side.
  FOCUS_STACKING_WIDE bool go_to(int v, int u)
  {
    const int32_t * from = lines_.columns_x + u, row_x = lines_.row_x[v];
    const __m256i place = _mm256_add_epi32(load(from), _mm256_set1_epi32(row_x));
    const __m256i x = _mm256_srai_epi32(place, 10), column = _mm256_srai_epi32(x, 5);
    for (int m = 0; m < kChannels; ++m) {
      const int32_t * pixels = places.pixels + 8 * m, * channels = places.channels + 8 * m;
      // Positions rise or fall steadily.
      const int begin = (from[pixels[0]] + row_x) >> 15;
      const int end = (from[pixels[7]] + row_x) >> 15;
      if (begin < 1 || end < begin || end + 2 >= lines_.columns) {
        return false;
      }
      const int base = kChannels * (begin - 1);
      // Of the last of four columns, too, all bytes lie in the row.
      if (kChannels * (end - 1) + channels[7] - base >= kBytes ||
        base + 3 * kChannels + kBytes > kChannels * lines_.columns)
      {
        return false;
      }
      base_[m] = base;
      const __m256i own = _mm256_permutevar8x32_epi32(column, load(pixels));
      const __m256i all = kChannels == 1 ? own : _mm256_add_epi32(own, _mm256_slli_epi32(own, 1));
      numbers_[m] = _mm256_or_si256(
        _mm256_add_epi32(all, _mm256_sub_epi32(
            load(channels), _mm256_set1_epi32(base + kChannels))),
        _mm256_set1_epi32(static_cast<int32_t>(0x80808000u)));
    }
    __m256 across[4];
    weigh(_mm256_cvtepi32_ps(_mm256_and_si256(x, _mm256_set1_epi32(31))), across);
    for (int m = 0; m < kChannels; ++m) {
      for (int k = 0; k < 4; ++k) {
        across_[m][k] = _mm256_permutevar8x32_ps(across[k], load(places.pixels + 8 * m));
      }
    }
    u_ = u;
    same_ = lines_alike(lines_, v, place);
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(x_), x);
    return true;
  }

  /// The lines that have them at the same columns, a bit each.
  uint32_t same() const {return same_;}

  /// Adds the pixels of such lines; false, and nothing is done, where these lie too far apart.
  FOCUS_STACKING_WIDE bool add(uint32_t which)
  {
    const WideHeights heights(lines_, u_, u_ + 7);
    const int v = __builtin_ctz(which), last = 31 - __builtin_clz(which);
    // Heights rise or fall steadily, too.
    first_ = (smaller(
        smaller(heights.begin[v], heights.begin[last]),
        smaller(heights.end[v], heights.end[last])) >> 5) - 1;
    const int end = (greater(
        greater(heights.begin[v], heights.begin[last]),
        greater(heights.end[v], heights.end[last])) >> 5) + 3;
    if (end - first_ > kMostRows) {
      return false;
    }
    sum_up_columns(end);
    for (; which; which &= which - 1) {
      const int here = __builtin_ctz(which);
      __m256 value[kChannels];
      if (heights.begin[here] == heights.end[here]) {
        sum_up_rows(heights.begin[here], value);
      } else {
        sum_up_rows(here, heights.begin[here] >> 5, heights.end[here] >> 5, value);
      }
      add(here, value);
    }
    return true;
  }

private:
  static constexpr Places<kChannels> places{};

  /// Sums up the rows from `first_` to `end` along the columns; beyond its rim a slice goes on as
  /// it ends.
  FOCUS_STACKING_WIDE void sum_up_columns(int end)
  {
    for (int row = first_; row < end; ++row) {
      const uint8_t * from = taken_.image + static_cast<size_t>(
        smaller(greater(row, 0), lines_.rows - 1)) * lines_.columns * kChannels;
#pragma GCC unroll 3
      for (int m = 0; m < kChannels; ++m) {
        __m256 sum = _mm256_mul_ps(bytes_of(from + base_[m], numbers_[m]), across_[m][0]);
        for (int k = 1; k < 4; ++k) {
          sum = _mm256_fmadd_ps(
            bytes_of(from + base_[m] + kChannels * k, numbers_[m]), across_[m][k], sum);
        }
        sums_[row - first_][m] = sum;
      }
    }
  }

  /// The values of pixels at a height.
  FOCUS_STACKING_WIDE void sum_up_rows(int y, __m256 (&value)[kChannels]) const
  {
    const __m256 (* sums)[kChannels] = sums_ + ((y >> 5) - 1 - first_);
    const float * down = kExact.reals[y & 31];
#pragma GCC unroll 3
    for (int m = 0; m < kChannels; ++m) {
      value[m] = _mm256_mul_ps(_mm256_set1_ps(down[0]), sums[0][m]);
      for (int k = 1; k < 4; ++k) {
        value[m] = _mm256_fmadd_ps(_mm256_set1_ps(down[k]), sums[k][m], value[m]);
      }
    }
  }

  /// The values of the pixels of a line that lie between the rows `begin` and `end` and the next.
  FOCUS_STACKING_WIDE void sum_up_rows(
    int v, int begin, int end, __m256 (&value)[kChannels]) const
  {
    const __m256i heights = heights_of(lines_, v, u_);
    __m256 down[4];
    weigh(_mm256_cvtepi32_ps(_mm256_and_si256(heights, _mm256_set1_epi32(31))), down);
    for (int m = 0; m < kChannels; ++m) {
      value[m] = _mm256_setzero_ps();
    }
    for (int row = smaller(begin, end); row <= greater(begin, end); ++row) {
      const __m256 (* sums)[kChannels] = sums_ + (row - 1 - first_);
      const __m256i here =
        _mm256_cmpeq_epi32(_mm256_srai_epi32(heights, 5), _mm256_set1_epi32(row));
      for (int m = 0; m < kChannels; ++m) {
        const __m256i pixels = load(places.pixels + 8 * m);
        __m256 sum = _mm256_setzero_ps();
        for (int k = 0; k < 4; ++k) {
          sum = _mm256_fmadd_ps(_mm256_permutevar8x32_ps(down[k], pixels), sums[k][m], sum);
        }
        value[m] = _mm256_or_ps(
          value[m], _mm256_and_ps(
            sum, _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(here, pixels))));
      }
    }
  }

  /// Adds values to those of a line.
  FOCUS_STACKING_WIDE void add(int v, const __m256 (&value)[kChannels])
  {
    const int at = kTakenMost * v + u_;
    int64_t weights;
    std::memcpy(&weights, taken_.weights + at, sizeof weights);
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256i rounded[kChannels];
    __m256 away[kChannels], most = _mm256_setzero_ps();
#pragma GCC unroll 3
    for (int m = 0; m < kChannels; ++m) {
      rounded[m] = _mm256_cvtps_epi32(value[m]);
      away[m] = _mm256_and_ps(_mm256_sub_ps(value[m], _mm256_cvtepi32_ps(rounded[m])), magnitude);
      most = _mm256_max_ps(most, away[m]);
      rounded[m] = _mm256_min_epi32(
        _mm256_max_epi32(rounded[m], _mm256_setzero_si256()), _mm256_set1_epi32(255));
    }
    if (_mm256_movemask_ps(_mm256_cmp_ps(most, _mm256_set1_ps(kSure), _CMP_GT_OQ))) {
      be_sure(v, away, rounded);
    }
    const __m256i weight = _mm256_set1_epi64x(weights);
    uint32_t * total = taken_.total + at * kChannels;
#pragma GCC unroll 3
    for (int m = 0; m < kChannels; ++m) {
      const __m256i exposed = _mm256_srai_epi32(
        _mm256_add_epi32(_mm256_mullo_epi32(rounded[m], gains_[m]), _mm256_set1_epi32(512)), 10);
      // Both are less than 2^15.
      const __m256i product =
        _mm256_madd_epi16(exposed, _mm256_shuffle_epi8(weight, load(places.bytes + 8 * m)));
      __m256i * to = reinterpret_cast<__m256i *>(total + 8 * m);
      _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), product));
    }
  }

  static FOCUS_STACKING_WIDE __m256 bytes_of(const uint8_t * from, __m256i numbers)
  {
    return _mm256_cvtepi32_ps(
      _mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from))),
        numbers));
  }

  /// Finds what has a weight and is near a tie in integers.
  FOCUS_STACKING_WIDE void be_sure(
    int v, const __m256 (&away)[kChannels], __m256i (&rounded)[kChannels]) const
  {
    const Line line = lines_.line(v);
    const uint8_t * weights = taken_.weights + kTakenMost * v + u_;
    for (int m = 0; m < kChannels; ++m) {
      int32_t some[8];
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(some), rounded[m]);
      int which = _mm256_movemask_ps(
        _mm256_cmp_ps(away[m], _mm256_set1_ps(kSure), _CMP_GT_OQ));
      for (; which; which &= which - 1) {
        const int k = __builtin_ctz(which), pixel = places.pixels[8 * m + k];
        if (weights[pixel]) {
          some[k] = exact_value<kChannels>(
            taken_.image, line.rows, line.columns, x_[pixel], line.y(u_ + pixel),
            places.channels[8 * m + k]);
        }
      }
      rounded[m] = load(some);
    }
  }

  const TakenBlock & taken_;
  const LineBlock & lines_;
  __m256i gains_[kChannels], numbers_[kChannels];  // byte of each value, from `base_` on
  __m256 across_[kChannels][4], sums_[kMostRows][kChannels];  // of rows from `first_` on
  int32_t x_[8];
  int base_[kChannels], u_ = 0, first_ = 0;
  uint32_t same_ = 0;
};

/// Adds 8 pixels or less of a line.
template<int kChannels>
FOCUS_STACKING_WIDE void take_alone(const TakenBlock & taken, TakeBytes take, int v, int u)
{
  int32_t xs[kTakenMost + kTakenAtOnce], ys[kTakenMost + kTakenAtOnce];
  const Line line = taken.lines->line(v);
  const int last = smaller(u + 8, taken.width);
  positions(line, u, last, xs, ys);
  std::fill_n(xs + last, kTakenAtOnce, xs[last - 1]);
  std::fill_n(ys + last, kTakenAtOnce, ys[last - 1]);
  take({
      taken.image, line.rows, line.columns, taken.gains, xs, ys, taken.weights + kTakenMost * v, u,
      last, taken.total + kTakenMost * kChannels * v});
}

template<int kChannels>
FOCUS_STACKING_WIDE void take(const TakenBlock & taken)
{
  const TakeBytes alone = taking_256(kChannels);
  Pixels<kChannels> pixels(taken);
  const int groups = (taken.width + 7) / 8;
  for (int u = 0; u < taken.width; u += 8) {
    taken.soon.fetch(u / 8, groups);
    uint32_t rest = 0;
    for (int v = 0; v < taken.lines->height; ++v) {
      uint64_t weights;
      std::memcpy(&weights, taken.weights + kTakenMost * v + u, sizeof weights);
      rest |= (weights ? 1u : 0u) << v;
    }
    while (rest) {
      const int v = __builtin_ctz(rest);
      if (u + 8 <= taken.width && pixels.go_to(v, u)) {
        const uint32_t which = rest & pixels.same();
        if (pixels.add(which)) {
          rest &= ~which;
          continue;
        }
      }
      take_alone<kChannels>(taken, alone, v, u);
      rest &= rest - 1;
    }
  }
}

}  // namespace

TakeBlock block_taking_256(int channels)
{
  if (!taking_256(channels)) {
    return nullptr;
  }
  return channels == 1 ? take<1> : take<3>;
}

#else

TakeBlock block_taking_256(int)
{
  return nullptr;
}

#endif

TakeBlock fastest_block_taking(int channels)
{
  return taking_512(channels) ? nullptr : block_taking_256(channels);
}

}  // namespace focus_stacking
