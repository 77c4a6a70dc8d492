// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The mean over a window and the update of the state, a row at a time.

#include "native.hpp"

#include <vector>

namespace focus_stacking
{
namespace
{

/// The planes of a state.
struct State
{
  int16_t * best, * left, * right, * previous, * detail;
  uint8_t * index, * count;
  int32_t * total;
};

/// Adds a row of the response to the sums of the columns, or takes it away.
template<bool kHoles>
FOCUS_STACKING_INLINE void add_row(
  const int16_t * __restrict row, int columns, int sign, int32_t * __restrict sum,
  int32_t * __restrict share)
{
  for (int x = 0; x < columns; ++x) {
    sum[x] += sign * (kHoles ? greater(row[x], 0) : row[x]);
    if (kHoles) {
      share[x] += row[x] >= 0 ? sign : 0;
    }
  }
}

/// Fills what lies beyond both ends of a line.
FOCUS_STACKING_INLINE void reflect_ends(int32_t * line, int columns, int before, int after)
{
  for (int x = 1; x <= before; ++x) {
    line[-x] = line[reflected(-x, columns)];
  }
  for (int x = columns; x < columns + after; ++x) {
    line[x] = line[reflected(x, columns)];
  }
}

/// Means of a row where it has data, else -1.
template<bool kHoles>
FOCUS_STACKING_INLINE void means(
  const int16_t * __restrict row, const int32_t * sum, const int32_t * share, int columns,
  int before, int window, int32_t * __restrict added, int32_t * __restrict shared,
  int16_t * __restrict mean)
{
  for (int x = 0; x < columns; ++x) {
    added[x] = sum[x - before];
    shared[x] = kHoles ? share[x - before] : window * window;
  }
  for (int k = 1; k < window; ++k) {
    for (int x = 0; x < columns; ++x) {
      added[x] += sum[x - before + k];
      if (kHoles) {
        shared[x] += share[x - before + k];
      }
    }
  }
  for (int x = 0; x < columns; ++x) {
    // Single precision is exact here: the dividend is below 2^23, and a quotient below 2^14 that
    // is no integer is farther from the next one, 1/450, than its rounding error, 1/2048.
    const int divisor = kHoles ? greater(shared[x], 1) : shared[x];
    const int value = static_cast<int>(
      static_cast<float>(2 * added[x] + divisor) / static_cast<float>(2 * divisor));
    mean[x] = static_cast<int16_t>(kHoles && row[x] < 0 ? -1 : value);
  }
}

/// Updates a row of the state.
FOCUS_STACKING_INLINE void update(
  const int16_t * __restrict row, const int16_t * __restrict mean, int columns, int number,
  int16_t * __restrict best, int16_t * __restrict left, int16_t * __restrict right,
  int16_t * __restrict previous, int16_t * __restrict detail, uint8_t * __restrict index,
  uint8_t * __restrict count, int32_t * __restrict total)
{
  const uint8_t slice = static_cast<uint8_t>(number);
  const int16_t before = static_cast<int16_t>(number - 1);  // -1 is no index
  for (int x = 0; x < columns; ++x) {
    const int16_t value = mean[x];
    const int16_t won = value > best[x] ? -1 : 0;
    const int16_t followed = index[x] == before ? -1 : 0;
    const int16_t after = static_cast<int16_t>((value & followed) | (right[x] & ~followed));
    right[x] = static_cast<int16_t>(after | won);
    left[x] = static_cast<int16_t>((previous[x] & won) | (left[x] & ~won));
    detail[x] = static_cast<int16_t>((row[x] & won) | (detail[x] & ~won));
    best[x] = static_cast<int16_t>((value & won) | (best[x] & ~won));
    previous[x] = value;
    index[x] = static_cast<uint8_t>((slice & won) | (index[x] & ~won));
    count[x] = static_cast<uint8_t>(count[x] + (row[x] >= 0));
  }
  for (int x = 0; x < columns; ++x) {
    total[x] += greater(mean[x], 0);
  }
}

template<bool kHoles>
FOCUS_STACKING_INLINE void accumulate(
  const int16_t * response, int rows, int columns, int window, int number, int first, int last,
  const State & state)
{
  const int before = window / 2, after = window - 1 - before;
  const auto row_at = [&](int y) {
      return response + static_cast<size_t>(reflected(y, rows)) * columns;
    };
  std::vector<int32_t> sums(columns + window), shares(columns + window);
  std::vector<int32_t> added(columns), shared(columns);
  std::vector<int16_t> mean(columns);
  int32_t * sum = sums.data() + before, * share = shares.data() + before;
  for (int y = first - before; y < first + after; ++y) {
    add_row<kHoles>(row_at(y), columns, 1, sum, share);
  }
  for (int y = first; y < last; ++y) {
    add_row<kHoles>(row_at(y + after), columns, 1, sum, share);
    reflect_ends(sum, columns, before, after);
    reflect_ends(share, columns, before, after);
    const size_t at = static_cast<size_t>(y) * columns;
    means<kHoles>(response + at, sum, share, columns, before, window, added.data(), shared.data(),
      mean.data());
    update(response + at, mean.data(), columns, number, state.best + at, state.left + at,
      state.right + at, state.previous + at, state.detail + at, state.index + at,
      state.count + at, state.total + at);
    add_row<kHoles>(row_at(y - before), columns, -1, sum, share);
  }
}

FOCUS_STACKING_INLINE bool has_holes(const int16_t * values, size_t count)
{
  int16_t all = 0;
  for (size_t k = 0; k < count; ++k) {
    all = static_cast<int16_t>(all | values[k]);
  }
  return all < 0;
}

}  // namespace

FOCUS_STACKING_CLONES
void accumulate_band(
  const int16_t * response, int rows, int columns, int window, int number, int first, int last,
  int16_t * best, int16_t * left, int16_t * right, int16_t * previous, int16_t * detail,
  uint8_t * index, uint8_t * count, int32_t * total)
{
  const State state{best, left, right, previous, detail, index, count, total};
  const int begin = greater(first - window, 0), end = smaller(last + window, rows);
  if (has_holes(response + static_cast<size_t>(begin) * columns,
      static_cast<size_t>(end - begin) * columns))
  {
    accumulate<true>(response, rows, columns, window, number, first, last, state);
  } else {
    accumulate<false>(response, rows, columns, window, number, first, last, state);
  }
}

}  // namespace focus_stacking

int32_t focus_stacking_native_accumulate(
  const int16_t * response, int32_t rows, int32_t columns, int32_t window, int32_t number,
  int32_t first, int32_t last, int16_t * best, int16_t * left, int16_t * right,
  int16_t * previous, int16_t * detail, uint8_t * index, uint8_t * count, int32_t * total)
{
  return focus_stacking::guarded([&] {
    focus_stacking::accumulate_band(response, rows, columns, window, number, first, last, best,
      left, right, previous, detail, index, count, total);
  });
}
