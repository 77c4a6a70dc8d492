// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Lines of a plane that are looked at together, and second differences of them.

#ifndef FOCUS_STACKING_LINES_HPP
#define FOCUS_STACKING_LINES_HPP

#include "native.hpp"

#include <cstring>
#include <vector>

namespace focus_stacking
{

/// The last `kCount` lines of a plane, a power of two, with `kMargin` values before and after.
template<typename Value, int kCount, int kMargin>
class Lines
{
public:
  explicit Lines(int columns)
  : stride_((columns + 2 * kMargin + 31) / 32 * 32),
    values_(static_cast<size_t>(kCount) * stride_) {}

  /// Value 0 of a row, whose number may be negative.
  FOCUS_STACKING_INLINE Value * row(int number)
  {
    return values_.data() + static_cast<size_t>(number & (kCount - 1)) * stride_ + kMargin;
  }

private:
  int stride_;
  std::vector<Value> values_;
};

/// Fills what lies beyond both ends of a line: `margin` values before it, and after `wanted`.
template<typename Value>
FOCUS_STACKING_INLINE void mirror_ends(Value * line, int columns, int wanted, int margin)
{
  for (int x = 1; x <= margin; ++x) {
    line[-x] = line[mirrored(-x, columns)];
  }
  for (int x = columns; x < wanted + margin; ++x) {
    line[x] = line[mirrored(x, columns)];
  }
}

/// Mean of 2x2 values; `both` are sums of two rows, at most 65534.
template<typename Sum, typename Value>
FOCUS_STACKING_INLINE void halve(const Sum * both, int half, int greatest, Value * result)
{
  for (int x = 0; x < half; ++x) {
    const int mean = (static_cast<int>(both[2 * x]) + both[2 * x + 1] + 2) >> 2;
    result[x] = static_cast<Value>(smaller(mean, greatest));
  }
}

FOCUS_STACKING_INLINE uint16_t second_difference(int16_t centre, int16_t one, int16_t other)
{
  const int16_t difference = static_cast<int16_t>(2 * centre - one - other);
  return static_cast<uint16_t>(difference < 0 ? -difference : difference);
}

/// Sum of second differences of a row; `line` are the rows around it, from two above on.
template<bool kCross>
FOCUS_STACKING_INLINE void differences_of_row(
  const int16_t * const * line, int width, bool add, uint16_t * __restrict both)
{
  const int16_t * a = line[0], * b = line[1], * c = line[2], * d = line[3], * e = line[4];
  for (int x = 0; x < width; ++x) {
    uint16_t sum = static_cast<uint16_t>(
      second_difference(c[x], c[x + 2], c[x - 2]) + second_difference(c[x], e[x], a[x]));
    if (kCross) {
      sum = static_cast<uint16_t>(
        sum + second_difference(c[x], c[x + 1], c[x - 1]) + second_difference(c[x], d[x], b[x]));
    } else {
      sum = static_cast<uint16_t>(
        sum + second_difference(c[x], d[x + 2], b[x - 2]) +
        second_difference(c[x], e[x + 1], a[x - 1]) +
        second_difference(c[x], b[x + 2], d[x - 2]) +
        second_difference(c[x], a[x + 1], e[x - 1]));
    }
    sum = sum < 32767 ? sum : 32767;
    both[x] = add ? static_cast<uint16_t>(both[x] + sum) : sum;
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LINES_HPP
