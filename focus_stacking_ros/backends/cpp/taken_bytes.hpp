// SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
// SPDX-License-Identifier: Apache-2.0
//
// Cubic interpolation of bytes and their weighted sums along a part of a row, many pixels at once.

#ifndef FOCUS_STACKING_TAKEN_BYTES_HPP
#define FOCUS_STACKING_TAKEN_BYTES_HPP

#include "line.hpp"

namespace focus_stacking
{

/// Pixels that are taken at once: positions, weights and sums have room for so many more.
constexpr int kTakenAtOnce = 16;

/// Pixels at most that are taken by one call.
constexpr int kTakenMost = 64;

/// Pixels of a row that are taken from a slice.
struct Taken
{
  const uint8_t * image;  // of 2x2 pixels and more
  int32_t rows, columns;
  const int32_t * gains;  // of each channel, 1/16384
  const int32_t * x, * y;  // positions within the image, 1/32 pixel, which rise or fall steadily
  const uint8_t * weights;
  int32_t first, last;  // pixels
  uint32_t * total;  // (pixels, channels), in 1/16 grey level times the weight: what is added to
};

/// Adds SPECIFICATION.md, 'Fuse': w e of pixels `first` to `last`.
typedef void (* TakeBytes)(const Taken & taken);

/// The fastest one of this processor for 1 or 3 channels; null where none is faster than sums in
/// double precision.
TakeBytes fastest_taking(int channels);

/// Pixels of rows of the result one below the other.
struct TakenBlock
{
  const uint8_t * image;  // of 2x2 pixels and more
  const int32_t * gains;  // of each channel, 1/16384
  const LineBlock * lines;
  int32_t width;
  const uint8_t * weights;  // (rows, kTakenMost), 0 beyond `width`
  uint32_t * total;  // (rows, kTakenMost, channels): as above
  Soon soon;
};

/// Adds the same of all rows.
typedef void (* TakeBlock)(const TakenBlock & taken);

/// The fastest one of this processor; null where each row by itself is as fast.
TakeBlock fastest_block_taking(int channels);

/// That with registers of 256 and 512 bits; null where the processor has none.
TakeBytes taking_256(int channels);
TakeBytes taking_512(int channels);
TakeBlock block_taking_256(int channels);

}  // namespace focus_stacking

#endif  // FOCUS_STACKING_TAKEN_BYTES_HPP
