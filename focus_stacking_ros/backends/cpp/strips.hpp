// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Planes in strips, and tridiagonal systems along their lines: core/depth/smoothing.py.

#ifndef FOCUS_STACKING_STRIPS_HPP
#define FOCUS_STACKING_STRIPS_HPP

#include "lanes.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

namespace focus_stacking
{

/// Columns of a strip, and lines that are solved side by side.
constexpr int kStrip = 32;
constexpr int kGroups = kStrip / kLanes;

typedef float Some __attribute__((vector_size(32), aligned(4), may_alias));  ///< kLanes in memory

FOCUS_STACKING_INLINE const Some & lanes_at(const float * from)
{
  return *reinterpret_cast<const Some *>(from);
}
FOCUS_STACKING_INLINE void put(float * to, const Lanes & values)
{
  *reinterpret_cast<Some *>(to) = values;
}

/// A plane in strips of kStrip columns, whose rows lie one after the other: a strip is solved
/// along its columns where it lies, and kStrip rows of it are one piece of memory.
class Strips
{
public:
  Strips(int rows, int columns)
  : rows_((rows + kLanes - 1) / kLanes * kLanes), count_((columns + kStrip - 1) / kStrip),
    values_(new float[static_cast<size_t>(rows_) * count_ * kStrip])
  {
    // What lies beyond the plane is solved with it, and has no links.
    for (int strip = 0; strip < count_; ++strip) {
      const int first = (strip + 1) * kStrip > columns ? 0 : rows;
      std::fill(line(strip, first), line(strip, rows_), 0.0f);
    }
  }

  /// Values of a row in a strip; rows go on to a multiple of kLanes.
  FOCUS_STACKING_INLINE float * line(int strip, int row) const
  {
    return values_.get() + (static_cast<size_t>(strip) * rows_ + row) * kStrip;
  }

  int rows() const {return rows_;}
  int count() const {return count_;}

  FOCUS_STACKING_INLINE void read_row(int row, int columns, float * to) const
  {
    for (int strip = 0; strip < count_; ++strip) {
      const int left = strip * kStrip;
      std::memcpy(to + left, line(strip, row), sizeof *to * smaller(kStrip, columns - left));
    }
  }

