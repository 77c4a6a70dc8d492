// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// The planes that decide how much of each slice enters, made from smaller ones a tile at a time, so
// that none is needed at full size.

#ifndef FOCUS_STACKING_GUIDE_HPP
#define FOCUS_STACKING_GUIDE_HPP

#include "native.hpp"

namespace focus_stacking
{

/// What `core.stack.guide_source.GuideSource` has; backends/native_guide.py has the same.
struct GuideSource
{
  int32_t rows, columns;  // of the result
  const float * index, * continuity, * confidence, * luma;  // at half the size, rounded up
  const uint8_t * sharpest, * missed;  // the same; missed: null where it is `most_missed`
  const float * change;  // at a quarter of the size, of the brightness, in the first slice's grid
  const float * raised;  // at a quarter of the size, factor on the noise; null for 1
  const uint8_t * narrow;  // the same, not 0 where the gate is narrow; null where it is nowhere
  const float * noises;  // 256: noise by brightness
  double place[6];  // pixel of the result -> pixel of the first slice
  float glowing[2];  // what the change is multiplied by, and what is subtracted then
  float smooth[2], sure[2];  // what is subtracted, and what the rest is multiplied by
  float calm[2];  // change that still is calm: by itself and by the noise
  float gate, more;  // standard deviation of the gate, slices; what is added to 1 where all is calm
  int32_t most_missed;
};

/// Rows and columns of the result.
struct Area
{
  int32_t top, left, height, width;
};

/// Planes of an area, whose rows are `stride` values apart.
template<typename Float, typename Byte>
struct PlanesOfArea
{
  Float * index, * trust, * noise, * widest;
  Byte * sharpest, * missed, * narrow;
  ptrdiff_t stride;
};
typedef PlanesOfArea<const float, const uint8_t> GuidePlanes;
typedef PlanesOfArea<float, uint8_t> GuideTarget;

/// Makes the planes of an area.
void make_guide(const GuideSource & source, const Area & area, const GuideTarget & planes);

}  // namespace focus_stacking

#pragma GCC visibility push(default)
extern "C" {

/// Rows `first` to `last` of what is averaged and looked at before: of (rows, columns) each,
/// greatest sharpness, noise that nothing has raised, and calm, from 0 to 1; null where that is
/// not wanted.
int32_t focus_stacking_native_guide_rows(
  const focus_stacking::GuideSource * source, int32_t first, int32_t last, uint8_t * sharpest,
  float * noise, float * calm);

}
#pragma GCC visibility pop

#endif  // FOCUS_STACKING_GUIDE_HPP
