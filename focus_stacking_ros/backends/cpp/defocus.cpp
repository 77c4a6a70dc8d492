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

/// Part of a row of the image in the grid of the template; `seen` is 1 where the image has data.
FOCUS_STACKING_INLINE void warped_row(
  const ComparedSlices & slices, const PointMap & map, int row, NeededParts::Part part, float * u,
  float * v, float * seen, float * result)
{
  const int columns = slices.columns, rows = slices.rows;
  const float * plane = slices.other_coarse;
  const float right = static_cast<float>(columns - 1), bottom = static_cast<float>(rows - 1);
  for (int x = part.first; x < part.last; ++x) {
    map(static_cast<float>(x), static_cast<float>(row), u[x], v[x]);
    seen[x] = u[x] >= 0 && v[x] >= 0 && u[x] <= right && v[x] <= bottom ? 1.0f : 0.0f;
  }
  int x = part.first;
  for (; x + kLanes <= part.last; x += kLanes) {
    const int end = x + kLanes - 1;
    const auto one = [&](int lane) {
        result[x + lane] = at_rim(plane, rows, columns, u[x + lane], v[x + lane]);
      };
    // Steps are even, so the ends tell of what lies between them.
    if (!(u[x] >= 1 && u[end] >= 1 && v[x] >= 1 && v[end] >= 1 && u[x] < right - 1 &&
      u[end] < right - 1 && v[x] < bottom - 1 && v[end] < bottom - 1))
    {
      for (int lane = 0; lane < kLanes; ++lane) {
        one(lane);
      }
      continue;
    }
    Lanes from, down, values = {};
    load(from, u + x);
    load(down, v + x);
    at_eight_places(
      plane, columns, from, down,
      [&](const float * corner, const Lanes & f, const Lanes & g, const Truths & fits) {
        Lanes a, b, c, d, sum = {}, across[4];
        cubic(g, across[0], across[1], across[2], across[3]);
        cubic(f, a, b, c, d);
        for (int k = 0; k < 4; ++k) {
          const float * row = corner + static_cast<ptrdiff_t>(k) * columns;
          Lanes p, q, r, s;
          load_four(p, q, r, s, row);
          sum += across[k] * (a * p + b * q + c * r + d * s);
        }
        values = fits ? sum : values;
      }, [&](int lane) {
        values[lane] = at_rim(plane, rows, columns, u[x + lane], v[x + lane]);
      });
    store(result + x, values);
  }
  for (; x < part.last; ++x) {
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

/// A plane's means of the box of five pixels, applied twice, at half the size of what is needed.
FOCUS_STACKING_INLINE void twice_averaged(
  std::vector<float> & plane, int rows, int columns, const NeededParts & needed,
  std::vector<float> & across)
{
  constexpr int reach = 4;
  std::vector<float> padded(columns + 2 * reach);
  for (int y = 0; y < rows; ++y) {
    if (needed.of_row(2 * y).empty()) {
      continue;
    }
    float * row = padded.data() + reach;
    std::copy_n(plane.data() + static_cast<ptrdiff_t>(y) * columns, columns, row);
    with_ends(row, columns, reach);
    float * __restrict to = across.data() + static_cast<ptrdiff_t>(y) * columns;
    for (const NeededParts::Part & part : needed.of_row(2 * y)) {
      for (int x = part.first / 2; x < smaller((part.last + 1) / 2, columns); ++x) {
        float sum = kBoxes[0] * row[x];
        for (int k = 1; k <= reach; ++k) {
          sum += kBoxes[k] * (row[x - k] + row[x + k]);
        }
        to[x] = sum;
      }
    }
  }
  for (int y = 0; y < rows; ++y) {
    float * __restrict to = plane.data() + static_cast<ptrdiff_t>(y) * columns;
    const float * from[2 * reach + 1];
    for (int k = -reach; k <= reach; ++k) {
      from[k + reach] = across.data() + static_cast<ptrdiff_t>(mirrored(y + k, rows)) * columns;
    }
    for (const NeededParts::Part & part : needed.of_row(2 * y)) {
      for (int x = part.first / 2; x < smaller((part.last + 1) / 2, columns); ++x) {
        float sum = kBoxes[0] * from[reach][x];
        for (int k = 1; k <= reach; ++k) {
          sum += kBoxes[k] * (from[reach - k][x] + from[reach + k][x]);
        }
        to[x] = sum;
      }
    }
  }
}

}  // namespace

void NeededParts::find()
{
  for (int y = 0; y < down_; ++y) {
    for (int x = 0; x < across_; ++x) {
      bool found = false;
      for (int j = greater(y - 1, 0); j <= smaller(y + 1, down_ - 1); ++j) {
        for (int i = greater(x - 1, 0); i <= smaller(x + 1, across_ - 1); ++i) {
          found = found || wanted_[static_cast<size_t>(j) * across_ + i] != 0;
        }
      }
      const Part part{x * kSide, smaller((x + 1) * kSide, columns_)};
      if (found && !parts_[y].empty() && parts_[y].back().last == part.first) {
        parts_[y].back().last = part.last;
      } else if (found) {
        parts_[y].push_back(part);
      }
    }
  }
}

FOCUS_STACKING_CLONES
void defocus(
  const ComparedSlices & slices, const NeededParts & needed, float weakest,
  ChoosingPlanes & planes)
{
  const int rows = slices.rows, columns = slices.columns;
  const int half_rows = rows / 2, half_columns = columns / 2, stride = columns + 2 * kReach;
  const PointMap map(slices.coarse_transform);
  std::vector<float> u(columns), v(columns), warped(columns), mean(stride), bend(columns);
  std::vector<float> seen(kKept * columns), difference(kKept * columns), across(kKept * columns);
  std::vector<float> smooth(kKept * stride), upper(2 * half_columns), products(2 * half_columns);
  std::vector<float> & amount = planes.amount, & against = planes.against;
  std::vector<float> & partly = planes.partly;
  amount.assign(static_cast<size_t>(half_rows) * half_columns, 0);
  against.assign(amount.size(), 0);
  partly.assign(amount.size(), 0);
  const auto kept = [](std::vector<float> & all, int row, int length) {
      return all.data() + static_cast<ptrdiff_t>(row % kKept) * length;
    };
  for (int step = 0; step < rows + kReach + 1; ++step) {
    if (step < rows && !needed.of_row(step).empty()) {
      const float * ours = slices.coarse + static_cast<ptrdiff_t>(step) * columns;
      float * __restrict rest = kept(difference, step, columns);
      float * __restrict middle = mean.data() + kReach;
      float * __restrict to = kept(across, step, columns);
      const float * __restrict theirs = warped.data();
      for (const NeededParts::Part & part : needed.of_row(step)) {
        warped_row(
          slices, map, step, part, u.data(), v.data(), kept(seen, step, columns), warped.data());
        for (int x = part.first; x < part.last; ++x) {
          rest[x] = theirs[x] - ours[x];
          middle[x] = 0.5f * (theirs[x] + ours[x]);
        }
      }
      with_ends(middle, columns, kReach);
      for (const NeededParts::Part & part : needed.of_row(step)) {
        for (int x = part.first; x < part.last; ++x) {
          to[x] = kSmooth[0] * middle[x] + kSmooth[1] * (middle[x - 1] + middle[x + 1]) +
            kSmooth[2] * (middle[x - 2] + middle[x + 2]) +
            kSmooth[3] * (middle[x - 3] + middle[x + 3]);
        }
      }
    }
    const int now = step - kReach;
    if (now >= 0 && now < rows && !needed.of_row(now).empty()) {
      const float * from[2 * kReach + 1];
      for (int k = -kReach; k <= kReach; ++k) {
        from[k + kReach] = kept(across, mirrored(now + k, rows), columns);
      }
      float * __restrict to = kept(smooth, now, stride) + kReach;
      for (const NeededParts::Part & part : needed.of_row(now)) {
        for (int x = part.first; x < part.last; ++x) {
          to[x] = kSmooth[0] * from[3][x] + kSmooth[1] * (from[2][x] + from[4][x]) +
            kSmooth[2] * (from[1][x] + from[5][x]) + kSmooth[3] * (from[0][x] + from[6][x]);
        }
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
    float * __restrict one = (done % 2 == 0 ? upper : products).data();
    float * __restrict two = one + half_columns;
    float * __restrict to = amount.data() + static_cast<ptrdiff_t>(done / 2) * half_columns;
    float * __restrict under = against.data() + static_cast<ptrdiff_t>(done / 2) * half_columns;
    for (const NeededParts::Part & part : needed.of_row(done)) {
      for (int x = part.first; x < part.last; ++x) {
        curve[x] = there[x] * (above[x] + below[x] + here[x - 1] + here[x + 1] - 4 * here[x]);
      }
      const int first = part.first / 2, last = part.last / 2;
      for (int x = first; x < last; ++x) {
        const float left = curve[2 * x], right = curve[2 * x + 1];
        one[x] = left * rest[2 * x] + right * rest[2 * x + 1];
        two[x] = left * left + right * right;
      }
      for (int x = first; done % 2 == 1 && x < last; ++x) {
        to[x] = 0.25f * (upper[x] + products[x]);
        under[x] = 0.25f * (upper[half_columns + x] + products[half_columns + x]);
      }
    }
  }
  twice_averaged(amount, half_rows, half_columns, needed, partly);
  twice_averaged(against, half_rows, half_columns, needed, partly);
  for (size_t k = 0; k < amount.size(); ++k) {
    amount[k] /= against[k] + weakest;
  }
}

}  // namespace focus_stacking
