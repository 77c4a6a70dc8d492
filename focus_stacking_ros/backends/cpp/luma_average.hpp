// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The running average of the luma of slices at half the size, weighted by their sharpness.

#ifndef FOCUS_STACKING_LUMA_AVERAGE_HPP
#define FOCUS_STACKING_LUMA_AVERAGE_HPP

#include "native.hpp"

namespace focus_stacking
{

/// A slice of 2x2 pixels and more, where it lies, and the average, which is updated.
struct LumaAverage
{
  const int16_t * luma;       ///< rows x columns
  const uint8_t * sharpness;  ///< rows x columns
  /// Tables of the map, as focus_stacking_native_align takes them, of every other row and column.
  const int32_t * columns_x, * rows_x, * columns_y, * rows_y;
  float * total, * weight;    ///< at half the size
  uint8_t * sharpest;         ///< at half the size
  int32_t rows, columns, separable;
  float gain;
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

int32_t focus_stacking_native_average_luma(const focus_stacking::LumaAverage * average);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_LUMA_AVERAGE_HPP
