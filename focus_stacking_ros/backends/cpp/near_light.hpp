// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the host passes of the light that near surfaces spread; backends/native_near_light.py has
// the same.

#ifndef FOCUS_STACKING_NEAR_LIGHT_HPP
#define FOCUS_STACKING_NEAR_LIGHT_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Pixels beside nearer surfaces; planes are (rows, columns).
struct BesideJob
{
  int32_t rows, columns, reach;
  float step, widest;
  const float * index;
  const uint8_t * known;
  int64_t * pixels;  // with room, as those below, for all that are known
  float * away, * gap;
  int64_t * count;  // of them all
};

/// Light spread over some pixels, which lie `reach` and more from the border.
struct SpreadJob
{
  int32_t columns, reach, channels, wide;  // 1 or 3 channels; wide: uint16, else uint8
  double step, rate;
  int32_t bright;  // grey value from which on a pixel is saturated
  int64_t count;
  const void * image;
  const float * index, * table;  // table: light of every grey value
  const int64_t * pixels;
  float * share, * light, * radius, * saturated;
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Finds the pixels beside nearer surfaces.
int32_t focus_stacking_native_beside(const focus_stacking::BesideJob * job);

/// Sums up the light that nearer surfaces spread over some pixels.
int32_t focus_stacking_native_spread(const focus_stacking::SpreadJob * job);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_NEAR_LIGHT_HPP
