// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Each pixel of the average is of 2x2 pixels of a slice, which are summed up as they are
// interpolated: nine pixels give it.

#include "luma_average.hpp"

#include "average_weight.hpp"
#include "parallel.hpp"
#include "runs.hpp"

#include <vector>

namespace focus_stacking
{
namespace
{

constexpr int kBand = 16;  // rows at half the size

/// A sum with weights of ten bits; halves to even, as the focus response in `align`.
FOCUS_STACKING_INLINE int32_t rounded(int32_t sum)
{
  return (sum + 511 + ((sum >> 10) & 1)) >> 10;
}

/// A slice as it is seen in rows of the average.
class Rows
{
public:
  explicit Rows(const LumaAverage & what)
  : what_(what), rows_(what.rows), columns_(what.columns), half_((columns_ + 1) / 2), x_(half_),
    y_(2 * half_), offset_(half_), line_(columns_), pairs_(2 * half_), luma_(half_), sharp_(half_)
  {
    if (what.separable) {
      right_ = half_;
      place(what.rows_x[0]);
      find_runs<2>(offset_.data(), left_, right_, runs_);
    }
  }

  /// Adds a row where columns lie alike in all rows.
  FOCUS_STACKING_INLINE void add_straight(int v)
  {
    const int32_t position = (what_.columns_y[0] + what_.rows_y[v]) >> 10;
    if (runs_.empty() || position < 0 || position > 32 * (rows_ - 1)) {
      return;
    }
    const int row = smaller(position >> 5, rows_ - 2), y = position - 32 * row;
    sum_pairs(what_.luma, row, y, luma_.data());
    sum_pairs(what_.sharpness, row, y, sharp_.data());
    sum(v);
  }

  /// Adds a row.
  FOCUS_STACKING_INLINE void add(int v)
  {
    place_row(v);
    for (const Run & run : runs_) {
      const int row = (run.shift + 2 * run.begin) / columns_;
      const int last = run.shift + 2 * (run.end - 1) - row * columns_;
      // The third row and the third column, mirrored where the slice ends.
      const int down = row + 2 < rows_ ? 2 * columns_ : 0;
      if (last + 2 < columns_) {
        sum_run(what_.luma, run, down, luma_.data());
        sum_run(what_.sharpness, run, down, sharp_.data());
        continue;
      }
      for (int u = run.begin; u < run.end; ++u) {
        const int at = run.shift + 2 * u, across = at - row * columns_ + 2 < columns_ ? 2 : 0;
        luma_[u] = nine(what_.luma + at, columns_, down, across, x_[u], y_[2 * u]);
        sharp_[u] = nine(what_.sharpness + at, columns_, down, across, x_[u], y_[2 * u]);
      }
    }
    sum(v);
  }

private:
  /// Where the columns of a row lie, of those that lie within the slice.
  FOCUS_STACKING_INLINE void place(int32_t row_x)
  {
    const int32_t * __restrict columns_x = what_.columns_x;
    narrow([&](int u) {return (columns_x[u] + row_x) >> 10;}, 32 * (columns_ - 1), left_, right_);
    int32_t * __restrict x = x_.data(), * __restrict offset = offset_.data();
    const int last = columns_ - 2;
    for (int u = left_; u < right_; ++u) {
      // At the last pixel the one before it gets the weight 0 and itself 32 of 32.
      const int32_t position = (columns_x[u] + row_x) >> 10;
      offset[u] = smaller(position >> 5, last);
      x[u] = position - 32 * offset[u];
    }
  }

  /// Where the pixels of a row lie.
  FOCUS_STACKING_INLINE void place_row(int v)
  {
    const int32_t * __restrict columns_y = what_.columns_y;
    const int32_t row_y = what_.rows_y[v];
    left_ = 0;
    right_ = half_;
    narrow([&](int u) {return (columns_y[u] + row_y) >> 10;}, 32 * (rows_ - 1), left_, right_);
    place(what_.rows_x[v]);
    int32_t * __restrict offset = offset_.data(), * __restrict y = y_.data();
    const int last = rows_ - 2, columns = columns_;
    for (int u = left_; u < right_; ++u) {
      const int32_t position = (columns_y[u] + row_y) >> 10;
      const int row = smaller(position >> 5, last);
      y[2 * u] = y[2 * u + 1] = position - 32 * row;
      offset[u] += row * columns;
    }
    find_runs<2>(offset_.data(), left_, right_, runs_);
  }

