// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// How sharp a slice is in bands of blocks; backends/native_near_light.py has the same.

#ifndef FOCUS_STACKING_ENERGY_HPP
#define FOCUS_STACKING_ENERGY_HPP

#include "native.hpp"

namespace focus_stacking
{

/// An image of 2x2 pixels and more, and the bands of a grid that are looked at in it.
struct EnergyJob
{
  int32_t rows, columns, channels;  // 1 or 3
  int32_t kind;  // 0: uint8, 1: uint16, 2: luma as int16 in 1/16 grey level
  int32_t reverse;  // whether red comes first
  int32_t bands, across;  // blocks of a row
  const void * image;
  double place[6];  // affine, pixel of the grid -> pixel of the image
  const int32_t * tops;  // first row of each band, pixels of the grid
  const float * taps;  // four weights of the smoothing, from its middle on
  float * result;  // (4 bands, across)
};

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Energy of detail in blocks of 8x8 pixels: `core.fuse.detail_energy.energy_in_bands`.
int32_t focus_stacking_native_energy(const focus_stacking::EnergyJob * job);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_ENERGY_HPP
