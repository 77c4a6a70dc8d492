// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A slice is interpolated, weighted and added up a row at a time.

#include "average.hpp"

#include "average_weight.hpp"
#include "parallel.hpp"
#include "runs.hpp"

#include <algorithm>
#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kBand = 32;  // rows
constexpr int kShortRun = 6;  // columns: of runs that are shorter pixels are taken one by one

/// Rows of a slice, as they are seen in rows of the average.
class Rows
{
public:
  explicit Rows(const Average & what)
  : x_(static_cast<size_t>(what.columns) * what.channels), y_(x_.size()),
    offset_(what.columns), blended_(x_.size()), values_(x_.size()), blended_sharp_(what.columns),
    sharp_(what.columns), weights_(what.columns), factors_(x_.size()) {}

  /// Adds the rows of an average whose columns lie alike in all of them.
  template<typename Pixel, int kChannels>
  FOCUS_STACKING_INLINE void add_straight(const Average & what, int first, int last)
  {
    const int rows = what.rows, columns = what.columns;
    int left = 0, right = columns;
    place(what, what.rows_x[0], left, right);
    find_runs(offset_.data(), left, right, runs_);
    if (runs_.empty()) {
      return;
    }
    spread<kChannels>(left, right, x_);
    const int begin = smaller(offset_[left], offset_[right - 1]);
    const int end = greater(offset_[left], offset_[right - 1]) + 2;
    for (int v = first; v < last; ++v) {
      const int32_t position = (what.columns_y[0] + what.rows_y[v]) >> 10;
      if (position < 0 || position > 32 * (rows - 1)) {
        continue;
      }
      const int row = smaller(position >> 5, rows - 2), y = position - 32 * row;
      const size_t from = static_cast<size_t>(row) * columns;
      blend(static_cast<const Pixel *>(what.image) + from * kChannels,
        static_cast<size_t>(columns) * kChannels, y, begin * kChannels, end * kChannels,
        blended_.data());
      blend(what.sharpness + from, columns, y, begin, end, blended_sharp_.data());
      for (const Run & run : runs_) {
        between<kChannels>(blended_.data(), run, values_.data(), x_.data());
        between<1, kChannels>(blended_sharp_.data(), run, sharp_.data(), x_.data());
      }
      sum<kChannels>(what, v, left, right);
    }
  }

  /// Adds a row of any average.
  template<typename Pixel, int kChannels>
  FOCUS_STACKING_INLINE void add(const Average & what, int v)
  {
    const int rows = what.rows, columns = what.columns;
    const Pixel * image = static_cast<const Pixel *>(what.image);
    const int32_t * columns_y = what.columns_y, row_y = what.rows_y[v];
    int left = 0, right = columns;
    narrow([&](int u) {return (columns_y[u] + row_y) >> 10;}, 32 * (rows - 1), left, right);
    place(what, what.rows_x[v], left, right);
    int32_t * __restrict offset = offset_.data(), * __restrict y = y_.data();
    for (int u = left; u < right; ++u) {
      const int32_t position = (columns_y[u] + row_y) >> 10;
      const int row = smaller(position >> 5, rows - 2);
      y[u] = position - 32 * row;
      offset[u] += row * columns;
    }
    find_runs(offset_.data(), left, right, runs_);
    if (static_cast<int>(runs_.size()) > (right - left) / kShortRun) {
      for (int u = left; u < right; ++u) {
        sharp_[u] = four(what.sharpness + offset[u], columns, 1, x_[u], y[u]);
        for (int c = 0; c < kChannels; ++c) {
          values_[kChannels * u + c] = four(
            image + static_cast<ptrdiff_t>(offset[u]) * kChannels + c,
            static_cast<size_t>(columns) * kChannels, kChannels, x_[u], y[u]);
        }
      }
    } else {
      spread<kChannels>(left, right, x_);
      spread<kChannels>(left, right, y_);
      for (const Run & run : runs_) {
        within<uint8_t, 1, kChannels>(what.sharpness, columns, run, sharp_.data());
        within<Pixel, kChannels>(image, columns, run, values_.data());
      }
    }
    sum<kChannels>(what, v, left, right);
  }

private:
  /// Where the columns of a row lie, of those that lie within the slice.
  FOCUS_STACKING_INLINE void place(const Average & what, int32_t row_x, int & left, int & right)
  {
    const int32_t * columns_x = what.columns_x;
    const int columns = what.columns;
    narrow([&](int u) {return (columns_x[u] + row_x) >> 10;}, 32 * (columns - 1), left, right);
    int32_t * __restrict x = x_.data(), * __restrict offset = offset_.data();
    for (int u = left; u < right; ++u) {
      // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
      const int32_t position = (columns_x[u] + row_x) >> 10;
      offset[u] = smaller(position >> 5, columns - 2);
      x[u] = position - 32 * offset[u];
    }
  }

