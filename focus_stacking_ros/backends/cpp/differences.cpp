// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// How two slices differ where they are compared.

#include "differences.hpp"

#include <algorithm>
#include <cmath>

namespace focus_stacking
{
namespace
{

/// Median of about `enough` of the values.
float median(const std::vector<float> & values, int enough)
{
  const size_t step = std::max<size_t>(1, values.size() / enough) | 1;
  std::vector<float> some;
  some.reserve(values.size() / step + 1);
  for (size_t k = 0; k < values.size(); k += step) {
    some.push_back(values[k]);
  }
  const auto middle = some.begin() + some.size() / 2;
  std::nth_element(some.begin(), middle, some.end());
  return some.size() % 2 ? *middle : 0.5f * (*std::max_element(some.begin(), middle) + *middle);
}

/// What a plane is around a run: value, derivatives and Laplacian of the pixels themselves.
FOCUS_STACKING_INLINE void at_pixels(
  const float * plane, int rows, int columns, int x, int y, Lanes & value, Lanes & along_x,
  Lanes & along_y, Lanes & bend)
{
  const float * here = plane + static_cast<ptrdiff_t>(y) * columns;
  const float * lines[] = {
    here + (y > 0 ? -columns : columns), here, here + (y < rows - 1 ? columns : -columns)};
  Lanes left[3], middle[3], right[3];
  for (int k = 0; k < 3; ++k) {
    const float * from = lines[k] + x;
    load(middle[k], from);
    if (x > 0 && x + kLanes < columns) {
      load(left[k], from - 1);
      load(right[k], from + 1);
      continue;
    }
    for (int lane = 0; lane < kLanes; ++lane) {  // mirrored without the edge
      left[k][lane] = from[x + lane > 0 ? lane - 1 : lane + 1];
      right[k][lane] = from[x + lane < columns - 1 ? lane + 1 : lane - 1];
    }
  }
  value = middle[1];
  along_x = (3 * (right[0] - left[0]) + 10 * (right[1] - left[1]) + 3 * (right[2] - left[2])) / 32;
  along_y = (3 * (left[2] - left[0]) + 10 * (middle[2] - middle[0]) +
    3 * (right[2] - right[0])) / 32;
  bend = middle[0] + middle[2] + left[1] + right[1] - 4 * middle[1];
}

/// Value, derivatives and Laplacian of a plane at one place between its pixels.
FOCUS_STACKING_INLINE void sample_one(
  const float * plane, int columns, float u, float v, float & value, float & along_u,
  float & along_v, float & bend)
{
  const Quad smooth_0 = {3, 10, 3, 0}, smooth_1 = {-3, -7, 7, 3};
  const Quad slope_0 = {-1, 0, 1, 0}, slope_1 = {1, -1, -1, 1};
  const Quad near_0 = {0, 1, 0, 0}, near_1 = {0, -1, 1, 0};
  const Quad bend_0 = {1, -2, 1, 0}, bend_1 = {-1, 3, -3, 1};
  const int left = static_cast<int>(u), top = static_cast<int>(v);
  const float f = u - static_cast<float>(left), g = v - static_cast<float>(top);
  float a, b, c, d;
  cubic(f, a, b, c, d);
  const Quad cubic_f = {a, b, c, d};
  cubic(g, a, b, c, d);
  const Quad cubic_g = {a, b, c, d};
  const Quad smooth_g = smooth_0 + g * smooth_1, slope_g = slope_0 + g * slope_1;
  const Quad near_g = near_0 + g * near_1, bend_g = bend_0 + g * bend_1;
  Quad values = {}, across = {}, along = {}, near = {}, bends = {};
  for (int j = 0; j < 4; ++j) {
    Quad row;
    load(row, plane + static_cast<ptrdiff_t>(top - 1 + j) * columns + left - 1);
    values += cubic_g[j] * row;
    across += smooth_g[j] * row;
    along += slope_g[j] * row;
    near += near_g[j] * row;
    bends += bend_g[j] * row;
  }
  value = sum_of(values * cubic_f);
  along_u = sum_of(across * (slope_0 + f * slope_1)) / 32;
  along_v = sum_of(along * (smooth_0 + f * smooth_1)) / 32;
  bend = sum_of(near * (bend_0 + f * bend_1) + bends * (near_0 + f * near_1));
}

/// The same at eight places beside each other; `corner`: the first of the 11x4 pixels around them.
FOCUS_STACKING_INLINE void sample_run(
  const float * corner, int columns, const Lanes & f, const Lanes & g, Lanes & value,
  Lanes & along_u, Lanes & along_v, Lanes & bend)
{
  Lanes a, b, c, d, values[4], before[3], at[3][3];
  cubic(f, a, b, c, d);
  for (int j = 0; j < 4; ++j) {
    const float * from = corner + static_cast<ptrdiff_t>(j) * columns;
    Lanes p, q, r, s;
    load_four(p, q, r, s, from);
    values[j] = a * p + b * q + c * r + d * s;
    // Derivatives are of the 3x3 pixels around the place, each between four of the plane.
    const Lanes row[] = {p + f * (q - p), q + f * (r - q), r + f * (s - r)};
    for (int k = 0; k < 3; ++k) {
      if (j > 0) {
        at[j - 1][k] = before[k] + g * (row[k] - before[k]);
      }
      before[k] = row[k];
    }
  }
  cubic(g, a, b, c, d);
  value = a * values[0] + b * values[1] + c * values[2] + d * values[3];
  along_u = (3.0f * ((at[0][2] - at[0][0]) + (at[2][2] - at[2][0])) +
    10.0f * (at[1][2] - at[1][0])) / 32.0f;
  along_v = (3.0f * ((at[2][0] - at[0][0]) + (at[2][2] - at[0][2])) +
    10.0f * (at[2][1] - at[0][1])) / 32.0f;
  bend = at[0][1] + at[2][1] + at[1][0] + at[1][2] - 4.0f * at[1][1];
}

}  // namespace

/// Values of the template where it is compared, weights and parts.
FOCUS_STACKING_CLONES
void begin_comparison(
  const ComparedSlices & slices, const ComparisonRules & rules, Differences & all,
  ComparisonSums & sums)
{
  const size_t runs = all.at.row.size(), count = runs * kLanes;
  for (std::vector<float> * each : {&all.weight, &all.inside, &all.target, &all.target_x,
      &all.target_y, &all.target_bend, &all.grey, &all.bend, &all.slope_x, &all.slope_y,
      &all.curve, &all.error, &all.spread, &all.pixel_weight})
  {
    each->resize(count);
  }
  all.part.resize(runs);
  const int columns = slices.fine_columns, rows = slices.fine_rows;
  for (size_t run = 0; run < runs; ++run) {
    const int x = all.at.column[run], y = all.at.row[run];
    Lanes value, along_x, along_y, bend;
    at_pixels(slices.fine, rows, columns, x, y, value, along_x, along_y, bend);
    store(all.target.data() + run * kLanes, value);
    store(all.target_x.data() + run * kLanes, along_x);
    store(all.target_y.data() + run * kLanes, along_y);
    store(all.target_bend.data() + run * kLanes, bend);
    const int down = static_cast<int>(static_cast<float>(y) / static_cast<float>(rows) * kDown);
    const int across =
      static_cast<int>(static_cast<float>(x) / static_cast<float>(columns) * kAcross);
    all.part[run] = static_cast<uint8_t>(down * kAcross + across);
  }
  const float blurred = static_cast<float>(rules.blurred);
  const float * sharpness = all.at.sharpness.data();
  float * __restrict weight = all.weight.data();
  for (size_t k = 0; k < count; ++k) {
    const float ratio = blurred / (sharpness[k] > 1e-3f ? sharpness[k] : 1e-3f);
    const float square = ratio * ratio, usual = sharpness[k] / (1 + square * square);
    weight[k] = usual * usual;
  }
  double both[kPlaces][2] = {}, total = 0, sharp_total = 0;
  add_by_part<2>(
    all.part, 2, both[0], [&](size_t run, Lanes * values) {
      Lanes sharp;
      load(values[0], weight + run * kLanes);
      load(sharp, sharpness + run * kLanes);
      values[1] = values[0] * sharp;
    });
  for (int part = 0; part < kPlaces; ++part) {
    sums.weight[part] = both[part][0];
    sums.sharpness[part] = both[part][1];
    total += both[part][0];
    sharp_total += both[part][1];
  }
  if (sharp_total < rules.even_below * total) {
    const float noise = static_cast<float>(rules.near * rules.near);
    const float doubt = static_cast<float>(rules.doubt);
    const float * along_x = all.target_x.data(), * along_y = all.target_y.data();
    total = 0;
    for (size_t k = 0; k < count; ++k) {
      const float sharp = sharpness[k] > 1e-3f ? sharpness[k] : 1e-3f;
      const float ratio = blurred / sharp, moved = doubt / sharp;
      const float square = ratio * ratio, below = 1 + square * square;
      const float slope = along_x[k] * along_x[k] + along_y[k] * along_y[k];
      weight[k] = 1 / (below * below * (noise + slope * (moved * moved)));
      total += static_cast<double>(weight[k]);
    }
  }
  const float mean = static_cast<float>(total / static_cast<double>(count));
  for (float & each : all.weight) {
    each /= mean;
  }
}

/// Values of the image where a transform leads, and the slopes of both.
FOCUS_STACKING_CLONES
void sample_compared(
  const ComparedSlices & slices, const Transform & local, float gain, Differences & all)
{
  const PointMap map(local.data());
  const float * a = map.a;
  const int columns = slices.fine_columns;
  const float right = static_cast<float>(columns - 3);
  const float bottom = static_cast<float>(slices.fine_rows - 3);
  for (size_t run = 0; run < all.part.size(); ++run) {
    Lanes x, y, u, v, value = {}, along_u = {}, along_v = {}, bend = {};
    place(all.at, run, x, y);
    map(x, y, u, v);
    const auto within = (u >= 2.0f) & (v >= 2.0f) & (u <= right) & (v <= bottom);
    const Lanes inside = within ? Lanes{} + 1.0f : Lanes{};
    u = u > 2.0f ? u : Lanes{} + 2.0f;  // no number is 2, too
    v = v > 2.0f ? v : Lanes{} + 2.0f;
    u = u < right ? u : Lanes{} + right;
    v = v < bottom ? v : Lanes{} + bottom;
    at_eight_places(
      slices.other_fine, columns, u, v,
      [&](const float * corner, const Lanes & f, const Lanes & g, const Truths & fits) {
        Lanes some[4];
        sample_run(corner, columns, f, g, some[0], some[1], some[2], some[3]);
        value = fits ? some[0] : value;
        along_u = fits ? some[1] : along_u;
        along_v = fits ? some[2] : along_v;
        bend = fits ? some[3] : bend;
      }, [&](int lane) {
        float some[4];
        sample_one(
          slices.other_fine, columns, u[lane], v[lane], some[0], some[1], some[2], some[3]);
        value[lane] = some[0];
        along_u[lane] = some[1];
        along_v[lane] = some[2];
        bend[lane] = some[3];
      });
    Lanes moved_x = a[0] * along_u + a[3] * along_v, moved_y = a[1] * along_u + a[4] * along_v;
    if (!map.affine) {
      const Lanes radial = u * along_u + v * along_v;
      const Lanes below = 1.0f / (a[6] * x + a[7] * y + a[8]);
      moved_x = (moved_x - a[6] * radial) * below;
      moved_y = (moved_y - a[7] * radial) * below;
    }
    const size_t k = run * kLanes;
    Lanes target_x, target_y;
    load(target_x, all.target_x.data() + k);
    load(target_y, all.target_y.data() + k);
    store(all.inside.data() + k, inside);
    store(all.grey.data() + k, value);
    store(all.bend.data() + k, bend);
    store(all.slope_x.data() + k, 0.5f * (target_x + gain * moved_x));
    store(all.slope_y.data() + k, 0.5f * (target_y + gain * moved_y));
  }
}

/// How the slices differ, and how much each pixel counts.
FOCUS_STACKING_CLONES
void look_at(const ComparisonRules & rules, const Light & light, float wide, Differences & all)
{
  const int count = static_cast<int>(all.weight.size());
  const float spreading = static_cast<float>(rules.spreading);
  const float dark = static_cast<float>(rules.dark);
  const float gain = light.gain, bias = light.bias, tone = light.tone;
  const float * amount = all.at.amount.data(), * grey = all.grey.data();
  const float * amount_x = all.at.slope_x.data(), * amount_y = all.at.slope_y.data();
  const float * target = all.target.data(), * target_bend = all.target_bend.data();
  const float * bend = all.bend.data(), * a = all.slope_x.data(), * b = all.slope_y.data();
  float * __restrict curve = all.curve.data(), * __restrict error = all.error.data();
  for (int k = 0; k < count; ++k) {
    const float mean = 0.5f * (target[k] + gain * grey[k]);
    curve[k] = -amount[k] * (a[k] * a[k] + b[k] * b[k]) / (mean > dark ? mean : dark);
    float rest = gain * grey[k] + bias - target[k];
    rest -= amount[k] * 0.5f * (target_bend[k] + gain * bend[k]);
    rest -= spreading * (amount_x[k] * a[k] + amount_y[k] * b[k]);
    error[k] = rest + tone * curve[k];
  }
  const float middle = median(all.error, rules.median);
  float * __restrict spread = all.spread.data();
  for (int k = 0; k < count; ++k) {
    spread[k] = std::fabs(error[k] - middle);
  }
  const float scale = wide * median(all.spread, rules.median);
  const float least = static_cast<float>(rules.least_spread);
  all.scale = scale > least ? scale : least;
  const float * weight = all.weight.data(), * inside = all.inside.data();
  float * __restrict counts = all.pixel_weight.data();
  for (int k = 0; k < count; ++k) {
    const float ratio = spread[k] / all.scale, below = 1 + ratio * ratio;
    counts[k] = weight[k] * inside[k] / (below * below);
  }
}

/// Leaves of the sharpness what both share: noise is sharp, too, but not alike.
FOCUS_STACKING_CLONES
void keep_shared(const Differences & all, double * sharpness)
{
  double energies[kPlaces][3] = {};  // ours, of both, theirs
  add_by_part<3>(
    all.part, 3, energies[0], [&](size_t run, Lanes * values) {
      Lanes weight, inside, a, b;
      load(weight, all.weight.data() + run * kLanes);
      load(inside, all.inside.data() + run * kLanes);
      load(a, all.target_bend.data() + run * kLanes);
      load(b, all.bend.data() + run * kLanes);
      weight *= inside;
      values[0] = weight * a * a;
      values[1] = weight * a * b;
      values[2] = weight * b * b;
    });
  for (int part = 0; part < kPlaces; ++part) {
    const double * each = energies[part], energy = std::sqrt(each[0] * each[2]);
    sharpness[part] *= energy > 0 ? std::max(each[1], 0.0) / energy : 0;
  }
}

}  // namespace focus_stacking
