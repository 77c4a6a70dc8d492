// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Gauss-Newton steps of two slices with robust weights, and what they add up to.

#include "comparison.hpp"
#include "lanes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace focus_stacking
{
namespace
{

enum Motion {kTranslation, kRigid, kScale, kSimilarity, kAffine, kProjective};
constexpr int kParameters[] = {2, 3, 3, 4, 6, 8};
using Transform = std::array<double, 9>;

struct Light
{
  float gain, bias, tone;
};

/// All pixels that are compared, and how they differ now.
struct Differences
{
  ComparedPixels at;
  std::vector<float> weight, inside, target, target_x, target_y, target_bend;
  std::vector<float> grey, bend, slope_x, slope_y, curve, error, spread, pixel_weight;
  std::vector<uint8_t> part;
  float scale;
};

Transform joined(const Transform & a, const Transform & b)
{
  Transform result{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 3; ++k) {
        result[3 * i + j] += a[3 * i + k] * b[3 * k + j];
      }
    }
  }
  const double last = result[8];
  for (double & each : result) {
    each /= last;
  }
  return result;
}

/// The identity and a small change of it: core/align/motion.py.
Transform small_change(Motion motion, const double * p, double x, double y, double unit)
{
  double a = 0, b = 0, c = 0, d = 0;
  if (motion == kAffine || motion == kProjective) {
    a = p[2], b = p[3], c = p[4], d = p[5];
  } else if (motion == kScale || motion == kSimilarity) {
    a = d = p[2];
  }
  if (motion == kRigid || motion == kSimilarity) {
    const double turn = p[kParameters[motion] - 1];
    b -= turn;
    c += turn;
  }
  Transform result{1 + a / unit, b / unit, p[0] - (a * x + b * y) / unit,
    c / unit, 1 + d / unit, p[1] - (c * x + d * y) / unit, 0, 0, 1};
  if (motion == kProjective) {
    const double bend_x = -p[6] / (unit * unit), bend_y = -p[7] / (unit * unit);
    const double around[] = {bend_x, bend_y, -(bend_x * x + bend_y * y)};
    for (int k = 0; k < 3; ++k) {
      result[k] += x * around[k];
      result[3 + k] += y * around[k];
      result[6 + k] += around[k];
    }
  }
  return result;
}

/// Median of every seventh value.
float median(const std::vector<float> & values)
{
  std::vector<float> some;
  some.reserve(values.size() / 7 + 1);
  for (size_t k = 0; k < values.size(); k += 7) {
    some.push_back(values[k]);
  }
  const auto middle = some.begin() + some.size() / 2;
  std::nth_element(some.begin(), middle, some.end());
  return some.size() % 2 ? *middle : 0.5f * (*std::max_element(some.begin(), middle) + *middle);
}

/// Solves for `size` unknowns by elimination with pivots; false where they are not determined.
bool solved(const ComparedStep & sums, int size, double * result)
{
  double a[kUnknowns][kUnknowns + 1];
  for (int i = 0; i < size; ++i) {
    std::copy_n(sums.normal + i * kUnknowns, size, a[i]);
    a[i][size] = -sums.right[i];
  }
  for (int k = 0; k < size; ++k) {
    int pivot = k;
    for (int i = k + 1; i < size; ++i) {
      pivot = std::fabs(a[i][k]) > std::fabs(a[pivot][k]) ? i : pivot;
    }
    if (!(std::fabs(a[pivot][k]) > 0)) {
      return false;
    }
    std::swap_ranges(a[k], a[k] + size + 1, a[pivot]);
    for (int i = k + 1; i < size; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (int j = k; j <= size; ++j) {
        a[i][j] -= factor * a[k][j];
      }
    }
  }
  for (int i = size - 1; i >= 0; --i) {
    double sum = a[i][size];
    for (int j = i + 1; j < size; ++j) {
      sum -= a[i][j] * result[j];
    }
    result[i] = sum / a[i][i];
    if (!std::isfinite(result[i])) {
      return false;
    }
  }
  return true;
}

