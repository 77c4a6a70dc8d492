// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// By how much two slices differ in blur, from their difference and its Laplacian.

#include "comparison.hpp"
#include "lanes.hpp"

#include <algorithm>

namespace focus_stacking
{
namespace
{

constexpr int kKept = 16;  // rows that are kept, more than the seven of the blur and its Laplacian
constexpr int kReach = 3;
/// A Gaussian of .7 pixels; and the box of five pixels, applied twice.
constexpr float kSmooth[] = {0.569845784f, 0.205399653f, 0.00961893081f, 5.85246234e-5f};
constexpr float kBoxes[] = {5.0f / 25, 4.0f / 25, 3.0f / 25, 2.0f / 25, 1.0f / 25};

/// Keys' cubic with -0.75, as OpenCV has it.
template<typename Number>
FOCUS_STACKING_INLINE void cubic(const Number & f, Number & a, Number & b, Number & c, Number & d)
{
  const Number g = 1.0f - f;
  a = -0.75f * f * g * g;
  d = -0.75f * g * f * f;
  b = (1.25f * f - 2.25f) * f * f + 1.0f;
  c = 1.0f - a - b - d;
}

/// A pixel near the rim, which goes on as it ends.
FOCUS_STACKING_INLINE float at_rim(
  const float * plane, int rows, int columns, float u, float v)
{
  const float far = 4.0f;  // beyond it everything is alike
  u = u < -far ? -far : u > columns + far ? columns + far : u;
  v = v < -far ? -far : v > rows + far ? rows + far : v;
  const int left = floor_of(u), top = floor_of(v);
  float across[4], down[4], sum = 0;
  cubic(u - left, across[0], across[1], across[2], across[3]);
  cubic(v - top, down[0], down[1], down[2], down[3]);
  for (int j = 0; j < 4; ++j) {
    const int y = smaller(greater(top + j - 1, 0), rows - 1);
    float row = 0;
    for (int i = 0; i < 4; ++i) {
      const int x = smaller(greater(left + i - 1, 0), columns - 1);
      row += across[i] * plane[static_cast<ptrdiff_t>(y) * columns + x];
    }
    sum += down[j] * row;
  }
  return sum;
}

/// One row of the image in the grid of the template; `seen` is 1 where the image has data.
FOCUS_STACKING_INLINE void warped_row(
  const ComparedSlices & slices, const PointMap & map, int row, float * u, float * v, float * seen,
  float * result)
{
  const int columns = slices.columns, rows = slices.rows;
  const float * plane = slices.other_coarse;
  const float right = static_cast<float>(columns - 1), bottom = static_cast<float>(rows - 1);
  for (int x = 0; x < columns; ++x) {
    map(static_cast<float>(x), static_cast<float>(row), u[x], v[x]);
    seen[x] = u[x] >= 0 && v[x] >= 0 && u[x] <= right && v[x] <= bottom ? 1.0f : 0.0f;
  }
  int x = 0;
  for (; x + kLanes <= columns; x += kLanes) {
    const int end = x + kLanes - 1;
    const bool inner = u[x] >= 1 && u[end] >= 1 && v[x] >= 1 && v[end] >= 1 &&
      u[x] < right - 1 && u[end] < right - 1 && v[x] < bottom - 1 && v[end] < bottom - 1;
    const int left = inner ? floor_of(u[x]) : 0, top = inner ? floor_of(v[x]) : 0;
    // Steps are even, so the ends tell of what lies between them.
    if (!inner || floor_of(u[end]) - left != kLanes - 1 || floor_of(v[end]) != top) {
      for (int k = x; k <= end; ++k) {
        result[k] = at_rim(plane, rows, columns, u[k], v[k]);
      }
      continue;
    }
    Lanes f, g, a, b, c, d, e, h, i, j;
    load(f, u + x);
    load(g, v + x);
    const Lanes count = {0, 1, 2, 3, 4, 5, 6, 7};
    f -= count + static_cast<float>(left);
    g -= static_cast<float>(top);
    cubic(f, a, b, c, d);
    cubic(g, e, h, i, j);
    const float * corner = plane + static_cast<ptrdiff_t>(top - 1) * columns + left - 1;
    Lanes sum = {};
    for (int k = 0; k < 4; ++k) {
      Lanes p, q, r, s;
      load(p, corner + static_cast<ptrdiff_t>(k) * columns);
      load(q, corner + static_cast<ptrdiff_t>(k) * columns + 1);
      load(r, corner + static_cast<ptrdiff_t>(k) * columns + 2);
      load(s, corner + static_cast<ptrdiff_t>(k) * columns + 3);
      sum += (k == 0 ? e : k == 1 ? h : k == 2 ? i : j) * (a * p + b * q + c * r + d * s);
    }
    std::memcpy(result + x, &sum, sizeof sum);
  }
  for (; x < columns; ++x) {
    result[x] = at_rim(plane, rows, columns, u[x], v[x]);
  }
}

/// Four or more numbers on both sides of a row, mirrored without its ends.
FOCUS_STACKING_INLINE void with_ends(float * row, int size, int reach)
{
  for (int k = 1; k <= reach; ++k) {
    row[-k] = row[mirrored(-k, size)];
    row[size - 1 + k] = row[mirrored(size - 1 + k, size)];
  }
}

/// A plane's means of the box of five pixels, applied twice.
FOCUS_STACKING_INLINE void twice_averaged(std::vector<float> & plane, int rows, int columns)
{
  constexpr int reach = 4;
  std::vector<float> across(plane.size()), padded(columns + 2 * reach);
  for (int y = 0; y < rows; ++y) {
    float * row = padded.data() + reach;
    std::copy_n(plane.data() + static_cast<ptrdiff_t>(y) * columns, columns, row);
    with_ends(row, columns, reach);
    float * __restrict to = across.data() + static_cast<ptrdiff_t>(y) * columns;
    for (int x = 0; x < columns; ++x) {
      float sum = kBoxes[0] * row[x];
      for (int k = 1; k <= reach; ++k) {
        sum += kBoxes[k] * (row[x - k] + row[x + k]);
      }
      to[x] = sum;
    }
  }
  for (int y = 0; y < rows; ++y) {
    float * __restrict to = plane.data() + static_cast<ptrdiff_t>(y) * columns;
    const float * from[2 * reach + 1];
    for (int k = -reach; k <= reach; ++k) {
      from[k + reach] = across.data() + static_cast<ptrdiff_t>(mirrored(y + k, rows)) * columns;
    }
    for (int x = 0; x < columns; ++x) {
      float sum = kBoxes[0] * from[reach][x];
      for (int k = 1; k <= reach; ++k) {
        sum += kBoxes[k] * (from[reach - k][x] + from[reach + k][x]);
      }
      to[x] = sum;
    }
  }
}

}  // namespace

FOCUS_STACKING_CLONES
void defocus(const ComparedSlices & slices, float weakest, std::vector<float> & amount)
{
  const int rows = slices.rows, columns = slices.columns;
  const int half_rows = rows / 2, half_columns = columns / 2, stride = columns + 2 * kReach;
  const PointMap map(slices.coarse_transform);
  std::vector<float> u(columns), v(columns), warped(columns), mean(stride), bend(columns);
  std::vector<float> seen(kKept * columns), difference(kKept * columns), across(kKept * columns);
  std::vector<float> smooth(kKept * stride), upper(2 * half_columns), products(2 * half_columns);
  std::vector<float> against(static_cast<size_t>(half_rows) * half_columns);
  amount.resize(against.size());
  const auto kept = [](std::vector<float> & all, int row, int length) {
      return all.data() + static_cast<ptrdiff_t>(row % kKept) * length;
    };
  for (int step = 0; step < rows + kReach + 1; ++step) {
    if (step < rows) {
      warped_row(
        slices, map, step, u.data(), v.data(), kept(seen, step, columns), warped.data());
      const float * ours = slices.coarse + static_cast<ptrdiff_t>(step) * columns;
      float * __restrict rest = kept(difference, step, columns);
      float * __restrict middle = mean.data() + kReach;
      const float * __restrict theirs = warped.data();
      for (int x = 0; x < columns; ++x) {
        rest[x] = theirs[x] - ours[x];
        middle[x] = 0.5f * (theirs[x] + ours[x]);
      }
      with_ends(middle, columns, kReach);
      float * __restrict to = kept(across, step, columns);
      for (int x = 0; x < columns; ++x) {
        to[x] = kSmooth[0] * middle[x] + kSmooth[1] * (middle[x - 1] + middle[x + 1]) +
          kSmooth[2] * (middle[x - 2] + middle[x + 2]) +
          kSmooth[3] * (middle[x - 3] + middle[x + 3]);
      }
    }
    const int now = step - kReach;
    if (now >= 0 && now < rows) {
      const float * from[2 * kReach + 1];
      for (int k = -kReach; k <= kReach; ++k) {
        from[k + kReach] = kept(across, mirrored(now + k, rows), columns);
      }
      float * __restrict to = kept(smooth, now, stride) + kReach;
      for (int x = 0; x < columns; ++x) {
        to[x] = kSmooth[0] * from[3][x] + kSmooth[1] * (from[2][x] + from[4][x]) +
          kSmooth[2] * (from[1][x] + from[5][x]) + kSmooth[3] * (from[0][x] + from[6][x]);
      }
      with_ends(to, columns, 1);
    }
    const int done = now - 1;
    if (done < 0 || done >= 2 * half_rows) {
      continue;
    }
    const float * above = kept(smooth, mirrored(done - 1, rows), stride) + kReach;
    const float * here = kept(smooth, done, stride) + kReach;
    const float * below = kept(smooth, mirrored(done + 1, rows), stride) + kReach;
    const float * rest = kept(difference, done, columns), * there = kept(seen, done, columns);
    float * __restrict curve = bend.data();
    for (int x = 0; x < columns; ++x) {
      curve[x] = there[x] * (above[x] + below[x] + here[x - 1] + here[x + 1] - 4 * here[x]);
    }
    float * __restrict one = (done % 2 == 0 ? upper : products).data();
    float * __restrict two = one + half_columns;
    for (int x = 0; x < half_columns; ++x) {
      const float left = curve[2 * x], right = curve[2 * x + 1];
      one[x] = left * rest[2 * x] + right * rest[2 * x + 1];
      two[x] = left * left + right * right;
    }
    if (done % 2 == 1) {
      const ptrdiff_t place = static_cast<ptrdiff_t>(done / 2) * half_columns;
      for (int x = 0; x < half_columns; ++x) {
        amount[place + x] = 0.25f * (upper[x] + products[x]);
        against[place + x] = 0.25f * (upper[half_columns + x] + products[half_columns + x]);
      }
    }
  }
  twice_averaged(amount, half_rows, half_columns);
  twice_averaged(against, half_rows, half_columns);
  for (size_t k = 0; k < amount.size(); ++k) {
    amount[k] /= against[k] + weakest;
  }
}

}  // namespace focus_stacking
