// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "lookup.hpp"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDE
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace focus_stacking
{
namespace
{

void one_by_one(const LookupTable & table, const uint8_t * from, int count, uint8_t * to)
{
  for (int k = 0; k < count; ++k) {
    to[k] = table.values[from[k]];
  }
}

#if defined(FOCUS_STACKING_WIDE)

/// A shuffle gives 0 for a negative number, so that of the changes those up to a value add up to
/// it. Numbers of 128 and more are negative themselves: they have shuffles of their own.
__attribute__((target("avx2")))
void by_128(const LookupTable & table, const uint8_t * from, int count, uint8_t * to)
{
  constexpr int kAtOnce = 4, kStep = 32 * kAtOnce;
  const __m256i first = _mm256_set1_epi8(static_cast<char>(table.first));
  const __m256i last = _mm256_set1_epi8(static_cast<char>(table.last));
  const __m256i base = _mm256_set1_epi8(static_cast<char>(table.first & 240));
  const __m256i part = _mm256_set1_epi8(16), half = _mm256_set1_epi8(-128);
  const int parts = (table.last - (table.first & 240)) / 16 + 1;
  const auto changes = [&](int number) __attribute__((target("avx2"), always_inline)) {
      return _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i *>(table.changes + 16 * number)));
    };
  int k = 0;
  for (; k + kStep <= count; k += kStep) {
    __m256i number[kAtOnce], found[kAtOnce], rest[kAtOnce];
    const __m256i beginning = changes(0);
    for (int m = 0; m < kAtOnce; ++m) {
      const __m256i value =
        _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + k + 32 * m));
      number[m] = rest[m] =
        _mm256_sub_epi8(_mm256_min_epu8(_mm256_max_epu8(value, first), last), base);
      found[m] = _mm256_shuffle_epi8(beginning, number[m]);
    }
    for (int p = 1; p < smaller(parts, 8); ++p) {
      const __m256i change = changes(p);
      for (int m = 0; m < kAtOnce; ++m) {
        rest[m] = _mm256_sub_epi8(rest[m], part);
        found[m] = _mm256_xor_si256(found[m], _mm256_shuffle_epi8(change, rest[m]));
      }
    }
    if (parts > 8) {
      __m256i upper[kAtOnce];
      for (int m = 0; m < kAtOnce; ++m) {
        rest[m] = _mm256_xor_si256(number[m], half);
        upper[m] = _mm256_shuffle_epi8(changes(8), rest[m]);
      }
      for (int p = 9; p < parts; ++p) {
        const __m256i change = changes(p);
        for (int m = 0; m < kAtOnce; ++m) {
          rest[m] = _mm256_sub_epi8(rest[m], part);
          upper[m] = _mm256_xor_si256(upper[m], _mm256_shuffle_epi8(change, rest[m]));
        }
      }
      for (int m = 0; m < kAtOnce; ++m) {
        found[m] = _mm256_blendv_epi8(found[m], upper[m], number[m]);
      }
    }
    for (int m = 0; m < kAtOnce; ++m) {
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + k + 32 * m), found[m]);
    }
  }
  one_by_one(table, from + k, count - k, to + k);
}

__attribute__((target("avx512f,avx512bw,avx512vbmi")))
void by_64(const LookupTable & table, const uint8_t * from, int count, uint8_t * to)
{
  const uint8_t * values = table.values;
  const __m512i a = _mm512_loadu_si512(values), b = _mm512_loadu_si512(values + 64);
  const __m512i c = _mm512_loadu_si512(values + 128), d = _mm512_loadu_si512(values + 192);
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

void by_16(const LookupTable & table, const uint8_t * from, int count, uint8_t * to)
{
  uint8x16x4_t parts[4];
  for (int k = 0; k < 16; ++k) {
    parts[k / 4].val[k % 4] = vld1q_u8(table.values + 16 * k);
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

LookupTable::LookupTable(const uint8_t * table)
: first(0), last(255), changes()
{
  std::copy_n(table, 256, values);
  while (first < 255 && values[first + 1] == values[0]) {
    ++first;
  }
  while (last > first && values[last - 1] == values[255]) {
    --last;
  }
  const int base = first & 240;
  for (int k = base; k < 256; ++k) {
    const int number = k - base;
    changes[number] = static_cast<uint8_t>(
      values[k] ^ (number % 128 < 16 ? 0 : values[k - 16]));
  }
}

Lookup fastest_lookup()
{
#if defined(FOCUS_STACKING_WIDE)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")) {
    return by_64;
  }
  if (__builtin_cpu_supports("avx2")) {
    return by_128;
  }
#elif defined(__aarch64__)
  return by_16;
#endif
  return one_by_one;
}

}  // namespace focus_stacking
