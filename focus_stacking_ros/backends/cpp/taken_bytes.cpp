// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "taken_bytes.hpp"

#include "four_rows.hpp"
#include "taken_exactly.hpp"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FOCUS_STACKING_NO_CLONES)
#define FOCUS_STACKING_WIDE __attribute__((target("avx2,fma")))
#include "wide_lines.hpp"
#endif

namespace focus_stacking
{

#if defined(FOCUS_STACKING_WIDE)

namespace
{

constexpr int kMost = 256;  // columns of a slice that are summed up at once

/// Pixel and channel of each of 8 values, which may begin within a pixel.
struct Pattern
{
  int32_t pixels[8], channels[8];
};
constexpr Pattern kGrey[] = {{{0, 1, 2, 3, 4, 5, 6, 7}, {}}};
constexpr Pattern kColour[] = {
  {{0, 0, 0, 1, 1, 1, 2, 2}, {0, 1, 2, 0, 1, 2, 0, 1}},
  {{2, 3, 3, 3, 4, 4, 4, 5}, {2, 0, 1, 2, 0, 1, 2, 0}},
  {{5, 5, 6, 6, 6, 7, 7, 7}, {1, 2, 0, 1, 2, 0, 1, 2}}};

/// Sums of columns `left` to `right` of four rows around a height, the last ones with some more.
template<int kChannels>
class Columns
{
public:
  explicit Columns(const Taken & taken)
  : taken_(taken) {}

  FOCUS_STACKING_WIDE void sum_up(int32_t y, int left, int right)
  {
    const int count = (right - left) * kChannels;
    const uint8_t * lines[4];
    __m256 weights[4];
    for (int k = 0; k < 4; ++k) {
      weights[k] = _mm256_set1_ps(kExact.reals[y & 31][k]);
    }
    find_rows<kChannels>(
      taken_.image, taken_.rows, taken_.columns, y, left, right, kTakenAtOnce, beyond_, kStride,
      lines);
    for (int j = 0; j < count; j += 8) {
      __m256 sum = _mm256_setzero_ps();
      for (int k = 0; k < 4; ++k) {
        const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(lines[k] + j));
        sum = _mm256_fmadd_ps(
          _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), weights[k], sum);
      }
      _mm256_storeu_ps(values_ + j, sum);
    }
  }

  const float * values() const {return values_;}

private:
  const Taken & taken_;
  static constexpr int kStride = kMost * kChannels + 64;

  float values_[kStride];
  uint8_t beyond_[4 * kStride];
};

/// 8 of the sums of columns from `from` on, each by its number; `near`: 0 to 7.
FOCUS_STACKING_WIDE inline __m256 picked(const float * from, __m256i numbers, bool near)
{
  const __m256 first = _mm256_permutevar8x32_ps(_mm256_loadu_ps(from), numbers);
  if (near) {
    return first;
  }
  const __m256 second = _mm256_permutevar8x32_ps(_mm256_loadu_ps(from + 8), numbers);
  return _mm256_blendv_ps(
    first, second, _mm256_castsi256_ps(_mm256_cmpgt_epi32(numbers, _mm256_set1_epi32(7))));
}

