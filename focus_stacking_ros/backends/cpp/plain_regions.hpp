// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Regions without texture, and the depths around them.

#ifndef FOCUS_STACKING_PLAIN_REGIONS_HPP
#define FOCUS_STACKING_PLAIN_REGIONS_HPP

#include "depth.hpp"

#include <vector>

namespace focus_stacking
{

/// Numbers the regions of too little evidence from 1 on, 0 elsewhere; returns by how much the
/// depths around each differ, units. `mean`: of the evidence around every pixel.
std::vector<float> scatter_around_plain(
  const Judging & job, const float * mean, int32_t * labels);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_PLAIN_REGIONS_HPP