  FOCUS_STACKING_INLINE void write_row(int row, int columns, const float * from) const
  {
    for (int strip = 0; strip < count_; ++strip) {
      const int left = strip * kStrip;
      std::memcpy(line(strip, row), from + left, sizeof *from * smaller(kStrip, columns - left));
    }
  }

private:
  int rows_, count_;
  std::unique_ptr<float[]> values_;
};

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t FourNumbers __attribute__((vector_size(16)));

/// Transposes 4x4 values.
FOCUS_STACKING_INLINE void transpose_four(
  const float * from, size_t from_stride, float * to, size_t to_stride)
{
  const auto line = [&](int k) {return *reinterpret_cast<const Four *>(from + k * from_stride);};
  const Four a = line(0), b = line(1), c = line(2), d = line(3);
#if defined(__clang__)
  const Four low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four other_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four other_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *reinterpret_cast<Four *>(to) = __builtin_shufflevector(low, other_low, 0, 1, 4, 5);
  *reinterpret_cast<Four *>(to + to_stride) =
    __builtin_shufflevector(low, other_low, 2, 3, 6, 7);
  *reinterpret_cast<Four *>(to + 2 * to_stride) =
    __builtin_shufflevector(high, other_high, 0, 1, 4, 5);
  *reinterpret_cast<Four *>(to + 3 * to_stride) =
    __builtin_shufflevector(high, other_high, 2, 3, 6, 7);
#else
  const FourNumbers first = {0, 4, 1, 5}, second = {2, 6, 3, 7};
  const FourNumbers left = {0, 1, 4, 5}, right = {2, 3, 6, 7};
  const Four low = __builtin_shuffle(a, b, first), high = __builtin_shuffle(a, b, second);
  const Four other_low = __builtin_shuffle(c, d, first);
  const Four other_high = __builtin_shuffle(c, d, second);
  *reinterpret_cast<Four *>(to) = __builtin_shuffle(low, other_low, left);
  *reinterpret_cast<Four *>(to + to_stride) = __builtin_shuffle(low, other_low, right);
  *reinterpret_cast<Four *>(to + 2 * to_stride) = __builtin_shuffle(high, other_high, left);
  *reinterpret_cast<Four *>(to + 3 * to_stride) = __builtin_shuffle(high, other_high, right);
#endif
}

/// Transposes (rows, columns) to lines of kStrip values; both are multiples of 4.
FOCUS_STACKING_INLINE void to_lines(
  const float * from, size_t stride, int rows, int columns, float * to)
{
  for (int v = 0; v < rows; v += 4) {
    for (int u = 0; u < columns; u += 4) {
      transpose_four(from + v * stride + u, stride, to + u * kStrip + v, kStrip);
    }
  }
}

/// Transposes lines of kStrip values back to (rows, columns), of kStrip columns from row to row.
FOCUS_STACKING_INLINE void from_lines(const float * from, int rows, int columns, float * to)
{
  for (int u = 0; u < columns; u += 4) {
    for (int v = 0; v < rows; v += 4) {
      transpose_four(from + u * kStrip + v, kStrip, to + v * kStrip + u, kStrip);
    }
  }
}

/// Solves (1 + strength A) x = f along the values that lines of kStrip ones have at each place
/// (Thomas), of `kCount` right-hand sides.
template<int kCount>
class Elimination
{
public:
  /// `links`: of each line to the one before it, the first of them not read. `onward`: room for as
  /// many values as there are links.
  Elimination(const float * links, int length, float strength, float * onward)
  : links_(links), length_(length), strength_(strength), onward_(onward)
  {
    for (int g = 0; g < kGroups; ++g) {
      here_[g] = before_[g] = Lanes{};
      for (int p = 0; p < kCount; ++p) {
        last_[p][g] = Lanes{};
      }
    }
  }

  /// Eliminates lines, which come in order, up to `end`.
  FOCUS_STACKING_INLINE void forward(int begin, int end, float * const * values)
  {
    // Copies, which nothing that is written can change.
    Lanes here[kGroups], before[kGroups], last[kCount][kGroups];
    for (int g = 0; g < kGroups; ++g) {
      here[g] = here_[g];
      before[g] = before_[g];
      for (int p = 0; p < kCount; ++p) {
        last[p][g] = last_[p][g];
      }
    }
    float * onward = onward_;
    const float * links = links_;
    const float strength = strength_;
    const int length = length_;
    static constexpr float kNone[kStrip] = {};
    for (int k = begin; k < end; ++k) {
      const size_t at = static_cast<size_t>(k) * kStrip;
      const float * next = k + 1 < length ? links + at + kStrip : kNone;
      for (int g = 0; g < kGroups; ++g) {
        const Lanes there = lanes_at(next + g * kLanes) * strength;
        const Lanes inverse = 1.0f / ((1.0f + here[g] + there) - here[g] * before[g]);
        const Lanes factor = there * inverse;
        put(onward + at + g * kLanes, factor);
        before[g] = factor;
        for (int p = 0; p < kCount; ++p) {
          float * to = values[p] + at + g * kLanes;
          const Lanes value = (lanes_at(to) + here[g] * last[p][g]) * inverse;
          put(to, value);
          last[p][g] = value;
        }
        here[g] = there;
      }
    }
    for (int g = 0; g < kGroups; ++g) {
      here_[g] = here[g];
      before_[g] = before[g];
      for (int p = 0; p < kCount; ++p) {
        last_[p][g] = last[p][g];
      }
    }
  }

