// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Pixels at the same height, a run, have the same sums along columns. Those of all runs of a part
// of a row are found first, one run after the other; then pixels are taken whatever their run.

#include "four_rows.hpp"
#include "taken_bytes.hpp"
#include "taken_exactly.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDEST __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#if !defined(__clang__)
// GCC 12 warns of registers that its own header leaves undefined.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace focus_stacking
{

#if defined(FOCUS_STACKING_WIDEST)

namespace
{

constexpr int kAtOnce = 16;  // values of a register
constexpr int kMostColumns = 4;  // of a slice for a pixel, more than those of a reduction to 1/4

/// Pixel and channel of each of 16 values, which may begin within a pixel.
template<int kChannels>
struct Places
{
  constexpr Places()
  : pixels(), channels()
  {
    for (int k = 0; k < kChannels * kAtOnce; ++k) {
      pixels[k] = k / kChannels;
      channels[k] = k % kChannels;
    }
  }

  alignas(64) int32_t pixels[kChannels * kAtOnce], channels[kChannels * kAtOnce];
};

FOCUS_STACKING_WIDEST inline __m512i load(const int32_t * from)
{
  return _mm512_loadu_si512(from);
}

/// Sums along columns of all runs.
template<int kChannels>
class Sums
{
public:
  /// `taken` has at most kTakenMost pixels.
  FOCUS_STACKING_WIDEST explicit Sums(const Taken & taken)
  {
    int used = 0;
    for (int u = taken.first; u < taken.last; ) {
      int end = end_of_run(taken, u);
      const int first = taken.x[u] >> 5, last = taken.x[end - 1] >> 5;
      int count = last - first + 4;
      if (last < first || count > kMostColumns * (end - u)) {
        end = u + 1, count = 4;  // it alone
      }
      sum_up(taken, taken.y[u], first - 1, first - 1 + count, values_ + used);
      const __m512i base = _mm512_set1_epi32(used - kChannels * first);
      for (int k = u; k < end; k += kAtOnce) {
        const __m512i column = _mm512_srai_epi32(load(taken.x + k), 5);
        _mm512_storeu_si512(
          starts_ + k, _mm512_add_epi32(
            kChannels == 1 ? column : _mm512_add_epi32(column, _mm512_slli_epi32(column, 1)),
            base));
      }
      used += kChannels * count;
      u = end;
    }
    // Of pixels beyond the last one nothing is wanted, but they are taken.
    _mm512_storeu_si512(starts_ + taken.last, _mm512_set1_epi32(starts_[taken.last - 1]));
  }

  /// The first of four columns of a pixel.
  const int32_t * starts() const {return starts_;}
  const float * values() const {return values_;}

private:
  // Two registers are read from the last of four columns on.
  static constexpr int kRoom = kMostColumns * kTakenMost * kChannels + 3 * kAtOnce;
  static constexpr int kStride = kMostColumns * kTakenMost * kChannels + kAtOnce;

  /// The first pixel after `u` that lies at another height.
  static FOCUS_STACKING_WIDEST inline int end_of_run(const Taken & taken, int u)
  {
    const int32_t y = taken.y[u];
    if (taken.y[taken.last - 1] == y) {  // heights rise or fall steadily
      return taken.last;
    }
    for (int k = u + 1; ; k += kAtOnce) {
      const uint32_t other = _mm512_cmpneq_epi32_mask(load(taken.y + k), _mm512_set1_epi32(y));
      if (other) {
        return k + __builtin_ctz(other);
      }
    }
  }

  FOCUS_STACKING_WIDEST inline void sum_up(
    const Taken & taken, int32_t y, int left, int right, float * to)
  {
    const uint8_t * lines[4];
    find_rows<kChannels>(
      taken.image, taken.rows, taken.columns, y, left, right, kTakenAtOnce, beyond_, kStride,
      lines);
    const float * weights = kExact.reals[y & 31];
    const __m512 a = _mm512_set1_ps(weights[0]), b = _mm512_set1_ps(weights[1]);
    const __m512 c = _mm512_set1_ps(weights[2]), d = _mm512_set1_ps(weights[3]);
    const int count = (right - left) * kChannels;
    for (int j = 0; j < count; j += kAtOnce) {
      __m512 sum = _mm512_mul_ps(reals(lines[0] + j), a);
      sum = _mm512_fmadd_ps(reals(lines[1] + j), b, sum);
      sum = _mm512_fmadd_ps(reals(lines[2] + j), c, sum);
      sum = _mm512_fmadd_ps(reals(lines[3] + j), d, sum);
      _mm512_storeu_ps(to + j, sum);
    }
  }

  static FOCUS_STACKING_WIDEST inline __m512 reals(const uint8_t * bytes)
  {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes))));
  }

  float values_[kRoom];
  int32_t starts_[kTakenMost + kAtOnce];
  uint8_t beyond_[4 * kStride];
};

