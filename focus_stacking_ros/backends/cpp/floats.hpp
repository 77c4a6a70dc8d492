// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Functions of single precision that compilers vectorise and every processor rounds alike.

#ifndef FOCUS_STACKING_FLOATS_HPP
#define FOCUS_STACKING_FLOATS_HPP

#include "native.hpp"

#include <cmath>
#include <cstring>

namespace focus_stacking
{

FOCUS_STACKING_INLINE float least(float a, float b) {return a < b ? a : b;}
FOCUS_STACKING_INLINE float most(float a, float b) {return a > b ? a : b;}
FOCUS_STACKING_INLINE float limited(float value, float low, float high)
{
  return least(most(value, low), high);
}
FOCUS_STACKING_INLINE float squared(float value) {return value * value;}

FOCUS_STACKING_INLINE int32_t bits_of(float value)
{
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

FOCUS_STACKING_INLINE float of_bits(int32_t bits)
{
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// e^x within some 2e-7 of itself; x beyond -87 and 88 counts as these.
FOCUS_STACKING_INLINE float exponential(float x)
{
  constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: a sum with it has no fraction
  x = limited(x, -87.0f, 88.0f);
  const float whole = (x * 1.44269504f + kRounding) - kRounding;
  const float rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  float sum = 1.9875691500e-4f;
  sum = sum * rest + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  const float value = (sum * (rest * rest) + rest) + 1.0f;
  return value * of_bits((static_cast<int32_t>(whole) + 127) << 23);
}

/// Logarithm to the base 2 of a normal number above 0, within some 2e-7.
FOCUS_STACKING_INLINE float logarithm(float x)
{
  // The fraction lies between sqrt(1/2) and sqrt(2).
  const int32_t exponent = (bits_of(x) - 0x3f3504f3) >> 23;
  const float fraction = of_bits(bits_of(x) - exponent * (1 << 23));
  const float ratio = (fraction - 1.0f) / (fraction + 1.0f), square = ratio * ratio;
  float sum = square * (1.0f / 9) + 1.0f / 7;
  sum = sum * square + 1.0f / 5;
  sum = sum * square + 1.0f / 3;
  sum = sum * square + 1.0f;
  return static_cast<float>(exponent) + 2.88539008f * ratio * sum;
}

/// 1 / (1 + e^-x)
FOCUS_STACKING_INLINE float logistic(float x)
{
  return 1.0f / (1.0f + exponential(-x));
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_FLOATS_HPP
