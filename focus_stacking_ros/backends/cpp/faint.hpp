// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// A slice's sharpness mixed with a coarser one; backends/native_near_light.py has the same.

#ifndef FOCUS_STACKING_FAINT_HPP
#define FOCUS_STACKING_FAINT_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Planes of (rows, columns), and of a quarter of that, rounded up, where a name begins with
/// `coarse`.
struct FaintJob
{
  int32_t rows, columns;
  const uint8_t * sharpness, * coarse, * coarse_share;
  const uint8_t * valid;  // 255 where the slice has data, else 0; null where it has it everywhere
  uint8_t * result;
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Mixes both kinds of sharpness by the share of the coarser one: `core.fuse.faint.mixed`.
int32_t focus_stacking_native_faint(const focus_stacking::FaintJob * job);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_FAINT_HPP