  /// Sums of 2x2 pixels between those of a slice, from columns that lie alike in all rows.
  template<typename Value>
  FOCUS_STACKING_INLINE void sum_pairs(
    const Value * plane, int row, int y, int32_t * __restrict to)
  {
    const int one = offset_[left_], other = offset_[right_ - 1];
    const int begin = smaller(one, other), end = smaller(greater(one, other) + 3, columns_);
    const Value * __restrict first = plane + static_cast<size_t>(row) * columns_;
    const Value * __restrict second = first + columns_;
    const Value * __restrict third = row + 2 < rows_ ? second + columns_ : first;
    int32_t * __restrict line = line_.data(), * __restrict pairs = pairs_.data();
    for (int c = begin; c < end; ++c) {
      line[c] = 32 * (first[c] + second[c]) + y * (third[c] - first[c]);
    }
    for (int c = begin; c < end - 1; ++c) {
      pairs[c] = line[c] + line[c + 1];
    }
    if (end == columns_) {
      pairs[end - 1] = line[end - 1] + line[end - 2];
    }
    between(pairs, to);
  }

  /// Sums between pairs of all runs.
  FOCUS_STACKING_INLINE void between(const int32_t * __restrict pairs, int32_t * __restrict to)
  {
    const int32_t * __restrict x = x_.data();
    for (const Run & run : runs_) {
      const int32_t * __restrict from = pairs + run.shift;
      for (int u = run.begin; u < run.end; ++u) {
        to[u] = (32 - x[u]) * from[2 * u] + x[u] * from[2 * u + 1];
      }
    }
  }

  /// Sums of 2x2 pixels between those of a slice, of a run of any row.
  template<typename Value>
  FOCUS_STACKING_INLINE void sum_run(
    const Value * plane, const Run & run, int down, int32_t * __restrict to)
  {
    const Value * __restrict first = plane + run.shift;
    const Value * __restrict second = first + columns_, * __restrict third = first + down;
    const int32_t * __restrict x = x_.data(), * __restrict y = y_.data();
    int32_t * __restrict pairs = pairs_.data();
    const int begin = run.begin, end = run.end;
    for (int k = 2 * begin; k < 2 * end; ++k) {
      const int32_t above = first[k] + first[k + 1];
      pairs[k] = 32 * (above + second[k] + second[k + 1]) +
        y[k] * (third[k] + third[k + 1] - above);
    }
    for (int u = begin; u < end; ++u) {
      to[u] = (32 - x[u]) * pairs[2 * u] + x[u] * pairs[2 * u + 1];
    }
  }

  template<typename Value>
  static FOCUS_STACKING_INLINE int32_t nine(
    const Value * at, int columns, int down, int across, int x, int y)
  {
    const Value * second = at + columns, * third = at + down;
    const int32_t a = 32 * (at[0] + second[0]) + y * (third[0] - at[0]);
    const int32_t b = 32 * (at[1] + second[1]) + y * (third[1] - at[1]);
    const int32_t c = 32 * (at[across] + second[across]) + y * (third[across] - at[across]);
    return 32 * (a + b) + x * (c - a);
  }

  /// Adds what lies in a row of the average.
  FOCUS_STACKING_INLINE void sum(int v)
  {
    const size_t at = static_cast<size_t>(v) * half_;
    const int first = left_, last = right_;
    const int32_t * __restrict luma = luma_.data();
    int32_t * __restrict sharp = sharp_.data();
    float * __restrict whole = what_.weight + at, * __restrict total = what_.total + at;
    uint8_t * __restrict sharpest = what_.sharpest + at;
    const float gain = what_.gain;
    for (int u = first; u < last; ++u) {
      sharp[u] = rounded(sharp[u]);
      const float weight = average_weight(static_cast<float>(sharp[u]) * (1.0f / 128));
      whole[u] += weight;
      total[u] += static_cast<float>(rounded(luma[u])) * (weight * gain);
    }
    for (int u = first; u < last; ++u) {
      sharpest[u] = static_cast<uint8_t>(greater(sharpest[u], (sharp[u] + 2) >> 2));
    }
  }

  const LumaAverage & what_;
  const int rows_, columns_, half_;
  int left_ = 0, right_ = 0;
  /// `y_` has each value twice, `pairs_` a value of each column.
  std::vector<int32_t> x_, y_, offset_, line_, pairs_, luma_, sharp_;
  std::vector<Run> runs_;
};

FOCUS_STACKING_CLONES
void average_band(const LumaAverage & what, int first, int last)
{
  Rows rows(what);
  for (int v = first; v < last; ++v) {
    if (what.separable) {
      rows.add_straight(v);
    } else {
      rows.add(v);
    }
  }
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_average_luma(const focus_stacking::LumaAverage * average)
{
  return focus_stacking::guarded([&] {
    focus_stacking::in_bands((average->rows + 1) / 2, focus_stacking::kBand,
      [&](int, int first, int last) {focus_stacking::average_band(*average, first, last);});
  });
}
