// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "between.hpp"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDE __attribute__((target("avx2")))
#include <immintrin.h>
#endif

namespace focus_stacking
{
namespace
{

/// A group of pixels, or less of them, wherever they lie.
FOCUS_STACKING_INLINE void scattered(
  const uint8_t * plane, const Line & line, int first, int count, uint8_t * __restrict to)
{
  const int rows = line.rows, columns = line.columns;
  int32_t offsets[kBetweenAtOnce], xs[kBetweenAtOnce], ys[kBetweenAtOnce];
  uint16_t uppers[kBetweenAtOnce], lowers[kBetweenAtOnce];
  int32_t * __restrict offset = offsets, * __restrict x = xs, * __restrict y = ys;
  uint16_t * __restrict upper = uppers, * __restrict lower = lowers;
  Line part = line;
  part.columns_x += first;
  part.columns_y += line.separable ? 0 : first;
  positions(part, 0, count, x, y);
  for (int u = count; u < kBetweenAtOnce; ++u) {
    x[u] = y[u] = 0;
  }
  // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
  for (int u = 0; u < kBetweenAtOnce; ++u) {
    const int column = smaller(x[u] >> 5, columns - 2), top = smaller(y[u] >> 5, rows - 2);
    offset[u] = top * columns + column;
    x[u] -= 32 * column;
    y[u] -= 32 * top;
  }
  for (int u = 0; u < kBetweenAtOnce; ++u) {
    std::memcpy(upper + u, plane + offset[u], sizeof *upper);
    std::memcpy(lower + u, plane + offset[u] + columns, sizeof *lower);
  }
  for (int u = 0; u < kBetweenAtOnce; ++u) {
    const int left = (32 - y[u]) * (upper[u] & 255) + y[u] * (lower[u] & 255);
    const int right = (32 - y[u]) * (upper[u] >> 8) + y[u] * (lower[u] >> 8);
    to[u] = static_cast<uint8_t>((32 * left + x[u] * (right - left) + 512) >> 10);
  }
}

void one_by_one(const uint8_t * plane, const Line & line, int count, uint8_t * to)
{
  for (int k = 0; k < count; k += kBetweenAtOnce) {
    scattered(plane, line, k, smaller(count - k, kBetweenAtOnce), to + k);
  }
}

#if defined(FOCUS_STACKING_WIDE)

/// 16 numbers of 0 to 255 as bytes.
FOCUS_STACKING_WIDE inline __m128i bytes_of(__m256i first, __m256i second)
{
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xd8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

FOCUS_STACKING_WIDE inline __m256i load(const int32_t * from)
{
  return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
}

/// 8 coordinates in 1/32 pixel, within 0 to `last`.
FOCUS_STACKING_WIDE inline __m256i coordinates(
  const int32_t * columns, __m256i row, __m256i last)
{
  const __m256i found = _mm256_srai_epi32(_mm256_add_epi32(load(columns), row), 10);
  return _mm256_min_epi32(_mm256_max_epi32(found, _mm256_setzero_si256()), last);
}

FOCUS_STACKING_WIDE inline __m128i shuffled(const uint8_t * from, __m128i places)
{
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from)), places);
}

/// 8 pixels: products with the weights of the lines, then of the columns.
FOCUS_STACKING_WIDE inline __m256i blended(
  __m128i left, __m128i right, __m128i lines, __m128i columns)
{
  const __m128i a = _mm_maddubs_epi16(left, lines), b = _mm_maddubs_epi16(right, lines);
  const __m256i pairs = _mm256_inserti128_si256(
    _mm256_castsi128_si256(_mm_unpacklo_epi16(a, b)), _mm_unpackhi_epi16(a, b), 1);
  const __m256i sums = _mm256_madd_epi16(pairs, _mm256_cvtepu8_epi16(columns));
  return _mm256_srli_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(512)), 10);
}

/// Groups whose pixels lie within 16 columns of two lines are shuffled.
FOCUS_STACKING_WIDE void by_16(
  const uint8_t * plane, const Line & line, int count, uint8_t * to)
{
  const __m128i all = _mm_set1_epi8(32);
  const int rows = line.rows, columns = line.columns;
  const __m256i last_column = _mm256_set1_epi32(columns - 2);
  const __m256i right = _mm256_set1_epi32(32 * (columns - 1));
  const __m256i bottom = _mm256_set1_epi32(32 * (rows - 1));
  const __m256i row_x = _mm256_set1_epi32(line.row_x), row_y = _mm256_set1_epi32(line.row_y);
  for (int k = 0; k < count; k += 16) {
    const int last = k + 15;
    if (last >= count) {
      scattered(plane, line, k, count - k, to + k);
      return;
    }
    const int ends[] = {
      smaller(line.x(k) >> 5, columns - 2), smaller(line.x(last) >> 5, columns - 2)};
    const int base = smaller(smaller(ends[0], ends[1]), columns - 17);
    const int top = smaller(line.y(k) >> 5, rows - 2);
    if (base < 0 || greater(ends[0], ends[1]) - base > 15 ||
      smaller(line.y(last) >> 5, rows - 2) != top)
    {
      scattered(plane, line, k, 16, to + k);
      continue;
    }
    const __m256i first = _mm256_set1_epi32(base), height = _mm256_set1_epi32(32 * top);
    __m256i places[2], parts[2];
    for (int j = 0; j < 2; ++j) {
      const __m256i x = coordinates(line.columns_x + k + 8 * j, row_x, right);
      const __m256i column = _mm256_min_epi32(_mm256_srai_epi32(x, 5), last_column);
      places[j] = _mm256_sub_epi32(column, first);
      parts[j] = _mm256_sub_epi32(x, _mm256_slli_epi32(column, 5));
    }
    const __m128i place = bytes_of(places[0], places[1]);
    const __m128i across = bytes_of(parts[0], parts[1]);
    __m128i down;
    if (line.separable) {
      down = _mm_set1_epi8(static_cast<char>(line.y(0) - 32 * top));
    } else {
      for (int j = 0; j < 2; ++j) {
        parts[j] = _mm256_sub_epi32(
          coordinates(line.columns_y + k + 8 * j, row_y, bottom), height);
      }
      down = bytes_of(parts[0], parts[1]);
    }
    const uint8_t * upper = plane + static_cast<size_t>(top) * columns + base;
    const uint8_t * lower = upper + columns;
    if (top + 2 < rows) {
      fetch_ahead(lower + columns, 16);
    }
    const __m128i a = shuffled(upper, place), b = shuffled(lower, place);
    const __m128i c = shuffled(upper + 1, place), d = shuffled(lower + 1, place);
    const __m128i up = _mm_sub_epi8(all, down), left = _mm_sub_epi8(all, across);
    _mm_storeu_si128(
      reinterpret_cast<__m128i *>(to + k), bytes_of(
        blended(
          _mm_unpacklo_epi8(a, b), _mm_unpacklo_epi8(c, d), _mm_unpacklo_epi8(up, down),
          _mm_unpacklo_epi8(left, across)),
        blended(
          _mm_unpackhi_epi8(a, b), _mm_unpackhi_epi8(c, d), _mm_unpackhi_epi8(up, down),
          _mm_unpackhi_epi8(left, across))));
  }
}

#endif

}  // namespace

Between fastest_between()
{
#if defined(FOCUS_STACKING_WIDE)
  if (__builtin_cpu_supports("avx2")) {
    return by_16;
  }
#endif
  return one_by_one;
}

}  // namespace focus_stacking
