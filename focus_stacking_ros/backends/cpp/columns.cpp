// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "columns.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDE
#include <immintrin.h>
#endif

namespace focus_stacking
{
namespace
{

void plain(const uint8_t * const * rows, const int32_t * weights, int count, double * sums)
{
  const uint8_t * a = rows[0], * b = rows[1], * c = rows[2], * d = rows[3];
  const int32_t e = weights[0], f = weights[1], g = weights[2], h = weights[3];
  for (int j = 0; j < count; j += kColumnsAtOnce) {
    double * __restrict to = sums + j;
    for (int k = j; k < j + kColumnsAtOnce; ++k) {
      to[k - j] = static_cast<double>((e * a[k] + f * b[k]) + (g * c[k] + h * d[k]));
    }
  }
}

#if defined(FOCUS_STACKING_WIDE)

__attribute__((target("avx2")))
void by_8(const uint8_t * const * rows, const int32_t * weights, int count, double * sums)
{
  for (int j = 0; j < count; j += 8) {
    __m256i sum = _mm256_setzero_si256();
    for (int k = 0; k < 4; ++k) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(rows[k] + j));
      sum = _mm256_add_epi32(
        sum, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(weights[k])));
    }
    _mm256_storeu_pd(sums + j, _mm256_cvtepi32_pd(_mm256_castsi256_si128(sum)));
    _mm256_storeu_pd(sums + j + 4, _mm256_cvtepi32_pd(_mm256_extracti128_si256(sum, 1)));
  }
}

#endif

}  // namespace

SumColumns fastest_column_sums()
{
#if defined(FOCUS_STACKING_WIDE)
  if (__builtin_cpu_supports("avx2")) {
    return by_8;
  }
#endif
  return plain;
}

}  // namespace focus_stacking
