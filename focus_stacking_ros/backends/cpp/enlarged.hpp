// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows of smaller planes at full size, interpolated linearly as OpenCV does.

#ifndef FOCUS_STACKING_ENLARGED_HPP
#define FOCUS_STACKING_ENLARGED_HPP

#include "native.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace focus_stacking
{

/// Columns of a plane of half the size, at full size.
template<typename Value, typename Sum>
class Doubled
{
public:
  /// `rows`, `columns`: of full size; columns `first` to `last` are wanted.
  Doubled(const Value * plane, int rows, int columns, int first, int last)
  : plane_(plane), rows_((rows + 1) / 2), columns_((columns + 1) / 2), first_(first),
    width_(last - first), begin_(first / 2), end_((last + 1) / 2)
  {
    for (std::vector<Sum> & line : lines_) {
      line.resize(static_cast<size_t>(end_ - begin_) * 2);
    }
  }

  FOCUS_STACKING_INLINE void row(int y, Value * __restrict to)
  {
    const int above = (y - 1) >> 1;
    const Sum * __restrict upper = line(greater(above, 0)) + first_ % 2;
    const Sum * __restrict lower = line(smaller(above + 1, rows_ - 1)) + first_ % 2;
    const Sum up = y % 2 == 0 ? 1 : 3, down = 4 - up;
    for (int u = 0; u < width_; ++u) {
      to[u] = blended(up, upper[u], down, lower[u]);
    }
  }

private:
  /// A row of half the size at full width, times 4.
  FOCUS_STACKING_INLINE const Sum * line(int y)
  {
    std::vector<Sum> & kept = lines_[y & 1];
    if (known_[y & 1] == y) {
      return kept.data();
    }
    known_[y & 1] = y;
    const Value * __restrict from = plane_ + static_cast<ptrdiff_t>(y) * columns_;
    Sum * __restrict to = kept.data() - 2 * begin_;
    const int first = greater(begin_, 1), last = smaller(end_, columns_ - 1);
    if (begin_ == 0) {
      end_of_line(from, 0, to);
    }
    for (int x = first; x < last; ++x) {
      const Sum middle = Sum{3} * from[x];
      to[2 * x] = static_cast<Sum>(middle + from[x - 1]);
      to[2 * x + 1] = static_cast<Sum>(middle + from[x + 1]);
    }
    if (end_ == columns_ && columns_ > 1) {
      end_of_line(from, columns_ - 1, to);
    }
    return kept.data();
  }

  FOCUS_STACKING_INLINE void end_of_line(const Value * from, int x, Sum * to) const
  {
    const Sum middle = Sum{3} * from[x];
    to[2 * x] = static_cast<Sum>(middle + from[greater(x - 1, 0)]);
    to[2 * x + 1] = static_cast<Sum>(middle + from[smaller(x + 1, columns_ - 1)]);
  }

  static FOCUS_STACKING_INLINE float blended(float up, float upper, float down, float lower)
  {
    return (up * upper + down * lower) * 0.0625f;
  }
  static FOCUS_STACKING_INLINE uint8_t blended(
    uint16_t up, uint16_t upper, uint16_t down, uint16_t lower)
  {
    const int above = (up * upper) >> 2, below = (down * lower) >> 2;
    return static_cast<uint8_t>((above + below + 2) >> 2);
  }

  const Value * plane_;
  const int rows_, columns_, first_, width_, begin_, end_;
  std::vector<Sum> lines_[2];
  int known_[2] = {-1, -1};
};

/// Where values of full size lie in a line of fewer.
struct LinearPlace
{
  LinearPlace(int place, int size, int few)
  {
    const float at = static_cast<float>((place + 0.5) * (static_cast<double>(few) / size) - 0.5);
    const float whole = std::floor(at);
    first = smaller(greater(static_cast<int>(whole), 0), few - 1);
    second = smaller(greater(static_cast<int>(whole) + 1, 0), few - 1);
    share = at - whole;
  }

  int first, second;
  float share;  // of the second
};

/// Columns of a plane of any smaller size, at full size.
class Enlarged
{
public:
  /// `rows`, `columns`: of full size; columns `first` to `last` are wanted.
  Enlarged(
    const float * plane, int few_rows, int few_columns, int rows, int columns, int first, int last)
  : plane_(plane), few_rows_(few_rows), few_columns_(few_columns), rows_(rows)
  {
    for (int x = first; x < last; ++x) {
      places_.emplace_back(x, columns, few_columns);
    }
    for (std::vector<float> & line : lines_) {
      line.resize(places_.size());
    }
  }

  FOCUS_STACKING_INLINE void row(int y, float * __restrict to)
  {
    const LinearPlace place(y, rows_, few_rows_);
    const float * __restrict upper = line(place.first);
    const float * __restrict lower = line(place.second);
    const float up = 1.0f - place.share, down = place.share;
    const int width = static_cast<int>(places_.size());
    for (int u = 0; u < width; ++u) {
      to[u] = up * upper[u] + down * lower[u];
    }
  }

private:
  FOCUS_STACKING_INLINE const float * line(int y)
  {
    std::vector<float> & kept = lines_[y & 1];
    if (known_[y & 1] != y) {
      known_[y & 1] = y;
      const float * from = plane_ + static_cast<ptrdiff_t>(y) * few_columns_;
      for (size_t u = 0; u < kept.size(); ++u) {
        const LinearPlace & place = places_[u];
        kept[u] = (1.0f - place.share) * from[place.first] + place.share * from[place.second];
      }
    }
    return kept.data();
  }

  const float * plane_;
  const int few_rows_, few_columns_, rows_;
  std::vector<LinearPlace> places_;
  std::vector<float> lines_[2];
  int known_[2] = {-1, -1};
};

/// Columns of a plane of a quarter of the size, at full size, in another grid: the nearest of its
/// pixels there, 0 outside.
class EnlargedThere
{
public:
  /// `place`: pixel -> pixel of the plane at full size; columns `first` to `last` are wanted of
  /// rows `top` to `bottom`.
  EnlargedThere(
    const float * plane, const double * place, int rows, int columns, int first, int last, int top,
    int bottom)
  : plane_(plane), place_(place), rows_(rows), columns_(columns), first_(first),
    width_(last - first), few_rows_((rows + 3) / 4), few_columns_((columns + 3) / 4),
    blended_(few_columns_ + 2), x_(width_)
  {
    double least = columns, most = -1;
    for (int y : {top, bottom - 1}) {
      for (int x : {first, last - 1}) {
        const double there = place[0] * x + place[1] * y + place[2];
        least = std::min(least, there);
        most = std::max(most, there);
      }
    }
    begin_ = static_cast<int>(std::max(least - 1, 0.0));
    end_ = static_cast<int>(std::min(most + 2, static_cast<double>(columns)));
    if (begin_ >= end_) {
      begin_ = 0, end_ = 1;
    }
    for (std::vector<float> & line : lines_) {
      line.resize(static_cast<size_t>(few_columns_ + 1) * 4);
    }
    std::fill_n(known_, kKept, -1);
  }

  FOCUS_STACKING_INLINE void row(int y, float * __restrict to)
  {
    const double of_x = place_[1] * y + place_[2], of_y = place_[4] * y + place_[5];
    int32_t * __restrict x = x_.data();
    for (int u = 0; u < width_; ++u) {
      const double there = place_[0] * static_cast<double>(first_ + u) + of_x;
      x[u] = rounded(there, -1.0, static_cast<double>(columns_));
    }
    const auto y_at = [&](int u) {
        return rounded(place_[3] * (first_ + u) + of_y, -1.0, static_cast<double>(rows_));
      };
    for (int u = 0; u < width_; ) {
      const int there = y_at(u);
      int end = u + 1, other = width_;  // pixels before `end` lie in the same row
      for (int next = width_ - 1; end < other; next = (end + other) / 2) {
        if (y_at(next) == there) {
          end = next + 1;
        } else {
          other = next;
        }
      }
      if (there < 0 || there == rows_) {
        std::fill(to + u, to + end, 0.0f);
        u = end;
        continue;
      }
      const float * __restrict from = line(there);
      for (; u < end; ++u) {
        to[u] = from[x[u]];
      }
    }
  }

private:
  static constexpr int kKept = 8, kBefore = 2;  // rows; values of a line before its first pixel

  static FOCUS_STACKING_INLINE int32_t rounded(double place, double low, double high)
  {
    constexpr double kRounding = 6755399441055744.0;  // 1.5 * 2^52: a sum with it has no fraction
    const double least = place < low ? low : place;
    const double near = least > high ? high : least;
    return static_cast<int32_t>((near + kRounding) - kRounding);
  }

  /// A row of the plane at full size, with 0 before and after it.
  FOCUS_STACKING_INLINE const float * line(int y)
  {
    std::vector<float> & kept = lines_[y % kKept];
    if (known_[y % kKept] == y) {
      return kept.data() + kBefore;
    }
    known_[y % kKept] = y;
    const int above = ((y + 2) >> 2) - 1;
    const float down = 0.125f + 0.25f * static_cast<float>((y + 2) & 3), up = 1.0f - down;
    const float * __restrict upper = plane_ +
      static_cast<ptrdiff_t>(greater(above, 0)) * few_columns_;
    const float * __restrict lower = plane_ +
      static_cast<ptrdiff_t>(smaller(above + 1, few_rows_ - 1)) * few_columns_;
    float * __restrict blended = blended_.data();  // with its ends repeated
    const int first = greater(begin_ / 4 - 1, 0), last = smaller(end_ / 4 + 2, few_columns_);
    for (int x = first; x < last; ++x) {
      blended[x + 1] = up * upper[x] + down * lower[x];
    }
    blended[0] = blended[1];
    blended[few_columns_ + 1] = blended[few_columns_];
    float * __restrict to = kept.data();
    for (int x = first; x <= last; ++x) {
      const float left = blended[x], right = blended[x + 1];
      to[4 * x] = 0.875f * left + 0.125f * right;
      to[4 * x + 1] = 0.625f * left + 0.375f * right;
      to[4 * x + 2] = 0.375f * left + 0.625f * right;
      to[4 * x + 3] = 0.125f * left + 0.875f * right;
    }
    to[kBefore - 1] = to[kBefore + columns_] = 0;
    return to + kBefore;
  }

  const float * plane_;
  const double * place_;
  const int rows_, columns_, first_, width_, few_rows_, few_columns_;
  int begin_, end_;  // columns there that may be needed
  std::vector<float> blended_, lines_[kKept];
  std::vector<int32_t> x_;
  int known_[kKept];
};

/// Mean of 5x5 pixels of a doubled plane, which goes on mirrored without repeating its edge.
class DoubledMean
{
public:
  /// `rows`, `columns`: of full size; columns `first` to `last` are wanted.
  DoubledMean(const float * plane, int rows, int columns, int first, int last)
  : rows_(rows), columns_(columns), first_(first), width_(last - first),
    begin_(greater(first - kReach, 0)), end_(smaller(last + kReach, columns)),
    doubled_(plane, rows, columns, begin_, end_), line_(width_ + 2 * kReach)
  {
    for (std::vector<float> & sums : sums_) {
      sums.resize(width_);
    }
    std::fill_n(known_, kSide, -1);
  }

  FOCUS_STACKING_INLINE void row(int y, float * __restrict to)
  {
    const float * a = sums(y - 2), * b = sums(y - 1), * c = sums(y), * d = sums(y + 1);
    const float * e = sums(y + 2);
    for (int u = 0; u < width_; ++u) {
      to[u] = (((a[u] + b[u]) + (c[u] + d[u])) + e[u]) / 25.0f;
    }
  }

private:
  static constexpr int kReach = 2, kSide = 2 * kReach + 1;

  /// Sums of a row along itself.
  FOCUS_STACKING_INLINE const float * sums(int row)
  {
    const int y = mirrored(row, rows_);
    std::vector<float> & kept = sums_[y % kSide];
    if (known_[y % kSide] == y) {
      return kept.data();
    }
    known_[y % kSide] = y;
    float * line = line_.data();
    const int start = first_ - kReach;
    doubled_.row(y, line + (begin_ - start));
    for (int x = start; x < begin_; ++x) {
      line[x - start] = line[mirrored(x, columns_) - start];
    }
    for (int x = end_; x < first_ + width_ + kReach; ++x) {
      line[x - start] = line[mirrored(x, columns_) - start];
    }
    const float * __restrict from = line;
    float * __restrict to = kept.data();
    for (int u = 0; u < width_; ++u) {
      to[u] = ((from[u] + from[u + 1]) + (from[u + 2] + from[u + 3])) + from[u + 4];
    }
    return kept.data();
  }

  const int rows_, columns_, first_, width_, begin_, end_;
  Doubled<float, float> doubled_;
  std::vector<float> line_, sums_[kSide];
  int known_[kSide];
};

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_ENLARGED_HPP
