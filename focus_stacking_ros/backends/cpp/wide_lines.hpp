// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Where pixels of lines one below the other lie, 8 at once. Who includes it has said by
// FOCUS_STACKING_WIDE for which processors, AVX2 at least.

#ifndef FOCUS_STACKING_WIDE_LINES_HPP
#define FOCUS_STACKING_WIDE_LINES_HPP

#include "line.hpp"

#include <immintrin.h>

namespace focus_stacking
{
namespace
{

FOCUS_STACKING_WIDE inline __m256i load(const int32_t * from)
{
  return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
}

/// The least of 8 numbers.
FOCUS_STACKING_WIDE inline int32_t least_of(__m256i numbers)
{
  __m128i least =
    _mm_min_epi32(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256(numbers, 1));
  least = _mm_min_epi32(least, _mm_shuffle_epi32(least, 0x4e));
  return _mm_cvtsi128_si32(_mm_min_epi32(least, _mm_shuffle_epi32(least, 0xb1)));
}

/// The lines, a bit each, in which pixels have the x that they have in line `v`, given there in
/// 1/2^15 pixel.
FOCUS_STACKING_WIDE inline uint32_t lines_alike(const LineBlock & lines, int v, __m256i places)
{
  const __m256i most = _mm256_set1_epi32(1023);  // of the same 1/32 pixel
  const __m256i parts = _mm256_and_si256(places, most);
  const __m256i moved = _mm256_sub_epi32(load(lines.row_x), _mm256_set1_epi32(lines.row_x[v]));
  const __m256i before =
    _mm256_cmpgt_epi32(_mm256_set1_epi32(-least_of(parts)), moved);
  const __m256i after = _mm256_cmpgt_epi32(
    moved, _mm256_set1_epi32(least_of(_mm256_sub_epi32(most, parts))));
  return ~_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(before, after))) & 255;
}

/// Heights given in 1/2^15 pixel within the rows, in 1/32 pixel.
FOCUS_STACKING_WIDE inline __m256i heights_at(const LineBlock & lines, __m256i places)
{
  return _mm256_min_epi32(
    _mm256_max_epi32(_mm256_srai_epi32(places, 10), _mm256_setzero_si256()),
    _mm256_set1_epi32(32 * (lines.rows - 1)));
}

/// Heights of the pixels from `u` on in line `v`, in 1/32 pixel.
FOCUS_STACKING_WIDE inline __m256i heights_of(const LineBlock & lines, int v, int u)
{
  return heights_at(
    lines, _mm256_add_epi32(load(lines.columns_y + u), _mm256_set1_epi32(lines.row_y[v])));
}

/// Heights of the pixels `first` and `last` in all lines.
struct WideHeights
{
  FOCUS_STACKING_WIDE WideHeights(const LineBlock & lines, int first, int last)
  {
    const __m256i rows = load(lines.row_y);
    const int step = lines.separable ? 0 : 1;
    _mm256_store_si256(reinterpret_cast<__m256i *>(begin), heights_at(
        lines, _mm256_add_epi32(rows, _mm256_set1_epi32(lines.columns_y[step * first]))));
    _mm256_store_si256(reinterpret_cast<__m256i *>(end), heights_at(
        lines, _mm256_add_epi32(rows, _mm256_set1_epi32(lines.columns_y[step * last]))));
  }

  alignas(32) int32_t begin[8], end[8];
};

}  // namespace
}  // namespace focus_stacking

#endif  // FOCUS_STACKING_WIDE_LINES_HPP