/// Derivatives of the error by each unknown at eight pixels; returns how many there are.
FOCUS_STACKING_INLINE int fields_of(
  const Differences & all, size_t k, Motion motion, float middle_x, float middle_y, float unit,
  Lanes * fields)
{
  Lanes x, y, a, b;
  load(x, all.at.x.data() + k);
  load(y, all.at.y.data() + k);
  load(a, all.slope_x.data() + k);
  load(b, all.slope_y.data() + k);
  x = (x - middle_x) / unit;
  y = (y - middle_y) / unit;
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
  fields[count++] = Lanes{1, 1, 1, 1, 1, 1, 1, 1};
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

}  // namespace

/// Values of the template where it is compared, weights and parts.
FOCUS_STACKING_CLONES
void begin_comparison(const ComparedSlices & slices, const ComparisonRules & rules, Differences & all, ComparisonSums & sums)
{
  const size_t count = all.at.x.size();
  for (std::vector<float> * each : {&all.weight, &all.inside, &all.target, &all.target_x,
      &all.target_y, &all.target_bend, &all.grey, &all.bend, &all.slope_x, &all.slope_y,
      &all.curve, &all.error, &all.spread, &all.pixel_weight})
  {
    each->resize(count);
  }
  all.part.resize(count);
  const int columns = slices.fine_columns, rows = slices.fine_rows;
  const float blurred = static_cast<float>(rules.blurred);
  double total = 0;
  for (size_t k = 0; k < count; ++k) {
    const int x = static_cast<int>(all.at.x[k]), y = static_cast<int>(all.at.y[k]);
    const float * here = slices.fine + static_cast<ptrdiff_t>(y) * columns;
    const float * above = here + (y > 0 ? -columns : columns);
    const float * below = here + (y < rows - 1 ? columns : -columns);
    const int left = x > 0 ? x - 1 : 1, right = x < columns - 1 ? x + 1 : columns - 2;
    all.target[k] = here[x];
    all.target_x[k] = (3 * (above[right] - above[left]) + 10 * (here[right] - here[left]) +
      3 * (below[right] - below[left])) / 32;
    all.target_y[k] = (3 * (below[left] - above[left]) + 10 * (below[x] - above[x]) +
      3 * (below[right] - above[right])) / 32;
    all.target_bend[k] = above[x] + below[x] + here[left] + here[right] - 4 * here[x];
    const float sharpness = all.at.sharpness[k];
    const float ratio = blurred / (sharpness > 1e-3f ? sharpness : 1e-3f);
    const float square = ratio * ratio, usual = sharpness / (1 + square * square);
    all.weight[k] = usual * usual;
    const int down = static_cast<int>(all.at.y[k] / static_cast<float>(rows) * kDown);
    const int across = static_cast<int>(all.at.x[k] / static_cast<float>(columns) * kAcross);
    all.part[k] = static_cast<uint8_t>(down * kAcross + across);
    sums.weight[all.part[k]] += all.weight[k];
    sums.sharpness[all.part[k]] += all.weight[k] * sharpness;
    total += all.weight[k];
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
  const Quad cubic_0 = {0, 1, 0, 0}, cubic_1 = {-.75f, 0, .75f, 0};
  const Quad cubic_2 = {1.5f, -2.25f, 1.5f, -.75f}, cubic_3 = {-.75f, 1.25f, -1.25f, .75f};
  const Quad smooth_0 = {3, 10, 3, 0}, smooth_1 = {-3, -7, 7, 3};
  const Quad slope_0 = {-1, 0, 1, 0}, slope_1 = {1, -1, -1, 1};
  const Quad near_0 = {0, 1, 0, 0}, near_1 = {0, -1, 1, 0};
  const Quad bend_0 = {1, -2, 1, 0}, bend_1 = {-1, 3, -3, 1};
  for (size_t k = 0; k < all.at.x.size(); ++k) {
    const float x = all.at.x[k], y = all.at.y[k];
    float u, v;
    map(x, y, u, v);
    all.inside[k] = u >= 2 && v >= 2 && u <= right && v <= bottom ? 1.0f : 0.0f;
    u = u > 2 ? u : 2;  // no number is 2, too
    v = v > 2 ? v : 2;
    u = u < right ? u : right;
    v = v < bottom ? v : bottom;
    const int left = static_cast<int>(u), top = static_cast<int>(v);
    const float f = u - static_cast<float>(left), g = v - static_cast<float>(top);
    const float * corner =
      slices.other_fine + static_cast<ptrdiff_t>(top - 1) * columns + left - 1;
    const Quad down_cubic = cubic_0 + g * (cubic_1 + g * (cubic_2 + g * cubic_3));
    const Quad down_smooth = smooth_0 + g * smooth_1, down_slope = slope_0 + g * slope_1;
    const Quad down_near = near_0 + g * near_1, down_bend = bend_0 + g * bend_1;
    Quad value = {}, across = {}, along = {}, near = {}, bend = {};
    for (int j = 0; j < 4; ++j) {
      Quad row;
      load(row, corner + static_cast<ptrdiff_t>(j) * columns);
      value += down_cubic[j] * row;
      across += down_smooth[j] * row;
      along += down_slope[j] * row;
      near += down_near[j] * row;
      bend += down_bend[j] * row;
    }
    all.grey[k] = sum_of(value * (cubic_0 + f * (cubic_1 + f * (cubic_2 + f * cubic_3))));
    const float along_u = sum_of(across * (slope_0 + f * slope_1)) / 32;
    const float along_v = sum_of(along * (smooth_0 + f * smooth_1)) / 32;
    all.bend[k] = sum_of(near * (bend_0 + f * bend_1) + bend * (near_0 + f * near_1));
    float moved_x = a[0] * along_u + a[3] * along_v, moved_y = a[1] * along_u + a[4] * along_v;
    if (!map.affine) {
      const float radial = u * along_u + v * along_v;
      const float below = 1 / (a[6] * x + a[7] * y + a[8]);
      moved_x = (moved_x - a[6] * radial) * below;
      moved_y = (moved_y - a[7] * radial) * below;
    }
    all.slope_x[k] = 0.5f * (all.target_x[k] + gain * moved_x);
    all.slope_y[k] = 0.5f * (all.target_y[k] + gain * moved_y);
  }
}

/// How the slices differ, and how much each pixel counts.
FOCUS_STACKING_CLONES
void look_at(const ComparisonRules & rules, const Light & light, float wide, Differences & all)
{
  const int count = static_cast<int>(all.at.x.size());
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
  const float middle = median(all.error);
  float * __restrict spread = all.spread.data();
  for (int k = 0; k < count; ++k) {
    spread[k] = std::fabs(error[k] - middle);
  }
  const float scale = wide * median(all.spread), least = static_cast<float>(rules.least_spread);
  all.scale = scale > least ? scale : least;
  const float * weight = all.weight.data(), * inside = all.inside.data();
  float * __restrict counts = all.pixel_weight.data();
  for (int k = 0; k < count; ++k) {
    const float ratio = spread[k] / all.scale, below = 1 + ratio * ratio;
    counts[k] = weight[k] * inside[k] / (below * below);
  }
}

/// Normal matrix and right side of a step; the scatter of the scores where `scatters`.
FOCUS_STACKING_CLONES
void add_compared(
  const ComparedSlices & slices, const Differences & all, Motion motion, bool scatters, ComparedStep & sums)
{
  const float middle_x = static_cast<float>((slices.fine_columns - 1) / 2.0);
  const float middle_y = static_cast<float>((slices.fine_rows - 1) / 2.0);
  const float unit = static_cast<float>(
    greater(slices.fine_columns, slices.fine_rows) / 2.0);
  const size_t count = all.at.x.size();
  constexpr size_t block = 512;  // sums of single precision are as short as that
  Lanes normal[kUnknowns * kUnknowns], scatter[kUnknowns * kUnknowns], right[kUnknowns];
  Lanes fields[kUnknowns], scores[kUnknowns];
  int size = 0;
  std::fill_n(sums.normal, kUnknowns * kUnknowns, 0.0);
  std::fill_n(sums.scatter, kUnknowns * kUnknowns, 0.0);
  std::fill_n(sums.right, kUnknowns, 0.0);
  for (size_t first = 0; first < count; first += block) {
    std::fill_n(normal, kUnknowns * kUnknowns, Lanes{});
    std::fill_n(scatter, kUnknowns * kUnknowns, Lanes{});
    std::fill_n(right, kUnknowns, Lanes{});
    for (size_t k = first; k < std::min(first + block, count); k += kLanes) {
      size = fields_of(all, k, motion, middle_x, middle_y, unit, fields);
      Lanes weight, error;
      load(weight, all.pixel_weight.data() + k);
      load(error, all.error.data() + k);
      for (int i = 0; i < size; ++i) {
        const Lanes weighted = fields[i] * weight;
        scores[i] = weighted * error;
        right[i] += scores[i];
        for (int j = 0; j <= i; ++j) {
          normal[i * kUnknowns + j] += weighted * fields[j];
        }
      }
      for (int i = 0; scatters && i < size; ++i) {
        for (int j = 0; j <= i; ++j) {
          scatter[i * kUnknowns + j] += scores[i] * scores[j];
        }
      }
    }
    add_up(normal, size, sums.normal);
    add_up(scatter, size, sums.scatter);
    for (int i = 0; i < size; ++i) {
      sums.right[i] += static_cast<double>(sum_of(right[i]));
    }
  }
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < i; ++j) {
      sums.normal[j * kUnknowns + i] = sums.normal[i * kUnknowns + j];
      sums.scatter[j * kUnknowns + i] = sums.scatter[i * kUnknowns + j];
    }
  }
}

