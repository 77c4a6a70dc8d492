// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the host passes of an index whose jumps are to lie at the edges of the image;
// backends/native_rims.py has the same.

#ifndef FOCUS_STACKING_RIMS_HPP
#define FOCUS_STACKING_RIMS_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Constants and planes of `core.depth.rims`; planes are (rows, columns).
struct RimJob
{
  int32_t rows, columns, channels, wide;  // 1 or 3 channels; wide: uint16, else uint8
  const void * image;
  const float * index, * confidence;
  float step;
  int32_t tile, margin, reach, confirmed, colours;  // pixels
  float outer, inner;  // pixels
  float sure, clearer, least_unlike;
  float * result;  // holds the index
  uint8_t * known;  // holds 0
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Moves the jumps of an index to the edges of the image, and tells where both sides are known.
int32_t focus_stacking_native_rims(const focus_stacking::RimJob * job);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_RIMS_HPP
