// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the patches of a level tell: core/align/level_fit.py.

#include "patch_sums.hpp"
#include "sampling.hpp"

#include <cmath>

namespace focus_stacking
{

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

}  // namespace focus_stacking