/// Weighted derivatives times the slopes, of each part of the picture.
FOCUS_STACKING_CLONES
void add_pulls(const ComparedSlices & slices, const Differences & all, Motion motion, ComparedStep & sums)
{
  const float middle_x = static_cast<float>((slices.fine_columns - 1) / 2.0);
  const float middle_y = static_cast<float>((slices.fine_rows - 1) / 2.0);
  const float unit = static_cast<float>(
    greater(slices.fine_columns, slices.fine_rows) / 2.0);
  Lanes fields[kUnknowns];
  std::fill_n(sums.pulls, 2 * kPlaces * kUnknowns, 0.0);
  for (size_t k = 0; k < all.at.x.size(); k += kLanes) {
    const int size = fields_of(all, k, motion, middle_x, middle_y, unit, fields);
    for (int lane = 0; lane < kLanes; ++lane) {
      const float weight = all.pixel_weight[k + lane];
      const float a = weight * all.slope_x[k + lane], b = weight * all.slope_y[k + lane];
      double * one = sums.pulls + all.part[k + lane] * kUnknowns;
      double * other = one + kPlaces * kUnknowns;
      for (int i = 0; i < size; ++i) {
        one[i] += fields[i][lane] * a;
        other[i] += fields[i][lane] * b;
      }
    }
  }
}

