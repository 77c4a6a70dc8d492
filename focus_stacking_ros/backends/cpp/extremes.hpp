// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Least and greatest values of square windows, whatever lies outside a plane left out: windows of
// one, two, four and more pixels are made of two of half the size.

#ifndef FOCUS_STACKING_EXTREMES_HPP
#define FOCUS_STACKING_EXTREMES_HPP

#include "native.hpp"

#include <algorithm>
#include <vector>

namespace focus_stacking
{

struct Least
{
  template<typename Value>
  FOCUS_STACKING_INLINE Value operator()(Value a, Value b) const {return a < b ? a : b;}
};

struct Greatest
{
  template<typename Value>
  FOCUS_STACKING_INLINE Value operator()(Value a, Value b) const {return a > b ? a : b;}
};

/// The more extreme of values and those `step` after them. Nobody writes what is read later on.
template<typename Value, typename More>
FOCUS_STACKING_INLINE void join(
  const Value * here, const Value * there, int count, More more, Value * __restrict to)
{
  for (int u = 0; u < count; ++u) {
    to[u] = more(here[u], there[u]);
  }
}

/// Extreme values of windows of (2 reach + 1) squared pixels. `outside` never is the extreme.
template<typename Value, typename More>
FOCUS_STACKING_INLINE void extremes(
  const Value * plane, ptrdiff_t stride, int rows, int columns, int reach, Value outside,
  More more, std::vector<Value> & some, Value * result)
{
  const int side = 2 * reach + 1, wide = columns + 2 * reach, high = rows + 2 * reach;
  const size_t size = static_cast<size_t>(high) * columns;
  some.resize(size + 2 * static_cast<size_t>(wide));
  Value * tall = some.data(), * one = tall + size, * two = one + wide;
  std::fill_n(tall, static_cast<size_t>(reach) * columns, outside);
  std::fill_n(tall + static_cast<size_t>(reach + rows) * columns,
    static_cast<size_t>(reach) * columns, outside);
  for (int v = 0; v < rows; ++v) {
    std::fill_n(one, reach, outside);
    std::copy_n(plane + v * stride, columns, one + reach);
    std::fill_n(one + reach + columns, reach, outside);
    int length = 1, count = wide;
    for (; 2 * length <= side; length *= 2) {
      count -= length;
      join(one, one + length, count, more, two);
      std::swap(one, two);
    }
    join(one, one + side - length, columns, more, tall + static_cast<size_t>(reach + v) * columns);
  }
  int length = 1, count = high;
  for (; 2 * length <= side; length *= 2) {
    count -= length;
    for (int v = 0; v < count; ++v) {
      Value * to = tall + static_cast<size_t>(v) * columns;
      const Value * there = to + static_cast<size_t>(length) * columns;
      for (int u = 0; u < columns; ++u) {
        to[u] = more(to[u], there[u]);
      }
    }
  }
  for (int v = 0; v < rows; ++v) {
    const Value * from = tall + static_cast<size_t>(v) * columns;
    join(from, from + static_cast<size_t>(side - length) * columns, columns, more,
      result + static_cast<size_t>(v) * columns);
  }
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_EXTREMES_HPP