  /// Repeats what is known of columns for each of their channels.
  template<int kChannels>
  static FOCUS_STACKING_INLINE void spread(int left, int right, std::vector<int32_t> & parts)
  {
    for (int u = right - 1; kChannels > 1 && u >= left; --u) {
      const int32_t part = parts[u];
      for (int c = 0; c < kChannels; ++c) {
        parts[kChannels * u + c] = part;
      }
    }
  }

  /// Values of a run between four pixels each; every `kStep`-th part is that of a value.
  template<typename Value, int kChannels, int kStep = 1>
  FOCUS_STACKING_INLINE void within(
    const Value * plane, int columns, const Run & run, int32_t * __restrict to)
  {
    const Value * upper = plane + static_cast<ptrdiff_t>(kChannels) * run.shift;
    const Value * lower = upper + kChannels * columns;
    const int32_t * __restrict x = x_.data(), * __restrict y = y_.data();
    for (int k = kChannels * run.begin; k < kChannels * run.end; ++k) {
      const int32_t across = x[kStep * k], down = y[kStep * k];
      const int32_t a = upper[k], b = upper[k + kChannels];
      const int32_t one = 32 * a + down * (lower[k] - a);
      const int32_t other = 32 * b + down * (lower[k + kChannels] - b);
      to[k] = 32 * one + across * (other - one);
    }
  }

  /// Values between neighbours of a line; every `kStep`-th of `parts` is that of a value.
  template<int kChannels, int kStep = 1>
  static FOCUS_STACKING_INLINE void between(
    const int32_t * line, const Run & run, int32_t * __restrict to, const int32_t * parts)
  {
    const int32_t * from = line + kChannels * run.shift;
    for (int k = kChannels * run.begin; k < kChannels * run.end; ++k) {
      const int32_t part = parts[kStep * k];
      to[k] = (32 - part) * from[k] + part * from[k + kChannels];
    }
  }

  template<typename Value>
  static FOCUS_STACKING_INLINE void blend(
    const Value * above, size_t stride, int y, int begin, int end, int32_t * __restrict to)
  {
    const Value * below = above + stride;
    for (int k = begin; k < end; ++k) {
      to[k] = (32 - y) * above[k] + y * below[k];
    }
  }

  /// Sum of four pixels with weights of ten bits.
  template<typename Value>
  static FOCUS_STACKING_INLINE int32_t four(
    const Value * at, size_t stride, int step, int x, int y)
  {
    return (32 - x) * ((32 - y) * at[0] + y * at[stride]) +
           x * ((32 - y) * at[step] + y * at[stride + step]);
  }

  /// Adds what lies in a row of the average.
  template<int kChannels>
  FOCUS_STACKING_INLINE void sum(const Average & what, int v, int left, int right)
  {
    const size_t at = static_cast<size_t>(v) * what.columns + left;
    const int count = right - left;
    const int32_t * __restrict sharp = sharp_.data() + left;
    const int32_t * __restrict value = values_.data() + kChannels * left;
    float * __restrict weights = weights_.data(), * __restrict factors = factors_.data();
    float * __restrict whole = what.weight + at;
    float * __restrict total = what.total + at * kChannels;
    const float gains[3] = {what.gains[0], what.gains[1], what.gains[2]};
    for (int u = 0; u < count; ++u) {
      const int32_t q = (sharp[u] + 512) >> 10;
      weights[u] = average_weight(static_cast<float>(q) * (1.0f / 32));
      whole[u] += weights[u];
    }
    for (int u = 0; u < count; ++u) {
      for (int c = 0; c < kChannels; ++c) {
        factors[kChannels * u + c] = weights[u] * gains[c];
      }
    }
    for (int k = 0; k < kChannels * count; ++k) {
      const int32_t rounded = (value[k] + 512) >> 10;
      total[k] += static_cast<float>(rounded) * factors[k];
    }
  }

  std::vector<int32_t> x_, y_, offset_, blended_, values_, blended_sharp_, sharp_;
  std::vector<Run> runs_;
  std::vector<float> weights_, factors_;
};

template<typename Pixel, int kChannels>
FOCUS_STACKING_INLINE void add(const Average & what, int first, int last, Rows & rows)
{
  if (what.separable) {
    rows.add_straight<Pixel, kChannels>(what, first, last);
    return;
  }
  for (int v = first; v < last; ++v) {
    rows.add<Pixel, kChannels>(what, v);
  }
}

FOCUS_STACKING_CLONES
void average_band(const Average & what, int first, int last, Rows & rows)
{
  if (what.kind == kAverage8 && what.channels == 1) {
    add<uint8_t, 1>(what, first, last, rows);
  } else if (what.kind == kAverage8) {
    add<uint8_t, 3>(what, first, last, rows);
  } else if (what.channels == 1) {
    add<uint16_t, 1>(what, first, last, rows);
  } else {
    add<uint16_t, 3>(what, first, last, rows);
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_average(const focus_stacking::Average * average)
{
  return focus_stacking::guarded([&] {
    focus_stacking::in_bands(average->rows, focus_stacking::kBand,
      [&](int, int first, int last) {
        focus_stacking::Rows rows(*average);
        focus_stacking::average_band(*average, first, last, rows);
      });
  });
}
