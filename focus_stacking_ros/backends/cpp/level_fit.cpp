// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Robust Gauss-Newton on one level: core/align/level_fit.py says what it does. Derivatives by the
// parameters of a motion are taken at the centres of patches: what is summed up over a patch then
// is the same for all motions, and the least squares' solution is still where the differences say.

#include "matrices.hpp"
#include "motion.hpp"
#include "parallel.hpp"
#include "patch_sums.hpp"

#include <algorithm>
#include <cmath>

namespace focus_stacking
{
namespace
{

constexpr int kBands = 16;  // bands of patches, at most
constexpr size_t kSharedSums = 1 << 15;  // points that several threads add up
constexpr int kMost = kMostParameters + 2;

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
  : pair_(pair), rules_(rules), count_(kParameters[rules.model]), prior_(prior),
    centre_{(pair.columns - 1) / 2.0, (pair.rows - 1) / 2.0},
    unit_(std::max(pair.rows, pair.columns) / 2.0)
  {
    std::copy_n(start, 9, state_.transform.begin());
  }

  bool solve(LevelFit & result);

private:
  float middle_error(const Values & values) const;
  Totals totals(const Points & points, const Values & values, bool scattered) const;
  bool set_information(const Totals & all, double doubt);

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

bool Fit::solve(LevelFit & result)
{
  const Points points = sharpest_points(pair_, rules_, state_.transform.data());
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
    state_.transform = joined(state_.transform, small_change(
          static_cast<Motion>(rules_.model), step, centre_[0], centre_[1], unit_));
    state_.gain += static_cast<float>(step[count_]);
    state_.bias += static_cast<float>(step[count_ + 1]);
    // Steps shrink by about the same factor.
    const double ratio = number > 0 ? std::min(greatest / last_step, 1.0) : 1;
    if (greatest * ratio < rules_.tolerance) {
      break;
    }
    last_step = greatest;
  }
  std::copy(state_.transform.begin(), state_.transform.end(), result.transform);
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
