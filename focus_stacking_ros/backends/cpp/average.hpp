// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The running average of slices weighted by their sharpness.

#ifndef FOCUS_STACKING_AVERAGE_HPP
#define FOCUS_STACKING_AVERAGE_HPP

#include "native.hpp"

namespace focus_stacking
{

enum AverageKind {kAverage8 = 1, kAverage16 = 2};

/// A slice of 2x2 pixels and more, where it lies, and the average, which is updated.
struct Average
{
  const void * image;         ///< rows x columns x channels of the kind's type
  const uint8_t * sharpness;  ///< rows x columns
  /// Tables of the map, as focus_stacking_native_align takes them.
  const int32_t * columns_x, * rows_x, * columns_y, * rows_y;
  float * total;              ///< rows x columns x channels
  float * weight;             ///< rows x columns
  int32_t rows, columns, channels, kind, separable;
  float gains[3];
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

int32_t focus_stacking_native_average(const focus_stacking::Average * average);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_AVERAGE_HPP
