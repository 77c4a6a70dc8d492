// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Sums of blocks of pixels, as `core.fuse.block_sharpness.block_sums`.

#ifndef FOCUS_STACKING_BLOCK_SUMS_HPP
#define FOCUS_STACKING_BLOCK_SUMS_HPP

#include "native.hpp"

namespace focus_stacking
{

/// Sums up blocks of 4x4 pixels of a plane, which a slice's sharpness is.
void sum_blocks(const uint8_t * plane, int rows, int columns, uint16_t * to);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_BLOCK_SUMS_HPP