template<int kChannels>
FOCUS_STACKING_WIDEST void take(const Taken & taken)
{
  static constexpr Places<kChannels> places;
  const Sums<kChannels> sums(taken);
  __m512i pixels[kChannels], channels[kChannels], gains[kChannels];
  for (int m = 0; m < kChannels; ++m) {
    int32_t gain[kAtOnce];
    for (int k = 0; k < kAtOnce; ++k) {
      gain[k] = taken.gains[places.channels[kAtOnce * m + k]];
    }
    pixels[m] = load(places.pixels + kAtOnce * m);
    channels[m] = load(places.channels + kAtOnce * m);
    gains[m] = load(gain);
  }
  for (int u = taken.first; u < taken.last; u += kAtOnce) {
    const int left = smaller(taken.last - u, kAtOnce);
    const __m128i bytes = _mm_maskz_loadu_epi8(
      static_cast<__mmask16>((1u << left) - 1), taken.weights + u);
    const __m512i weight = _mm512_cvtepu8_epi32(bytes);
    if (_mm512_test_epi32_mask(weight, weight) == 0) {
      continue;
    }
    const __m512i x = load(taken.x + u), start = load(sums.starts() + u);
    __m512 across[4];
    weigh(_mm512_cvtepi32_ps(_mm512_and_si512(x, _mm512_set1_epi32(31))), across);
    for (int m = 0; m < kChannels; ++m) {
      const int pixel = places.pixels[kAtOnce * m], channel = places.channels[kAtOnce * m];
      const int begin = sums.starts()[u + pixel] + channel;
      const float * from = sums.values() + begin;
      const __m512i numbers = _mm512_add_epi32(
        _mm512_permutexvar_epi32(pixels[m], start),
        _mm512_sub_epi32(channels[m], _mm512_set1_epi32(begin)));
      const bool near = _mm512_cmpgt_epu32_mask(numbers, _mm512_set1_epi32(31)) == 0;
      __m512 value = _mm512_setzero_ps();
      for (int k = 0; k < 4; ++k, from += kChannels) {
        const __m512 sum = near ?
          _mm512_permutex2var_ps(_mm512_loadu_ps(from), numbers, _mm512_loadu_ps(from + kAtOnce)) :
          _mm512_i32gather_ps(numbers, from, sizeof(float));
        value = _mm512_fmadd_ps(sum, _mm512_permutexvar_ps(pixels[m], across[k]), value);
      }
      const __m512i weights = _mm512_permutexvar_epi32(pixels[m], weight);
      __m512i rounded = _mm512_cvtps_epi32(value);
      const __m512 away = _mm512_abs_ps(_mm512_sub_ps(value, _mm512_cvtepi32_ps(rounded)));
      uint32_t unsure = _mm512_mask_cmp_ps_mask(
        _mm512_test_epi32_mask(weights, weights), away, _mm512_set1_ps(kSure), _CMP_GT_OQ);
      rounded = _mm512_min_epi32(
        _mm512_max_epi32(rounded, _mm512_setzero_si512()), _mm512_set1_epi32(255));
      if (unsure) {
        alignas(64) int32_t some[kAtOnce];
        _mm512_store_si512(some, rounded);
        for (; unsure; unsure &= unsure - 1) {
          const int k = __builtin_ctz(unsure), at = u + places.pixels[kAtOnce * m + k];
          some[k] = exact_value<kChannels>(
            taken.image, taken.rows, taken.columns, taken.x[at], taken.y[at],
            places.channels[kAtOnce * m + k]);
        }
        rounded = _mm512_load_si512(some);
      }
      const __m512i exposed = _mm512_srai_epi32(
        _mm512_add_epi32(_mm512_mullo_epi32(rounded, gains[m]), _mm512_set1_epi32(512)), 10);
      // Both are less than 2^15.
      const __m512i product = _mm512_madd_epi16(exposed, weights);
      uint32_t * total = taken.total + u * kChannels + kAtOnce * m;
      _mm512_storeu_si512(total, _mm512_add_epi32(_mm512_loadu_si512(total), product));
    }
  }
}

}  // namespace

TakeBytes taking_512(int channels)
{
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
    __builtin_cpu_supports("avx512vl"))
  {
    return channels == 1 ? take<1> : take<3>;
  }
  return nullptr;
}

#else

TakeBytes taking_512(int)
{
  return nullptr;
}

#endif

}  // namespace focus_stacking