  /// Substitutes lines, the last ones first, down to `begin`; the very last line is solved.
  FOCUS_STACKING_INLINE void backward(int begin, int end, float * const * values)
  {
    Lanes last[kCount][kGroups];
    for (int p = 0; p < kCount; ++p) {
      for (int g = 0; g < kGroups; ++g) {
        last[p][g] = last_[p][g];
      }
    }
    const float * onward = onward_;
    for (int k = smaller(end, length_ - 1) - 1; k >= begin; --k) {
      const size_t at = static_cast<size_t>(k) * kStrip;
      for (int g = 0; g < kGroups; ++g) {
        const Lanes factor = lanes_at(onward + at + g * kLanes);
        for (int p = 0; p < kCount; ++p) {
          float * to = values[p] + at + g * kLanes;
          const Lanes value = lanes_at(to) + factor * last[p][g];
          put(to, value);
          last[p][g] = value;
        }
      }
    }
    for (int p = 0; p < kCount; ++p) {
      for (int g = 0; g < kGroups; ++g) {
        last_[p][g] = last[p][g];
      }
    }
  }

private:
  const float * links_;
  int length_;
  float strength_;
  float * onward_;
  Lanes here_[kGroups], before_[kGroups], last_[kCount][kGroups];
};

/// Links between neighbours: vertical ones in strips; horizontal ones in lines of kStrip rows, of
/// one band of rows after another.
struct Links
{
  Links(int rows, int columns)
  : above(rows, columns), each(static_cast<size_t>(columns) * kStrip),
    left(new float[each * ((rows + kStrip - 1) / kStrip)]) {}

  float * left_of(int first) const {return left.get() + each * (first / kStrip);}

  Strips above;
  size_t each;
  std::unique_ptr<float[]> left;
};

/// Solves the systems along a band of rows, turned into lines and back.
template<int kCount>
FOCUS_STACKING_INLINE void solve_rows(
  const Links & links, int columns, int first, float strength, const Strips * const * planes)
{
  const int rows = smaller(kStrip, planes[0]->rows() - first), strips = planes[0]->count();
  const size_t size = static_cast<size_t>(strips) * kStrip * kStrip;
  std::unique_ptr<float[]> some(new float[size * (kCount + 1)]);
  float * lines[kCount];
  for (int p = 0; p < kCount; ++p) {
    lines[p] = some.get() + size * p;
    if (rows < kStrip) {
      std::fill(lines[p], lines[p] + size, 0.0f);
    }
  }
  Elimination<kCount> system(links.left_of(first), columns, strength, some.get() + size * kCount);
  for (int strip = 0; strip < strips; ++strip) {
    const int left = strip * kStrip;
    for (int p = 0; p < kCount; ++p) {
      to_lines(planes[p]->line(strip, first), kStrip, rows, kStrip,
        lines[p] + static_cast<size_t>(left) * kStrip);
    }
    system.forward(left, smaller(left + kStrip, columns), lines);
  }
  for (int strip = strips - 1; strip >= 0; --strip) {
    const int left = strip * kStrip;
    system.backward(left, left + kStrip, lines);
    for (int p = 0; p < kCount; ++p) {
      from_lines(lines[p] + static_cast<size_t>(left) * kStrip, rows, kStrip,
        planes[p]->line(strip, first));
    }
  }
}

/// Solves the systems along the columns of a strip.
template<int kCount>
FOCUS_STACKING_INLINE void solve_columns(
  const Links & links, int rows, int strip, float strength, const Strips * const * planes)
{
  std::unique_ptr<float[]> onward(new float[static_cast<size_t>(rows) * kStrip]);
  float * lines[kCount];
  for (int p = 0; p < kCount; ++p) {
    lines[p] = planes[p]->line(strip, 0);
  }
  Elimination<kCount> system(links.above.line(strip, 0), rows, strength, onward.get());
  system.forward(0, rows, lines);
  system.backward(0, rows, lines);
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_STRIPS_HPP
