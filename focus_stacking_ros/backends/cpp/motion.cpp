// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Motions between slices: core/align/motion.py.

#include "motion.hpp"

namespace focus_stacking
{

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

}  // namespace focus_stacking