template<int kChannels>
FOCUS_STACKING_WIDE void take(const Taken & taken)
{
  const Pattern * patterns = kChannels == 1 ? kGrey : kColour;
  Columns<kChannels> columns(taken);
  __m256i pixels[kChannels], channels[kChannels], gains[kChannels];
  for (int m = 0; m < kChannels; ++m) {
    int32_t gain[8];
    for (int k = 0; k < 8; ++k) {
      gain[k] = taken.gains[patterns[m].channels[k]];
    }
    pixels[m] = load(patterns[m].pixels);
    channels[m] = load(patterns[m].channels);
    gains[m] = load(gain);
  }
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  for (int u = taken.first; u < taken.last; ) {
    // What lies at the same height has the same sums along columns.
    const int32_t y = taken.y[u];
    int end = taken.y[taken.last - 1] == y ? taken.last : u + 1;
    while (end < taken.last && taken.y[end] == y) {
      ++end;
    }
    const int left = (taken.x[u] >> 5) - 1;
    while (end > u + 1 && (taken.x[end - 1] >> 5) + 3 - left > kMost) {
      --end;
    }
    columns.sum_up(y, left, greater((taken.x[end - 1] >> 5) + 3, left + 4));
    for (; u < end; u += 8) {
      uint64_t bytes;
      std::copy_n(taken.weights + u, 8, reinterpret_cast<uint8_t *>(&bytes));
      if (end - u < 8) {
        bytes &= (uint64_t{1} << 8 * (end - u)) - 1;
      }
      if (!bytes) {
        continue;
      }
      const __m256i x = load(taken.x + u);
      const __m256i weight = _mm256_cvtepu8_epi32(
        _mm_cvtsi64_si128(static_cast<int64_t>(bytes)));
      const __m256i steps = _mm256_sub_epi32(
        _mm256_srai_epi32(x, 5), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
      const int apart = _mm256_movemask_ps(
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(steps, _mm256_set1_epi32(taken.x[u] >> 5)))) ^ 255;
      // Where columns fall along a row, as in a picture that is turned, they lie before the sums.
      const int after = (taken.x[u] >> 5) - 1 - left;
      const bool beside =
        after >= 0 && (apart & (end - u < 8 ? (1 << (end - u)) - 1 : 255)) == 0;
      __m256 across[4], value[kChannels];
      __m256i rounded[kChannels];
      int unsure[kChannels], any = 0;
      weigh(_mm256_cvtepi32_ps(_mm256_and_si256(x, _mm256_set1_epi32(31))), across);
      if (beside) {
        const float * sums =
          columns.values() + kChannels * smaller(after, kMost);
#pragma GCC unroll 3
        for (int m = 0; m < kChannels; ++m) {
          value[m] = _mm256_setzero_ps();
          unsure[m] = 0;
          for (int k = 0; k < 4; ++k) {
            value[m] = _mm256_fmadd_ps(
              _mm256_loadu_ps(sums + 8 * m + kChannels * k),
              _mm256_permutevar8x32_ps(across[k], pixels[m]), value[m]);
          }
        }
      } else {
        for (int m = 0; m < kChannels; ++m) {
          const int from = (taken.x[u + patterns[m].pixels[0]] >> 5) - 1 - left;
          const int begin =
            kChannels * smaller(greater(from, 0), kMost) + patterns[m].channels[0];
          const __m256i column =
            _mm256_srai_epi32(_mm256_permutevar8x32_epi32(x, pixels[m]), 5);
          const __m256i numbers = _mm256_add_epi32(
            kChannels == 1 ? column : _mm256_add_epi32(column, _mm256_slli_epi32(column, 1)),
            _mm256_sub_epi32(
              channels[m], _mm256_set1_epi32(begin + kChannels * (left + 1))));
          const bool near = _mm256_testz_si256(numbers, _mm256_set1_epi32(-8));
          value[m] = _mm256_setzero_ps();
          for (int k = 0; k < 4; ++k) {
            value[m] = _mm256_fmadd_ps(
              picked(columns.values() + begin + kChannels * k, numbers, near),
              _mm256_permutevar8x32_ps(across[k], pixels[m]), value[m]);
          }
          // What two registers do not reach.
          unsure[m] = near ? 0 : _mm256_movemask_ps(_mm256_castsi256_ps(
                _mm256_or_si256(numbers, _mm256_cmpgt_epi32(numbers, _mm256_set1_epi32(15)))));
        }
      }
#pragma GCC unroll 3
      for (int m = 0; m < kChannels; ++m) {
        rounded[m] = _mm256_cvtps_epi32(value[m]);
        const __m256 away = _mm256_and_ps(
          _mm256_sub_ps(value[m], _mm256_cvtepi32_ps(rounded[m])), magnitude);
        unsure[m] |= _mm256_movemask_ps(_mm256_cmp_ps(away, _mm256_set1_ps(kSure), _CMP_GT_OQ));
        any |= unsure[m];
        rounded[m] = _mm256_min_epi32(
          _mm256_max_epi32(rounded[m], _mm256_setzero_si256()), _mm256_set1_epi32(255));
      }
      for (int m = 0; any && m < kChannels; ++m) {
        int32_t some[8];
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(some), rounded[m]);
        for (int k = 0; k < 8; ++k) {
          const int pixel = patterns[m].pixels[k];
          if ((unsure[m] >> k & 1) && (bytes >> 8 * pixel & 255)) {
            some[k] = exact_value<kChannels>(
              taken.image, taken.rows, taken.columns, taken.x[u + pixel], y,
              patterns[m].channels[k]);
          }
        }
        rounded[m] = load(some);
      }
#pragma GCC unroll 3
      for (int m = 0; m < kChannels; ++m) {
        const __m256i exposed = _mm256_srai_epi32(
          _mm256_add_epi32(_mm256_mullo_epi32(rounded[m], gains[m]), _mm256_set1_epi32(512)), 10);
        // Both are less than 2^15.
        const __m256i product = _mm256_madd_epi16(
          exposed, _mm256_permutevar8x32_epi32(weight, pixels[m]));
        __m256i * total = reinterpret_cast<__m256i *>(taken.total + u * kChannels + 8 * m);
        _mm256_storeu_si256(total, _mm256_add_epi32(_mm256_loadu_si256(total), product));
      }
    }
    u = end;
  }
}

}  // namespace

TakeBytes taking_256(int channels)
{
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return channels == 1 ? take<1> : take<3>;
  }
  return nullptr;
}

#else

TakeBytes taking_256(int)
{
  return nullptr;
}

#endif

TakeBytes fastest_taking(int channels)
{
  const TakeBytes widest = taking_512(channels);
  return widest ? widest : taking_256(channels);
}

}  // namespace focus_stacking
