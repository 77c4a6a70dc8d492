// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What clues to a pixel's depth are worth.

#ifndef FOCUS_STACKING_CONFIDENCE_HPP
#define FOCUS_STACKING_CONFIDENCE_HPP

#include "depth.hpp"

namespace focus_stacking
{

/// Planes that are known of a surface when it is judged.
struct Known
{
  const float * eroded, * own_distance, * jump, * wide_jump;
  const int32_t * labels;
  const float * scatter;
};

/// Writes confidence, deviation and calm depth of pixels `first` to `last`.
void judge_pixels(const Judging & given, const Known & known, size_t first, size_t last);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_CONFIDENCE_HPP
