// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Robust Gauss-Newton on one level: core/align/level_fit.py says what it does. Derivatives by the
// parameters of a motion are taken at the centres of patches: what is summed up over a patch then
// is the same for all motions, and the least squares' solution is still where the differences say.

#include "level_points.hpp"
#include "matrices.hpp"
#include "parallel.hpp"
#include "sampling.hpp"

#include <algorithm>
#include <cmath>

namespace focus_stacking
{
namespace
{

constexpr int kBands = 16;  // bands of patches, at most
constexpr size_t kSharedSums = 1 << 15;  // points that several threads add up
constexpr int kMost = kMostParameters + 2;

/// What is summed up over a patch, each times the weight: derivatives along x and y (a and b), grey
/// values g, differences e; of the last ones, times the squared weight and difference.
enum Sum
{
  kAA, kAB, kBB, kAG, kBG, kA, kB, kGG, kG, kOne, kAE, kBE, kGE, kE, kSpread, kOurs, kTheirs, kBoth,
  kSums, kSquares = kOne + 1
};

/// Values of each point at the transform so far.
struct Values
{
  explicit Values(size_t count)
  : grey(count), error(count), slope_x(count), slope_y(count), weight(count) {}

  std::vector<float> grey, error, slope_x, slope_y, weight;
};

/// The state of a fit.
struct State
{
  double transform[9];
  float gain = 1, bias = 0;
};

/// What all points tell: a normal equation with its scatter, and how well they fit.
struct Totals
{
  explicit Totals(int size)
  : normal(size), scatter(size), right(size) {}

  void add(const Totals & other)
  {
    for (size_t k = 0; k < normal.values.size(); ++k) {
      normal.values[k] += other.normal.values[k];
      scatter.values[k] += other.scatter.values[k];
    }
    for (size_t k = 0; k < right.size(); ++k) {
      right[k] += other.right[k];
    }
    for (int k = 0; k < 5; ++k) {
      fit[k] += other.fit[k];
    }
  }

