// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Blocks of pixels, over which slices are compared where noise disturbs single ones.

#ifndef FOCUS_STACKING_BLOCKS_HPP
#define FOCUS_STACKING_BLOCKS_HPP

namespace focus_stacking
{

/// Rows and columns of a block; `core.fuse.faint.BLOCK`.
constexpr int kBlockSide = 4;

/// How many blocks so many rows or columns have; the last one may lie beyond the rim in part.
constexpr int blocks_of(int pixels) {return (pixels + kBlockSide - 1) / kBlockSide;}

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_BLOCKS_HPP
