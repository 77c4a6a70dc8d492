// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What is taken of bytes in single precision, and what of it has to be summed up in integers.
//
// Single precision errs by less than 1/2048 of a grey level: weights and bytes are exact, each of
// the 4 + 4 products and sums that a value goes through is rounded to 1/2^24 of at most 255 times
// 1.375^2, the greatest sum of the weights' magnitudes. What lies no nearer to a tie is rounded as
// the exact value is; the rest, one in a thousand, is summed up in integers.

#ifndef FOCUS_STACKING_TAKEN_EXACTLY_HPP
#define FOCUS_STACKING_TAKEN_EXACTLY_HPP

#include "native.hpp"

namespace focus_stacking
{

constexpr float kSure = 0.5f - 1.0f / 2048;  // distance from the nearest integer

/// Weights of four pixels at every part of a pixel from the second one on, in 1/2^17 and in 1.
struct Exact
{
  constexpr Exact()
  : weights(), reals()
  {
    for (int f = 0, g = 32; f < 32; ++f, --g) {
      const int32_t found[] = {
        -3 * f * g * g, (5 * f - 288) * f * f + 131072, (5 * g - 288) * g * g + 131072,
        -3 * g * f * f};
      for (int k = 0; k < 4; ++k) {
        weights[f][k] = found[k];
        reals[f][k] = static_cast<float>(found[k]) * (1.0f / 131072);
      }
    }
  }

  int32_t weights[32][4];
  float reals[32][4];
};
constexpr Exact kExact;

/// The same weights of several pixels, each by its part, 0 to 31. Nothing is rounded on the way.
template<typename Floats>
FOCUS_STACKING_INLINE void weigh(const Floats & f, Floats (&weights)[4])
{
  constexpr float kOne = 1.0f / 131072;
  const Floats g = 32.0f - f, both = f * g * (-3 * kOne);
  weights[0] = both * g;
  weights[1] = (f * (5 * kOne) - 288 * kOne) * (f * f) + 1.0f;
  weights[2] = (g * (5 * kOne) - 288 * kOne) * (g * g) + 1.0f;
  weights[3] = both * f;
}

/// The value at a pixel in integers, 0 to 255.
template<int kChannels>
int exact_value(
  const uint8_t * image, int rows, int columns, int32_t x, int32_t y, int channel)
{
  const int32_t * across = kExact.weights[x & 31], * down = kExact.weights[y & 31];
  int64_t sum = 0;
  for (int j = 0; j < 4; ++j) {
    const int row = smaller(greater((y >> 5) - 1 + j, 0), rows - 1);
    const uint8_t * line = image + static_cast<size_t>(row) * columns * kChannels;
    int32_t along = 0;  // less than 2^27
    for (int i = 0; i < 4; ++i) {
      const int column = smaller(greater((x >> 5) - 1 + i, 0), columns - 1);
      along += across[i] * line[column * kChannels + channel];
    }
    sum += int64_t{down[j]} * along;
  }
  const int64_t rounded = (sum + (int64_t{1} << 33)) >> 34;
  return static_cast<int>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TAKEN_EXACTLY_HPP