  Matrix normal, scatter;
  std::vector<double> right;
  double fit[5] = {};  ///< weight, spread, and the three of the agreement
};

int parameters_of(int model)
{
  constexpr int counts[] = {2, 3, 3, 4, 6, 8};
  return counts[model];
}

/// Factors on the derivatives along x and y that make up those by each parameter, at a place.
int fields_at(int model, double x, double y, double (* fields)[2])
{
  const auto set = [fields](int at, double a, double b) {
      fields[at][0] = a;
      fields[at][1] = b;
    };
  set(0, 1, 0);
  set(1, 0, 1);
  int count = 2;
  if (model == kAffine || model == kProjective) {
    set(2, x, 0);
    set(3, y, 0);
    set(4, 0, x);
    set(5, 0, y);
    count = 6;
  }
  if (model == kProjective) {
    set(6, x * x, x * y);
    set(7, x * y, y * y);
    count = 8;
  }
  if (model == kScale || model == kSimilarity) {
    set(count++, x, y);
  }
  if (model == kRigid || model == kSimilarity) {
    set(count++, -y, x);
  }
  return count;
}

/// Grey values, derivatives and differences of a patch at the transform so far.
FOCUS_STACKING_CLONES
void look_at(
  const LevelPair & pair, const Points & points, const Patch & patch, const State & state,
  Values & values)
{
  const Kernel * table = kernels();
  float t[9];
  for (int k = 0; k < 9; ++k) {
    t[k] = static_cast<float>(state.transform[k]);
  }
  const bool flat = t[6] == 0 && t[7] == 0;
  const float right = static_cast<float>(pair.columns - 2);
  const float bottom = static_cast<float>(pair.rows - 2);
  // Chain rule: derivatives of the image along x and y of the template.
  const float px = static_cast<float>(patch.x), py = static_cast<float>(patch.y);
  const float below = flat ? 1 : 1 / (t[6] * px + t[7] * py + t[8]);
  const float pu = (t[0] * px + t[1] * py + t[2]) * below;
  const float pv = (t[3] * px + t[4] * py + t[5]) * below;
  const float xu = (t[0] - t[6] * pu) * below, xv = (t[3] - t[6] * pv) * below;
  const float yu = (t[1] - t[7] * pu) * below, yv = (t[4] - t[7] * pv) * below;
  int32_t offsets[kLanes], parts_x[kLanes], parts_y[kLanes];
  float rests_x[kLanes], rests_y[kLanes], greys[kLanes], alongs_x[kLanes], alongs_y[kLanes];
  for (int block = patch.first; block < patch.last; block += kLanes) {
    const float * __restrict x = points.x.data() + block, * __restrict y = points.y.data() + block;
    float * __restrict weight = values.weight.data() + block;
    for (int k = 0; k < kLanes; ++k) {
      float u = t[0] * x[k] + t[1] * y[k] + t[2], v = t[3] * x[k] + t[4] * y[k] + t[5];
      if (!flat) {
        const float under = 1 / (t[6] * x[k] + t[7] * y[k] + t[8]);
        u *= under;
        v *= under;
      }
      const bool inside = u >= 1 && v >= 1 && u <= right && v <= bottom;
      weight[k] = inside ? points.weight[block + k] : 0;
      int column, row;
      place(u >= 1 ? (u <= right ? u : right) : 1, pair.columns, column, parts_x[k], rests_x[k]);
      place(v >= 1 ? (v <= bottom ? v : bottom) : 1, pair.rows, row, parts_y[k], rests_y[k]);
      offsets[k] = row * pair.columns + column;
    }
    for (int k = 0; k < kLanes; ++k) {
      const Sample found = sample(
        pair.image_grey + offsets[k], pair.columns, table[parts_x[k]], table[parts_y[k]]);
      greys[k] = found.value + found.along_x * rests_x[k] + found.along_y * rests_y[k];
      alongs_x[k] = found.along_x;
      alongs_y[k] = found.along_y;
    }
    float * __restrict grey = values.grey.data() + block;
    float * __restrict error = values.error.data() + block;
    float * __restrict slope_x = values.slope_x.data() + block;
    float * __restrict slope_y = values.slope_y.data() + block;
    const float * __restrict target = points.target.data() + block;
    const float * __restrict target_x = points.target_x.data() + block;
    const float * __restrict target_y = points.target_y.data() + block;
    for (int k = 0; k < kLanes; ++k) {
      grey[k] = greys[k];
      error[k] = state.gain * greys[k] + state.bias - target[k];
      slope_x[k] = 0.5f * (target_x[k] + (xu * alongs_x[k] + xv * alongs_y[k]));
      slope_y[k] = 0.5f * (target_y[k] + (yu * alongs_x[k] + yv * alongs_y[k]));
    }
  }
}

/// Sums of a patch; those with squares where `scattered`.
FOCUS_STACKING_CLONES
void sum_patch(
  const Points & points, const Values & values, const Patch & patch, float middle, bool scattered,
  double * sums, double * squares)
{
  float lanes[kSums][kLanes] = {}, scatter[kSquares][kLanes] = {};
  for (int block = patch.first; block < patch.last; block += kLanes) {
    const float * __restrict weight = values.weight.data() + block;
    const float * __restrict grey = values.grey.data() + block;
    const float * __restrict error = values.error.data() + block;
    const float * __restrict slope_x = values.slope_x.data() + block;
    const float * __restrict slope_y = values.slope_y.data() + block;
    const float * __restrict target_x = points.target_x.data() + block;
    const float * __restrict target_y = points.target_y.data() + block;
    for (int k = 0; k < kLanes; ++k) {
      const float a = slope_x[k], b = slope_y[k], g = grey[k], e = error[k];
      const float spread = std::fabs(e - middle), w = weight[k] / (spread + 2);
      const float wa = w * a, wb = w * b, wg = w * g, we = w * e;
      lanes[kAA][k] += wa * a;
      lanes[kAB][k] += wa * b;
      lanes[kBB][k] += wb * b;
      lanes[kAG][k] += wa * g;
      lanes[kBG][k] += wb * g;
      lanes[kA][k] += wa;
      lanes[kB][k] += wb;
      lanes[kGG][k] += wg * g;
      lanes[kG][k] += wg;
      lanes[kOne][k] += w;
      lanes[kAE][k] += wa * e;
      lanes[kBE][k] += wb * e;
      lanes[kGE][k] += wg * e;
      lanes[kE][k] += we;
      lanes[kSpread][k] += w * spread;
      const float tx = target_x[k], ty = target_y[k], mx = 2 * a - tx, my = 2 * b - ty;
      lanes[kOurs][k] += w * (tx * tx + ty * ty);
      lanes[kTheirs][k] += w * (mx * mx + my * my);
      lanes[kBoth][k] += w * (tx * mx + ty * my);
    }
    for (int k = 0; scattered && k < kLanes; ++k) {
      const float e = error[k], w = weight[k] / (std::fabs(e - middle) + 2), s = w * e * (w * e);
      const float a = slope_x[k], b = slope_y[k], g = grey[k];
      const float sa = s * a, sb = s * b, sg = s * g;
      scatter[kAA][k] += sa * a;
      scatter[kAB][k] += sa * b;
      scatter[kBB][k] += sb * b;
      scatter[kAG][k] += sa * g;
      scatter[kBG][k] += sb * g;
      scatter[kA][k] += sa;
      scatter[kB][k] += sb;
      scatter[kGG][k] += sg * g;
      scatter[kG][k] += sg;
      scatter[kOne][k] += s;
    }
  }
  for (int sum = 0; sum < kSums; ++sum) {
    sums[sum] = 0;
    for (int k = 0; k < kLanes; ++k) {
      sums[sum] += static_cast<double>(lanes[sum][k]);
    }
  }
  for (int sum = 0; sum < kSquares; ++sum) {
    squares[sum] = 0;
    for (int k = 0; k < kLanes; ++k) {
      squares[sum] += static_cast<double>(scatter[sum][k]);
    }
  }
}

/// Adds a patch's sums to a symmetric matrix of all parameters, gain and bias: its upper half.
void add_moments(
  const double * sums, const double (* fields)[2], int count, Matrix & matrix)
{
  for (int p = 0; p < count; ++p) {
    const double a = fields[p][0], b = fields[p][1];
    const double along_a = a * sums[kAA] + b * sums[kAB], along_b = a * sums[kAB] + b * sums[kBB];
    for (int q = p; q < count; ++q) {
      matrix(p, q) += along_a * fields[q][0] + along_b * fields[q][1];
    }
    matrix(p, count) += a * sums[kAG] + b * sums[kBG];
    matrix(p, count + 1) += a * sums[kA] + b * sums[kB];
  }
  matrix(count, count) += sums[kGG];
  matrix(count, count + 1) += sums[kG];
  matrix(count + 1, count + 1) += sums[kOne];
}

void mirror_half(Matrix & matrix)
{
  for (int i = 0; i < matrix.size; ++i) {
    for (int j = 0; j < i; ++j) {
      matrix(i, j) = matrix(j, i);
    }
  }
}

/// The fit of one level.
class Fit
{
public:
  Fit(const LevelPair & pair, const FitRules & rules, const double * start, const double * prior)
  : pair_(pair), rules_(rules), count_(parameters_of(rules.model)), prior_(prior),
    centre_{(pair.columns - 1) / 2.0, (pair.rows - 1) / 2.0},
    unit_(std::max(pair.rows, pair.columns) / 2.0)
  {
    std::copy(start, start + 9, state_.transform);
  }

