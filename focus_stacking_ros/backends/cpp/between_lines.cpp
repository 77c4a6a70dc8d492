// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Lines one below the other lie at nearly the same columns, and share rows: these are interpolated
// along the columns once, then between each other.

#include "between.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDE __attribute__((target("avx2")))
#include "wide_lines.hpp"
#endif

namespace focus_stacking
{

#if defined(FOCUS_STACKING_WIDE)

namespace
{

/// 16 numbers of less than 2^16.
FOCUS_STACKING_WIDE inline __m256i words_of(__m256i first, __m256i second)
{
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xd8);
}

/// 16 pixels of lines.
class Pixels
{
public:
  FOCUS_STACKING_WIDE Pixels(const uint8_t * plane, const LineBlock & lines, uint8_t * to, int stride)
  : plane_(plane), lines_(lines), to_(to), stride_(stride) {}

  /// Goes to the pixels from `u` on at the columns of a line; false where they do not lie in the
  /// plane side by side.
  FOCUS_STACKING_WIDE bool go_to(int v, int u)
  {
    const int32_t * from = lines_.columns_x + u, row_x = lines_.row_x[v];
    const __m256i row = _mm256_set1_epi32(row_x);
    const __m256i places[] = {
      _mm256_add_epi32(load(from), row), _mm256_add_epi32(load(from + 8), row)};
    __m256i pairs[2], weights[2];
    for (int k = 0; k < 2; ++k) {
      // Positions rise or fall steadily.
      const int begin = (from[8 * k] + row_x) >> 15, end = (from[8 * k + 7] + row_x) >> 15;
      const int base = smaller(smaller(begin, end), lines_.columns - kBytes);
      if (base < 0 || greater(begin, end) > smaller(lines_.columns, base + kBytes) - 2) {
        return false;
      }
      base_[k] = base;
      const __m256i x = _mm256_srai_epi32(places[k], 10);
      const __m256i part = _mm256_and_si256(x, _mm256_set1_epi32(31));
      const __m256i place = _mm256_sub_epi32(_mm256_srai_epi32(x, 5), _mm256_set1_epi32(base));
      pairs[k] = _mm256_add_epi32(
        _mm256_or_si256(place, _mm256_slli_epi32(place, 8)), _mm256_set1_epi32(256));
      weights[k] = _mm256_or_si256(
        _mm256_sub_epi32(_mm256_set1_epi32(32), part), _mm256_slli_epi32(part, 8));
    }
    pairs_ = words_of(pairs[0], pairs[1]);
    weights_ = words_of(weights[0], weights[1]);
    u_ = u;
    same_ = lines_alike(lines_, v, places[0]) & lines_alike(lines_, v, places[1]);
    return true;
  }

  /// The lines that have them at the same columns, a bit each.
  uint32_t same() const {return same_;}

  /// Writes the pixels of such lines, but of those for which it returns a bit.
  FOCUS_STACKING_WIDE uint32_t write(uint32_t which)
  {
    const WideHeights heights(lines_, u_, u_ + 15);
    const int most = lines_.rows - 2;
    uint32_t left = 0;
    int known = -2;
    __m256i upper = _mm256_setzero_si256(), lower = upper;
    for (; which; which &= which - 1) {
      const int v = __builtin_ctz(which), y = heights.begin[v];
      const int top = smaller(y >> 5, most);
      if (smaller(heights.end[v] >> 5, most) != top) {
        left |= which & -which;
        continue;
      }
      if (top != known) {
        upper = top == known + 1 ? lower : row(top);
        lower = row(top + 1);
        known = top;
      }
      __m256i first, second;
      if (y == heights.end[v]) {
        first = second = weights_at(_mm256_set1_epi32(y - 32 * top));
      } else {
        const __m256i zero = _mm256_set1_epi32(32 * top);
        const __m256i a = weights_at(_mm256_sub_epi32(heights_of(lines_, v, u_), zero));
        const __m256i b = weights_at(_mm256_sub_epi32(heights_of(lines_, v, u_ + 8), zero));
        first = _mm256_permute2x128_si256(a, b, 0x20);
        second = _mm256_permute2x128_si256(a, b, 0x31);
      }
      const __m256i half = _mm256_set1_epi32(512);
      const __m256i a = _mm256_madd_epi16(_mm256_unpacklo_epi16(upper, lower), first);
      const __m256i b = _mm256_madd_epi16(_mm256_unpackhi_epi16(upper, lower), second);
      const __m256i words = _mm256_packus_epi32(
        _mm256_srli_epi32(_mm256_add_epi32(a, half), 10),
        _mm256_srli_epi32(_mm256_add_epi32(b, half), 10));
      _mm_storeu_si128(
        reinterpret_cast<__m128i *>(to_ + stride_ * v + u_), _mm_packus_epi16(
          _mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
    }
    return left;
  }

private:
  static constexpr int kBytes = 16;  // that are read at once

  /// Weights of two rows, of the lower one times 2^16.
  static FOCUS_STACKING_WIDE __m256i weights_at(__m256i down)
  {
    return _mm256_or_si256(
      _mm256_slli_epi32(down, 16), _mm256_sub_epi32(_mm256_set1_epi32(32), down));
  }

  /// What a row has at the columns, in 1/32.
  FOCUS_STACKING_WIDE __m256i row(int number) const
  {
    const uint8_t * from = plane_ + static_cast<size_t>(number) * lines_.columns;
    const __m256i bytes = _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from + base_[0]))),
      _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + base_[1])), 1);
    return _mm256_maddubs_epi16(_mm256_shuffle_epi8(bytes, pairs_), weights_);
  }

  const uint8_t * plane_;
  const LineBlock & lines_;
  uint8_t * to_;
  const int stride_;
  int base_[2], u_ = 0;
  uint32_t same_ = 0;
  __m256i pairs_, weights_;  // of bytes side by side, two of each pixel
};

FOCUS_STACKING_WIDE void lines_by_16(
  const uint8_t * plane, const LineBlock & lines, int count, uint8_t * to, int stride,
  const Soon & soon)
{
  const Between alone = fastest_between();
  Pixels pixels(plane, lines, to, stride);
  const int groups = (count + 15) / 16;
  for (int u = 0; u < count; u += 16) {
    soon.fetch(u / 16, groups);
    for (uint32_t rest = (1u << lines.height) - 1; rest; ) {
      uint32_t which = rest & -rest;
      const int v = __builtin_ctz(rest);
      uint32_t left = which;
      if (count - u >= 16 && pixels.go_to(v, u)) {
        which |= rest & pixels.same();
        left = pixels.write(which);
      }
      rest &= ~which;
      for (; left; left &= left - 1) {
        const int alone_v = __builtin_ctz(left);
        Line line = lines.line(alone_v);
        line.columns_x += u;
        line.columns_y += line.separable ? 0 : u;
        alone(plane, line, smaller(count - u, 16), to + stride * alone_v + u);
      }
    }
  }
}

}  // namespace

BetweenLines fastest_between_lines()
{
  return __builtin_cpu_supports("avx2") ? lines_by_16 : nullptr;
}

#else

BetweenLines fastest_between_lines()
{
  return nullptr;
}

#endif

}  // namespace focus_stacking
