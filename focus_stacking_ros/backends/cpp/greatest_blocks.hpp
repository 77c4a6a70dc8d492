// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// What the host passes of slices whose blocks are compared; backends/native_blocks.py has the same.

#ifndef FOCUS_STACKING_GREATEST_BLOCKS_HPP
#define FOCUS_STACKING_GREATEST_BLOCKS_HPP

#include "native.hpp"

namespace focus_stacking
{

/// A slice.
struct BlockSlice
{
  const uint8_t * plane;  // of its pixels or of its blocks
  const uint8_t * valid;  // of its blocks, 0 where it has no data; null where it has it everywhere
  double place[6];  // block of the result -> block of the slice
  float factor;  // on values of blocks
};

/// Slices, the first one number 0; planes are (ceil(rows / 4), ceil(columns / 4)).
struct BlocksJob
{
  int32_t rows, columns;  // pixels of a slice
  int32_t count, indices;
  int32_t sums;  // whether the planes are of pixels, which are summed up
  int32_t extended;  // whether values beyond a slice are those of its rim, else 0
  float reach, apart;  // of a slice from an index that it is next to, and how much less
  const BlockSlice * slices;
  const float * const * index;
  uint16_t * const * near, * const * far;  // of the slices next to each index and of all others
  uint16_t * best, * second, * number;  // of all, and which slice is the best; null: not wanted
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Finds the greatest values of all slices, `core.fuse.greatest_blocks`.
int32_t focus_stacking_native_blocks(const focus_stacking::BlocksJob * job);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_GREATEST_BLOCKS_HPP
