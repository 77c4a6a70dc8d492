// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "lookup.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_VBMI
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace focus_stacking
{
namespace
{

void one_by_one(const uint8_t * table, const uint8_t * from, int count, uint8_t * to)
{
  for (int k = 0; k < count; ++k) {
    to[k] = table[from[k]];
  }
}

#if defined(FOCUS_STACKING_VBMI)

__attribute__((target("avx512f,avx512bw,avx512vbmi")))
void by_64(const uint8_t * table, const uint8_t * from, int count, uint8_t * to)
{
  const __m512i a = _mm512_loadu_si512(table), b = _mm512_loadu_si512(table + 64);
  const __m512i c = _mm512_loadu_si512(table + 128), d = _mm512_loadu_si512(table + 192);
  for (int k = 0; k < count; k += 64) {
    const __mmask64 some = count - k < 64 ? (1ull << (count - k)) - 1 : ~0ull;
    const __m512i index = _mm512_maskz_loadu_epi8(some, from + k);
    const __m512i low = _mm512_permutex2var_epi8(a, index, b);
    const __m512i high = _mm512_permutex2var_epi8(c, index, d);
    _mm512_mask_storeu_epi8(
      to + k, some, _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high));
  }
}

#elif defined(__aarch64__)

void by_16(const uint8_t * table, const uint8_t * from, int count, uint8_t * to)
{
  uint8x16x4_t parts[4];
  for (int k = 0; k < 16; ++k) {
    parts[k / 4].val[k % 4] = vld1q_u8(table + 16 * k);
  }
  const uint8x16_t step = vdupq_n_u8(64);
  int k = 0;
  for (; k + 16 <= count; k += 16) {
    // What is beyond the 64 bytes of a part stays as it is.
    uint8x16_t index = vld1q_u8(from + k);
    uint8x16_t found = vqtbl4q_u8(parts[0], index);
    for (int part = 1; part < 4; ++part) {
      index = vsubq_u8(index, step);
      found = vqtbx4q_u8(found, parts[part], index);
    }
    vst1q_u8(to + k, found);
  }
  one_by_one(table, from + k, count - k, to + k);
}

#endif

}  // namespace

Lookup fastest_lookup()
{
#if defined(FOCUS_STACKING_VBMI)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) {
    return by_64;
  }
#elif defined(__aarch64__)
  return by_16;
#endif
  return one_by_one;
}

}  // namespace focus_stacking
