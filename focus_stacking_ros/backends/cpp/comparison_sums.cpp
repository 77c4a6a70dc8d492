// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the pixels of a comparison add up to.

#include "differences.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

/// Centre and unit of the parameters of a motion.
struct Frame
{
  explicit Frame(const ComparedSlices & slices)
  : x(static_cast<float>((slices.fine_columns - 1) / 2.0)),
    y(static_cast<float>((slices.fine_rows - 1) / 2.0)),
    unit(static_cast<float>(greater(slices.fine_columns, slices.fine_rows) / 2.0)) {}

  float x, y, unit;
};

/// Derivatives of the error by each unknown at the pixels of a run; returns how many there are.
FOCUS_STACKING_INLINE int fields_of(
  const Differences & all, size_t run, Motion motion, const Frame & frame, Lanes * fields)
{
  const size_t k = run * kLanes;
  Lanes x, y, a, b;
  place(all.at, run, x, y);
  load(a, all.slope_x.data() + k);
  load(b, all.slope_y.data() + k);
  x = (x - frame.x) / frame.unit;
  y = (y - frame.y) / frame.unit;
  int count = 0;
  fields[count++] = a;
  fields[count++] = b;
  if (motion == kAffine || motion == kProjective) {
    fields[count++] = a * x;
    fields[count++] = a * y;
    fields[count++] = b * x;
    fields[count++] = b * y;
  }
  if (motion == kProjective) {
    const Lanes radial = a * x + b * y;
    fields[count++] = radial * x;
    fields[count++] = radial * y;
  }
  if (motion == kScale || motion == kSimilarity) {
    fields[count++] = a * x + b * y;
  }
  if (motion == kRigid || motion == kSimilarity) {
    fields[count++] = b * x - a * y;
  }
  load(fields[count++], all.grey.data() + k);
  fields[count++] = Lanes{} + 1.0f;
  load(fields[count++], all.curve.data() + k);
  return count;
}

/// Adds lanes to the lower triangle of a matrix, the first `size` rows of it.
FOCUS_STACKING_INLINE void add_up(const Lanes * lanes, int size, double * matrix)
{
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j <= i; ++j) {
      matrix[i * kUnknowns + j] += static_cast<double>(sum_of(lanes[i * kUnknowns + j]));
    }
  }
}

/// Sets the upper triangle of a matrix to the lower one.
FOCUS_STACKING_INLINE void mirror(double * matrix, int size)
{
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < i; ++j) {
      matrix[j * kUnknowns + i] = matrix[i * kUnknowns + j];
    }
  }
}

}  // namespace

/// Normal matrix and right side of a step.
FOCUS_STACKING_CLONES
void add_normal(
  const ComparedSlices & slices, const Differences & all, Motion motion, ComparedStep & sums)
{
  const Frame frame(slices);
  constexpr size_t block = 64;  // runs: sums of single precision are as short as that
  const size_t runs = all.part.size();
  Lanes normal[kUnknowns * kUnknowns], right[kUnknowns], fields[kUnknowns];
  int size = 0;
  std::fill_n(sums.normal, kUnknowns * kUnknowns, 0.0);
  std::fill_n(sums.right, kUnknowns, 0.0);
  for (size_t first = 0; first < runs; first += block) {
    std::fill_n(normal, kUnknowns * kUnknowns, Lanes{});
    std::fill_n(right, kUnknowns, Lanes{});
    for (size_t run = first; run < std::min(first + block, runs); ++run) {
      size = fields_of(all, run, motion, frame, fields);
      Lanes weight, error;
      load(weight, all.pixel_weight.data() + run * kLanes);
      load(error, all.error.data() + run * kLanes);
      for (int i = 0; i < size; ++i) {
        const Lanes weighted = fields[i] * weight;
        right[i] += weighted * error;
        for (int j = 0; j <= i; ++j) {
          normal[i * kUnknowns + j] += weighted * fields[j];
        }
      }
    }
    add_up(normal, size, sums.normal);
    for (int i = 0; i < size; ++i) {
      sums.right[i] += static_cast<double>(sum_of(right[i]));
    }
  }
  mirror(sums.normal, size);
}

/// Scatter of the scores, and weighted derivatives times the slopes of each part of the picture.
FOCUS_STACKING_CLONES
void add_scatter(
  const ComparedSlices & slices, const Differences & all, Motion motion, ComparedStep & sums)
{
  const Frame frame(slices);
  Lanes scatter[kUnknowns * kUnknowns] = {}, scores[kUnknowns], fields[kUnknowns];
  Lanes pulls[2][kUnknowns] = {};
  std::fill_n(sums.scatter, kUnknowns * kUnknowns, 0.0);
  std::fill_n(sums.pulls, 2 * kPlaces * kUnknowns, 0.0);
  for (size_t run = 0; run < all.part.size(); ++run) {
    const size_t k = run * kLanes;
    const int size = fields_of(all, run, motion, frame, fields), part = all.part[run];
    Lanes weight, error, a, b;
    load(weight, all.pixel_weight.data() + k);
    load(error, all.error.data() + k);
    load(a, all.slope_x.data() + k);
    load(b, all.slope_y.data() + k);
    for (int i = 0; i < size; ++i) {
      const Lanes weighted = fields[i] * weight;
      scores[i] = weighted * error;
      pulls[0][i] += weighted * a;
      pulls[1][i] += weighted * b;
      for (int j = 0; j <= i; ++j) {
        scatter[i * kUnknowns + j] += scores[i] * scores[j];
      }
    }
    if (run + 1 < all.part.size() && all.part[run + 1] == part) {
      continue;
    }
    add_up(scatter, size, sums.scatter);
    std::fill_n(scatter, kUnknowns * kUnknowns, Lanes{});
    for (int axis = 0; axis < 2; ++axis) {
      for (int i = 0; i < size; ++i) {
        sums.pulls[(axis * kPlaces + part) * kUnknowns + i] +=
          static_cast<double>(sum_of(pulls[axis][i]));
        pulls[axis][i] = Lanes{};
      }
    }
    if (run + 1 == all.part.size()) {
      mirror(sums.scatter, size);
    }
  }
}

/// How each part fits.
FOCUS_STACKING_CLONES
void add_local(const ComparisonRules & rules, const Differences & all, double * local)
{
  const float near = static_cast<float>(rules.near);
  add_by_part<kLocal>(
    all.part, kLocal, local, [&](size_t run, Lanes * values) {
      const size_t k = run * kLanes;
      Lanes weight, inside, a, b, error;
      load(weight, all.weight.data() + k);
      load(inside, all.inside.data() + k);
      load(a, all.slope_x.data() + k);
      load(b, all.slope_y.data() + k);
      load(error, all.error.data() + k);
      load(values[2], all.at.sharpness.data() + k);
      const Lanes counts = weight * inside;
      weight = counts / ((error < 0.0f ? -error : error) + near);
      const Lanes p = weight * a * error, q = weight * b * error;
      values[0] = Lanes{} + 1.0f;
      values[1] = counts > 0.0f ? Lanes{} + 1.0f : Lanes{};
      place(all.at, run, values[3], values[4]);
      values[5] = weight * a * a;
      values[6] = weight * a * b;
      values[7] = weight * b * b;
      values[8] = p;
      values[9] = q;
      values[10] = p * p;
      values[11] = p * q;
      values[12] = q * q;
    });
}

}  // namespace focus_stacking