  bool solve(LevelFit & result);

private:
  float middle_error(const Values & values) const;
  Totals totals(const Points & points, const Values & values, bool scattered) const;
  bool set_information(const Totals & all, double doubt);
  void move(const double * step);

  const LevelPair & pair_;
  const FitRules & rules_;
  const int count_;
  const double * prior_;
  const double centre_[2], unit_;
  State state_;
  Matrix information_{1};
  double share_ = 1;
};

/// Median of the differences, from some.
float Fit::middle_error(const Values & values) const
{
  std::vector<float> some;
  for (size_t k = 0; k < values.error.size(); k += 7) {
    some.push_back(values.error[k]);
  }
  const auto middle = some.begin() + static_cast<ptrdiff_t>(some.size() / 2);
  std::nth_element(some.begin(), middle, some.end());
  return *middle;
}

Totals Fit::totals(const Points & points, const Values & values, bool scattered) const
{
  const int patches = static_cast<int>(points.patches.size());
  const int height = (patches + kBands - 1) / kBands;
  const float middle = middle_error(values);
  std::vector<Totals> bands((patches + height - 1) / height, Totals(count_ + 2));
  in_bands(patches, height, [&](int number, int first, int last) {
      Totals & band = bands[number];
      double sums[kSums], squares[kSquares], fields[kMostParameters][2];
      for (int k = first; k < last; ++k) {
        const Patch & patch = points.patches[k];
        sum_patch(points, values, patch, middle, scattered, sums, squares);
        fields_at(rules_.model, (patch.x - centre_[0]) / unit_, (patch.y - centre_[1]) / unit_,
          fields);
        add_moments(sums, fields, count_, band.normal);
        if (scattered) {
          add_moments(squares, fields, count_, band.scatter);
        }
        for (int p = 0; p < count_; ++p) {
          band.right[p] += fields[p][0] * sums[kAE] + fields[p][1] * sums[kBE];
        }
        band.right[count_] += sums[kGE];
        band.right[count_ + 1] += sums[kE];
        const Sum fits[] = {kOne, kSpread, kOurs, kTheirs, kBoth};
        for (int each = 0; each < 5; ++each) {
          band.fit[each] += sums[fits[each]];
        }
      }
    }, values.error.size() >= kSharedSums);
  for (size_t number = 1; number < bands.size(); ++number) {
    bands[0].add(bands[number]);
  }
  mirror_half(bands[0].normal);
  mirror_half(bands[0].scatter);
  return bands[0];
}

/// White's covariance, right whatever the weights are, and what defocus leaves to doubt.
bool Fit::set_information(const Totals & all, double doubt)
{
  Matrix back = all.normal;
  if (!invert(back)) {
    return false;
  }
  const double factor = static_cast<double>(rules_.factor) * rules_.factor;
  Matrix covariance = part(product(product(back, all.scatter), back), count_);
  double normal = 0, information = 0;
  for (double & value : covariance.values) {
    value *= rules_.correlated * factor;
  }
  for (int p = 0; p < count_; ++p) {
    covariance(p, p) += doubt * doubt;
  }
  if (!invert(covariance)) {
    return false;
  }
  for (int p = 0; p < count_; ++p) {
    normal += all.normal(p, p);
    information += covariance(p, p);
  }
  information_ = covariance;
  share_ = information * factor / normal;
  return true;
}

/// Changes the transform by a step of the motion, in pixels at a unit's distance from the centre.
void Fit::move(const double * step)
{
  double linear[4] = {}, change[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const int model = rules_.model;
  if (model == kAffine || model == kProjective) {
    std::copy(step + 2, step + 6, linear);
  } else if (model == kScale || model == kSimilarity) {
    linear[0] = linear[3] = step[2];
  }
  if (model == kRigid || model == kSimilarity) {
    linear[1] = -step[count_ - 1];
    linear[2] = step[count_ - 1];
  }
  for (int i = 0; i < 2; ++i) {
    change[3 * i] += linear[2 * i] / unit_;
    change[3 * i + 1] += linear[2 * i + 1] / unit_;
    change[3 * i + 2] +=
      step[i] - (linear[2 * i] * centre_[0] + linear[2 * i + 1] * centre_[1]) / unit_;
  }
  if (model == kProjective) {  // the denominator about the centre: 1 - (p x + q y) / unit^2
    const double bend[2] = {-step[6] / (unit_ * unit_), -step[7] / (unit_ * unit_)};
    const double around[3] = {bend[0], bend[1], -bend[0] * centre_[0] - bend[1] * centre_[1]};
    const double centre[3] = {centre_[0], centre_[1], 1};
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        change[3 * i + j] += centre[i] * around[j];
      }
    }
  }
  double joined[9] = {};
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 3; ++k) {
      for (int j = 0; j < 3; ++j) {
        joined[3 * i + j] += state_.transform[3 * i + k] * change[3 * k + j];
      }
    }
  }
  for (int k = 0; k < 9; ++k) {
    state_.transform[k] = joined[k] / joined[8];
  }
}

