// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Which pixels of two slices are compared: the sharpest in both, in runs.

#include "comparison.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

constexpr int kLeastSide = 8;  // of a level that has a difference of defocus

/// Rows of runs that may be compared.
struct RunRows
{
  RunRows(const ComparedSlices & slices, const ComparisonRules & rules)
  : all(slices.rows), step(slices.ratio == 1 &&
      static_cast<int64_t>(slices.rows) * slices.columns > 2 * rules.points ? 2 : 1) {}

  int count() const {return (all + step - 1) / step;}

  /// Of the two rows of cells, the upper and the lower one in turn where not all are taken.
  FOCUS_STACKING_INLINE int row(int number, int run) const
  {
    return step == 1 ? number : smaller(2 * number + (run & 1), all - 1);
  }

  int all, step;
};

/// Sharpness of a run, which is that of its cells together, from which on it is compared;
/// `pixels`: that one stands for.
float threshold_of(const std::vector<Quad> & common, const ComparisonRules & rules, int pixels)
{
  const size_t step = std::max<size_t>(1, common.size() / rules.enough) | 1;
  std::vector<float> some;
  some.reserve(common.size() / step + 1);
  for (size_t k = 0; k < common.size(); k += step) {
    const float all = sum_of(common[k]);
    if (all > 0) {
      some.push_back(all);
    }
  }
  const size_t wanted = rules.points / pixels / step;
  if (some.size() <= wanted) {
    return 0;
  }
  const auto place = some.end() - wanted;
  std::nth_element(some.begin(), place, some.end());
  return *place;
}

/// Sharpness of the cells of each run that both slices have.
FOCUS_STACKING_CLONES
void common_sharpness(
  const ComparedSlices & slices, const RunRows & rows, std::vector<Quad> & common)
{
  const PointMap map(slices.coarse_transform);
  const int width = (slices.columns + 1) / 2, runs = slices.columns / kLanes;
  const Quad steps = {0.5f, 2.5f, 4.5f, 6.5f};  // middles of the cells' pixels in a row
  const float right = static_cast<float>(slices.columns);
  const float bottom = static_cast<float>(slices.rows);
  common.resize(static_cast<size_t>(rows.count()) * runs);
  Quad * to = common.data();
  for (int number = 0; number < rows.count(); ++number) {
    for (int run = 0; run < runs; ++run) {
      const int y = rows.row(number, run);
      const Quad row = Quad{} + static_cast<float>(y);
      Quad u, v, theirs;
      map(steps + static_cast<float>(kLanes * run), row, u, v);
      u += 0.5f;
      v += 0.5f;
      const auto inside = (u >= 0.0f) & (v >= 0.0f) & (u < right) & (v < bottom);
      const Quad some_u = inside ? u : Quad{}, some_v = inside ? v : Quad{};
      for (int k = 0; k < 4; ++k) {
        theirs[k] = slices.other_cells[static_cast<ptrdiff_t>(static_cast<int>(some_v[k]) / 2) *
          width + static_cast<int>(some_u[k]) / 2];
      }
      Quad ours;
      load(ours, slices.cells + static_cast<ptrdiff_t>(y / 2) * width + kLanes / 2 * run);
      const Quad both = ours < theirs ? ours : theirs;
      *to++ = inside ? both : Quad{};
    }
  }
}

