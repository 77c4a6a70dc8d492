// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The front pass of SPECIFICATION.md: all that later steps need of a slice, in one pass over it.

#ifndef FOCUS_STACKING_FRONT_HPP
#define FOCUS_STACKING_FRONT_HPP

#include "native.hpp"

namespace focus_stacking
{

/// A slice and what is wanted of it; h and w are half of rows and columns, rounded up. What is
/// null is not made.
struct Front
{
  const void * image;       ///< rows x columns x channels, uint8, or uint16 where wide is not 0;
                            ///< colour is blue, green, red, or the reverse where that is not 0
  int16_t * luma;           ///< rows x columns, may be null
  int16_t * half;           ///< h x w, may be null
  uint8_t * sharpness;      ///< rows x columns, may be null
  int16_t * ring;           ///< h x w: ring differences, may be null
  int16_t * cross;          ///< h x w: modified Laplacian, may be null
  uint32_t * noise;         ///< classes of brightness x bins, zeros at first, may be null
  uint32_t * channel_noise; ///< channels x bins, zeros at first; null, too, where noise is
  uint64_t * light;         ///< cells_y x cells_x x channels x 3, zeros at first; may have none
  int32_t rows, columns, channels, wide, reverse;
  int32_t stride;           ///< values of the image from one row to the next
  int32_t noise_step;       ///< rows from one to the next whose noise counts
  int32_t light_step;       ///< rows from one to the next whose light counts
  int32_t cell_rows, cell_columns;  ///< pixels of a cell
  int32_t cells_y, cells_x;
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

int32_t focus_stacking_native_front(const focus_stacking::Front * front);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_FRONT_HPP