bool Fit::solve(LevelFit & result)
{
  const Points points = sharpest_points(pair_, rules_, state_.transform);
  if (points.patches.empty()) {
    return false;
  }
  const double sharp = points.sharpness;
  const double blur = rules_.blurred / sharp * (rules_.blurred / sharp);
  const double doubt = rules_.doubt * rules_.factor / sharp * (1 + blur * blur);
  const int size = count_ + 2;
  const int patches = static_cast<int>(points.patches.size());
  const double factor = static_cast<double>(rules_.factor) * rules_.factor;
  Values values(points.x.size());
  Matrix certainty(size), back(size);
  for (int p = 0; prior_ && p < count_; ++p) {
    for (int q = 0; q < count_; ++q) {
      certainty(p, q) = rules_.prior * prior_[p * count_ + q] * factor;
    }
  }
  double done[kMost] = {}, last_step = 1;
  for (int number = 0; number < rules_.steps; ++number) {
    in_bands(patches, (patches + kBands - 1) / kBands, [&](int, int first, int last) {
        for (int k = first; k < last; ++k) {
          look_at(pair_, points, points.patches[k], state_, values);
        }
      }, values.error.size() >= kSharedPoints);
    const bool scattered = number == 0 || number == 2;
    const Totals all = totals(points, values, scattered);
    if (!(all.fit[0] > 0)) {
      return false;
    }
    result.residual = all.fit[1] / all.fit[0];
    result.agreement = all.fit[4] / std::sqrt(all.fit[2] * all.fit[3] + 1e-12);
    if (scattered && !set_information(all, doubt)) {
      return false;
    }
    for (size_t k = 0; k < back.values.size(); ++k) {
      back.values[k] = all.normal.values[k] * share_ + certainty.values[k];
    }
    if (!invert(back)) {
      return false;
    }
    double right[kMost], step[kMost], greatest = 0;
    for (int p = 0; p < size; ++p) {
      right[p] = -all.right[p] * share_;
      for (int q = 0; q < size; ++q) {
        right[p] -= certainty(p, q) * done[q];
      }
    }
    for (int p = 0; p < size; ++p) {
      step[p] = 0;
      for (int q = 0; q < size; ++q) {
        step[p] += back(p, q) * right[q];
      }
      done[p] += step[p];
      greatest = p < count_ ? std::max(greatest, std::fabs(step[p])) : greatest;
    }
    move(step);
    state_.gain += static_cast<float>(step[count_]);
    state_.bias += static_cast<float>(step[count_ + 1]);
    // Steps shrink by about the same factor.
    const double ratio = number > 0 ? std::min(greatest / last_step, 1.0) : 1;
    if (greatest * ratio < rules_.tolerance) {
      break;
    }
    last_step = greatest;
  }
  std::copy(state_.transform, state_.transform + 9, result.transform);
  for (int p = 0; p < count_; ++p) {
    for (int q = 0; q < count_; ++q) {
      const int at = p * count_ + q;
      result.information[at] = information_(p, q) + (prior_ ? prior_[at] : 0);
      result.trade[at] = back(p, q);
    }
  }
  return true;
}

}  // namespace
}  // namespace focus_stacking

int32_t focus_stacking_native_fit_level(
  const focus_stacking::LevelPair * pair, const focus_stacking::FitRules * rules,
  const double * start, const double * prior, focus_stacking::LevelFit * result)
{
  return focus_stacking::guarded([&] {
    result->found = focus_stacking::Fit(*pair, *rules, start, prior).solve(*result) ? 1 : 0;
  });
}