/// Sets the pixels of a run of the coarser level; `to`: which run of the finer one is the first.
FOCUS_STACKING_CLONES
void set_run(
  const ComparedSlices & slices, const std::vector<float> & amount, int row, int column,
  const Quad & sharpness, size_t to, ComparedPixels & chosen)
{
  const int ratio = slices.ratio, rows = slices.rows / 2, columns = slices.columns / 2;
  const float first = static_cast<float>(ratio), second = first * first;
  const int y = smaller(row / 2, rows - 1);
  const float * here = amount.data() + static_cast<ptrdiff_t>(y) * columns;
  const float * above = here + (y > 0 ? -columns : columns);
  const float * below = here + (y < rows - 1 ? columns : -columns);
  Quad values[] = {sharpness, {}, {}, {}};  // of the run's cells
  const int x = column / 2;
  if (x > 0 && x + 4 < columns) {
    const auto at = [](const float * from) {
        Quad some;
        load(some, from);
        return some;
      };
    values[1] = second * at(here + x);
    // Scharr's derivative, per pixel of the level.
    values[2] = first * (3 * (at(above + x + 1) - at(above + x - 1)) +
      10 * (at(here + x + 1) - at(here + x - 1)) +
      3 * (at(below + x + 1) - at(below + x - 1))) / 64;
    values[3] = first * (3 * (at(below + x - 1) - at(above + x - 1)) +
      10 * (at(below + x) - at(above + x)) + 3 * (at(below + x + 1) - at(above + x + 1))) / 64;
  } else {
    for (int k = 0; k < 4; ++k) {
      const int c = x + k, left = c > 0 ? c - 1 : 1, right = c < columns - 1 ? c + 1 : columns - 2;
      values[1][k] = second * here[c];
      values[2][k] = first * (3 * (above[right] - above[left]) + 10 * (here[right] - here[left]) +
        3 * (below[right] - below[left])) / 64;
      values[3][k] = first * (3 * (below[left] - above[left]) + 10 * (below[c] - above[c]) +
        3 * (below[right] - above[right])) / 64;
    }
  }
  std::vector<float> * planes[] = {
    &chosen.sharpness, &chosen.amount, &chosen.slope_x, &chosen.slope_y};
  // Where there is a finer level, two of the four pixels of it: half of the run in each row.
  for (int part = 0; part < ratio; ++part) {
    chosen.column[to + part] = ratio * column + kLanes * part;
    chosen.row[to + part] = ratio * row + part;
    for (int plane = 0; plane < 4; ++plane) {
      const Quad & all = values[plane];
      const Lanes there = ratio == 1 ?
        Lanes{all[0], all[0], all[1], all[1], all[2], all[2], all[3], all[3]} :
        Lanes{all[2 * part], all[2 * part], all[2 * part], all[2 * part],
        all[2 * part + 1], all[2 * part + 1], all[2 * part + 1], all[2 * part + 1]};
      store(planes[plane]->data() + (to + part) * kLanes, there);
    }
  }
}

}  // namespace

bool choose_pixels(
  const ComparedSlices & slices, const ComparisonRules & rules, ChoosingPlanes & planes,
  ComparedPixels & chosen)
{
  if (smaller(slices.rows, slices.columns) < kLeastSide) {
    return false;
  }
  std::vector<Quad> & common = planes.common;
  const RunRows rows(slices, rules);
  common_sharpness(slices, rows, common);
  const float threshold = threshold_of(common, rules, kLanes * slices.ratio * rows.step);
  std::vector<size_t> runs;
  for (size_t k = 0; k < common.size(); ++k) {
    if (sum_of(common[k]) > threshold) {
      runs.push_back(k);
    }
  }
  const size_t count = runs.size() / kLanes * kLanes, ratio = slices.ratio;
  const size_t across = slices.columns / kLanes;
  if (count * kLanes < static_cast<size_t>(rules.fewest)) {
    return false;
  }
  NeededParts needed(slices.rows, slices.columns);
  for (size_t k = 0; k < count; ++k) {
    const int run = static_cast<int>(runs[k] % across);
    needed.want(rows.row(static_cast<int>(runs[k] / across), run), run * kLanes);
  }
  needed.find();
  defocus(slices, needed, static_cast<float>(rules.weakest), planes);
  for (std::vector<int32_t> * each : {&chosen.column, &chosen.row}) {
    each->resize(ratio * count);
  }
  for (std::vector<float> * each : {&chosen.sharpness, &chosen.amount, &chosen.slope_x,
      &chosen.slope_y})
  {
    each->resize(ratio * count * kLanes);
  }
  for (size_t k = 0; k < count; ++k) {
    const int run = static_cast<int>(runs[k] % across);
    set_run(
      slices, planes.amount, rows.row(static_cast<int>(runs[k] / across), run), run * kLanes,
      common[runs[k]], ratio * k, chosen);
  }
  return true;
}

}  // namespace focus_stacking
