// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0

#include "level_points.hpp"
#include "parallel.hpp"
#include "sampling.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace focus_stacking
{
namespace
{

constexpr int kBand = 32;  // rows of cells at a time
constexpr size_t kSharedCells = 1 << 15;  // that several threads share
constexpr int kShift = 17;  // bits of a sharpness that its place in the histogram leaves out
constexpr int kBins = 1 << (31 - kShift);

uint32_t bits_of(float value)
{
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// Sharpness of some rows of cells that both slices have; `map`: cell -> cell.
FOCUS_STACKING_CLONES
void common_rows(
  const LevelPair & pair, const double * map, int first, int last, float * common)
{
  const int rows = (pair.rows + 1) / 2, columns = (pair.columns + 1) / 2;
  float t[9];
  for (int k = 0; k < 9; ++k) {
    t[k] = static_cast<float>(map[k]);
  }
  const bool flat = t[6] == 0 && t[7] == 0;
  std::vector<float> places(4 * static_cast<size_t>(columns));
  std::vector<int32_t> offsets(columns);
  float * __restrict x = places.data(), * __restrict y = x + columns;
  float * __restrict across = y + columns, * __restrict down = across + columns;
  int32_t * __restrict offset = offsets.data();
  const float * theirs = pair.image_cells;
  const float right = static_cast<float>(columns - 1), bottom = static_cast<float>(rows - 1);
  for (int r = first; r < last; ++r) {
    const float * __restrict ours = pair.template_cells + static_cast<size_t>(r) * columns;
    float * __restrict out = common + static_cast<size_t>(r) * columns;
    const float at = static_cast<float>(r);
    const float u = t[1] * at + t[2], v = t[4] * at + t[5], w = t[7] * at + t[8];
    for (int c = 0; c < columns; ++c) {
      x[c] = t[0] * static_cast<float>(c) + u;
      y[c] = t[3] * static_cast<float>(c) + v;
    }
    for (int c = 0; !flat && c < columns; ++c) {
      const float below = 1 / (t[6] * static_cast<float>(c) + w);
      x[c] *= below;
      y[c] *= below;
    }
    int beyond = 0;
    for (int c = 0; c < columns; ++c) {
      const int inside = (x[c] >= 0) & (y[c] >= 0) & (x[c] < right) & (y[c] < bottom);
      const float some_x = inside != 0 ? x[c] : 0, some_y = inside != 0 ? y[c] : 0;
      const int left = static_cast<int>(some_x), top = static_cast<int>(some_y);
      across[c] = some_x - static_cast<float>(left);
      down[c] = some_y - static_cast<float>(top);
      offset[c] = top * columns + left;
      beyond |= 1 - inside;
    }
    for (int c = 0; c < columns; ++c) {
      const float * four = theirs + offset[c];
      const float upper = four[0] + across[c] * (four[1] - four[0]);
      const float lower = four[columns] + across[c] * (four[columns + 1] - four[columns]);
      const float value = upper + down[c] * (lower - upper);
      out[c] = value < ours[c] ? value : ours[c];
    }
    for (int c = 0; beyond != 0 && c < columns; ++c) {
      if (!(x[c] >= 0 && y[c] >= 0 && x[c] < right && y[c] < bottom)) {
        const float value = between(theirs, rows, columns, x[c], y[c]);
        out[c] = value < ours[c] ? value : ours[c];
      }
    }
  }
}

/// The sharpness that `wanted` cells reach, rounded down to what a histogram tells.
float threshold_of(const std::vector<float> & common, int wanted)
{
  if (static_cast<int64_t>(common.size()) <= wanted) {
    return FLT_MIN;
  }
  std::vector<int> bins(kBins);
  for (float value : common) {  // none is less than 0; the lowest bin is not looked at
    ++bins[(bits_of(value) & 0x7fffffffu) >> kShift];
  }
  int bin = kBins, count = 0;
  while (bin > 0 && count < wanted) {
    count += bins[--bin];
  }
  const uint32_t bits = static_cast<uint32_t>(bin) << kShift;
  float threshold;
  std::memcpy(&threshold, &bits, sizeof threshold);
  return std::max(threshold, FLT_MIN);
}

/// Cells of a patch, of those that a row of patches has chosen.
struct ChosenCells
{
  int row, first, last;
};

/// Cells of a row of patches that are sharp enough, and where those of each patch end.
FOCUS_STACKING_CLONES
void choose_cells(
  const float * common, int rows, int columns, int top, int side, float threshold,
  std::vector<int32_t> & cells, std::vector<int> & ends)
{
  cells.resize(static_cast<size_t>(side) * columns);
  int32_t * __restrict to = cells.data();
  int count = 0;
  for (int left = 0; left < columns; left += side) {
    for (int r = top; r < smaller(top + side, rows); ++r) {
      const int end = r * columns + smaller(left + side, columns);
      for (int cell = r * columns + left; cell < end; ++cell) {
        to[count] = cell;
        count += common[cell] >= threshold;
      }
    }
    ends.push_back(count);
  }
}

/// Sets a point, its grey value and derivatives.
FOCUS_STACKING_INLINE void set_point(
  const LevelPair & pair, int x, int y, float weight, int k, Points & points)
{
  points.x[k] = static_cast<float>(x);
  points.y[k] = static_cast<float>(y);
  points.weight[k] = weight;
  const float * middle = pair.template_grey + static_cast<size_t>(y) * pair.columns;
  // Mirrored without the edge.
  const float * upper = y > 0 ? middle - pair.columns : middle + pair.columns;
  const float * lower = y < pair.rows - 1 ? middle + pair.columns : middle - pair.columns;
  const int left = x > 0 ? x - 1 : 1, right = x < pair.columns - 1 ? x + 1 : x - 1;
  points.target[k] = middle[x];
  points.target_x[k] = (3 * ((upper[right] - upper[left]) + (lower[right] - lower[left])) +
    10 * (middle[right] - middle[left])) * (1.0f / 32);
  points.target_y[k] = (3 * ((lower[left] - upper[left]) + (lower[right] - upper[right])) +
    10 * (lower[x] - upper[x])) * (1.0f / 32);
}

/// Sets the points of a patch; `sums`: of the weights, and of weighted sharpness.
FOCUS_STACKING_CLONES
void set_points(
  const LevelPair & pair, const float * common, const int32_t * cells, int count, bool dense,
  bool cubed, const Patch & patch, Points & points, double * sums)
{
  const int columns = (pair.columns + 1) / 2;
  int k = patch.first;
  for (int number = 0; number < count; ++number) {
    const int x = 2 * (cells[number] % columns), y = 2 * (cells[number] / columns);
    const float sharpness = common[cells[number]];
    const float weight = cubed ? sharpness * sharpness * sharpness : std::sqrt(sharpness);
    const int right = smaller(x + 1, pair.columns - 1), lower = smaller(y + 1, pair.rows - 1);
    set_point(pair, x, y, weight, k++, points);
    set_point(pair, right, lower, weight, k++, points);
    if (dense) {
      set_point(pair, right, y, weight, k++, points);
      set_point(pair, x, lower, weight, k++, points);
    }
    sums[0] += static_cast<double>(weight);
    sums[1] += static_cast<double>(weight) * static_cast<double>(sharpness);
  }
  for (; k < patch.last; ++k) {
    set_point(pair, static_cast<int>(points.x[k - 1]), static_cast<int>(points.y[k - 1]), 0, k,
      points);
  }
}

}  // namespace

Points sharpest_points(const LevelPair & pair, const FitRules & rules, const double * start)
{
  const int rows = (pair.rows + 1) / 2, columns = (pair.columns + 1) / 2;
  Points points;
  if (pair.rows < 4 || pair.columns < 4) {
    return points;
  }
  // Centres of cells lie at 2 c + 1/2.
  double map[9];
  for (int i = 0; i < 3; ++i) {
    map[3 * i] = 2 * start[3 * i];
    map[3 * i + 1] = 2 * start[3 * i + 1];
    map[3 * i + 2] = start[3 * i + 2] + 0.5 * (start[3 * i] + start[3 * i + 1]);
  }
  for (int j = 0; j < 6; ++j) {
    map[j] = 0.5 * (map[j] - 0.5 * map[6 + j % 3]);
  }
  for (double & value : map) {
    value /= map[8];
  }
  std::vector<float> common(static_cast<size_t>(rows) * columns);
  in_bands(rows, kBand, [&](int, int first, int last) {
      common_rows(pair, map, first, last, common.data());
    }, common.size() >= kSharedCells);
  const int share = static_cast<int>(rules.share * static_cast<double>(common.size()));
  const float threshold = threshold_of(common, std::max(rules.cells, share));
  const int unit = std::max(pair.rows, pair.columns) / 2;
  int side = 2;  // cells
  while (4 * side * 8 <= unit) {
    side *= 2;
  }
  const bool dense = static_cast<int64_t>(common.size()) <= rules.all_of;
  const int patch_rows = (rows + side - 1) / side;
  std::vector<std::vector<int32_t>> cells(patch_rows);
  std::vector<std::vector<int>> ends(patch_rows);
  in_bands(patch_rows, 1, [&](int row, int, int) {
      choose_cells(common.data(), rows, columns, row * side, side, threshold, cells[row],
        ends[row]);
    }, common.size() >= kSharedCells);
  std::vector<ChosenCells> chosen;
  const int places = dense ? 4 : 2;
  int size = 0, count = 0;
  for (int row = 0; row < patch_rows; ++row) {
    int first = 0;
    for (size_t number = 0; number < ends[row].size(); ++number) {
      const int last = ends[row][number];
      if (last > first) {
        const int next = size + (places * (last - first) + kLanes - 1) / kLanes * kLanes;
        chosen.push_back({row, first, last});
        points.patches.push_back({size, next,
            2.0 * static_cast<double>(number) * side + side - 0.5,
            2.0 * row * side + side - 0.5});
        size = next;
        count += last - first;
        first = last;
      }
    }
  }
  if (count < rules.least_cells) {
    return Points();
  }
  for (std::vector<float> * plane : {&points.x, &points.y, &points.weight, &points.target,
      &points.target_x, &points.target_y})
  {
    plane->resize(size);
  }
  const int patches = static_cast<int>(chosen.size());
  std::vector<double> sums(2 * static_cast<size_t>((patches + kBand - 1) / kBand));
  in_bands(patches, kBand, [&](int number, int from, int to) {
      for (int k = from; k < to; ++k) {
        set_points(pair, common.data(), cells[chosen[k].row].data() + chosen[k].first,
          chosen[k].last - chosen[k].first, dense, rules.cubed != 0, points.patches[k], points,
          sums.data() + 2 * static_cast<size_t>(number));
      }
    }, size >= kSharedPoints);
  double total = 0, sharp = 0;
  for (size_t number = 0; number < sums.size(); number += 2) {
    total += sums[number];
    sharp += sums[number + 1];
  }
  points.sharpness = sharp / total;
  return points;
}

}  // namespace focus_stacking
