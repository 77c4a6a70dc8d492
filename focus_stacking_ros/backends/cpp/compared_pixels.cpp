// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Which pixels of two slices are compared: the sharpest in both, on diagonals.

#include "comparison.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

constexpr int kLeastSide = 8;  // of a level that has a difference of defocus

/// Calls `visit(row, column)` for the pixels that may be compared, in their order.
template<typename Visit>
FOCUS_STACKING_INLINE void on_diagonals(const ComparedSlices & slices, int sparse, Visit visit)
{
  for (int y = 0; y < slices.rows; ++y) {
    for (int x = (sparse - y % sparse) % sparse; x < slices.columns; x += sparse) {
      visit(y, x);
    }
  }
}

/// Sharpness from which on pixels are compared, from some of them.
float threshold_of(const std::vector<float> & common, const ComparisonRules & rules, int ratio)
{
  const size_t step = std::max<size_t>(1, common.size() / rules.enough) | 1;
  std::vector<float> some;
  some.reserve(common.size() / step + 1);
  for (size_t k = 0; k < common.size(); k += step) {
    if (common[k] > 0) {
      some.push_back(common[k]);
    }
  }
  const size_t wanted = rules.points / ratio / step;
  if (some.size() <= wanted) {
    return 0;
  }
  const auto place = some.end() - wanted;
  std::nth_element(some.begin(), place, some.end());
  return *place;
}

}  // namespace

FOCUS_STACKING_CLONES
void common_sharpness(const ComparedSlices & slices, int sparse, std::vector<float> & common)
{
  const PointMap map(slices.coarse_transform);
  const int columns = (slices.columns + 1) / 2;
  common.clear();
  common.reserve(static_cast<size_t>(slices.rows) * (slices.columns / sparse + 1));
  on_diagonals(
    slices, sparse, [&](int y, int x) {
      float u, v;
      map(static_cast<float>(x), static_cast<float>(y), u, v);
      u += 0.5f;
      v += 0.5f;
      float both = 0;
      if (u >= 0 && v >= 0 && u < static_cast<float>(slices.columns) &&
        v < static_cast<float>(slices.rows))
      {
        const float ours = slices.cells[static_cast<ptrdiff_t>(y / 2) * columns + x / 2];
        const float theirs = slices.other_cells[
          static_cast<ptrdiff_t>(static_cast<int>(v) / 2) * columns + static_cast<int>(u) / 2];
        both = ours < theirs ? ours : theirs;
      }
      common.push_back(both);
    });
}

bool choose_pixels(
  const ComparedSlices & slices, const ComparisonRules & rules, ComparedPixels & chosen)
{
  if (smaller(slices.rows, slices.columns) < kLeastSide) {
    return false;
  }
  std::vector<float> common, amount;
  common_sharpness(slices, rules.sparse, common);
  const float threshold = threshold_of(common, rules, slices.ratio);
  size_t count = 0;
  for (float each : common) {
    count += each > threshold;
  }
  count = count / 64 * 64;
  if (count < static_cast<size_t>(rules.fewest)) {
    return false;
  }
  defocus(slices, static_cast<float>(rules.weakest), amount);
  const int ratio = slices.ratio, rows = slices.rows / 2, columns = slices.columns / 2;
  for (std::vector<float> * each : {&chosen.x, &chosen.y, &chosen.sharpness, &chosen.amount,
      &chosen.slope_x, &chosen.slope_y})
  {
    each->resize(ratio * count);
  }
  const float first = static_cast<float>(ratio), second = first * first;
  size_t number = 0, place = 0;
  on_diagonals(
    slices, rules.sparse, [&](int row, int column) {
      const float sharpness = common[number++];
      if (!(sharpness > threshold) || place == count) {
        return;
      }
      const int y = smaller(row / 2, rows - 1), x = smaller(column / 2, columns - 1);
      const float * here = amount.data() + static_cast<ptrdiff_t>(y) * columns;
      const float * above = here + (y > 0 ? -columns : columns);
      const float * below = here + (y < rows - 1 ? columns : -columns);
      const int left = x > 0 ? x - 1 : 1, right = x < columns - 1 ? x + 1 : columns - 2;
      // Scharr's derivative, per pixel of the level.
      const float along_x = (3 * (above[right] - above[left]) + 10 * (here[right] - here[left]) +
        3 * (below[right] - below[left])) / 64;
      const float along_y = (3 * (below[left] - above[left]) + 10 * (below[x] - above[x]) +
        3 * (below[right] - above[right])) / 64;
      // Where there is a finer level, two of the four pixels of it.
      for (int k = 0; k < ratio; ++k) {
        const size_t to = place + k * count;
        chosen.x[to] = static_cast<float>(ratio * column + k);
        chosen.y[to] = static_cast<float>(ratio * row + k);
        chosen.sharpness[to] = sharpness;
        chosen.amount[to] = second * here[x];
        chosen.slope_x[to] = first * along_x;
        chosen.slope_y[to] = first * along_y;
      }
      ++place;
    });
  return true;
}

}  // namespace focus_stacking
