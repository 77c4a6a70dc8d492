// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The weight of a pixel in the running averages, as `core.fuse.running_average.average_weights`.

#ifndef FOCUS_STACKING_AVERAGE_WEIGHT_HPP
#define FOCUS_STACKING_AVERAGE_WEIGHT_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Of a sharpness, 1 is that of weight 1: its fourth power, and a little where nothing is sharp.
FOCUS_STACKING_INLINE float average_weight(float sharpness)
{
  const float square = sharpness * sharpness;
  return square * square + 2e-7f;
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_AVERAGE_WEIGHT_HPP
