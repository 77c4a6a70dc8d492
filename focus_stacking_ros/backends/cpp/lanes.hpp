// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Numbers side by side, as many and in the same order on every processor.

#ifndef FOCUS_STACKING_LANES_HPP
#define FOCUS_STACKING_LANES_HPP

#include "native.hpp"

#include <cstring>

namespace focus_stacking
{

typedef float Quad __attribute__((vector_size(16)));
typedef float Lanes __attribute__((vector_size(32)));
typedef int32_t Truths __attribute__((vector_size(32)));  ///< -1 or 0
constexpr int kLanes = 8;
constexpr Lanes kSteps = {0, 1, 2, 3, 4, 5, 6, 7};

FOCUS_STACKING_INLINE void load(Quad & to, const float * from)
{
  std::memcpy(&to, from, sizeof to);
}
FOCUS_STACKING_INLINE void load(Lanes & to, const float * from)
{
  std::memcpy(&to, from, sizeof to);
}
/// Four neighbours of eight places beside each other.
FOCUS_STACKING_INLINE void load_four(
  Lanes & p, Lanes & q, Lanes & r, Lanes & s, const float * from)
{
  load(p, from);
  load(q, from + 1);
  load(r, from + 2);
  load(s, from + 3);
}

FOCUS_STACKING_INLINE void store(float * to, const Lanes & from)
{
  std::memcpy(to, &from, sizeof from);
}

/// Whether all of a comparison of lanes are true.
FOCUS_STACKING_INLINE bool all_of(const Truths & all)
{
  int64_t some[4];
  std::memcpy(some, &all, sizeof some);
  return (some[0] & some[1] & some[2] & some[3]) == -1;
}

FOCUS_STACKING_INLINE float sum_of(const Quad & all)
{
  return (all[0] + all[1]) + (all[2] + all[3]);
}
FOCUS_STACKING_INLINE float sum_of(const Lanes & all)
{
  return ((all[0] + all[1]) + (all[2] + all[3])) + ((all[4] + all[5]) + (all[6] + all[7]));
}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_LANES_HPP