namespace
{

void add_local(const ComparisonRules & rules, const Differences & all, double * local)
{
  const float near = static_cast<float>(rules.near);
  for (size_t k = 0; k < all.at.x.size(); ++k) {
    const float counts = all.weight[k] * all.inside[k], a = all.slope_x[k], b = all.slope_y[k];
    const float weight = counts / (std::fabs(all.error[k]) + near);
    const float p = weight * a * all.error[k], q = weight * b * all.error[k];
    const float values[] = {1, counts > 0 ? 1.0f : 0.0f, all.at.sharpness[k], all.at.x[k],
      all.at.y[k], weight * a * a, weight * a * b, weight * b * b, p, q, p * p, p * q, q * q};
    double * sums = local + all.part[k] * kLocal;
    for (int i = 0; i < kLocal; ++i) {
      sums[i] += values[i];
    }
  }
}

/// Leaves of the sharpness what both share: noise is sharp, too, but not alike.
void keep_shared(const Differences & all, double * sharpness)
{
  double ours[kPlaces] = {}, both[kPlaces] = {}, theirs[kPlaces] = {};
  for (size_t k = 0; k < all.at.x.size(); ++k) {
    const float weight = all.weight[k] * all.inside[k];
    const float a = all.target_bend[k], b = all.bend[k];
    ours[all.part[k]] += weight * a * a;
    both[all.part[k]] += weight * a * b;
    theirs[all.part[k]] += weight * b * b;
  }
  for (int part = 0; part < kPlaces; ++part) {
    const double energy = std::sqrt(ours[part] * theirs[part]);
    sharpness[part] *= energy > 0 ? std::max(both[part], 0.0) / energy : 0;
  }
}

void compare(const ComparedSlices & slices, const ComparisonRules & rules, bool judged, ComparisonSums & sums)
{
  sums = ComparisonSums();
  Differences all;
  if (!choose_pixels(slices, rules, all.at)) {
    return;
  }
  begin_comparison(slices, rules, all, sums);
  const Motion motion = static_cast<Motion>(rules.motion);
  const int count = kParameters[motion];
  const double x = (slices.fine_columns - 1) / 2.0, y = (slices.fine_rows - 1) / 2.0;
  const double unit = greater(slices.fine_columns, slices.fine_rows) / 2.0;
  Transform local, before;
  std::copy_n(slices.fine_transform, 9, local.begin());
  double light[] = {1, 0, 0}, tone = 0, prior = 0, step[kUnknowns];
  for (int number = 0; number < rules.steps; ++number) {
    const Light now{static_cast<float>(light[0]), static_cast<float>(light[1]),
      static_cast<float>(light[2])};
    sample_compared(slices, local, now.gain, all);
    look_at(rules, now, static_cast<float>(rules.robust[smaller(number, 3)]), all);
    const double ratio = all.scale / rules.tone;
    prior = ratio * ratio;  // the tone is kept near none
    tone = light[2];
    add_compared(slices, all, motion, true, sums.last);
    sums.last.normal[(count + 2) * (kUnknowns + 1)] += prior;
    sums.last.right[count + 2] += prior * tone;
    if (!solved(sums.last, count + 3, step)) {
      return;
    }
    before = local;
    local = joined(local, small_change(motion, step, x, y, unit));
    double greatest = 0;
    for (int k = 0; k < count; ++k) {
      greatest = std::max(greatest, std::fabs(step[k]));
    }
    for (int k = 0; k < 3; ++k) {
      light[k] += step[count + k];
    }
    if (!(light[0] > 0.1 && light[0] < 10)) {
      return;
    }
    if (number >= 3 && greatest < rules.tolerance) {
      break;
    }
  }
  keep_shared(all, sums.sharpness);
  add_pulls(slices, all, motion, sums.last);
  if (judged) {
    add_local(rules, all, sums.local);
    // From all pixels, not from those alone that fit as it is.
    const float wide = static_cast<float>(rules.robust[0]) * all.scale;
    for (size_t k = 0; k < all.at.x.size(); ++k) {
      const float ratio = all.spread[k] / wide, below = 1 + ratio * ratio;
      all.pixel_weight[k] = all.weight[k] * all.inside[k] / (below * below);
    }
    add_compared(slices, all, kProjective, true, sums.free);
    sums.free.normal[(kParameters[kProjective] + 2) * (kUnknowns + 1)] += prior;
    sums.free.right[kParameters[kProjective] + 2] += prior * tone;
    add_pulls(slices, all, kProjective, sums.free);
  }
  std::copy(local.begin(), local.end(), sums.transform);
  std::copy(before.begin(), before.end(), sums.before);
  sums.found = 1;
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_compare(
  const focus_stacking::ComparedSlices * slices, const focus_stacking::ComparisonRules * rules, int32_t judged,
  focus_stacking::ComparisonSums * sums)
{
  return focus_stacking::guarded(
    [&] {focus_stacking::compare(*slices, *rules, judged != 0, *sums);});
}
